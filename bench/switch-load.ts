/**
 * A whole gateway with 200 calls on a simulated FreeSWITCH, once over unicast and once over SIP legs: how many of its ticks
 * begin late, what becomes of the frames, and what a call costs. Switch with phones, Realtime server (an echo) and gateway
 * are a process each; phones say numbered frames and know them again.
 *
 *   TALKSPURT_BENCH_CALLS=200 TALKSPURT_BENCH_SECONDS=10 npm run bench -- switch-load
 *
 * *late*: ticks that begin over half a ptime after they are due; the goal is under 0.1 %. *timer p50, p99*: how late the
 * timers of the gateway were. *echoed*: of what the phones said, what they heard again unaltered. *lost*: of the callers'
 * frames, those that the gateway did not have in time. *waited*: time in which the gateway could have run and the machine
 * had no core for it. *others*: what switch, phones and server need of a core. *idle, stolen*: of all cores of the machine
 * (Linux). `!` marks a window in which the gateway waited for over 2 % of the time or the switch's own timers were over
 * 10 ms late at the 99th percentile: then the machine was the limit, not the gateway.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LoadProcess } from './load/load-protocol.ts';
import { BENCH_PASSWORD, machineTime } from './load/switch-protocol.ts';
import type { GatewayHostOptions, GatewayReport, MachineTime, SwitchReport } from './load/switch-protocol.ts';

type Path = GatewayHostOptions['media'];

interface Plan {
  readonly calls: number;
  readonly settleMs: number;
  readonly windowMs: number;
  readonly windows: number;
}

interface Window {
  readonly latePct: number;
  readonly cpuPct: number;
}

interface Load {
  readonly gateway: LoadProcess;
  readonly simulated: LoadProcess;
  readonly echo: LoadProcess;
}

const WAITED_PCT = 2;
const GOAL_PCT = 0.1;
const SWITCH_LATE_MS = 10;

/** Prints a table for each path, then the ratio. `small` is for a check that it runs. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const calls = Number(process.env['TALKSPURT_BENCH_CALLS'] ?? 200);
  const seconds = Number(process.env['TALKSPURT_BENCH_SECONDS'] ?? 10);
  const plan: Plan = small
    ? { calls: 4, settleMs: 300, windowMs: 700, windows: 1 }
    : { calls, settleMs: 10_000, windowMs: seconds * 1000, windows: 4 };
  const unicast = await measurePath('unicast', plan);
  const sip = await measurePath('sip', plan);
  if (small) {
    console.log('small: it works; nothing was measured');
    return;
  }
  console.log(`${plan.calls} calls, median of ${plan.windows} windows of ${seconds} s`);
  for (const [path, windows] of Object.entries({ unicast, sip })) {
    const latePct = median(windows.map((each) => each.latePct));
    const cpuPct = median(windows.map((each) => each.cpuPct));
    const held = latePct < GOAL_PCT ? 'under' : 'NOT under';
    const cost = `${(cpuPct / plan.calls).toFixed(3)} % of a core a call`;
    console.log(`  ${path.padEnd(8)} ${latePct.toFixed(3)} % late (${held} ${GOAL_PCT} %), ${cost}`);
  }
  const [a, b] = [sip, unicast].map((windows) => median(windows.map((each) => each.cpuPct)));
  console.log(`  CPU of a SIP leg over that of unicast: ${((a ?? 0) / (b ?? 1)).toFixed(2)}`);
}

async function measurePath(media: Path, plan: Plan): Promise<Window[]> {
  const echo = LoadProcess.start('echo-backend.ts');
  const simulated = LoadProcess.start('switch-host.ts');
  const [backendPort, switchPort] = await Promise.all([echo.next<number>('port'), simulated.next<number>('port')]);
  const options: GatewayHostOptions = {
    backendPort,
    switchHost: '127.0.0.1',
    switchPort,
    switchPassword: BENCH_PASSWORD,
    media,
    calls: plan.calls,
    greeting: '',
  };
  const execArgv = process.env['BENCH_HOST_FLAGS']?.split(' ') ?? [];
  const gateway = LoadProcess.start('gateway-host.ts', options, () => undefined, execArgv);
  const load = { gateway, simulated, echo };
  const windows: Window[] = [];
  try {
    await gateway.next('ready');
    const created = simulated.next<string[]>('created');
    simulated.tell({ create: plan.calls });
    const uuids = await created;
    const opened = gateway.next<{ calls: number; refused: readonly string[] }>('opened');
    gateway.tell({ start: uuids });
    const { calls, refused } = await opened;
    if (calls !== plan.calls) throw new Error(`${calls} of ${plan.calls} calls: ${refused.join('; ')}`);
    await sleep(plan.settleMs);
    printHead(media);
    for (let n = 0; n < plan.windows; n += 1) windows.push(await measure(load, plan));
    const { hash } = await simulated.report<SwitchReport>();
    console.log(`  hash of what every phone says first: ${hash}`);
  } finally {
    await gateway.stop();
    await Promise.all([simulated.stop(), echo.stop()]);
  }
  return windows;
}

function printHead(media: Path): void {
  console.log(
    `${media === 'sip' ? 'SIP legs' : 'unicast'}\n  calls  late %  timer p50   p99   CPU %  tick %  echoed %  lost  concealed %  ` +
      'echo p50   p99  dry %  switch p99   MB  waited %  others %  idle %  stolen %',
  );
}

async function measure({ gateway, simulated, echo }: Load, plan: Plan): Promise<Window> {
  await Promise.all([gateway.report(), simulated.report(), echo.report()]);
  const before = machineTime();
  await sleep(plan.windowMs);
  const after = machineTime();
  const [own, far, server] = await Promise.all([
    gateway.report<GatewayReport>(),
    simulated.report<SwitchReport>(),
    echo.report<{ cpuMs: number }>(),
  ]);
  const pct = (ms: number): number => (100 * ms) / own.wallMs;
  const latePct = (100 * own.lateTicks) / own.ticks;
  const cpuPct = pct(own.cpuMs);
  const suspect = pct(own.waitedMs) > WAITED_PCT || far.timers.p99Ms > SWITCH_LATE_MS ? ' !' : '';
  console.log(
    [
      String(own.calls).padStart(7),
      latePct.toFixed(3).padStart(8),
      own.timers.p50Ms.toFixed(2).padStart(11),
      own.timers.p99Ms.toFixed(2).padStart(6),
      cpuPct.toFixed(1).padStart(8),
      pct(own.tickMs).toFixed(1).padStart(8),
      ((100 * far.echoed) / far.said).toFixed(2).padStart(10),
      String(own.lostFrames).padStart(6),
      ((100 * far.altered) / far.said).toFixed(2).padStart(13),
      String(far.delayP50Ms).padStart(10),
      String(far.delayP99Ms).padStart(6),
      ((100 * own.underrunTicks) / own.ticks).toFixed(2).padStart(7),
      far.timers.p99Ms.toFixed(1).padStart(12),
      (own.residentBytes / 2 ** 20).toFixed(0).padStart(5),
      pct(own.waitedMs).toFixed(1).padStart(10),
      pct(far.cpuMs + server.cpuMs)
        .toFixed(0)
        .padStart(10),
      ...machineShares(before, after),
      suspect,
    ].join(''),
  );
  return { latePct, cpuPct };
}

function machineShares(before: MachineTime | null, after: MachineTime | null): string[] {
  if (before === null || after === null) return ['–'.padStart(8), '–'.padStart(10)];
  const total = after.total - before.total || 1;
  const share = (part: number): string => ((100 * part) / total).toFixed(0);
  return [share(after.idle - before.idle).padStart(8), share(after.stolen - before.stolen).padStart(10)];
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
