/** The clocks: whether wall time is kept right and runs like the monotonic one, and how late timers are. */
import { execFile } from 'node:child_process';
import type { Clock } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import type { ReadSystem } from './check-machine.ts';
import type { Finding } from './finding.ts';
import { fail, pass, skip, warn } from './finding.ts';

/** Runs a program; resolves to what it prints, null when it cannot be run or fails. */
export type RunProgram = (file: string, args: readonly string[]) => Promise<string | null>;

const WATCH_MS = 1_500;
const TICK_MS = 20;
/** Wall time against monotonic time over the watch, ms: a step is more than slewing by 500 ppm can be. */
const STEP_MS = 20;
/** How late a timer may be, ms: warn, fail. A frame is 20 ms. */
const LATE_MS = [10, 40] as const;
const PROGRAM_MS = 3_000;

/** A program of the machine, without a shell. */
export async function runProgram(file: string, args: readonly string[]): Promise<string | null> {
  return await new Promise((resolve) => {
    execFile(file, [...args], { timeout: PROGRAM_MS }, (failure, stdout) => resolve(failure === null ? stdout : null));
  });
}

/** Takes {@link WATCH_MS} of the clock's time. */
export async function checkClock(clock: Clock, run: RunProgram, read: ReadSystem): Promise<Finding[]> {
  const watched = await watch(clock);
  return [wallTime(watched.wallOffMs), timers(watched.lates), await synchronised(run, read)];
}

/** Ticks as the media plane has them. */
async function watch(clock: Clock): Promise<{ wallOffMs: number; lates: number[] }> {
  const [fromMs, wallFromMs] = [clock.nowMs(), clock.wallTimeMs()];
  const lates: number[] = [];
  let worstOffMs = 0;
  for (let tick = 1; tick * TICK_MS <= WATCH_MS; tick += 1) {
    const dueMs = fromMs + tick * TICK_MS;
    await delay(clock, Math.max(0, dueMs - clock.nowMs()));
    const nowMs = clock.nowMs();
    lates.push(nowMs - dueMs);
    const off = clock.wallTimeMs() - wallFromMs - (nowMs - fromMs);
    if (Math.abs(off) > Math.abs(worstOffMs)) worstOffMs = off;
  }
  return { wallOffMs: worstOffMs, lates };
}

function wallTime(offMs: number): Finding {
  const figures = { wallOffMs: Number(offMs.toFixed(1)) };
  return Math.abs(offMs) < STEP_MS
    ? pass('clock.wall', 'wall time runs like the monotonic clock', { figures })
    : fail(
        'clock.wall',
        `wall time jumped by ${Math.round(offMs)} ms within ${WATCH_MS / 1000} s`,
        'let one service keep the time, and slew it (chrony: makestep only at the start); in a virtual machine switch the time keeping of the host agent off',
        { figures },
      );
}

function timers(lates: readonly number[]): Finding {
  const sorted = [...lates].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const [median, high, worst] = [at(0.5), at(0.95), at(1)];
  const figures = { lateMedianMs: hundredth(median), lateP95Ms: hundredth(high), lateWorstMs: hundredth(worst) };
  const text = `timers are ${hundredth(median)} ms late in the middle, ${hundredth(high)} ms in the worst twentieth, ${hundredth(worst)} ms at worst`;
  const fix =
    'the machine is short of CPU, or power saving is on: look at steal time (top, st), other processes, CPUQuota of the service and the governor (performance)';
  if (high >= LATE_MS[1]) return fail('clock.timers', text, fix, { figures });
  return high >= LATE_MS[0] ? warn('clock.timers', text, fix, { figures }) : pass('clock.timers', text, { figures });
}

async function synchronised(run: RunProgram, read: ReadSystem): Promise<Finding> {
  const told = await run('timedatectl', ['show', '--property=NTPSynchronized', '--value']);
  const byFile = (await read('/run/systemd/timesync/synchronized')) !== null;
  const word = told?.trim();
  if (word === 'yes' || byFile) return pass('clock.ntp', 'the clock follows NTP');
  if (word === 'no')
    return warn(
      'clock.ntp',
      'the clock follows no NTP server: times of log lines and records mean little',
      'timedatectl set-ntp true, or install chrony',
    );
  return skip('clock.ntp', 'whether the clock follows NTP cannot be told here (no timedatectl)');
}

function hundredth(value: number): number {
  return Number(value.toFixed(2));
}
