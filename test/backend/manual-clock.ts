/** A clock that stands still until it is told to move, and knows what is still pending. */
import type { Clock, Timer } from '../../src/core/clock.ts';

interface Pending {
  dueMs: number;
  readonly periodMs: number | null;
  readonly run: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 1_000;
  readonly #wallAtZeroMs = 1_700_000_000_000;
  readonly #pending = new Set<Pending>();

  /** Timers that are neither run nor cancelled. */
  get pending(): number {
    return this.#pending.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallTimeMs(): number {
    return this.#wallAtZeroMs + this.#nowMs;
  }

  random(): number {
    return 0.5;
  }

  after(delayMs: number, run: () => void): Timer {
    return this.#arm({ dueMs: this.#nowMs + Math.max(0, delayMs), periodMs: null, run });
  }

  every(periodMs: number, run: () => void): Timer {
    return this.#arm({ dueMs: this.#nowMs + periodMs, periodMs, run });
  }

  /** Moves on by `ms`, running what comes due on the way, in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      const due = [...this.#pending].filter((entry) => entry.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      if (due.periodMs === null) this.#pending.delete(due);
      else due.dueMs += due.periodMs;
      due.run();
    }
    this.#nowMs = untilMs;
  }

  #arm(entry: Pending): Timer {
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }
}
