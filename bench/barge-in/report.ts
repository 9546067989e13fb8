/** The tables, for people and for docs/barge-in.md. */
import type { BargeInReport } from '../barge-in.ts';
import type { GroupFigures } from './figures.ts';

type Column = readonly [string, (figures: GroupFigures) => string];

const perHour = (count: number, { minutes }: GroupFigures): string => {
  const rate = (count * 60) / minutes;
  return count === 0 ? '0' : rate < 10 ? rate.toFixed(1) : rate.toFixed(0);
};
const share = (count: number, of: number): string => (of === 0 ? '–' : `${((100 * count) / of).toFixed(0)} %`);
const ms = (value: number): string => (Number.isFinite(value) ? value.toFixed(0) : '–');

const ECHO: readonly Column[] = [
  ['calls', ({ group }) => group],
  ['minutes', ({ minutes }) => minutes.toFixed(0)],
  ['stops/h', (of) => perHour(of.falseStops, of)],
  ['pauses/h', (of) => perHour(of.falsePauses, of)],
  ['turns/h, ours', (of) => perHour(of.falseTurns, of)],
  ['turns/h, backend', (of) => perHour(of.backendTurns, of)],
  ['samples lost or repeated', (of) => String(of.damagedSamples)],
];
const CALLER: readonly Column[] = [
  ['calls', ({ group }) => group],
  ['times', ({ near }) => String(near)],
  ['missed', ({ near, stopped }) => share(near - stopped, near)],
  ['pause, ms p50', (of) => ms(of.pauseMs.p50)],
  ['p95', (of) => ms(of.pauseMs.p95)],
  ['stop, ms p50', (of) => ms(of.stopMs.p50)],
  ['p95', (of) => ms(of.stopMs.p95)],
  ['false stops/h', (of) => perHour(of.falseStops, of)],
];
const NOISE: readonly Column[] = [
  ['sound', ({ group }) => group],
  ['times', ({ near }) => String(near)],
  ['agent waited', ({ near, paused }) => share(paused, near)],
  ['agent stopped', ({ near, stopped }) => share(stopped, near)],
  ['pauses taken back', ({ withdrawn }) => String(withdrawn)],
  ['samples lost or repeated', (of) => String(of.damagedSamples)],
];

const isEcho = ({ group }: GroupFigures): boolean => group.startsWith('echo');
const isCaller = ({ group }: GroupFigures): boolean => group.startsWith('barge-in');

/** All tables of all systems. */
export function systemTables(report: BargeInReport, markdown: boolean): string {
  const { cast, amount, people, hash } = report;
  const who = cast === 'synthetic' ? 'synthetic voices (figures mean little)' : `${people.length} people, ${cast}`;
  const parts = report.systems.flatMap(({ name, groups }) => [
    markdown ? `**${name}**` : `\n${name}`,
    table(ECHO, groups.filter(isEcho), markdown),
    table(CALLER, groups.filter(isCaller), markdown),
    table(
      NOISE,
      groups.filter((group) => !isEcho(group) && !isCaller(group)),
      markdown,
    ),
  ]);
  return [
    ...parts.filter((part) => part !== ''),
    `Voices: ${who}; ${amount} run. Hash of every outcome: ${hash}.`,
    '',
  ].join(markdown ? '\n\n' : '\n');
}

function table(columns: readonly Column[], rows: readonly GroupFigures[], markdown: boolean): string {
  if (rows.length === 0) return '';
  const cells = [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, of]) => of(row)))];
  if (markdown) {
    const [head = [], ...rest] = cells.map((row) => `| ${row.join(' | ')} |`);
    return [head, `|${' --- |'.repeat(columns.length)}`, ...rest].join('\n');
  }
  const widths = columns.map((_, at) => Math.max(...cells.map((row) => (row[at] ?? '').length)));
  return cells.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`).join('\n');
}
