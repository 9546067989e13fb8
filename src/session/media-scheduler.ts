/**
 * Ticks every call from one drift-free timer: a timing wheel with slots of 1 ms, so that calls spread over the ptime, and
 * due times that are counted, never accumulated from timer lateness. A call that throws is taken off and told; the others
 * never notice. After a long stop of the process the lost ticks are left out instead of being sent in a burst.
 */
import type { Clock, Timer } from '../core/clock.ts';

/** What is ticked. */
export interface Tickable {
  readonly ptimeMs: number;
  /**
   * One ptime of the call. Returns by how many ms the phase of the following ticks moves (−1, 0 or 1): a call follows the
   * arrival of its packets slowly, and never ticks twice or not at all in a ptime.
   */
  tick(nowMs: number): number;
  /** `tick` threw; it is not called again. */
  onFault(error: unknown): void;
}

/** A call's place in the scheduler. */
export interface Ticking {
  /** Ticks that began more than half a ptime after they were due, or were left out. */
  readonly lateTicks: number;
  readonly ticks: number;
  /** Time spent in `tick`, all of them together, ms. */
  readonly busyMs: number;
  /** Twice is harmless. */
  remove(): void;
}

/** Width of a bin of {@link MediaScheduler.lateness}, ms; and their number: the last takes all that is later. */
export const LATENESS_BIN_MS = 0.25;
const LATENESS_BINS = 200;
/** Lateness from which a packet's arrival runs what the timer has not, ms. */
const OVERDUE_MS = 1;
/** Slots of the wheel: more than the longest ptime, a power of two. */
const SLOTS = 128;
/** Lateness up to which ticks are made up for, ms; beyond, they are left out. */
const CATCH_UP_MS = 60;

class Entry implements Ticking {
  readonly tickable: Tickable;
  dueStep: number;
  next: Entry | null = null;
  removed = false;
  ticks = 0;
  lateTicks = 0;
  busyMs = 0;

  constructor(tickable: Tickable, dueStep: number) {
    this.tickable = tickable;
    this.dueStep = dueStep;
  }

  remove(): void {
    this.removed = true;
  }
}

/** The timer of all calls. It runs only while there is one. */
export class MediaScheduler {
  readonly #clock: Clock;
  readonly #slots: (Entry | null)[] = Array.from({ length: SLOTS }, () => null);
  /** Ticks so far by how late they began, in bins of {@link LATENESS_BIN_MS}. Live. */
  readonly lateness = new Uint32Array(LATENESS_BINS);
  #ticks = 0;
  #lateTicks = 0;
  readonly #run = (): void => this.#advance();
  #count = 0;
  #timer: Timer | null = null;
  /** The step that the timer is armed for. */
  #armedStep = 0;
  #running = false;
  /** The clock's time of step 0; step n is due n ms later. */
  #originMs = 0;
  #step = 0;
  /** Counts the stops, so that a round that is under way when one comes ends there. */
  #stops = 0;

  constructor(options: { clock: Clock }) {
    this.#clock = options.clock;
  }

  /** Ticks of all calls so far, and those of them that were late or left out. */
  get totals(): { readonly ticks: number; readonly lateTicks: number } {
    return { ticks: this.#ticks, lateTicks: this.#lateTicks };
  }

  /** Entries on the wheel; removed ones leave at their next slot. */
  get size(): number {
    return this.#count;
  }

  /** Ticks `tickable` from now on, the first time after one ptime. */
  add(tickable: Tickable): Ticking {
    const nowMs = this.#clock.nowMs();
    if (this.#count === 0) {
      this.#originMs = nowMs;
      this.#step = 0;
    }
    const entry = new Entry(tickable, Math.floor(nowMs - this.#originMs) + tickable.ptimeMs);
    if (entry.dueStep <= this.#step) entry.dueStep = this.#step + 1;
    this.#insert(entry);
    this.#count += 1;
    // From inside a tick the round that is under way arms when it is done: one timer, never two.
    if (this.#timer === null && !this.#running) this.#arm();
    return entry;
  }

  /** Takes every call off and stops the timer. */
  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#slots.fill(null);
    this.#count = 0;
    this.#stops += 1;
  }

  /**
   * Runs what is overdue, from wherever the process is: a burst of packets would otherwise hold the timer back until its
   * last one has been read. Cheap when nothing is overdue. Hot path.
   */
  poke(nowMs: number): void {
    if (this.#timer === null || this.#running || nowMs - this.#originMs < this.#armedStep + OVERDUE_MS) return;
    this.#timer.cancel();
    this.#advance();
  }

  #insert(entry: Entry): void {
    const slot = entry.dueStep % SLOTS;
    entry.next = this.#slots[slot] ?? null;
    this.#slots[slot] = entry;
  }

  /** Sleeps until the next slot that holds a call. */
  #arm(): void {
    let steps = 1;
    while (steps < SLOTS && this.#slots[(this.#step + steps) % SLOTS] === null) steps += 1;
    this.#armedStep = this.#step + steps;
    const dueMs = this.#originMs + this.#armedStep;
    this.#timer = this.#clock.after(dueMs - this.#clock.nowMs(), this.#run);
  }

  #advance(): void {
    this.#timer = null;
    this.#running = true;
    this.#runDue();
    this.#running = false;
    if (this.#count > 0) this.#arm();
  }

  /** Every slot that is due, up to a stop. */
  #runDue(): void {
    const nowMs = this.#clock.nowMs();
    const nowStep = Math.floor(nowMs - this.#originMs);
    if (nowStep - this.#step > CATCH_UP_MS) this.#leaveOut(nowStep);
    const stops = this.#stops;
    while (this.#step < nowStep) {
      this.#step += 1;
      this.#runSlot(this.#step % SLOTS);
      if (stops !== this.#stops) return;
    }
  }

  #runSlot(slot: number): void {
    let entry = this.#slots[slot] ?? null;
    if (entry === null) return;
    this.#slots[slot] = null;
    const stops = this.#stops;
    let nowMs = this.#clock.nowMs();
    while (entry !== null) {
      const following: Entry | null = entry.next;
      if (entry.removed) {
        this.#count -= 1;
      } else {
        nowMs = this.#tick(entry, nowMs);
        if (stops !== this.#stops) return;
        this.#insert(entry);
      }
      entry = following;
    }
  }

  /** Returns when it was done, which is when the next one begins. */
  #tick(entry: Entry, nowMs: number): number {
    const { tickable } = entry;
    entry.ticks += 1;
    const lateMs = nowMs - (this.#originMs + entry.dueStep);
    this.#ticks += 1;
    if (lateMs > tickable.ptimeMs / 2) {
      entry.lateTicks += 1;
      this.#lateTicks += 1;
    }
    this.lateness[Math.min(LATENESS_BINS - 1, Math.max(0, Math.floor(lateMs / LATENESS_BIN_MS)))]! += 1;
    let shiftMs = 0;
    try {
      shiftMs = tickable.tick(nowMs);
    } catch (error) {
      entry.removed = true;
      tickable.onFault(error);
    }
    const doneMs = this.#clock.nowMs();
    entry.busyMs += doneMs - nowMs;
    entry.dueStep += tickable.ptimeMs + (shiftMs > 0 ? 1 : shiftMs < 0 ? -1 : 0);
    return doneMs;
  }

  /** The process stood still: every call goes on from now, in its own phase, and counts what it missed. */
  #leaveOut(nowStep: number): void {
    const entries: Entry[] = [];
    for (let slot = 0; slot < SLOTS; slot++) {
      for (let entry = this.#slots[slot] ?? null; entry !== null; entry = entry.next) entries.push(entry);
      this.#slots[slot] = null;
    }
    this.#step = nowStep - 1;
    for (const entry of entries) {
      const missed = Math.max(0, Math.ceil((nowStep - entry.dueStep) / entry.tickable.ptimeMs));
      entry.lateTicks += missed;
      this.#lateTicks += missed;
      this.#ticks += missed;
      entry.dueStep += missed * entry.tickable.ptimeMs;
      this.#insert(entry);
    }
  }
}
