/** The end of a gateway's day: no new call is taken, and the ones that are up are waited for. */
import type { Clock, Timer } from './core/clock.ts';

/** Period at which is looked whether the last call has gone, ms. */
const DRAIN_POLL_MS = 100;

interface Waiter {
  readonly untilMs: number;
  readonly resolve: (left: number) => void;
}

/** Waits until nothing is left; one timer, however many wait. */
export class DrainWatch {
  readonly #clock: Clock;
  readonly #left: () => number;
  readonly #waiters = new Set<Waiter>();
  #timer: Timer | null = null;
  #asked: Waiter | null = null;

  /** `left` says how many calls are up. */
  constructor(clock: Clock, left: () => number) {
    this.#clock = clock;
    this.#left = left;
  }

  /** Resolves to how many are left, after `withinMs` at the latest. */
  async wait(withinMs: number): Promise<number> {
    return await this.#add(withinMs).done;
  }

  /** The same for one who may ask again with another time, which then counts: who asked before is told null. */
  async waitInstead(withinMs: number): Promise<number | null> {
    const before = this.#asked;
    const { waiter, done } = this.#add(withinMs);
    this.#asked = waiter;
    if (before !== null) this.#settle(before);
    const left = await done;
    if (this.#asked !== waiter) return null;
    this.#asked = null;
    return left;
  }

  /** Nobody waits any longer. */
  stop(): void {
    for (const waiter of this.#waiters) this.#settle(waiter);
  }

  #add(withinMs: number): { waiter: Waiter; done: Promise<number> } {
    let resolve: (left: number) => void = () => undefined;
    const done = new Promise<number>((settle) => (resolve = settle));
    const waiter = { untilMs: this.#clock.nowMs() + withinMs, resolve };
    this.#waiters.add(waiter);
    this.#timer ??= this.#clock.every(DRAIN_POLL_MS, () => this.#look());
    this.#look();
    return { waiter, done };
  }

  #look(): void {
    const nowMs = this.#clock.nowMs();
    const empty = this.#left() === 0;
    for (const waiter of this.#waiters) if (empty || nowMs >= waiter.untilMs) this.#settle(waiter);
  }

  #settle(waiter: Waiter): void {
    this.#waiters.delete(waiter);
    waiter.resolve(this.#left());
    if (this.#waiters.size > 0) return;
    this.#timer?.cancel();
    this.#timer = null;
  }
}
