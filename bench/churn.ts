/**
 * Thousands of short calls, ten at a time, one after another: what is left of them in a gateway that has none. After each lot all are
 * hung up, ports have their rest, garbage is collected, and then what is in use is written down: V8's compiled code, and all that a
 * program makes. What every call left would rise from row to row by as much for each thousand. A whole run also writes the table of
 * docs/production.md.
 *
 *   npm run bench -- churn
 *
 * Left out of a run of all benches, for it takes ten minutes: name it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { heapCensus } from './load/heap-census.ts';
import type { HeapCensus } from './load/heap-census.ts';
import { writeTable } from './load/page-table.ts';
import type { GatewayReport } from './load/switch-protocol.ts';
import { TalkingCalls, heldOf, isReleased } from './load/talking-calls.ts';

const PAGE = fileURLToPath(new URL('../docs/production.md', import.meta.url));
const AT_ONCE = 10;
/** Ports rest 5 s, SIP transactions are remembered for 32 s. */
const REST_MS = 40_000;
const REST_POLL_MS = 250;
const COLUMNS = [
  'calls so far',
  'heap, MB',
  'compiled code, MB',
  'all else, MB',
  'objects, strings, …',
  'outside it, MB',
];
/** What only dies with what the first collection found (buffers outside the heap) is collected so much later. */
const SECOND_MS = 1_000;

/** Runs it; `small` is for a check that it works. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const lots = small ? [3, 3] : [500, 500, 1_000, 1_000, 1_000];
  const calls = await TalkingCalls.start({ calls: AT_ONCE, collectsGarbage: true });
  const rows: string[][] = [];
  let ended = 0;
  try {
    for (const lot of lots) {
      await calls.call(Math.min(AT_ONCE, lot));
      for (let more = lot - calls.up; more > 0; more -= 1) {
        await sleep(50);
        await calls.hangUp();
        await calls.call(1);
      }
      while (calls.up > 0) await calls.hangUp();
      ended += lot;
      const report = await idle(calls, small);
      if (!isReleased(report)) throw new Error(`something is left: ${JSON.stringify(heldOf(report))}`);
      const { made, compiled } = await censusOf(calls);
      const bytes = [report.heapBytes, compiled.bytes, made.bytes];
      rows.push([
        String(ended),
        ...bytes.map(megabytes),
        made.count.toLocaleString('en-US'),
        megabytes(report.externalBytes),
      ]);
      console.log(`  ${COLUMNS.map((column, n) => `${column}: ${rows.at(-1)?.[n]}`).join(', ')}`);
    }
  } finally {
    await calls.stop();
  }
  if (!small) await writeTable(PAGE, 'churn', rows, COLUMNS);
}

/** What its heap holds. Behind the figures: a snapshot takes memory itself. */
async function censusOf(calls: TalkingCalls): Promise<HeapCensus> {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-churn-'));
  try {
    const file = join(folder, 'gateway.heapsnapshot');
    await calls.snapshot(file);
    return heapCensus(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What is in use when all has been given back. */
async function idle(calls: TalkingCalls, small: boolean): Promise<GatewayReport> {
  const untilMs = performance.now() + REST_MS;
  for (;;) {
    await sleep(small ? REST_POLL_MS : REST_MS);
    const report = await calls.report();
    if (small && isReleased(report)) return report;
    if (performance.now() < untilMs) continue;
    await sleep(SECOND_MS);
    return await calls.report();
  }
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(1);
}
