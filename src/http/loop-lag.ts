/** How late the event loop is: a timer is asked for at a time, and looked at when it comes. */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';

/** Samples the loop until it is closed. */
export class LoopLag {
  readonly #timer: Timer;
  readonly #samples = new Float64Array(LIMITS.httpLoopSamples);
  #next = 0;
  #lastMs: number;

  constructor(clock: Clock) {
    this.#lastMs = clock.nowMs();
    this.#timer = clock.every(LIMITS.httpLoopSampleMs, () => {
      const nowMs = clock.nowMs();
      this.#samples[this.#next] = Math.max(0, nowMs - this.#lastMs - LIMITS.httpLoopSampleMs);
      this.#next = (this.#next + 1) % this.#samples.length;
      this.#lastMs = nowMs;
    });
  }

  /** The latest sample, ms. */
  get lagMs(): number {
    return this.#samples.at(this.#next - 1) ?? 0;
  }

  /** The worst of the last `LIMITS.httpLoopSamples`: of a minute. */
  get worstMs(): number {
    return this.#samples.reduce((worst, sample) => Math.max(worst, sample), 0);
  }

  /** Twice is harmless. */
  close(): void {
    this.#timer.cancel();
  }
}
