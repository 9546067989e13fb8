/**
 * Calls of a real Asterisk on a whole gateway, by RTP: Local channels that hear a tone's caller and an agent who speaks all
 * the time, so that audio flows both ways in every call. Whether we lose packets or miss ticks, and what it takes of the
 * processor, ours and Asterisk's apart.
 *
 *   TALKSPURT_BENCH_CALLS=100 TALKSPURT_BENCH_SECONDS=10 npm run bench -- asterisk-load
 *
 * *ours lost*: what the kernel dropped at our sockets and what we turned down; the goal is 0. *gaps*: numbers that are
 * missing in what came. Asterisk numbers a packet when it writes it: one that it did not make in time leaves no gap, and a
 * gap that no drop of the kernel at our sockets accounts for was never put on the wire. So *Asterisk's* are gaps less drops.
 * *short*: of 50 packets a second and call, what Asterisk did not make. *late %*: ticks that began over half a ptime late;
 * the goal is under 0.1 %. *send*: a packet's leaving after its due time. *concealed %*: ticks without a frame of the
 * caller, because it came late or never. *arrival*: from one packet of a call to its next. *waited*: time in which our
 * thread, or all of Asterisk's together, could have run and the machine had no core; `!` marks over 2 % of ours. Under
 * `chrt -r 1` Asterisk is given that priority too, which it drops when it starts.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { LoadHostOptions, LoadHostReport } from './asterisk-load-host.ts';
import { AsteriskProcess, NO_ASTERISK, RTP_PORTS, asteriskIsThere } from './asterisk-process.ts';
import { LoadProcess } from './load/load-protocol.ts';
import { machineTime } from './load/switch-protocol.ts';
import { droppedDatagrams } from './rtp-flood-drops.ts';

interface Plan {
  readonly calls: number;
  readonly settleMs: number;
  readonly windowMs: number;
  readonly windows: number;
}

interface Total {
  ticks: number;
  lateTicks: number;
  lost: number;
}

/** From one call's coming to the next one's. */
const APART_MS = 50;
/** Calls that are being hung up at once. */
const ENDING = 5;
const WITHIN_MS = 60_000;
const GOAL_PCT = 0.1;
const WAITED_PCT = 2;
const FRAMES_PER_SECOND = 50;

/** Prints a row for each window, and the verdict. `small` is for a check that it runs. */
export async function run({ small }: { small: boolean }): Promise<void> {
  if (!asteriskIsThere()) {
    console.log(NO_ASTERISK);
    return;
  }
  const calls = Number(process.env['TALKSPURT_BENCH_CALLS'] ?? 100);
  const seconds = Number(process.env['TALKSPURT_BENCH_SECONDS'] ?? 10);
  const plan: Plan = small
    ? { calls: 5, settleMs: 500, windowMs: 3_000, windows: 1 }
    : { calls, settleMs: 5_000, windowMs: seconds * 1_000, windows: 3 };
  const asterisk = await AsteriskProcess.start();
  const options: LoadHostOptions = { ports: asterisk.ports, calls: plan.calls };
  const execArgv = process.env['BENCH_HOST_FLAGS']?.split(' ') ?? [];
  const host = LoadProcess.start('../asterisk-load-host.ts', options, () => undefined, execArgv);
  const total: Total = { ticks: 0, lateTicks: 0, lost: 0 };
  try {
    await host.next('ready');
    await setUp(asterisk, host, plan);
    await sleep(plan.settleMs);
    console.log(
      '  calls  ours lost  gaps  Asterisk’s  short %  late %  send p50   p99   most  concealed %  arrival p99   most  ' +
        'CPU % ours  Asterisk’s  waited % ours  Asterisk’s  idle %  stolen %  MB',
    );
    for (let n = 0; n < plan.windows; n += 1) await measure(asterisk, host, plan, total);
    await hangUp(asterisk, plan.calls);
  } finally {
    await host.stop();
    await asterisk.stop();
  }
  const latePct = (100 * total.lateTicks) / total.ticks;
  if (small) console.log('small: it works; nothing was measured');
  else
    console.log(
      `  lost ${total.lost}, late ${latePct.toFixed(3)} % (${latePct < GOAL_PCT ? '' : 'NOT '}under ${GOAL_PCT} %)`,
    );
  console.log(`hash of the calls: ${createHash('sha256').update(idsOf(plan.calls).join()).digest('hex').slice(0, 16)}`);
}

function idsOf(calls: number): string[] {
  return Array.from({ length: calls }, (_, call) => `bench-load-${call}`);
}

async function setUp(asterisk: AsteriskProcess, host: LoadProcess, { calls }: Plan): Promise<void> {
  const startMs = performance.now();
  for (const [call, id] of idsOf(calls).entries()) {
    await sleep(Math.max(0, startMs + call * APART_MS - performance.now()));
    await asterisk.ari('POST', 'channels', {
      endpoint: 'Local/tone440@test/n',
      extension: 'stasis-talkspurt-bench',
      context: 'test',
      priority: '1',
      channelId: id,
      otherChannelId: `${id}-caller`,
      // Without it Asterisk takes 192 kHz.
      formats: 'ulaw',
    });
  }
  for (;;) {
    await sleep(100);
    const { calls: talking, setUps, setUpP50Ms, setUpP99Ms } = await host.report<LoadHostReport>();
    if (talking === calls && setUps >= calls) {
      const took = (performance.now() - startMs).toFixed(0);
      const [p50, p99] = [setUpP50Ms.toFixed(0), setUpP99Ms.toFixed(0)];
      console.log(`${asterisk.version}: ${calls} calls, one every ${APART_MS} ms, all talking after ${took} ms`);
      console.log(`  set-up of each, StasisStart → first agent packet: p50 ${p50} ms, p99 ${p99} ms`);
      return;
    }
    if (performance.now() - startMs > WITHIN_MS) throw new Error(`${talking} of ${calls} calls after a minute`);
  }
}

async function measure(asterisk: AsteriskProcess, host: LoadProcess, plan: Plan, total: Total): Promise<void> {
  await host.report();
  const [cpuMs, waitedMs, drops, before] = [asterisk.cpuMs(), asterisk.waitedMs(), asterisksDrops(), machineTime()];
  await sleep(plan.windowMs);
  const [cpuAfterMs, waitedAfterMs, after] = [asterisk.cpuMs(), asterisk.waitedMs(), machineTime()];
  const own = await host.report<LoadHostReport>();
  const asterisksLost = asterisksDrops() - drops;
  const dropped = Number.isNaN(own.dropped) ? 0 : own.dropped;
  const lost = dropped + own.refused + own.unsent;
  total.ticks += own.ticks;
  total.lateTicks += own.lateTicks;
  total.lost += lost;
  const pct = (ms: number): number => (100 * ms) / own.wallMs;
  const due = (own.calls * FRAMES_PER_SECOND * own.wallMs) / 1_000;
  const machine = before === null || after === null ? null : after.total - before.total || 1;
  const share = (part: 'idle' | 'stolen'): string =>
    machine === null ? '–' : ((100 * (after![part] - before![part])) / machine).toFixed(0);
  console.log(
    [
      String(own.calls).padStart(7),
      String(lost).padStart(11),
      String(own.gaps).padStart(6),
      String(Math.max(0, own.gaps - dropped)).padStart(12),
      ((100 * (due - own.received - own.gaps)) / due).toFixed(2).padStart(9),
      ((100 * own.lateTicks) / own.ticks).toFixed(3).padStart(8),
      own.sendP50Ms.toFixed(2).padStart(10),
      own.sendP99Ms.toFixed(2).padStart(6),
      own.sendMostMs.toFixed(1).padStart(7),
      ((100 * own.concealed) / own.ticks).toFixed(2).padStart(13),
      own.arrivalP99Ms.toFixed(1).padStart(13),
      own.arrivalMostMs.toFixed(0).padStart(7),
      pct(own.cpuMs).toFixed(1).padStart(12),
      pct(cpuAfterMs - cpuMs)
        .toFixed(0)
        .padStart(12),
      pct(own.waitedMs).toFixed(1).padStart(15),
      pct(waitedAfterMs - waitedMs)
        .toFixed(0)
        .padStart(12),
      share('idle').padStart(8),
      share('stolen').padStart(10),
      (own.residentBytes / 2 ** 20).toFixed(0).padStart(4),
      pct(own.waitedMs) > WAITED_PCT ? ' !' : '',
    ].join(''),
  );
  if (asterisksLost > 0) console.log(`  the kernel dropped ${asterisksLost} of our packets at Asterisk’s sockets`);
}

function asterisksDrops(): number {
  return droppedDatagrams((port) => port >= RTP_PORTS.from && port <= RTP_PORTS.to);
}

async function hangUp(asterisk: AsteriskProcess, calls: number): Promise<void> {
  const waiting = idsOf(calls);
  const lane = async (): Promise<void> => {
    for (let id = waiting.shift(); id !== undefined; id = waiting.shift())
      await asterisk.ari('DELETE', `channels/${id}`);
  };
  await Promise.all(Array.from({ length: ENDING }, lane));
  await asterisk.quiet();
}
