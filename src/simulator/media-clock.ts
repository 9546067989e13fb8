/** One drift-free timer for the media of every simulated channel. */
import type { Clock, Timer } from '../core/clock.ts';

const SLOT_MS = 10;
/** A process that stood still for longer skips what it missed instead of catching up. */
const CATCH_UP_SLOTS = 50;

interface Member {
  readonly periodSlots: number;
  readonly phase: number;
  readonly run: () => void;
}

/**
 * Runs each member once every ptime. Deadlines are multiples of 10 ms from the start, never `now + 10`, so the rate is
 * exact however late a timer fires; members take turns among the slots of their ptime, as the legs of a switch do.
 */
export class MediaClock {
  readonly #clock: Clock;
  readonly #members = new Set<Member>();
  #timer: Timer | null = null;
  /** Members are being run: one that joins meanwhile, as a leg that another one calls does, finds the clock going. */
  #running = false;
  #startMs = 0;
  #slot = 0;
  #joined = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `run` every `periodMs` (a multiple of 10) until the returned function is called. */
  join(periodMs: number, run: () => void): () => void {
    const periodSlots = Math.max(1, Math.round(periodMs / SLOT_MS));
    const member: Member = { periodSlots, phase: this.#joined % periodSlots, run };
    this.#joined += 1;
    this.#members.add(member);
    if (this.#timer === null && !this.#running) {
      this.#startMs = this.#clock.nowMs();
      this.#slot = 0;
      this.#arm();
    }
    return () => {
      this.#members.delete(member);
      if (this.#members.size === 0) this.#stop();
    };
  }

  #arm(): void {
    const dueMs = this.#startMs + (this.#slot + 1) * SLOT_MS;
    this.#timer = this.#clock.after(Math.max(0, dueMs - this.#clock.nowMs()), () => this.#onTimer());
  }

  #onTimer(): void {
    this.#timer = null;
    const nowSlot = Math.floor((this.#clock.nowMs() - this.#startMs + 1e-6) / SLOT_MS);
    this.#slot = Math.max(this.#slot, nowSlot - CATCH_UP_SLOTS);
    this.#running = true;
    try {
      while (this.#slot < nowSlot) {
        this.#slot += 1;
        for (const member of this.#members) if (this.#slot % member.periodSlots === member.phase) member.run();
      }
    } finally {
      this.#running = false;
    }
    if (this.#members.size > 0) this.#arm();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }
}
