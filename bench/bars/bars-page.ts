/** The part of docs/benchmarks.md that no single run of the signal chain can give: all bars, and the runs that are kept. */
import type { BenchResults } from '../results.ts';
import { BARS } from './bars.ts';
import { judge } from './bar.ts';
import type { JudgedBar, Measured } from './bar.ts';

/** Markdown sections, for the beginning of the page. */
export function barsPage(from: Measured): string[] {
  const judged = BARS.flatMap(([of, bars]) => bars.map((bar) => ({ of, ...judge(bar, from) })));
  const count = (met: JudgedBar['met']): number => judged.filter((bar) => bar.met === met).length;
  return [
    '## All bars',
    `Of ${judged.length} bars ${count('met')} are met and ${count('missed')} are missed by this measurement; ${count('tested')} have no figure, ` +
      `but a test that fails where they are missed; ${count('not measured')} were not measured. A figure is the worst of all cases that it names. ` +
      "Detector and barge-in are measured on people and sounds that neither weights nor any choice has seen; the echo canceller's and the jitter buffer's " +
      'paths are of the kinds that they were made for. Times are those of a machine that had other work.',
    table(
      ['of', 'bar', 'measured', '', 'by'],
      judged.map(({ of, bar, value, met, by }) => [of, bar, value, met === 'missed' ? '**missed**' : met, by]),
    ),
    '`dsp` is the run of this page. The others take longer; their figures are those of the last run of each:',
    keptTable([...from.kept.values()]),
    '`npm run bench -- --report` runs all of them and writes this page, `npm run bench -- NAME --report` one of them and this page, ' +
      '`npm run bench -- dsp --markdown` only this page.',
  ];
}

function keptTable(runs: readonly BenchResults[]): string {
  return table(
    ['run', 'of talkspurt', 'on', 'machine', 'hash'],
    runs.map(({ bench, version, on, machine, hash }) => [
      `\`npm run bench -- ${bench} --report\``,
      version,
      on,
      machine,
      hash === undefined ? '' : `\`${hash}\``,
    ]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
