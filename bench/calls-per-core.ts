/**
 * How many duplex calls one core carries: UDP in → tick → WebSocket JSON out, and back → UDP out, every 20 ms, G.711 at
 * 8 kHz. Phones and Realtime server are processes of their own; only the gateway's process is measured. Calls are added
 * until more than 0.1 % of its ticks begin over half a ptime late, or it needs more than a core. Beside it, in the same
 * run, an ordinary bridge of npm packages under the same load.
 *
 * *echoed*: of the frames that the phones should hear, those that came back as they were said, through everything.
 * *waited*: time in which the gateway could have run and the machine had no core for it (Linux). *generators*: what the
 * phones and the Realtime server need of a core. `!` marks a window in which the gateway waited for over 2 % of the time,
 * or the phones themselves sent late: the machine was the limit, not the gateway. A window that fails is measured again,
 * twice at the most. On a busy machine, Linux: `chrt -r 1 npm run bench -- calls-per-core`;
 * a virtual machine that shares its cores may still stand still for longer than a tick may be late.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PhonesReport } from './load/phones.ts';
import { LoadProcess } from './load/load-protocol.ts';
import type { HostOptions, HostReport } from './load/load-protocol.ts';

const FRAMES_PER_SECOND = 50;
const LATE_PCT = 0.1;
const WAITED_PCT = 2;
const ATTEMPTS = 3;

interface Plan {
  /** Calls of each step, rising. */
  readonly steps: readonly number[];
  readonly settleMs: number;
  readonly windowMs: number;
}

interface Step {
  readonly calls: number;
  readonly latePct: number;
  readonly cpuPct: number;
  readonly held: boolean;
}

interface Load {
  readonly phones: LoadProcess;
  readonly echo: LoadProcess;
  readonly host: LoadProcess;
}

/** Prints a table for each of the two, then the ratio. `small` is for a check that it runs. */
export async function run({ small }: { small: boolean }): Promise<void> {
  const plan = (steps: readonly number[]): Plan =>
    small ? { steps: [4, 8], settleMs: 300, windowMs: 700 } : { steps, settleMs: 4_000, windowMs: 6_000 };
  const ours = await ramp('talkspurt', 'session-host.ts', plan([100, 200, 300, ...every(25, 325, 700)]));
  const naive = await ramp('an ordinary bridge of npm packages', 'naive-bridge.ts', plan(every(25, 50, 500)));
  if (small) {
    console.log('small: it works; nothing was measured');
    return;
  }
  console.log(`calls per core: talkspurt ${ours.calls}, ordinary bridge ${naive.calls}`);
  console.log(`  CPU per call at that load: ${perCall(ours)} and ${perCall(naive)} of a core`);
  if (naive.calls > 0) console.log(`  ratio ${(ours.calls / naive.calls).toFixed(1)}`);
}

function every(step: number, from: number, to: number): number[] {
  return Array.from({ length: (to - from) / step + 1 }, (_, n) => from + n * step);
}

/** Adds calls until the step that does not hold; resolves to the last one that did. */
async function ramp(title: string, file: string, plan: Plan): Promise<Step> {
  const echo = LoadProcess.start('echo-backend.ts');
  const backendPort = await echo.next<number>('port');
  const phones = LoadProcess.start('phones.ts');
  const options: HostOptions = { backendPort, calls: Math.max(...plan.steps) };
  const execArgv = process.env['BENCH_HOST_FLAGS']?.split(' ') ?? [];
  const host = LoadProcess.start(file, options, (message) => phones.tell(message), execArgv);
  const load = { phones, echo, host };
  let held: Step = { calls: 0, latePct: 0, cpuPct: 0, held: true };
  try {
    await host.next('ready');
    console.log(
      `${title}\n  calls  late %  CPU %  µs/frame  echoed %  lost  wrong size  gap p99   MB  waited %  generators %`,
    );
    for (const calls of plan.steps) {
      const opened = host.next('opened');
      host.tell({ open: calls - held.calls });
      await opened;
      await sleep(plan.settleMs);
      let step = await measure(load, plan);
      for (let again = 1; !step.held && again < ATTEMPTS; again += 1) step = await measure(load, plan);
      if (!step.held) break;
      held = step;
    }
    const { hash } = await phones.report<PhonesReport>();
    console.log(`  hash of what the first phone hears: ${hash}`);
  } finally {
    await Promise.all([host.stop(), phones.stop(), echo.stop()]);
  }
  return held;
}

async function measure({ host, phones, echo }: Load, plan: Plan): Promise<Step> {
  await Promise.all([host.report(), phones.report(), echo.report()]);
  await sleep(plan.windowMs);
  const [own, far, server] = await Promise.all([
    host.report<HostReport>(),
    phones.report<PhonesReport>(),
    echo.report<{ cpuMs: number }>(),
  ]);
  const latePct = (100 * own.lateTicks) / own.ticks;
  const cpuPct = (100 * own.cpuMs) / own.wallMs;
  const frames = (own.calls * FRAMES_PER_SECOND * own.wallMs) / 1000;
  const heldNow = latePct <= LATE_PCT && cpuPct <= 100;
  const generatorsPct = (100 * (far.cpuMs + server.cpuMs)) / own.wallMs;
  const waitedPct = (100 * own.waitedMs) / own.wallMs;
  const suspect = waitedPct > WAITED_PCT || far.ownLate > far.sent / 1000 ? ' !' : '';
  console.log(
    [
      String(own.calls).padStart(7),
      latePct.toFixed(2).padStart(8),
      cpuPct.toFixed(0).padStart(7),
      ((own.cpuMs * 1000) / frames).toFixed(1).padStart(10),
      ((100 * far.echoed) / frames).toFixed(1).padStart(10),
      String(own.lostFrames).padStart(6),
      String(far.wrongSize).padStart(12),
      `${far.gapP99Ms} ms`.padStart(9),
      (own.residentBytes / 2 ** 20).toFixed(0).padStart(5),
      waitedPct.toFixed(1).padStart(10),
      `${generatorsPct.toFixed(0).padStart(14)}${suspect}`,
      heldNow ? '' : ' over',
    ].join(''),
  );
  return { calls: own.calls, latePct, cpuPct, held: heldNow };
}

function perCall({ calls, cpuPct }: Step): string {
  return calls === 0 ? 'nothing' : `${(cpuPct / calls).toFixed(2)} %`;
}
