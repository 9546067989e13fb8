/** The same picture in characters, for a terminal. */
import type { CallTimeline, Stretch } from './call-timeline.ts';

const LABEL = 8;
/** Marks that are listed; further ones are counted. */
const MOST_MARKS = 20;
/** A record may name any state. */
const TURN_LETTER: ReadonlyMap<string, string> = new Map([
  ['listening', '.'],
  ['caller-speaking', 'c'],
  ['thinking', '?'],
  ['agent-speaking', 'A'],
  ['yielding', 'y'],
]);

/** Lines of `columns` characters at the most: lanes, then what happened. */
export function timelineLines(timeline: CallTimeline, columns = 100): string[] {
  const width = Math.max(20, columns - LABEL - 2);
  const { durationMs } = timeline;
  const columnOf = (ms: number): number => Math.min(width - 1, Math.max(0, Math.floor((ms / durationMs) * width)));
  const fill = (stretches: readonly (Stretch & { readonly letter: string })[]): string => {
    const row = Array.from<string>({ length: width }).fill(' ');
    for (const { fromMs, toMs, letter } of stretches) {
      for (let at = columnOf(fromMs); at <= columnOf(Math.max(fromMs, toMs - 1)); at += 1) row[at] = letter;
    }
    return row.join('');
  };
  const marks = Array.from<string>({ length: width }).fill(' ');
  for (const { atMs, kind } of timeline.marks) {
    const at = columnOf(atMs);
    if (marks[at] !== '!') marks[at] = kind === 'trouble' ? '!' : '|';
  }
  const rows: [string, string][] = [
    ['caller', fill(timeline.caller.map((each) => ({ ...each, letter: '█' })))],
    ['agent', fill(timeline.agent.map((each) => ({ ...each, letter: '█' })))],
    ['turn', fill(timeline.turns.map((each) => ({ ...each, letter: TURN_LETTER.get(each.state) ?? ' ' })))],
    ['events', marks.join('')],
  ];
  const end = `${(durationMs / 1000).toFixed(1)} s`;
  const listed = timeline.marks.slice(0, MOST_MARKS);
  const left = timeline.marks.length - listed.length;
  return [
    ...rows.map(([name, row]) => `${name.padEnd(LABEL)}│${row}│`),
    `${' '.repeat(LABEL)} 0 s${end.padStart(width - 3)}`,
    ...listed.map(
      ({ atMs, text, kind }) => `${(atMs / 1000).toFixed(2).padStart(9)} s  ${kind === 'trouble' ? '!' : ' '} ${text}`,
    ),
    ...(left > 0 ? [`              … and ${left} more: --picture draws them`] : []),
  ];
}
