/**
 * Connections to a media server that have not said yet which call they are.
 *
 * What does it do? Gives all of one server's strangers, whatever their address, a small number of places and each a short time.
 *   Where the places are taken the oldest stranger goes, not the newest: an Asterisk that says at once who it is always gets in.
 * How does it work? In order of arrival. A burst is taken from the kernel in one go, before anything that it said is read: so nobody
 *   goes within its first moments unless there are `LIMITS.mediaStrangersAtOnce`.
 * Not for: addresses that are not allowed (they never get here), and connections that are a call's.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';

/** Why a media server turned somebody away; the values of a metric's label. */
export type MediaRefusal =
  /** Its source address is not allowed. */
  | 'address'
  /** Too many strangers: it was the oldest of them. */
  | 'quota'
  /** As many connections as there may be, all of them calls. */
  | 'full'
  /** It did not say which call it is in time, or went before it. */
  | 'silent'
  /** What it said is not the server's protocol. */
  | 'protocol'
  | 'password'
  | 'path'
  /** Nobody expects the call that it says it is. */
  | 'unknown'
  /** That call's connection is up. */
  | 'duplicate'
  /** The system could not take it: no descriptors are left. */
  | 'accept';

/** A connection that is a stranger still. */
export interface Stranger {
  /** It has said what it is, or is gone. Twice is harmless. */
  known(): void;
}

interface Waiting {
  readonly sinceMs: number;
  readonly timer: Timer;
  readonly turnAway: (reason: 'quota' | 'silent') => void;
}

/** One server's. */
export class StrangerQuota {
  readonly #clock: Clock;
  /** Oldest first. */
  readonly #waiting = new Set<Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Strangers at present. */
  get size(): number {
    return this.#waiting.size;
  }

  /** A stranger more. `turnAway` is called at most once, and never after `known`; it may be about an older one, at once. */
  admit(withinMs: number, turnAway: (reason: 'quota' | 'silent') => void): Stranger {
    const waiting: Waiting = {
      sinceMs: this.#clock.nowMs(),
      timer: this.#clock.after(withinMs, () => this.#end(waiting, 'silent')),
      turnAway,
    };
    this.#waiting.add(waiting);
    this.#thinOut(waiting.sinceMs);
    return { known: () => void this.#forget(waiting) };
  }

  /** Forgets all of them, without a word. */
  clear(): void {
    for (const waiting of this.#waiting) waiting.timer.cancel();
    this.#waiting.clear();
  }

  #thinOut(nowMs: number): void {
    for (const oldest of this.#waiting) {
      const spare = this.#waiting.size - LIMITS.mediaStrangers;
      if (spare <= 0) return;
      const young = nowMs - oldest.sinceMs < LIMITS.mediaStrangerGraceMs;
      if (young && this.#waiting.size <= LIMITS.mediaStrangersAtOnce) return;
      this.#end(oldest, 'quota');
    }
  }

  #end(waiting: Waiting, reason: 'quota' | 'silent'): void {
    if (this.#forget(waiting)) waiting.turnAway(reason);
  }

  #forget(waiting: Waiting): boolean {
    waiting.timer.cancel();
    return this.#waiting.delete(waiting);
  }
}
