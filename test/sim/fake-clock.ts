/** Time that stands still until it is told to move, and knows what is still pending. */
import type { Clock, Timer } from '../../src/core/clock.ts';

interface Pending {
  dueMs: number;
  readonly periodMs: number | null;
  readonly run: () => void;
}

/** A {@link Clock} in the hands of a test. Starts at 1,000 ms; `random` is a constant. */
export class FakeClock implements Clock {
  #nowMs = 1_000;
  readonly #pending = new Set<Pending>();

  /** Timers that have neither run nor been cancelled. */
  get pending(): number {
    return this.#pending.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallTimeMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
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

  /** Moves on by `ms`, and runs what comes due on the way at its own time, in order. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms;
    for (let due = this.#first(untilMs); due !== null; due = this.#first(untilMs)) {
      this.#nowMs = Math.max(this.#nowMs, due.dueMs);
      if (due.periodMs === null) this.#pending.delete(due);
      else due.dueMs += due.periodMs;
      due.run();
    }
    // Somebody may have worked for longer.
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** The process stands still for `ms`: nothing runs meanwhile, and what has come due runs late. */
  stall(ms: number): void {
    this.#nowMs += ms;
    this.advance(0);
  }

  /** Whoever runs now needs `ms` for it. */
  work(ms: number): void {
    this.#nowMs += ms;
  }

  #first(untilMs: number): Pending | null {
    let first: Pending | null = null;
    for (const entry of this.#pending) {
      if (entry.dueMs <= untilMs && (first === null || entry.dueMs < first.dueMs)) first = entry;
    }
    return first;
  }

  #arm(entry: Pending): Timer {
    this.#pending.add(entry);
    return { cancel: () => void this.#pending.delete(entry) };
  }
}

/** Lets every promise that can settle without time settle. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 100; turn += 1) await Promise.resolve();
}
