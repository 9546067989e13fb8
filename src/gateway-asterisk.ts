/** One Asterisk, as a configuration has it: its link, its media path with whatever listens for it, and its adapter. */
import { isIP } from 'node:net';
import type { AsteriskConfig } from './config.ts';
import { opensAudioSocket } from './config.ts';
import type { Clock } from './core/clock.ts';
import type { EventSink } from './core/events.ts';
import type { AriLink } from './switch/asterisk/ari-link.ts';
import { AriNativeLink } from './switch/asterisk/ari-native-link.ts';
import { AriPackageLink } from './switch/asterisk/ari-package-link.ts';
import { AsteriskAdapter } from './switch/asterisk/asterisk-adapter.ts';
import { AsteriskAudioSocketPath } from './switch/asterisk/asterisk-audiosocket.ts';
import { AsteriskRtpPath } from './switch/asterisk/asterisk-rtp.ts';
import { AsteriskWebSocketServer } from './switch/asterisk/asterisk-websocket-server.ts';
import { AsteriskWebSocketPath } from './switch/asterisk/asterisk-websocket.ts';
import { AudioSocketAdapter } from './switch/asterisk/audiosocket-adapter.ts';
import type { AsteriskMediaPath } from './switch/asterisk/media-path.ts';
import { StasisCommandFront } from './switch/asterisk/stasis-command-front.ts';
import type { SwitchAdapter } from './switch/switch-adapter.ts';
import { AudioSocketServer } from './transport/audiosocket-server.ts';
import { RtpPortPool } from './transport/rtp-port-pool.ts';
import type { WireCodec } from './transport/rtp-wire-format.ts';

/** One Asterisk and what listens for it. */
export interface GatewayAsterisk {
  readonly adapter: AsteriskAdapter;
  /** With that of calls which the dialplan brings by itself, where there is one. */
  readonly adapters: readonly SwitchAdapter[];
  /** What the adapter does not close itself. */
  close(): Promise<void>;
}

/** What it is made with. */
export interface GatewayAsteriskParts {
  readonly clock: Clock;
  readonly events: EventSink;
  /** A codec for one call. */
  readonly g722: () => WireCodec & { release(): void };
  /** One line of the grammar in, one reply out; never rejects. */
  dispatch(line: string, front: string): Promise<string>;
  /** Somebody else's. */
  readonly link?: AriLink;
}

const LOOPBACK = ['127.0.0.0/8', '::1'];

/** Listens where its media path needs it. @throws ERR_TALKSPURT_LISTEN, ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_MEDIA_BIND */
export async function openGatewayAsterisk(
  config: AsteriskConfig,
  parts: GatewayAsteriskParts,
): Promise<GatewayAsterisk> {
  const { clock, events } = parts;
  const { name, host, port, tls, username, password, app, profile, variables, media } = config;
  const target = { name, host, port, tls, username, password, app, clock };
  const link = parts.link ?? (config.link === 'package' ? new AriPackageLink(target) : new AriNativeLink(target));
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  try {
    const dialplan = await openAudioSocket(config, clock, closers);
    const path = await openPath(config, parts, dialplan?.server ?? null, closers);
    const front = new StasisCommandFront({
      link,
      dispatch: (line, from) => parts.dispatch(line, from),
      onFault: (error) => events.emit({ type: 'peer.malformed', peer: name, error, atMs: clock.nowMs() }),
    });
    closers.push(() => front.close());
    const adapter = new AsteriskAdapter({
      name,
      link,
      clock,
      events,
      media: path,
      format: media.format,
      variables,
      ...(profile === undefined ? {} : { profile }),
      onEvent: (event) => void front.onEvent(event),
    });
    const adapters = dialplan === null || dialplan.adapter === null ? [adapter] : [adapter, dialplan.adapter];
    return { adapter, adapters, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Null: nothing comes by AudioSocket. */
async function openAudioSocket(
  config: AsteriskConfig,
  clock: Clock,
  closers: (() => Promise<void>)[],
): Promise<{ server: AudioSocketServer; adapter: AudioSocketAdapter | null } | null> {
  if (!opensAudioSocket(config)) return null;
  const { port, allow, profile } = config.media.audioSocket;
  const name = `${config.name}-audiosocket`;
  const adapter = profile === undefined ? null : new AudioSocketAdapter({ name, clock, profile });
  const server = new AudioSocketServer({
    clock,
    host: config.media.bindHost,
    port,
    allow: allowed(config, allow),
    ...(adapter === null ? {} : { onStranger: (_uuid, connection) => adapter.offer(connection) }),
  });
  await server.listen();
  closers.push(() => server.close());
  return { server, adapter };
}

async function openPath(
  config: AsteriskConfig,
  parts: GatewayAsteriskParts,
  audioSocket: AudioSocketServer | null,
  closers: (() => Promise<void>)[],
): Promise<AsteriskMediaPath> {
  const { clock } = parts;
  const { kind, bindHost, advertiseHost = bindHost, ports } = config.media;
  if (kind === 'audiosocket' && audioSocket !== null) {
    return new AsteriskAudioSocketPath({ clock, server: audioSocket, advertisedHost: advertiseHost });
  }
  if (kind === 'websocket') return await openWebSocket(config, clock, closers);
  const pool = new RtpPortPool({ clock, bindHost, from: ports.from, to: ports.to });
  return new AsteriskRtpPath({ clock, ports: pool, advertiseHost, g722: parts.g722 });
}

async function openWebSocket(
  config: AsteriskConfig,
  clock: Clock,
  closers: (() => Promise<void>)[],
): Promise<AsteriskMediaPath> {
  const { host, port, tls, media } = config;
  const { bindHost, websocket } = media;
  if (websocket.mode === 'client') {
    const authority = isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
    return new AsteriskWebSocketPath({ clock, mode: 'client', url: `${tls ? 'wss' : 'ws'}://${authority}` });
  }
  const { username, password } = websocket;
  const server = new AsteriskWebSocketServer({
    clock,
    host: bindHost,
    port: websocket.port,
    allow: allowed(config, websocket.allow),
    ...(username === undefined ? {} : { basicAuth: { username, password } }),
  });
  await server.listen();
  closers.push(() => server.close());
  return new AsteriskWebSocketPath({ clock, mode: 'server', server, client: websocket.client });
}

/** Who may connect. */
function allowed({ host }: AsteriskConfig, allow: readonly string[] | undefined): readonly string[] {
  return allow ?? (isIP(host) === 0 ? LOOPBACK : [...LOOPBACK, host]);
}
