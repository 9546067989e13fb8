/** Draws a call: both waveforms, who spoke, whose turn it was, response latency, barge-in, and what was said. */
import type { Speaker, TurnState } from '../../core/events.ts';
import { escapeXml } from '../escape-xml.ts';
import type { CallStory } from './call-story.ts';

/** What is drawn. */
export interface TimelineInput {
  readonly title: string;
  readonly subtitle: string;
  readonly story: CallStory;
  /** What the caller said and heard, aligned, at `sampleRateHz`. */
  readonly said: Int16Array;
  readonly heard: Int16Array;
  readonly sampleRateHz: number;
}

const WIDTH = 1480;
const LEFT = 120;
const RIGHT = 30;
const PLOT = WIDTH - LEFT - RIGHT;
const WAVE_HEIGHT = 110;
const CALLER_TOP = 96;
const AGENT_TOP = CALLER_TOP + WAVE_HEIGHT + 34;
const TURN_TOP = AGENT_TOP + WAVE_HEIGHT + 34;
const TURN_HEIGHT = 22;
const AXIS_TOP = TURN_TOP + TURN_HEIGHT + 14;
const TEXT_TOP = AXIS_TOP + 54;
const LINE_HEIGHT = 21;
const LINE_CHARACTERS = 150;

const COLOUR = {
  caller: '#0f766e',
  agent: '#4338ca',
  bargeIn: '#dc2626',
  latency: '#b45309',
  ink: '#1f2937',
  faint: '#6b7280',
  rule: '#e5e7eb',
} as const;

const TURN_COLOUR: Record<TurnState, string> = {
  listening: '#e5e7eb',
  'caller-speaking': '#99f6e4',
  thinking: '#fde68a',
  'agent-speaking': '#c7d2fe',
  yielding: '#fecaca',
};

/** A whole SVG document. */
export function drawTimeline(input: TimelineInput): string {
  const { story } = input;
  const durationMs = Math.max(1, story.durationMs);
  const x = (ms: number): number => LEFT + (Math.min(durationMs, Math.max(0, ms)) / durationMs) * PLOT;
  const lines = story.transcript.map((line) => ({ ...line, text: shorten(line.text, LINE_CHARACTERS) }));
  const height = TEXT_TOP + Math.max(1, lines.length) * LINE_HEIGHT + 34;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" ` +
      `font-family="ui-sans-serif, system-ui, 'DejaVu Sans', sans-serif" font-size="13" fill="${COLOUR.ink}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    text(LEFT, 34, input.title, 'font-size="20" font-weight="600"'),
    text(LEFT, 56, input.subtitle, `fill="${COLOUR.faint}"`),
    legend(),
    lane('caller', 'caller', 'what was said', CALLER_TOP),
    lane('agent', 'agent', 'what was heard', AGENT_TOP),
    speechBands(story, x),
    waveform(input.said, input.sampleRateHz, durationMs, CALLER_TOP, COLOUR.caller),
    waveform(input.heard, input.sampleRateHz, durationMs, AGENT_TOP, COLOUR.agent),
    turnBand(story, x),
    axis(durationMs, x),
    latencyMarks(story, x),
    bargeInMarks(story, x),
    ...lines.map((line, index) => transcriptLine(line, index, x)),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function text(x: number, y: number, content: string, attributes = ''): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${attributes}>${escapeXml(content)}</text>`;
}

function lane(who: Speaker, name: string, note: string, top: number): string {
  const middle = top + WAVE_HEIGHT / 2;
  return [
    text(LEFT - 12, middle - 2, name, `text-anchor="end" font-weight="600" fill="${COLOUR[who]}"`),
    text(LEFT - 12, middle + 15, note, `text-anchor="end" font-size="11" fill="${COLOUR.faint}"`),
    `<line x1="${LEFT}" x2="${LEFT + PLOT}" y1="${middle}" y2="${middle}" stroke="${COLOUR.rule}"/>`,
  ].join('\n');
}

function legend(): string {
  const entries: [string, string][] = [
    [TURN_COLOUR.listening, 'listening'],
    [TURN_COLOUR['caller-speaking'], 'caller speaks'],
    [TURN_COLOUR.thinking, 'thinking'],
    [TURN_COLOUR['agent-speaking'], 'agent speaks'],
    [TURN_COLOUR.yielding, 'yielding'],
  ];
  let at = LEFT + PLOT - 560;
  return entries
    .map(([colour, name]) => {
      const mark = `<rect x="${at}" y="68" width="14" height="12" rx="2" fill="${colour}"/>${text(at + 20, 78, name, `font-size="11" fill="${COLOUR.faint}"`)}`;
      at += 30 + name.length * 7.2;
      return mark;
    })
    .join('\n');
}

/** One column a pixel: the extremes of the samples that fall on it, as one closed path. */
function waveform(samples: Int16Array, sampleRateHz: number, durationMs: number, top: number, colour: string): string {
  const middle = top + WAVE_HEIGHT / 2;
  const half = WAVE_HEIGHT / 2;
  const perColumn = ((durationMs / 1000) * sampleRateHz) / PLOT;
  const upper: string[] = [];
  const lower: string[] = [];
  for (let column = 0; column < PLOT; column++) {
    let low = 0;
    let high = 0;
    const end = Math.min(samples.length, Math.floor((column + 1) * perColumn));
    for (let i = Math.floor(column * perColumn); i < end; i++) {
      const sample = samples[i] ?? 0;
      if (sample > high) high = sample;
      else if (sample < low) low = sample;
    }
    upper.push(`${LEFT + column},${(middle - scale(high) * half).toFixed(1)}`);
    lower.push(`${LEFT + column},${(middle + scale(-low) * half).toFixed(1)}`);
  }
  return `<path d="M${upper.join('L')}L${lower.reverse().join('L')}Z" fill="${colour}" fill-opacity="0.85"/>`;
}

/** Square root of the amplitude: quiet speech stays visible. */
function scale(amplitude: number): number {
  return Math.sqrt(Math.max(0, amplitude) / 32768);
}

function speechBands(story: CallStory, x: (ms: number) => number): string {
  return story.speech
    .map(({ by, fromMs, toMs }) => {
      const top = by === 'caller' ? CALLER_TOP : AGENT_TOP;
      const width = Math.max(1, x(toMs) - x(fromMs));
      return `<rect x="${x(fromMs).toFixed(1)}" y="${top}" width="${width.toFixed(1)}" height="${WAVE_HEIGHT}" rx="4" fill="${COLOUR[by]}" fill-opacity="0.09"/>`;
    })
    .join('\n');
}

function turnBand(story: CallStory, x: (ms: number) => number): string {
  const rows = [text(LEFT - 12, TURN_TOP + 15, 'turn', 'text-anchor="end" font-weight="600"')];
  for (const { state, fromMs, toMs } of story.turns) {
    const width = Math.max(0.5, x(toMs) - x(fromMs));
    rows.push(
      `<rect x="${x(fromMs).toFixed(1)}" y="${TURN_TOP}" width="${width.toFixed(1)}" height="${TURN_HEIGHT}" fill="${TURN_COLOUR[state]}"><title>${state}</title></rect>`,
    );
  }
  return rows.join('\n');
}

function axis(durationMs: number, x: (ms: number) => number): string {
  const stepMs = durationMs > 90_000 ? 10_000 : durationMs > 30_000 ? 5_000 : durationMs > 12_000 ? 2_000 : 1_000;
  const marks: string[] = [];
  for (let atMs = 0; atMs <= durationMs; atMs += stepMs) {
    const at = x(atMs).toFixed(1);
    marks.push(
      `<line x1="${at}" x2="${at}" y1="${CALLER_TOP}" y2="${AXIS_TOP}" stroke="${COLOUR.rule}" stroke-dasharray="2 4"/>`,
    );
    marks.push(
      text(x(atMs), AXIS_TOP + 16, `${atMs / 1000} s`, `text-anchor="middle" font-size="11" fill="${COLOUR.faint}"`),
    );
  }
  return marks.join('\n');
}

/** From the caller's last word to the agent's first: a dimension line between the lanes. */
function latencyMarks(story: CallStory, x: (ms: number) => number): string {
  const y = AGENT_TOP - 12;
  return story.latencies
    .map(({ atMs, latencyMs }) => {
      const from = x(atMs - latencyMs);
      const to = x(atMs);
      return [
        `<path d="M${from.toFixed(1)},${y - 4}v8M${to.toFixed(1)},${y - 4}v8M${from.toFixed(1)},${y}H${to.toFixed(1)}" stroke="${COLOUR.latency}" fill="none" stroke-width="1.5"/>`,
        text(
          (from + to) / 2,
          y - 7,
          `${Math.round(latencyMs)} ms`,
          `text-anchor="middle" font-size="11" fill="${COLOUR.latency}"`,
        ),
      ].join('');
    })
    .join('\n');
}

function bargeInMarks(story: CallStory, x: (ms: number) => number): string {
  return story.bargeIns
    .map(({ atMs, stopMs }) => {
      const at = x(atMs).toFixed(1);
      return [
        `<line x1="${at}" x2="${at}" y1="${CALLER_TOP - 4}" y2="${TURN_TOP + TURN_HEIGHT}" stroke="${COLOUR.bargeIn}" stroke-width="1.5"/>`,
        `<circle cx="${at}" cy="${CALLER_TOP - 4}" r="3.5" fill="${COLOUR.bargeIn}"/>`,
        text(
          x(atMs) + 7,
          CALLER_TOP + 2,
          `barge-in: silent after ${Math.round(stopMs)} ms`,
          `font-size="11" font-weight="600" fill="${COLOUR.bargeIn}"`,
        ),
      ].join('');
    })
    .join('\n');
}

function transcriptLine(
  line: { atMs: number; by: Speaker; text: string },
  index: number,
  x: (ms: number) => number,
): string {
  const y = TEXT_TOP + index * LINE_HEIGHT;
  const at = x(line.atMs).toFixed(1);
  return [
    `<line x1="${at}" x2="${at}" y1="${TURN_TOP + TURN_HEIGHT}" y2="${TURN_TOP + TURN_HEIGHT + 7}" stroke="${COLOUR[line.by]}"/>`,
    text(LEFT - 12, y, `${(line.atMs / 1000).toFixed(1)} s`, `text-anchor="end" font-size="12" fill="${COLOUR.faint}"`),
    text(LEFT, y, line.by, `font-weight="600" fill="${COLOUR[line.by]}"`),
    text(LEFT + 54, y, line.text),
  ].join('');
}

function shorten(content: string, characters: number): string {
  return content.length <= characters ? content : `${content.slice(0, characters - 1)}…`;
}
