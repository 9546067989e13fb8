/**
 * An hour of 50 calls at real speed on a simulated FreeSWITCH over SIP legs: callers talk, agents answer, callers cut in, and every ten
 * seconds one hangs up and another calls. What the gateway holds is written down every ten seconds: memory must not grow,
 * nothing may be left when the last call has gone, and no call may run dry. Ten minutes before the hour are busier, with a
 * call replaced every second. Switch, Realtime server and gateway are a process each. A whole run also writes docs/images/soak.svg and the table of docs/production.md.
 *
 *   TALKSPURT_BENCH_MINUTES=60 TALKSPURT_BENCH_CALLS=50 npm run bench -- soak
 *
 * Left out of a run of all benches, for it takes an hour: name it.
 */
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { drawPlot } from '../.dev/svg-plot.ts';
import { writeTable } from './load/page-table.ts';
import type { GatewayReport } from './load/switch-protocol.ts';
import { TalkingCalls, heldOf, isReleased } from './load/talking-calls.ts';

const PAGE = fileURLToPath(new URL('../docs/production.md', import.meta.url));
const PICTURE = fileURLToPath(new URL('../docs/images/soak.svg', import.meta.url));
/** The busier minutes before those that are asked for, and how often a call is replaced in them. */
const WARM_MINUTES = 10;
const WARM_REPLACED_MS = 1_000;
/** Means of so many minutes are independent of one another. */
const BATCH_MINUTES = 5;
/** Time after the last call in which everything has to be given back; ports rest 5 s. */
const RELEASE_MS = 15_000;
/** How often a small run asks whether it has been. */
const RELEASE_POLL_MS = 250;

interface Plan {
  readonly calls: number;
  readonly warmMinutes: number;
  readonly minutes: number;
  readonly sampleMs: number;
  /** The run ends as soon as everything is given back, and does not look for what may come after that. */
  readonly brief: boolean;
}

interface Sample {
  readonly minute: number;
  readonly report: GatewayReport;
}

/** Runs it; `small` is for a check that it works. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const plan: Plan = small
    ? { calls: 4, warmMinutes: 0.02, minutes: 0.05, sampleMs: 1_000, brief: true }
    : {
        calls: Number(process.env['TALKSPURT_BENCH_CALLS'] ?? 50),
        warmMinutes: WARM_MINUTES,
        minutes: Number(process.env['TALKSPURT_BENCH_MINUTES'] ?? 60),
        sampleMs: 10_000,
        brief: false,
      };
  const { samples, left } = await soak(plan);
  const rows = figures(plan, samples, left);
  for (const [name, value] of rows) console.log(`  ${name.padEnd(44)} ${value}`);
  if (!isReleased(left)) throw new Error(`something is left: ${JSON.stringify(heldOf(left))}`);
  if (!small) await publish(plan, samples, rows);
}

async function soak(plan: Plan): Promise<{ samples: Sample[]; left: GatewayReport }> {
  const calls = await TalkingCalls.start({ calls: plan.calls });
  const samples: Sample[] = [];
  try {
    await calls.call(plan.calls);
    const beganMs = performance.now();
    const minutes = (): number => (performance.now() - beganMs) / 60_000;
    let sampledMs = beganMs;
    while (minutes() < plan.warmMinutes + plan.minutes) {
      await sleep(minutes() < plan.warmMinutes ? WARM_REPLACED_MS : plan.sampleMs);
      // One goes, another comes.
      await calls.hangUp();
      await calls.call(1);
      if (performance.now() - sampledMs < plan.sampleMs) continue;
      sampledMs = performance.now();
      const sample = { minute: minutes(), report: await calls.report() };
      samples.push(sample);
      if (samples.length % 30 === 0) console.log(`  ${describe(sample)}`);
    }
    while (calls.up > 0) await calls.hangUp();
    const left = await released(calls, plan.brief);
    samples.push({ minute: minutes(), report: left });
    return { samples, left };
  } finally {
    await calls.stop();
  }
}

/** The report when everything has had its time to be given back. */
async function released(calls: TalkingCalls, brief: boolean): Promise<GatewayReport> {
  const untilMs = performance.now() + RELEASE_MS;
  for (;;) {
    await sleep(brief ? RELEASE_POLL_MS : RELEASE_MS);
    const report = await calls.report();
    if (performance.now() >= untilMs || (brief && isReleased(report))) return report;
  }
}

function describe({ minute, report }: Sample): string {
  const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
  return `${minute.toFixed(0)} min: ${report.calls} calls, ${megabytes(report.residentBytes)} resident, ${megabytes(report.heapBytes)} heap, old ${megabytes(report.oldUsedBytes)} of ${megabytes(report.oldKeptBytes)}, young ${megabytes(report.youngKeptBytes)}, ${report.handles} handles`;
}

function figures(plan: Plan, samples: readonly Sample[], left: GatewayReport): [string, string][] {
  const warm = samples.slice(0, -1).filter(({ minute }) => minute >= plan.warmMinutes);
  const megabytes = warm.map(({ minute, report }) => [minute, report.residentBytes / 2 ** 20] as const);
  const { slope, error, scatter } = slopeOf(megabytes);
  const old = slopeOf(warm.map(({ minute, report }) => [minute, report.oldUsedBytes / 2 ** 20] as const));
  const underruns = samples.flatMap(({ report }) => report.underruns).toSorted((a, b) => a - b);
  const sum = (of: (report: GatewayReport) => number): number =>
    samples.reduce((all, each) => all + of(each.report), 0);
  const ends = new Map<string, number>();
  for (const { report } of samples) {
    for (const [reason, count] of Object.entries(report.ends)) ends.set(reason, (ends.get(reason) ?? 0) + count);
  }
  const first = plan.warmMinutes.toFixed(0);
  return [
    [
      'calls at once, in all',
      `${plan.calls}, ${underruns.length} in ${first} busier minutes and ${plan.minutes} others`,
    ],
    ['ended', [...ends].map(([reason, count]) => `${reason} ${count}`).join(', ')],
    [
      `resident memory from minute ${first}`,
      `${slope.toFixed(1)} ± ${error.toFixed(1)} MB an hour (${verdictOf(slope, error)})`,
    ],
    ['…how far samples lie about that line', `${scatter.toFixed(1)} MB`],
    ['…least and most', range(megabytes.map(([, value]) => value))],
    ['pages kept for old objects, least and most', range(warm.map(({ report }) => report.oldKeptBytes / 2 ** 20))],
    ['pages kept for young objects, least and most', range(warm.map(({ report }) => report.youngKeptBytes / 2 ** 20))],
    [
      'old objects in use',
      `${old.slope.toFixed(1)} ± ${old.error.toFixed(1)} MB an hour (${verdictOf(old.slope, old.error)})`,
    ],
    ['underruns a call, median, most', `${underruns[underruns.length >> 1] ?? 0}, ${underruns.at(-1) ?? 0}`],
    ['late ticks', `${((100 * sum((r) => r.lateTicks)) / sum((r) => r.ticks)).toFixed(3)} %`],
    ['processor, of one core', `${((100 * sum((r) => r.cpuMs)) / sum((r) => r.wallMs)).toFixed(1)} %`],
    ['held after the last call', isReleased(left) ? 'nothing' : 'SOMETHING'],
  ];
}

function range(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(0)}–${Math.max(...values).toFixed(0)} MB`;
}

/** What becomes of the memory in an hour. */
function verdictOf(slope: number, error: number): string {
  if (Math.abs(slope) <= 2 * error) return 'flat: within twice its error';
  return slope < 0 ? 'falls' : 'RISES';
}

/**
 * Least squares over [minute, MB]: MB an hour, the slope's error, and the standard deviation of samples about the line. What
 * happens to the memory lasts for minutes (a heap grows in steps): the error is that of means of five minutes.
 */
function slopeOf(points: readonly (readonly [number, number])[]): { slope: number; error: number; scatter: number } {
  const { slope, rest } = lineOf(points);
  const batches = new Map<number, (readonly [number, number])[]>();
  for (const point of points) {
    const batch = Math.floor(point[0] / BATCH_MINUTES);
    batches.set(batch, [...(batches.get(batch) ?? []), point]);
  }
  const means = [...batches.values()].map(
    (batch) => [mean(batch.map(([x]) => x)), mean(batch.map(([, y]) => y))] as const,
  );
  const coarse = lineOf(means);
  const error = means.length > 2 ? Math.sqrt(coarse.rest / (means.length - 2) / coarse.xx) : Infinity;
  return { slope: slope * 60, error: error * 60, scatter: Math.sqrt(rest / points.length) };
}

/** Slope of the line, squares that it leaves, and squares of x about their mean. */
function lineOf(points: readonly (readonly [number, number])[]): { slope: number; rest: number; xx: number } {
  const [meanX, meanY] = [mean(points.map(([x]) => x)), mean(points.map(([, y]) => y))];
  const xx = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / xx;
  return { slope, xx, rest: points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0) };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function publish(plan: Plan, samples: readonly Sample[], rows: readonly [string, string][]): Promise<void> {
  const megabytes = samples.map(({ minute, report }) => [minute, report.residentBytes / 2 ** 20] as const);
  const heap = samples.map(({ minute, report }) => [minute, report.heapBytes / 2 ** 20] as const);
  const most = Math.ceil(Math.max(...megabytes.map(([, value]) => value)) / 50) * 50;
  writeFileSync(
    PICTURE,
    drawPlot({
      title: `${plan.calls} calls, one replaced every second for ${plan.warmMinutes} minutes, then every ten`,
      x: {
        name: 'minutes',
        from: 0,
        to: Math.ceil((plan.warmMinutes + plan.minutes) / 5) * 5,
        step: plan.minutes > 20 ? 10 : 5,
      },
      y: { name: 'MB', from: 0, to: most, step: 50 },
      curves: [
        { name: 'resident', points: megabytes },
        { name: 'heap', points: heap },
      ],
      limits: [],
    }),
  );
  await writeTable(PAGE, 'soak', rows);
}
