/** docs/faults.md, from rows that were measured. */
import type { FaultRow } from './fault-rows.ts';

const HEAD = `# Faults, and what came of them

Each row is a fault that was injected into a host with real sockets, a simulated switch and an agent that counts: sentence after sentence of
one second, each of its own noise, which is found again, sample by sample, in what the telephone heard. *Cut* is a sentence that was not
heard to its end; *missing* are those between the first and the last that were not heard at all. Each sentence ends with a breath
of 100 ms. The first nine rows are calls of the same seconds on the same host: what the first one has beyond those 100 ms is the machine's, busy
with other things, and not the fault's. Calls by seed, with faults at every edge, are in
[testing faults](testing-faults.md); what the host does about each is in [resilience](resilience.md).

This page is written by \`npm run faults\`, which measures it anew; \`test/integration/faults.test.ts\` holds the rows to their bounds.

| fault | what the caller heard | what the operator saw | time to recover |
| ----- | --------------------- | --------------------- | --------------- |
`;

/** The whole page. */
export function faultPage(rows: readonly FaultRow[]): string {
  return `${HEAD}${rows.map((row) => `| ${[row.fault, heardOf(row), seenOf(row), timeOf(row)].join(' | ')} |`).join('\n')}\n`;
}

function heardOf({ heard, remark }: FaultRow): string {
  if (heard === null) return remark;
  const { longestSilenceMs, whole, cut, repeated, missing } = heard;
  // The last one is cut by our own hang-up.
  const last = Math.max(0, ...whole, ...cut);
  const parts = [
    `longest silence ${longestSilenceMs} ms`,
    list(
      'cut',
      cut.filter((number) => number !== last),
    ),
    list('repeated', repeated),
    list('missing', missing),
    remark,
  ];
  return parts.filter((part) => part !== '').join('; ');
}

function list(what: string, numbers: readonly number[]): string {
  return numbers.length === 0 ? '' : `${what}: ${numbers.length}`;
}

function seenOf({ events, log, health, metrics }: FaultRow): string {
  const parts = [
    events.length === 0 ? '' : `events ${events.map((name) => `\`${name}\``).join(', ')}`,
    log.length === 0 ? '' : `log “${log.join('”, “')}”`,
    health.length === 0 ? '' : `health ${health.map((word) => `\`${word}\``).join(', ')}`,
    metrics.length === 0 ? '' : `metrics ${metrics.map((name) => `\`${name}\``).join(', ')}`,
  ];
  return parts.filter((part) => part !== '').join('<br>');
}

function timeOf({ recoveredMs }: FaultRow): string {
  if (recoveredMs === null) return 'was never gone';
  return recoveredMs < 1_000 ? `${Math.round(recoveredMs)} ms` : `${(recoveredMs / 1_000).toFixed(1)} s`;
}
