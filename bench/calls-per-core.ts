/**
 * How many duplex calls one core carries: UDP in → tick → WebSocket JSON out, and back → UDP out, every 20 ms, G.711 at
 * 8 kHz, voice activity detection and echo canceller on. The callers speak for two fifths of the time; what a call says
 * is said back to it, all the time. Phones and Realtime server are processes of their own, on other cores where the system lets a
 * process be placed (Linux: `taskset`), and the gateway's, which alone is measured, has one for itself. Calls are added
 * until more than 0.1 % of its ticks begin over half a ptime late, 1 % of them over 5 ms, or it needs more than a core. Beside it, in
 * the same run, the same with messages of 20 ms whatever is heard, and an ordinary bridge of npm packages under the same load.
 *
 * *echoed*: of the frames that the phones should hear, those that came back as they were said, through everything; the others
 * are not lost, but cut anew where a jitter buffer made the line longer or shorter. *lost*: frames that never came or came too late.
 * *waited*: time in which the gateway could have run and the machine had no core for it (Linux). *generators*: what the
 * phones and the Realtime server need of a core. `!` marks a window in which the gateway waited for over 2 % of the time,
 * or the phones themselves sent late: the machine was the limit, not the gateway. A window that fails is measured again,
 * twice at the most. Processes get real-time priority where the system grants it (`chrt -r 1`); a virtual machine that shares its cores
 * may still stand still for longer than a tick may be late, and a core that others use too makes the same work dearer.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PhonesReport } from './load/phones.ts';
import { LoadProcess } from './load/load-protocol.ts';
import type { HostOptions, Place, TimedReport } from './load/load-protocol.ts';
import { keepResults } from './results.ts';

const FRAMES_PER_SECOND = 50;
const LATE_PCT = 0.1;
const LATENESS_P99_MS = 5;
const WAITED_PCT = 2;
const ATTEMPTS = 3;
/** What the agent is ahead of what is heard of it, ms. */
const LEAD_MS = 200;
/** What is asked of it. */
const BAR = { calls: 600, cpuPctPerCall: 0.2 };

interface Plan {
  /** Calls of each step, rising. */
  readonly steps: readonly number[];
  readonly settleMs: number;
  readonly windowMs: number;
  /** How often a window that fails is measured. */
  readonly attempts: number;
  /** Each process where it disturbs nobody. */
  readonly placed: boolean;
}

/** Who carries the calls. */
interface Bridge {
  readonly title: string;
  readonly file: string;
  readonly messageMs?: number;
  /** Of its backend's audio. */
  readonly bytesPerMs: number;
}

interface Step {
  readonly calls: number;
  readonly latePct: number;
  readonly cpuPct: number;
  readonly lostFrames: number;
  readonly latenessP99Ms: number;
  readonly held: boolean;
}

interface Ramp {
  /** Most calls that it carried. */
  readonly most: Step;
  /** By number of calls. */
  readonly steps: ReadonlyMap<number, Step>;
}

interface Load {
  readonly phones: LoadProcess;
  readonly echo: LoadProcess;
  readonly host: LoadProcess;
}

const ADAPTIVE: Bridge = { title: 'talkspurt', file: 'session-host.ts', bytesPerMs: 8 };
const FIXED: Bridge = { ...ADAPTIVE, title: 'talkspurt, messages of 20 ms always', messageMs: 20 };
const NAIVE: Bridge = { title: 'an ordinary bridge of npm packages', file: 'naive-bridge.ts', bytesPerMs: 48 };

/** Prints a table for each of the three, then the ratios. `small` is for a check that it runs. */
export async function run({ small, report = false }: { small: boolean; report?: boolean }): Promise<void> {
  const plan = (steps: readonly number[]): Plan =>
    small
      ? { steps: [4], settleMs: 200, windowMs: 500, attempts: 1, placed: false }
      : { steps, settleMs: 3_000, windowMs: 6_000, attempts: ATTEMPTS, placed: true };
  const ours = await ramp(ADAPTIVE, plan([100, 200, ...every(25, 250, 800)]));
  const fixed = small ? ours : await ramp(FIXED, plan([100, 200, ...every(25, 250, 800)]));
  const naive = await ramp(NAIVE, plan(every(25, 50, 500)));
  if (small) {
    console.log('small: it works; nothing was measured');
    return;
  }
  for (const [{ title }, step] of [
    [ADAPTIVE, ours.most],
    [FIXED, fixed.most],
    [NAIVE, naive.most],
  ] as const) {
    const { calls, lostFrames, latenessP99Ms } = step;
    const lateness = `late p99 ${latenessP99Ms.toFixed(2)} ms, lost ${lostFrames}`;
    console.log(`${title}: ${calls} calls, ${perCallPct(step).toFixed(3)} % of a core a call, ${lateness}`);
  }
  const both = [...naive.steps.values()].findLast(({ calls }) => ours.steps.has(calls));
  const same = both === undefined ? undefined : ours.steps.get(both.calls);
  if (both !== undefined && same !== undefined) {
    console.log(
      `beside the ordinary bridge: ${(ours.most.calls / naive.most.calls).toFixed(1)} times the calls; ` +
        `at ${both.calls} calls ${(perCallPct(same) / perCallPct(both)).toFixed(2)} of its CPU`,
    );
  }
  const { calls, lostFrames } = ours.most;
  const met = calls >= BAR.calls && perCallPct(ours.most) <= BAR.cpuPctPerCall && lostFrames === 0;
  if (report) {
    const figures = {
      calls,
      '% of a core a call': Number(perCallPct(ours.most).toFixed(3)),
      'lost frames': lostFrames,
      'late p99, ms': Number(ours.most.latenessP99Ms.toFixed(2)),
      'calls, messages of 20 ms always': fixed.most.calls,
      'calls, ordinary bridge': naive.most.calls,
      '% of a core a call, ordinary bridge': Number(perCallPct(naive.most).toFixed(3)),
    };
    const on = 'windows of 6 s, callers who speak for two fifths of the time';
    await keepResults('calls-per-core', { on, figures }, { keepsEarlier: true });
  }
  console.log(`bar: ${BAR.calls} calls, ${BAR.cpuPctPerCall} % a call, none lost: ${met ? 'met' : 'missed'}`);
}

function every(step: number, from: number, to: number): number[] {
  return Array.from({ length: (to - from) / step + 1 }, (_, n) => from + n * step);
}

/** Adds calls until the step that does not hold; resolves to those that did. */
async function ramp({ title, file, messageMs, bytesPerMs }: Bridge, plan: Plan): Promise<Ramp> {
  const place = (wanted: Place): Place => (plan.placed ? wanted : 'anywhere');
  const peer = { leadMs: LEAD_MS, bytesPerMs };
  const echo = LoadProcess.start('echo-backend.ts', peer, undefined, [], place('others'));
  const backendPort = await echo.next<number>('port');
  const phones = LoadProcess.start('phones.ts', undefined, undefined, [], place('others'));
  await phones.next('ready');
  const options: HostOptions = {
    backendPort,
    calls: Math.max(...plan.steps),
    ...(messageMs !== undefined && { messageMs }),
  };
  const execArgv = process.env['BENCH_HOST_FLAGS']?.split(' ') ?? [];
  const host = LoadProcess.start(file, options, (message) => phones.tell(message), execArgv, place('own'));
  const load = { phones, echo, host };
  const steps = new Map<number, Step>();
  let held: Step = { calls: 0, latePct: 0, cpuPct: 0, lostFrames: 0, latenessP99Ms: 0, held: true };
  try {
    await host.next('ready');
    console.log(
      `${title}\n  calls  late %  late p50, p99 ms  CPU %  % a call  µs/frame  echoed %  lost  wrong size  gap p99   MB  waited %  generators %`,
    );
    for (const calls of plan.steps) {
      const opened = host.next('opened');
      host.tell({ open: calls - held.calls });
      await opened;
      await sleep(plan.settleMs);
      let step = await measure(load, plan);
      for (let again = 1; !step.held && again < plan.attempts; again += 1) step = await measure(load, plan);
      if (!step.held) break;
      held = step;
      steps.set(calls, step);
    }
    const { hash } = await phones.report<PhonesReport>();
    console.log(`  hash of what the phones say: ${hash}`);
  } finally {
    await Promise.all([host.stop(), phones.stop(), echo.stop()]);
  }
  return { most: held, steps };
}

async function measure({ host, phones, echo }: Load, plan: Plan): Promise<Step> {
  await Promise.all([host.report(), phones.report(), echo.report()]);
  await sleep(plan.windowMs);
  const [own, far, server] = await Promise.all([
    host.report<TimedReport>(),
    phones.report<PhonesReport>(),
    echo.report<{ cpuMs: number }>(),
  ]);
  const { calls, lostFrames, latenessP50Ms, latenessP99Ms } = own;
  const latePct = (100 * own.lateTicks) / own.ticks;
  const cpuPct = (100 * own.cpuMs) / own.wallMs;
  const frames = (calls * FRAMES_PER_SECOND * own.wallMs) / 1000;
  const held = latePct <= LATE_PCT && latenessP99Ms <= LATENESS_P99_MS && cpuPct <= 100;
  const step: Step = { calls, latePct, cpuPct, lostFrames, latenessP99Ms, held };
  const generatorsPct = (100 * (far.cpuMs + server.cpuMs)) / own.wallMs;
  const waitedPct = (100 * own.waitedMs) / own.wallMs;
  const suspect = waitedPct > WAITED_PCT || far.ownLate > far.sent / 1000 ? ' !' : '';
  console.log(
    [
      String(calls).padStart(7),
      latePct.toFixed(2).padStart(8),
      `${latenessP50Ms.toFixed(2)}, ${latenessP99Ms.toFixed(2)}`.padStart(18),
      cpuPct.toFixed(0).padStart(7),
      perCallPct(step).toFixed(3).padStart(10),
      ((own.cpuMs * 1000) / frames).toFixed(1).padStart(10),
      ((100 * far.echoed) / frames).toFixed(1).padStart(10),
      String(lostFrames).padStart(6),
      String(far.wrongSize).padStart(12),
      `${far.gapP99Ms} ms`.padStart(9),
      (own.residentBytes / 2 ** 20).toFixed(0).padStart(5),
      waitedPct.toFixed(1).padStart(10),
      `${generatorsPct.toFixed(0).padStart(14)}${suspect}`,
      held ? '' : ' over',
    ].join(''),
  );
  return step;
}

/** Of a core. */
function perCallPct({ calls, cpuPct }: Step): number {
  return calls === 0 ? Number.NaN : cpuPct / calls;
}
