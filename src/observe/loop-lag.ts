/** How late the event loop is: a timer is asked for at a time, and looked at when it comes. One of them for a process. */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';

/** Samples the loop until it is closed. */
export class LoopLag {
  readonly #timer: Timer;
  readonly #samples = new Float64Array(LIMITS.loopSamples);
  #next = 0;
  #lastMs: number;

  /** `onSample` is told of each, ms. */
  constructor(clock: Clock, onSample: (lagMs: number) => void = () => undefined) {
    this.#lastMs = clock.nowMs();
    this.#timer = clock.every(LIMITS.loopSampleMs, () => {
      const nowMs = clock.nowMs();
      const passedMs = nowMs - this.#lastMs;
      // What a platform makes up for after a stop says nothing.
      if (passedMs < LIMITS.loopSampleMs / 2) return;
      const lagMs = Math.max(0, passedMs - LIMITS.loopSampleMs);
      this.#samples[this.#next] = lagMs;
      this.#next = (this.#next + 1) % this.#samples.length;
      this.#lastMs = nowMs;
      onSample(lagMs);
    });
  }

  /** The latest sample, ms. */
  get lagMs(): number {
    return this.#samples.at(this.#next - 1) ?? 0;
  }

  /** The worst of the last `LIMITS.loopSamples`: of a minute. */
  get worstMs(): number {
    return this.#samples.reduce((worst, sample) => Math.max(worst, sample), 0);
  }

  /** Of a hundred samples of the last ten seconds (`LIMITS.loopRecentSamples`) one is later than this, ms. */
  get p99Ms(): number {
    const recent = new Float64Array(LIMITS.loopRecentSamples);
    for (let back = 1; back <= recent.length; back += 1) recent[back - 1] = this.#samples.at(this.#next - back) ?? 0;
    return recent.sort()[Math.ceil(recent.length * 0.99) - 1] ?? 0;
  }

  /** Twice is harmless. */
  close(): void {
    this.#timer.cancel();
  }
}
