/**
 * Times steps in short slices, all rows in turn, so that what else the machine does falls on all alike. A figure is the
 * first decile of its slices: a slice that was interrupted is longer, never shorter.
 */
import type { Clock } from '../../core/clock.ts';
import type { MeasuredTime } from './bench-report.ts';
import type { BenchStep } from './bench-row.ts';

/** How much is measured: rounds over all rows, slices of a round, and the length of one. */
export interface SlicePlan {
  readonly warmUpMs: number;
  readonly rounds: number;
  readonly slices: number;
  readonly sliceMs: number;
}

/** For a table that is kept. */
export const WHOLE_PLAN: SlicePlan = { warmUpMs: 40, rounds: 24, slices: 8, sliceMs: 0.5 };
/** For a check that everything runs. */
export const SMALL_PLAN: SlicePlan = { warmUpMs: 4, rounds: 2, slices: 3, sliceMs: 0.25 };

/** Something that is timed: gives the ns per step of some slices. */
export interface SliceTimer {
  slices(): Promise<readonly number[]> | readonly number[];
}

/** Times a step of ours, or of a package, in this process. */
export class StepTimer implements SliceTimer {
  readonly #step: BenchStep;
  readonly #clock: Clock;
  readonly #plan: SlicePlan;
  readonly #stepsPerSlice: number;
  #n = 0;
  /** Keeps the results alive. */
  #last: unknown = null;

  /** Runs the step until the optimising compiler has seen it, and finds out how many make a slice. */
  constructor(step: BenchStep, clock: Clock, plan: SlicePlan) {
    this.#step = step;
    this.#clock = clock;
    this.#plan = plan;
    const fromMs = clock.nowMs();
    let steps = 0;
    for (let batch = 8; clock.nowMs() - fromMs < plan.warmUpMs; batch = Math.min(batch * 2, 4096)) {
      this.#run(batch);
      steps += batch;
    }
    const stepMs = (clock.nowMs() - fromMs) / steps;
    this.#stepsPerSlice = Math.max(1, Math.round(plan.sliceMs / stepMs));
  }

  slices(): number[] {
    return Array.from({ length: this.#plan.slices }, () => {
      const fromMs = this.#clock.nowMs();
      this.#run(this.#stepsPerSlice);
      return ((this.#clock.nowMs() - fromMs) * 1e6) / this.#stepsPerSlice;
    });
  }

  /** What the last step returned. */
  get last(): unknown {
    return this.#last;
  }

  #run(steps: number): void {
    const step = this.#step;
    let n = this.#n;
    let last: unknown = null;
    for (let i = 0; i < steps; i += 1) {
      last = step(n);
      n += 1;
    }
    // A long run must stay a small integer.
    this.#n = n % 2 ** 24;
    this.#last = last;
  }
}

/** Goes round all timers; one time each, null for one that gave none. */
export async function timeAll(timers: readonly SliceTimer[], plan: SlicePlan): Promise<(MeasuredTime | null)[]> {
  const all: number[][] = timers.map(() => []);
  for (let round = 0; round < plan.rounds; round += 1) {
    for (const [index, timer] of timers.entries()) all[index]?.push(...(await timer.slices()));
  }
  return all.map(measuredTime);
}

/** The first decile and the spread of some slices. */
export function measuredTime(slices: readonly number[]): MeasuredTime | null {
  const sorted = slices.filter((ns) => ns > 0 && Number.isFinite(ns)).sort((a, b) => a - b);
  const [decile, quartile] = [sorted[Math.floor(sorted.length / 10)], sorted[Math.floor(sorted.length / 4)]];
  if (decile === undefined || quartile === undefined) return null;
  return { ns: decile, spread: quartile / decile - 1 };
}
