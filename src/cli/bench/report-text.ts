/** A report as a table for a terminal. */
import type { BenchReport, ReportRow } from './bench-report.ts';
import { nativeRatio, npmRatio } from './judge-bars.ts';

/** Lines, without line ends. */
export function reportText(report: BenchReport): string[] {
  const lines = [
    `talkspurt ${report.version} on ${report.machine.processor} (${report.machine.cores}), ${report.machine.system}, ` +
      `Node ${report.machine.node}, V8 ${report.machine.v8}`,
  ];
  if (report.machine.compiler !== undefined) lines.push(`native peers: ${report.machine.compiler}, -O3 -march=native`);
  if (report.small) lines.push('a small run: its times mean little');
  let stage = '';
  for (const row of report.rows) {
    if (row.stage !== stage) {
      stage = row.stage;
      lines.push('', stage);
    }
    lines.push(...rowLines(row));
  }
  lines.push('', ...report.skipped.map((line) => `left out: ${line}`));
  const bars = report.rows.flatMap((row) => row.bars);
  const count = (met: string): number => bars.filter((bar) => bar.met === met).length;
  lines.push(
    `bars: ${count('met')} met, ${count('missed')} missed, ${count('not measured')} not measured`,
    `hash of one second of every result: ${report.hash}`,
  );
  return lines;
}

/** Nanoseconds with a thousands separator. */
export function inNs(ns: number): string {
  return Math.round(ns).toLocaleString('en');
}

/** A figure with its unit. */
export function figureText(figure: ReportRow['figures'][number]): string {
  return `${figure.name} ${figure.value.toFixed(figure.digits ?? 1)}${figure.unit === '' ? '' : ` ${figure.unit}`}`;
}

function rowLines(row: ReportRow): string[] {
  const [npm, native] = [npmRatio(row), nativeRatio(row)];
  const ratios = [
    npm === null ? '' : `npm ${npm.toFixed(1)} × ours`,
    native === null ? '' : `ours ${native.toFixed(2)} × native`,
  ].filter((text) => text !== '');
  const per = row.per === '20 ms frame' ? '' : ` per ${row.per}`;
  const time = row.time === undefined ? '' : `${inNs(row.time.ns)} ns${per}`;
  const lines = [`  ${row.name.padEnd(40)}${time.padStart(12)}  ${ratios.join(', ')}`.trimEnd()];
  for (const peer of row.peers)
    lines.push(
      `    ${`${peer.kind} ${peer.name} ${peer.version ?? ''}`.padEnd(38)}${inNs(peer.time.ns).padStart(9)} ns`,
    );
  if (row.figures.length > 0) lines.push(`    ${row.figures.map(figureText).join(', ')}`);
  for (const bar of row.bars) lines.push(`    ${bar.met.padEnd(12)} ${bar.text}: ${bar.value}`);
  return lines;
}
