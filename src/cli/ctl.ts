/** `talkspurt ctl "…"`: one command through the front door, for scripts and for those without fs_cli. */
import type { Argv, CommandModule } from 'yargs';
import { SystemClock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { printableLines } from '../core/printable.ts';
import { EslNativeLink } from '../switch/freeswitch/esl-native-link.ts';
import { checkedNumber, checkedOnce } from './argument-checks.ts';
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
      })
      .check((given) => checkedOnce(given, 'host', 'password', 'line') && checkedNumber(given, 'port', 1, 65_535)),
  handler: async ({ line, host, port, password }) => {
    const reply = await askFrontDoor({ host, port, password: password ?? process.env[PASSWORD_VARIABLE] ?? '', line });
    process.stdout.write(printableLines(reply.endsWith('\n') ? reply : `${reply}\n`));
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
  const link = new EslNativeLink({
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
    if (failure !== undefined) throw aboutFrontDoor(failure);
    // A start may take longer than a reply on the link may.
    return await link.bgapi(ask.line);
  } finally {
    await link.close();
  }
}

/** The link speaks of switches; this one is ours. */
function aboutFrontDoor(failure: TalkspurtError): TalkspurtError {
  if (failure.code !== 'ERR_TALKSPURT_LINK_AUTH' && failure.code !== 'ERR_TALKSPURT_LINK_DENIED') return failure;
  const message =
    failure.code === 'ERR_TALKSPURT_LINK_AUTH'
      ? `the front door refused the password: compare frontDoor.password of the configuration with ${PASSWORD_VARIABLE}`
      : 'the front door refused our address: compare frontDoor.allow of the configuration';
  return new TalkspurtError(failure.code, message);
}
