/** Holds what was measured of a row against its bars. */
import type { BenchBar } from './bench-row.ts';
import type { ReportBar, ReportRow } from './bench-report.ts';

type Measured = Pick<ReportRow, 'time' | 'peers' | 'figures'>;

/** How often the best npm package of equal worth takes our time; null without one. */
export function npmRatio(row: Measured): number | null {
  const own = row.time?.ns;
  const best = Math.min(...row.peers.filter(({ kind, equal }) => kind === 'npm' && equal).map(({ time }) => time.ns));
  return own === undefined || !Number.isFinite(best) ? null : best / own;
}

/** Our time divided by that of the first native peer; null without one. */
export function nativeRatio(row: Measured): number | null {
  const peer = row.peers.find(({ kind }) => kind === 'native');
  return row.time === undefined || peer === undefined ? null : row.time.ns / peer.time.ns;
}

/** One bar, in words, with what was measured. */
export function judgeBar(bar: BenchBar, row: Measured): ReportBar {
  const { value, unit, digits, label } = measured(bar.of, row);
  const sign = bar.atMost === undefined ? '≥' : '≤';
  const bound = bar.atMost ?? bar.atLeast ?? 0;
  const text = `${label} ${sign} ${plain(bound)}${unit}`;
  if (value === null) return { text, value: '–', met: 'not measured' };
  const met = bar.atMost === undefined ? value >= bound : value <= bound;
  return { text, value: `${value.toFixed(digits)}${unit}`, met: met ? 'met' : 'missed' };
}

function measured(
  of: string,
  row: Measured,
): { readonly value: number | null; readonly unit: string; readonly digits: number; readonly label: string } {
  if (of === 'time') return { value: row.time?.ns ?? null, unit: ' ns', digits: 0, label: 'time' };
  if (of === 'npm') return { value: npmRatio(row), unit: ' ×', digits: 1, label: 'best npm / ours' };
  if (of === 'native') return { value: nativeRatio(row), unit: ' ×', digits: 2, label: 'ours / native' };
  const figure = row.figures.find(({ name }) => name === of);
  const unit = figure === undefined || figure.unit === '' ? '' : ` ${figure.unit}`;
  return { value: figure?.value ?? null, unit, digits: figure?.digits ?? 1, label: of };
}

function plain(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: 4 });
}
