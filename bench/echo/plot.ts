/** The picture docs/images/echo-canceller.svg (ERLE over time of the bars' conversations), and their table in docs/signal-chain.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import type { EchoResult } from './bars.ts';

const picture = fileURLToPath(new URL('../../docs/images/echo-canceller.svg', import.meta.url));
const document = fileURLToPath(new URL('../../docs/signal-chain.md', import.meta.url));

const WIDTH = 860;
const ROW = 74;
const LEFT = 250;
const PLOT = 590;
const TOP_DB = 50;

/** Writes both. */
export async function publishEcho(results: readonly EchoResult[]): Promise<void> {
  writeFileSync(picture, svg(results.filter(({ bar }) => bar.scene.near === undefined)));
  const text = readFileSync(document, 'utf8');
  const [begin, end] = ['<!-- echo figures -->', '<!-- /echo figures -->'];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error('docs/signal-chain.md has no place for the figures');
  const next = `${text.slice(0, from + begin.length)}\n\n${table(results)}\n\n${text.slice(to)}`;
  writeFileSync(document, await format(next, { ...(await resolveConfig(document)), filepath: document }));
}

function table(rows: readonly EchoResult[]): string {
  const lines = rows.map(({ bar, measured }) => `| ${bar.name} | ${bar.asked} | ${measured} |`);
  return ['| conversation | asked for | measured |', '| --- | --- | --- |', ...lines].join('\n');
}

/** One strip for each conversation: 0 to 50 dB against 8 s. */
function svg(rows: readonly EchoResult[]): string {
  const height = rows.length * ROW + 40;
  const strips = rows.map((row, index) => strip(row, 10 + index * ROW));
  const seconds = Array.from({ length: 9 }, (_, s) => label(LEFT + (s / 8) * PLOT, height - 12, `${s} s`, 'middle'));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    '<title>Echo return loss enhancement over time</title>',
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...strips,
    ...seconds,
    '</svg>',
    '',
  ].join('\n');
}

function strip({ bar, overTime }: EchoResult, top: number): string {
  const bottom = top + ROW - 14;
  const y = (db: number): number => bottom - (Math.max(0, Math.min(TOP_DB, db)) / TOP_DB) * (ROW - 14);
  const bars = overTime.map((db, n) => {
    if (db === null) return '';
    const x = LEFT + (n / overTime.length) * PLOT;
    const width = PLOT / overTime.length - 2;
    return `<rect x="${x.toFixed(1)}" y="${y(db).toFixed(1)}" width="${width.toFixed(1)}" height="${(bottom - y(db)).toFixed(1)}" fill="#2b6cb0"/>`;
  });
  const bound = bar.asked.includes('12 dB') ? 12 : 20;
  return [
    `<rect x="${LEFT}" y="${top}" width="${PLOT}" height="${ROW - 14}" fill="#f3f5f8"/>`,
    ...bars,
    `<line x1="${LEFT}" x2="${LEFT + PLOT}" y1="${y(bound).toFixed(1)}" y2="${y(bound).toFixed(1)}" stroke="#c05621" stroke-dasharray="4 3"/>`,
    label(LEFT - 8, y(bound) + 4, `${bound} dB`, 'end'),
    label(8, top + 18, bar.name.replace(/, (?=[^,]*$)/, ','), 'start', 32),
  ].join('\n');
}

/** Text, in two lines where it is longer than `fold` characters. */
function label(x: number, y: number, words: string, anchor: string, fold = Infinity): string {
  const cut = words.length > fold ? words.lastIndexOf(' ', fold) : words.length;
  const parts = [words.slice(0, cut), words.slice(cut).trim()].filter((part) => part !== '');
  const spans = parts.map((part, n) => `<tspan x="${x.toFixed(1)}" dy="${n * 15}">${part}</tspan>`);
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" fill="#2d3748">${spans.join('')}</text>`;
}
