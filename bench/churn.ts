/**
 * Thousands of short calls, ten at a time, one after another: what is left of them in a gateway that has none. After each lot all are
 * hung up, ports have their rest, garbage is collected, and then what is in use is written down. What every call left would rise from
 * row to row by as much for each thousand; what a process compiles and grows to rises, too, ever more slowly. A whole run also writes the table of
 * docs/production.md.
 *
 *   npm run bench -- churn
 *
 * Left out of a run of all benches, for it takes ten minutes: name it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { writeTable } from './load/page-table.ts';
import type { GatewayReport } from './load/switch-protocol.ts';
import { TalkingCalls, heldOf, isReleased } from './load/talking-calls.ts';

const PAGE = fileURLToPath(new URL('../docs/production.md', import.meta.url));
const AT_ONCE = 10;
/** Ports rest 5 s, SIP transactions are remembered for 32 s. */
const REST_MS = 40_000;
const REST_POLL_MS = 250;
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
      rows.push([String(ended), ...[report.heapBytes, report.externalBytes, report.residentBytes].map(megabytes)]);
      console.log(
        `  after ${ended} calls: heap ${rows.at(-1)?.[1]} MB, outside it ${rows.at(-1)?.[2]} MB, resident ${rows.at(-1)?.[3]} MB`,
      );
    }
  } finally {
    await calls.stop();
  }
  if (!small) await writeTable(PAGE, 'churn', rows, ['calls so far', 'heap, MB', 'outside it, MB', 'resident, MB']);
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
