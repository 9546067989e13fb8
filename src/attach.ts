/** For programs that run an `esl` application already: talkspurt on their own connection. */
import { loadConfig } from './config.ts';
import { startRuntime } from './gateway-from-config.ts';
import type { Runtime, RuntimeOptions } from './gateway-from-config.ts';
import type { EslAttachOptions } from './switch/freeswitch/esl-attached-link.ts';

/** What a program that attaches may bring along. */
export interface AttachOptions extends Omit<RuntimeOptions, 'eslClients' | 'reload'> {
  /** Backends, profiles and the rest, as in a configuration file (docs/configuration.md); `switches` is added. YAML or JSON. */
  readonly config: string;
  /** Name of the switch, in logs, metrics and health. Default: `attached`. */
  readonly name?: string;
  /** Address of the switch, for the audio that it sends. Default: 127.0.0.1. */
  readonly host?: string;
}

/**
 * Gives calls of the switch behind `client` voices. The client and its connection stay the program's: it is not connected,
 * not closed, and none of its event filters is touched. Call this before `client.connect()`, and `close()` when done.
 * @throws ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_LISTEN
 */
export async function attach(client: EslAttachOptions['client'], options: AttachOptions): Promise<Runtime> {
  const { config: text, name = 'attached', host = '127.0.0.1', ...rest } = options;
  // The password is the program's own business: nothing is dialled with this one.
  const attached = { name, kind: 'freeswitch', host, password: 'not used' };
  const env = { ...process.env, TALKSPURT_SWITCHES: undefined };
  const config = loadConfig({ text: withSwitch(text, attached), env });
  return await startRuntime(config, { ...rest, eslClients: { [name]: client } });
}

/** JSON is YAML: the switch stands behind whatever the text holds. */
function withSwitch(text: string, attached: object): string {
  const json = JSON.stringify([attached]);
  return text.trimStart().startsWith('{')
    ? text.replace(/\}\s*$/, `, "switches": ${json}}`)
    : `${text.trimEnd()}\nswitches: ${json}\n`;
}
