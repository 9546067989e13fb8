/** `originate`: a call that the simulated switch makes, and the answer once it is there or will never be. */
import { commandWords } from './command-words.ts';
import { causeName } from './hangup-cause.ts';
import type { SimulatedChannel } from './simulated-channel.ts';
import type { SwitchDialer } from './switch-dialer.ts';

const USAGE =
  '-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] [<cid_name>] [<cid_num>] [<timeout_sec>]\n';

/** `originate {variables}<dial string> &app(data)|<extension> [dialplan …]`: resolves when there are media, or the cause. */
export function originate(argument: string, dialer: SwitchDialer): Promise<string> {
  const [text = '', application = '', dialplan = 'XML', , , , timeout = ''] = commandWords(argument, 7);
  if (application === '') return Promise.resolve(USAGE);
  const seconds = Number.parseInt(timeout, 10);
  const failed = (cause: number): string => `-ERR ${causeName(cause)}\n`;
  return new Promise((resolve) => {
    const dialling = { text, originator: null, ...(seconds > 0 ? { timeoutMs: seconds * 1000 } : {}) };
    let ready = false;
    let made: SimulatedChannel | null = null;
    const go = (up: SimulatedChannel): void => {
      const app = /^&([^()]+)(?:\((.*)\))?$/s.exec(application);
      up.flipCallerId();
      if (app === null) up.transfer(application, dialplan);
      else up.work({ name: app[1]!.trim(), data: app[2] ?? '' });
      resolve(`+OK ${up.uuid}\n`);
    };
    const channel = dialer.dial(dialling, {
      onReady: () => {
        ready = true;
        if (made !== null) go(made);
      },
      onFailed: (cause) => resolve(failed(cause)),
    });
    if (channel === null) resolve('-ERR INVALID_URL\n');
    else if (typeof channel === 'number') resolve(failed(channel));
    else {
      made = channel;
      // Media may have come before the call was even handed back.
      if (ready) go(channel);
    }
  });
}
