/** Where the WebSocket modules of switches connect, as one process has it. */
import type { Config } from './config.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { EventSink } from './core/events.ts';
import { readPem } from './gateway-pem.ts';
import { ModuleServer } from './switch/freeswitch/module/module-server.ts';

/** One server, for every switch. */
export interface GatewayModules {
  readonly server: ModuleServer;
  readonly advertiseHost?: string;
  close(): Promise<void>;
}

const REFUSALS: ReadonlyMap<number, string> = new Map([
  [401, 'it showed another password than modules.password'],
  [403, 'its address is not among modules.allow'],
  [404, 'nobody waits for its stream any more'],
]);

/** Listens. @throws ERR_TALKSPURT_LISTEN, ERR_TALKSPURT_CONFIG_INVALID for files that cannot be read or are no PEM */
export async function openGatewayModules(
  config: Config['modules'],
  clock: Clock,
  events: EventSink,
): Promise<GatewayModules> {
  const { host, port, advertiseHost, allow, username, password, certFile, keyFile } = config;
  const tls =
    certFile === undefined || keyFile === undefined
      ? undefined
      : { cert: await readPem('modules.certFile', certFile), key: await readPem('modules.keyFile', keyFile) };
  const server = makeServer({
    clock,
    host,
    port,
    allow,
    ...(tls === undefined ? {} : { tls }),
    ...(username === undefined ? {} : { basicAuth: { username, password } }),
    onRefused: (status, remoteAddress) => {
      const message = `a connection to the server for modules was refused (${status}): ${REFUSALS.get(status) ?? 'is there room?'}`;
      const error = new TalkspurtError('ERR_TALKSPURT_LINK_DENIED', message, { details: { status, remoteAddress } });
      events.emit({ type: 'peer.malformed', peer: 'modules', error, atMs: clock.nowMs() });
    },
  });
  await server.listen();
  return { server, ...(advertiseHost === undefined ? {} : { advertiseHost }), close: () => server.close() };
}

function makeServer(options: ConstructorParameters<typeof ModuleServer>[0]): ModuleServer {
  try {
    return new ModuleServer(options);
  } catch (cause) {
    if (cause instanceof TalkspurtError) throw cause;
    const message = 'modules.certFile and modules.keyFile are no pair of a PEM certificate and its key';
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message, { cause });
  }
}
