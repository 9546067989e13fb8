/** The machine's clock, which also counts how late its short timers were run: those that media hang on. */
import { SystemClock } from '../../src/core/clock.ts';
import type { Clock, Timer } from '../../src/core/clock.ts';

/** Timers above this are nobody's media, ms. */
const SHORT_MS = 20;
const BINS_A_MS = 20;
/** The last bin takes all that is later. */
const BINS = 200 * BINS_A_MS;

/** How late, ms. A timer that is cancelled when it is overdue counts too: whoever cancelled it did its work. */
export interface Lateness {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
}

/** Counts from one {@link LatenessClock.take} to the next. */
export class LatenessClock implements Clock {
  readonly #system = new SystemClock();
  readonly #bins = new Uint32Array(BINS);

  nowMs(): number {
    return this.#system.nowMs();
  }

  wallTimeMs(): number {
    return this.#system.wallTimeMs();
  }

  after(delayMs: number, run: () => void): Timer {
    if (delayMs > SHORT_MS) return this.#system.after(delayMs, run);
    const dueMs = this.nowMs() + Math.max(0, delayMs);
    let done = false;
    const timer = this.#system.after(delayMs, () => {
      done = true;
      this.#count(this.nowMs() - dueMs);
      run();
    });
    return {
      cancel: () => {
        const lateMs = this.nowMs() - dueMs;
        if (!done && lateMs > 0) this.#count(lateMs);
        done = true;
        timer.cancel();
      },
    };
  }

  every(periodMs: number, run: () => void): Timer {
    return this.#system.every(periodMs, run);
  }

  random(): number {
    return this.#system.random();
  }

  /** What was counted since the last time. */
  take(): Lateness {
    const total = this.#bins.reduce((sum, count) => sum + count, 0);
    const at = (share: number): number => {
      let seen = 0;
      let bin = 0;
      while (bin < BINS - 1 && (seen += this.#bins[bin] ?? 0) < total * share) bin += 1;
      return bin / BINS_A_MS;
    };
    const lateness = { p50Ms: at(0.5), p99Ms: at(0.99), p999Ms: at(0.999) };
    this.#bins.fill(0);
    return lateness;
  }

  #count(lateMs: number): void {
    const bin = Math.min(BINS - 1, Math.max(0, Math.round(lateMs * BINS_A_MS)));
    this.#bins[bin] = (this.#bins[bin] ?? 0) + 1;
  }
}
