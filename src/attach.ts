/** For programs that run an `esl` or `ari-client` application already: talkspurt on their own connection. */
import { loadConfig } from './config.ts';
import { startRuntime } from './gateway-from-config.ts';
import type { Runtime, RuntimeOptions } from './gateway-from-config.ts';
import type { AriAttachOptions } from './switch/asterisk/ari-attached-link.ts';
import type { EslAttachOptions } from './switch/freeswitch/esl-attached-link.ts';

/** What a program that attaches may bring along. */
export interface AttachOptions extends Omit<RuntimeOptions, 'eslClients' | 'ariClients' | 'reload'> {
  /** Backends, profiles and the rest, as in a configuration file (docs/configuration.md); `switches` is added. YAML or JSON. */
  readonly config: string;
  /** Name of the switch, in logs, metrics and health. Default: `attached`. */
  readonly name?: string;
  /** Address of the switch, for the audio that it sends. Default: 127.0.0.1. */
  readonly host?: string;
  /** Further keys of the switch, as under `switches` of a configuration: `media` above all. */
  readonly switch?: Readonly<Record<string, unknown>>;
}

/** …and one of `ari-client`, besides. */
export interface AriClientAttachOptions extends AttachOptions {
  /** The Stasis application: one of those that the program starts. */
  readonly app: string;
  /** Profile of calls whose Stasis arguments name none; absent: they are refused. */
  readonly profile?: string;
}

/**
 * Gives calls of the FreeSWITCH behind `client` voices. The client and its connection stay the program's: it is not connected,
 * not closed, and none of its event filters is touched. Call this before `client.connect()`, and `close()` when done.
 * @throws ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_LISTEN
 */
export async function attach(client: EslAttachOptions['client'], options: AttachOptions): Promise<Runtime>;
/**
 * The same with an Asterisk, for a client that `connect` of `ari-client` resolved to; `client.start(app)` stays the program's
 * to call, before or after.
 */
export async function attach(client: AriAttachOptions['client'], options: AriClientAttachOptions): Promise<Runtime>;
export async function attach(
  client: EslAttachOptions['client'] | AriAttachOptions['client'],
  options: AttachOptions | AriClientAttachOptions,
): Promise<Runtime> {
  const { config: text, name = 'attached', host = '127.0.0.1', switch: more = {}, ...rest } = options;
  // The password is the program's own business: nothing is dialled with this one.
  const given = { name, host, password: 'not used', ...more };
  const env = { ...process.env, TALKSPURT_SWITCHES: undefined };
  if (!('app' in options)) {
    const config = loadConfig({ text: withSwitch(text, { ...given, kind: 'freeswitch' }), env });
    return await startRuntime(config, { ...rest, eslClients: { [name]: client as EslAttachOptions['client'] } });
  }
  const { app, profile } = options;
  const attached = { ...given, kind: 'asterisk', app, ...(profile === undefined ? {} : { profile }) };
  const config = loadConfig({ text: withSwitch(text, attached), env });
  return await startRuntime(config, { ...rest, ariClients: { [name]: client as AriAttachOptions['client'] } });
}

/** JSON is YAML: the switch stands behind whatever the text holds. */
function withSwitch(text: string, attached: object): string {
  const json = JSON.stringify([attached]);
  return text.trimStart().startsWith('{')
    ? text.replace(/\}\s*$/, `, "switches": ${json}}`)
    : `${text.trimEnd()}\nswitches: ${json}\n`;
}
