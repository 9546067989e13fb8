/** `talkspurt doctor`: looks at everything that calls need, and plays audio through a switch and back. */
import type { Argv, CommandModule } from 'yargs';
import { SystemClock } from '../core/clock.ts';
import { printable, printableLines } from '../core/printable.ts';
import { checkedOnce } from './argument-checks.ts';
import { examine } from './doctor/examine.ts';
import type { DoctorReport, Finding, Verdict } from './doctor/finding.ts';

interface DoctorArguments {
  readonly config?: string | undefined;
  readonly json: boolean;
  readonly call?: readonly string[] | undefined;
}

/** Exit status by the worst that was found. */
const STATUS: Readonly<Record<DoctorReport['verdict'], number>> = { pass: 0, warn: 1, fail: 2 };
const WORDS: Readonly<Record<Verdict, string>> = { pass: 'PASS', warn: 'WARN', fail: 'FAIL', skip: 'skip' };

/** The `doctor` sub-command. */
export const doctorCommand: CommandModule<object, DoctorArguments> = {
  command: 'doctor',
  describe: 'look at everything that calls need and say how to mend it; status 0 all is well, 1 warnings, 2 failures',
  builder: (yargs: Argv) =>
    yargs
      .option('config', { alias: 'c', type: 'string', describe: 'configuration file (default: talkspurt.yaml)' })
      .option('json', { type: 'boolean', default: false, describe: 'print JSON (docs/schema/doctor.json)' })
      .option('call', {
        type: 'string',
        array: true,
        describe: 'play audio through this switch and back, on a call of its own; without a name: through every one',
      })
      .check((given) => checkedOnce(given, 'config')),
  handler: async ({ config: path, json, call }) => {
    const report = await examine({
      path,
      env: process.env,
      clock: new SystemClock(),
      calls: call === undefined ? [] : call.length === 0 ? ['*'] : call,
      onFinding: (finding) => {
        if (!json) process.stdout.write(`${findingLines(finding).join('\n')}\n`);
      },
    });
    process.stdout.write(json ? printableLines(`${JSON.stringify(report, null, 2)}\n`) : `${closingLine(report)}\n`);
    process.exitCode = STATUS[report.verdict];
  },
};

/** One thing for people; the fix on a line of its own. */
export function findingLines({ id, about, verdict, text, fix }: Finding): string[] {
  const subject = about === '' ? '' : ` ${about}:`;
  const line = `${WORDS[verdict]}  ${id}${subject} ${text}`;
  return (fix === null ? [line] : [line, `      fix: ${fix}`]).map(printable);
}

function closingLine({ findings, seconds }: DoctorReport): string {
  const count = (verdict: Verdict): number => findings.filter((finding) => finding.verdict === verdict).length;
  return `${count('pass')} passed, ${count('warn')} warnings, ${count('fail')} failures, ${count('skip')} not looked at, in ${seconds} s`;
}
