/** Two runs side by side: what became slower, and what computes something else. */
import type { BenchReport, ReportRow } from './bench-report.ts';

/** A row is slower when it takes this much more than before, or three times the spread of both runs, whichever is more. */
const NOISE = 0.15;

/** What a comparison found. */
export interface Comparison {
  readonly lines: readonly string[];
  /** Names of the rows that became slower beyond the noise. */
  readonly slower: readonly string[];
}

/**
 * `now` against `base`. Times are divided by those of the yardstick, so that a machine that is slower as a whole, or busy,
 * makes no regressions.
 */
export function compareReports(now: BenchReport, base: BenchReport): Comparison {
  const before = new Map(base.rows.map((row) => [keyOf(row), row]));
  const machine = now.yardstickNs / base.yardstickNs;
  const lines = [
    `against talkspurt ${base.version}, Node ${base.machine.node}, ${base.machine.processor}; ` +
      `the yardstick takes ${machine.toFixed(2)} × its time, which is taken off`,
  ];
  const slower: string[] = [];
  for (const row of now.rows) {
    const old = before.get(keyOf(row));
    before.delete(keyOf(row));
    const label = keyOf(row).padEnd(52);
    if (old === undefined) {
      lines.push(`  ${label} new`);
      continue;
    }
    const changed = row.hash === old.hash ? '' : ', other output';
    if (row.time === undefined || old.time === undefined) continue;
    const ratio = row.time.ns / old.time.ns / machine;
    const bound = 1 + noiseOf(row, old);
    const verdict = ratio > bound ? 'SLOWER' : ratio < 1 / bound ? 'faster' : 'same';
    if (verdict === 'SLOWER') slower.push(keyOf(row));
    lines.push(`  ${label} ${ratio.toFixed(2)} × (noise to ${bound.toFixed(2)}) ${verdict}${changed}`);
  }
  for (const key of before.keys()) lines.push(`  ${key.padEnd(52)} gone`);
  lines.push(slower.length === 0 ? 'nothing is slower' : `slower: ${slower.join('; ')}`);
  return { lines, slower };
}

function noiseOf(row: ReportRow, old: ReportRow): number {
  return Math.max(NOISE, 3 * ((row.time?.spread ?? 0) + (old.time?.spread ?? 0)));
}

function keyOf(row: ReportRow): string {
  return `${row.stage}: ${row.name}`;
}
