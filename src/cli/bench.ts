/** `talkspurt bench`: what the signal chain costs on this machine, beside peers where there are any. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Argv, CommandModule } from 'yargs';
import { SystemClock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { printable } from '../core/printable.ts';
import { checkedOnce } from './argument-checks.ts';
import { STAGES_FOLDER } from './bench/bench-stages.ts';
import { benchReportSchema } from './bench/bench-report.ts';
import type { BenchReport } from './bench/bench-report.ts';
import { compareReports } from './bench/compare-reports.ts';
import { reportMarkdown } from './bench/report-markdown.ts';
import { reportText } from './bench/report-text.ts';
import { runBench } from './bench/run-bench.ts';
import { EXIT } from './exit-status.ts';

/** What the command is told. */
export interface BenchArguments {
  readonly stages: readonly string[];
  readonly small: boolean;
  readonly json: boolean;
  readonly markdown: boolean;
  /** A file that the result goes to, in place of the standard output. */
  readonly output?: string | undefined;
  /** The JSON of a former run. */
  readonly compare?: string | undefined;
}

/** The `bench` sub-command. */
export const benchCommand: CommandModule<object, BenchArguments> = {
  command: 'bench [stages..]',
  describe: 'measure the signal chain on this machine; with --compare, status 1 when it became slower',
  builder: (yargs: Argv) =>
    yargs
      .positional('stages', { type: 'string', array: true, default: [], describe: 'parts of names of stages (all)' })
      .option('small', { type: 'boolean', default: false, describe: 'only see that everything runs' })
      .option('json', { type: 'boolean', default: false, describe: 'the whole report as JSON' })
      .option('markdown', { type: 'boolean', default: false, describe: 'the whole report as a page' })
      .option('output', { alias: 'o', type: 'string', describe: 'write it to this file' })
      .option('compare', { type: 'string', describe: 'JSON of a former run to compare with' })
      .check((given) => {
        if (given.json && given.markdown) throw new Error('--json and --markdown exclude each other.');
        return checkedOnce(given, 'output', 'compare');
      }),
  handler: async (given) => bench(given, STAGES_FOLDER),
};

/**
 * Runs the stages in `folder`, writes the report where it was asked for, and sets the exit status. `page` makes it markdown.
 * @throws ERR_TALKSPURT_CONFIG_UNREADABLE when the run to compare with cannot be read, ERR_TALKSPURT_CONFIG_INVALID for a stage that
 * there is not.
 */
export async function bench(
  given: BenchArguments,
  folder: string,
  page: (report: BenchReport) => string = reportMarkdown,
): Promise<void> {
  const base = given.compare === undefined ? null : readReport(given.compare);
  const report = await runBench({
    folder,
    stages: given.stages,
    small: given.small,
    clock: new SystemClock(),
    progress: (line) => process.stderr.write(`bench: ${line}\n`),
  });
  const text = given.json
    ? `${JSON.stringify(report, null, 2)}\n`
    : given.markdown
      ? page(report)
      : `${reportText(report).join('\n')}\n`;
  if (given.output === undefined) process.stdout.write(text);
  else writeFileSync(given.output, text);
  if (base === null) return;
  const { lines, slower } = compareReports(report, base);
  // Where the report itself is on the standard output, the comparison must not mix with it.
  const aside = given.output === undefined && (given.json || given.markdown);
  (aside ? process.stderr : process.stdout).write(`\n${lines.map(printable).join('\n')}\n`);
  if (slower.length > 0) process.exitCode = EXIT.failed;
}

function readReport(path: string): BenchReport {
  try {
    return benchReportSchema.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch (error) {
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_UNREADABLE', `${path} is not the JSON of a bench`, { cause: error });
  }
}
