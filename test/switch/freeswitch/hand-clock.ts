/** A clock that only moves when a test says so. */
import type { Clock, Timer } from '../../../src/core/clock.ts';

export class HandClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ dueMs: number; run: () => void }>();

  nowMs(): number {
    return this.#nowMs;
  }

  /** 21 November 2026, 03:44:14 UTC, and on from there. */
  wallTimeMs(): number {
    return 1_795_232_654_601 + this.#nowMs;
  }

  after(delayMs: number, run: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), run };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  every(periodMs: number, run: () => void): Timer {
    let timer = this.after(periodMs, again.bind(this));
    function again(this: HandClock): void {
      timer = this.after(periodMs, again.bind(this));
      run();
    }
    return { cancel: () => timer.cancel() };
  }

  random(): number {
    return 0.5;
  }

  /** Timers that wait. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Whether a timer is due within `ms`. */
  hasTimerWithin(ms: number): boolean {
    return [...this.#timers].some((timer) => timer.dueMs <= this.#nowMs + ms);
  }

  /** Moves on, running what comes due in its order. */
  advance(ms: number): void {
    const endMs = this.#nowMs + ms;
    for (;;) {
      const next = [...this.#timers].filter((timer) => timer.dueMs <= endMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
    }
    this.#nowMs = endMs;
  }
}

export { until } from '../../until.ts';
