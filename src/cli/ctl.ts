/** `talkspurt ctl "…"`: one command through the front door, for scripts and for those without fs_cli. */
import type { Argv, CommandModule } from 'yargs';
import { SystemClock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { EslPackageLink } from '../switch/freeswitch/esl-package-link.ts';
import { EXIT } from './exit-status.ts';

interface CtlArguments {
  readonly line: string;
  readonly host: string;
  readonly port: number;
  readonly password?: string | undefined;
}

/** Where a password may stand without being seen in a list of processes. */
const PASSWORD_VARIABLE = 'TALKSPURT_FRONT_DOOR__PASSWORD';

/** The `ctl` sub-command. */
export const ctlCommand: CommandModule<object, CtlArguments> = {
  command: 'ctl <line>',
  describe: 'send one command to a running talkspurt, such as "uuid_audio_stream global_health"',
  builder: (yargs: Argv) =>
    yargs
      .positional('line', { type: 'string', demandOption: true, describe: 'the command' })
      .option('host', { alias: 'H', type: 'string', default: '127.0.0.1', describe: 'address of the front door' })
      .option('port', { alias: 'P', type: 'number', default: 8022, describe: 'port of the front door' })
      .option('password', {
        alias: 'p',
        type: 'string',
        describe: `its password (default: the variable ${PASSWORD_VARIABLE})`,
      }),
  handler: async ({ line, host, port, password }) => {
    const reply = await askFrontDoor({ host, port, password: password ?? process.env[PASSWORD_VARIABLE] ?? '', line });
    process.stdout.write(reply.endsWith('\n') ? reply : `${reply}\n`);
    if (reply.startsWith('-')) process.exitCode = EXIT.failed;
  },
};

/** One command over an Event Socket. @throws ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_SECRET_MISSING */
export async function askFrontDoor(ask: {
  host: string;
  port: number;
  password: string;
  line: string;
}): Promise<string> {
  if (ask.password === '') {
    throw new TalkspurtError(
      'ERR_TALKSPURT_SECRET_MISSING',
      `the front door asks for a password: set ${PASSWORD_VARIABLE}, or give --password`,
    );
  }
  const link = new EslPackageLink({
    name: 'the front door',
    host: ask.host,
    port: ask.port,
    password: ask.password,
    clock: new SystemClock(),
  });
  const failures: TalkspurtError[] = [];
  try {
    await link.start({ onUp: () => undefined, onDown: (error) => failures.push(error), onEvent: () => undefined });
    const [failure] = failures;
    if (failure !== undefined) throw failure;
    return await link.api(ask.line);
  } finally {
    await link.close();
  }
}
