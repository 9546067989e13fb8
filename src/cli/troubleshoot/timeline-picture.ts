/** Draws a call as an SVG document: lanes for the caller, the agent, whose turn it was, and what happened. */
import { escapeXml } from '../escape-xml.ts';
import type { CallTimeline, Mark, Stretch } from './call-timeline.ts';

const WIDTH = 1480;
const LEFT = 120;
const RIGHT = 30;
const PLOT = WIDTH - LEFT - RIGHT;
const LANE = 34;
const TOP = 84;
const MARK_LINE = 18;
/** Marks that are written out; further ones are counted. */
const MOST_MARKS = 60;

const INK = '#1f2937';
const FAINT = '#6b7280';
const RULE = '#e5e7eb';
const MARK_COLOUR: Readonly<Record<Mark['kind'], string>> = { milestone: '#0369a1', event: FAINT, trouble: '#dc2626' };
/** A record may name any state. */
const TURN_COLOUR: ReadonlyMap<string, string> = new Map([
  ['listening', RULE],
  ['caller-speaking', '#99f6e4'],
  ['thinking', '#fde68a'],
  ['agent-speaking', '#c7d2fe'],
  ['yielding', '#fecaca'],
]);

/** A whole document. */
export function drawCall(timeline: CallTimeline, title: string, subtitle: string): string {
  const { durationMs } = timeline;
  const x = (ms: number): number => LEFT + (Math.min(durationMs, Math.max(0, ms)) / durationMs) * PLOT;
  const marks = timeline.marks.slice(0, MOST_MARKS);
  const left = timeline.marks.length - marks.length;
  const axisTop = TOP + 3 * LANE + 12;
  const marksTop = axisTop + 44;
  const height = marksTop + (marks.length + (left > 0 ? 1 : 0)) * MARK_LINE + 24;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" ` +
      `font-family="ui-sans-serif, system-ui, 'DejaVu Sans', sans-serif" font-size="13" fill="${INK}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(LEFT, 34, title, 'font-size="20" font-weight="600"'),
    text(LEFT, 56, subtitle, `fill="${FAINT}"`),
    ...axis(durationMs, axisTop, x),
    ...lane('caller', 0, timeline.caller, '#0f766e', x),
    ...lane('agent', 1, timeline.agent, '#4338ca', x),
    text(LEFT - 12, TOP + 2 * LANE + 18, 'turn', 'text-anchor="end" font-weight="600"'),
    ...timeline.turns.map((turn) => box(turn, 2, TURN_COLOUR.get(turn.state) ?? RULE, turn.state, x)),
    ...timeline.answers.map(({ atMs, latencyMs }) =>
      text(x(atMs), TOP + LANE - 2, `${latencyMs} ms`, 'text-anchor="end" font-size="10" fill="#b45309"'),
    ),
    ...marks.flatMap((mark, index) => markLines(mark, marksTop + index * MARK_LINE, axisTop, x)),
    ...(left > 0 ? [text(LEFT, marksTop + marks.length * MARK_LINE, `… and ${left} more`, `fill="${FAINT}"`)] : []),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function lane(
  name: string,
  row: number,
  stretches: readonly Stretch[],
  colour: string,
  x: (ms: number) => number,
): string[] {
  const middle = TOP + row * LANE + 14;
  return [
    text(LEFT - 12, middle + 4, name, `text-anchor="end" font-weight="600" fill="${colour}"`),
    `<line x1="${LEFT}" x2="${LEFT + PLOT}" y1="${middle}" y2="${middle}" stroke="${RULE}"/>`,
    ...stretches.map((stretch) => box(stretch, row, colour, name, x)),
  ];
}

function box({ fromMs, toMs }: Stretch, row: number, colour: string, name: string, x: (ms: number) => number): string {
  const width = Math.max(1, x(toMs) - x(fromMs));
  return (
    `<rect x="${x(fromMs).toFixed(1)}" y="${TOP + row * LANE + 4}" width="${width.toFixed(1)}" height="20" rx="3" fill="${colour}">` +
    `<title>${escapeXml(name)} ${(fromMs / 1000).toFixed(2)}–${(toMs / 1000).toFixed(2)} s</title></rect>`
  );
}

function markLines({ atMs, kind, text: said }: Mark, y: number, axisTop: number, x: (ms: number) => number): string[] {
  const colour = MARK_COLOUR[kind];
  const at = x(atMs).toFixed(1);
  return [
    `<line x1="${at}" x2="${at}" y1="${TOP}" y2="${axisTop}" stroke="${colour}" stroke-width="${kind === 'trouble' ? 1.5 : 0.8}"/>`,
    text(LEFT - 12, y, `${(atMs / 1000).toFixed(1)} s`, `text-anchor="end" font-size="12" fill="${FAINT}"`),
    text(LEFT, y, said, `fill="${colour}"`),
  ];
}

function axis(durationMs: number, top: number, x: (ms: number) => number): string[] {
  // Twelve marks or fewer, at 1, 2 or 5 of a power of ten.
  const wanted = durationMs / 12;
  const power = 10 ** Math.floor(Math.log10(wanted));
  const stepMs = [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= wanted) ?? 10 * power;
  const marks: string[] = [];
  for (let atMs = 0; atMs <= durationMs; atMs += stepMs) {
    const at = x(atMs).toFixed(1);
    marks.push(`<line x1="${at}" x2="${at}" y1="${TOP}" y2="${top}" stroke="${RULE}" stroke-dasharray="2 4"/>`);
    marks.push(
      text(
        x(atMs),
        top + 16,
        `${Number((atMs / 1000).toFixed(2))} s`,
        `text-anchor="middle" font-size="11" fill="${FAINT}"`,
      ),
    );
  }
  return marks;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escapeXml(content)}</text>`;
}
