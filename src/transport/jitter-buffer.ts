/**
 * Reorders received frames, hands one out at a time on our own clock, and says how much more waits than the network needs.
 *
 * What does it do? `push` puts a frame into the slot of its sequence number; `pop` takes the next one in order; `surplusMs` says by
 *   how much the audio is older than it has to be, so that the chain can play it a little faster or slower.
 * How does it work? Slots are made once. A gap with later frames behind it is a lost frame; an empty buffer is a late one,
 *   and the next number is waited for: a late frame so deepens the buffer by itself, and one that proves lost is left out,
 *   because it was concealed while it was waited for. The target is the delay at which a conversation suffers least (`arrival-delay.ts`); the
 *   delay is measured on what is about to be heard, to the fraction of a frame. Nothing is dropped but what finds no room.
 * How do I use it? Not for: audio that waits to be *sent* (that is the playout).
 */
import { ArrivalDelay } from './arrival-delay.ts';
import { requireSizes } from './jitter-buffer-options.ts';
import type { JitterBufferOptions } from './jitter-buffer-options.ts';

export type { JitterBufferOptions } from './jitter-buffer-options.ts';

const EMPTY = -1;
/** How coarse clocks are, ms, and how far they drift apart while a frame is stretched (1,000 ppm), as a share of it. */
const MARGIN_MS = 0.2;
const MARGIN_SHARE = 0.02;
/** What has to be over once a frame more is taken out of the buffer, ms: else it would have to go back at once. */
const SPARE_MS = 0.3;
/** Share of the target that is enough: it moves a little all the time. */
const ENOUGH = 0.95;
/** Pops in a row for which there was too much, or too little: one late tick makes it look so. */
const ABOVE_POPS = 5;
const BELOW_POPS = 2;
/** Less than this is not cut out, ms. */
const LEAST_CUT_MS = 2.5;
/** What is asked for at least when there is too little, ms: one period of most voices. */
const LEAST_REPEAT_MS = 12;
/** Pops after having run dry for which the path is only watched. */
const WATCH_POPS = 10;
/** Pops in a row that found nothing: the sender paused. */
const PAUSED_POPS = 16;
/** Consecutive frames from far behind that mean: the sender started over. */
const RESTART_FRAMES = 3;
/** A transit that differs by more says nothing about the network, ms. */
const JUMP_MS = 1_000;
/** A tick that is later than this is overdue, ms. */
const OVERDUE_MS = 5;

/** One direction of one call. Made once, never allocates again. */
export class JitterBuffer {
  readonly #frameBytes: number;
  readonly #ptimeMs: number;
  readonly #frameSamples: number;
  readonly #capacity: number;
  readonly #mask: number;
  readonly #slots: readonly Uint8Array[];
  /** Extended sequence number in each slot, or EMPTY, and when its frame was sent, ms of the sender's clock. */
  readonly #numbers: Float64Array;
  readonly #sentMs: Float64Array;
  readonly #arrivals: ArrivalDelay;
  readonly #minimumFrames: number;
  readonly #marginMs: number;
  /** Extended numbers: the next to hand out, and the newest received. */
  #next = 0;
  #newest = EMPTY;
  #running = false;
  #behind = 0;
  /** Pops in a row that found nothing: so many of the next frames are concealed already. */
  #waited = 0;
  #jitterMs = 0;
  #transitMs = Number.NaN;
  /** The last timestamp, and the time it stands for, unwrapped. */
  #timestamp = Number.NaN;
  #sentNowMs = 0;
  #delayMs = 0;
  #slackMs = Number.NaN;
  /** When {@link surplusMs} was asked for last; NaN: never. */
  #tickMs = Number.NaN;
  #abovePops = 0;
  #belowPops = 0;
  #watchPops = 0;
  #received = 0;
  #lost = 0;
  #late = 0;
  #duplicate = 0;
  #dropped = 0;
  #overflow = 0;
  #refused = 0;

  /** @throws ERR_TALKSPURT_DSP_OPTIONS where a size (but `ptimeMs`) is no whole number, or is out of all bounds */
  constructor(options: JitterBufferOptions) {
    requireSizes(options);
    this.#frameBytes = options.frameBytes;
    this.#ptimeMs = options.ptimeMs;
    this.#frameSamples = options.frameSamples;
    this.#capacity = 2 ** Math.ceil(Math.log2(Math.max(2, options.capacityFrames)));
    this.#mask = this.#capacity - 1;
    this.#minimumFrames = Math.min(this.#capacity - 1, Math.max(1, options.minimumFrames ?? 1));
    this.#marginMs = MARGIN_MS + MARGIN_SHARE * options.ptimeMs;
    this.#slots = Array.from({ length: this.#capacity }, () => new Uint8Array(options.frameBytes));
    this.#numbers = new Float64Array(this.#capacity).fill(EMPTY);
    this.#sentMs = new Float64Array(this.#capacity);
    this.#arrivals = new ArrivalDelay(options.ptimeMs);
  }

  /** Frames between the next to hand out and the newest, gaps included. */
  get depthFrames(): number {
    return this.#newest < this.#next ? 0 : this.#newest - this.#next + 1;
  }

  /** Delay against the quickest frames that is aimed at, ms. */
  get targetMs(): number {
    return Math.min((this.#capacity - 1) * this.#ptimeMs, this.#arrivals.bestMs + this.#marginMs);
  }

  /** Delay of what was about to be heard when {@link surplusMs} was asked for last, against the quickest frames, ms. */
  get delayMs(): number {
    return this.#delayMs;
  }

  /** How much later the next frame could have come when {@link surplusMs} was asked for last, ms; NaN: none was there. */
  get slackMs(): number {
    return this.#slackMs;
  }

  /** Interarrival jitter, ms (RFC 3550 §6.4.1). */
  get jitterMs(): number {
    return this.#jitterMs;
  }

  /** Whether the last `pop` was null because nothing was there (late, or none was sent), not because a frame is lost. */
  get waiting(): boolean {
    return !this.#running || this.#waited > 0;
  }

  get receivedFrames(): number {
    return this.#received;
  }

  /** Never came although a later one did. */
  get lostFrames(): number {
    return this.#lost;
  }

  /** Came after their turn. */
  get lateFrames(): number {
    return this.#late;
  }

  get duplicateFrames(): number {
    return this.#duplicate;
  }

  /** Thrown away: no room for them, or the sender started anew. */
  get droppedFrames(): number {
    return this.#dropped;
  }

  /** Of those, the ones that were thrown away because more came at once than there is room for. */
  get overflowFrames(): number {
    return this.#overflow;
  }

  /** Of another size than `frameBytes`. */
  get refusedFrames(): number {
    return this.#refused;
  }

  /** Takes one frame in; copies it. `sequenceNumber` is 16 bits, `timestamp` 32 bits in samples. Never throws. */
  push(payload: Uint8Array, sequenceNumber: number, timestamp: number, nowMs: number): void {
    if (payload.length !== this.#frameBytes) {
      this.#refused += 1;
      return;
    }
    this.#received += 1;
    this.#measure(timestamp, nowMs);
    if (this.#newest === EMPTY) this.#start(sequenceNumber & 0xffff);
    const number = this.#extend(sequenceNumber & 0xffff);
    if (number < this.#next) {
      this.#arriveBehind(payload, number, sequenceNumber & 0xffff);
      return;
    }
    this.#behind = 0;
    if (number - this.#newest > this.#capacity) {
      // The sender jumped: what is held is before a gap that nothing can fill.
      this.#dropped += this.#held();
      this.#clear();
      this.#start(sequenceNumber & 0xffff);
      this.#store(payload, this.#next);
      return;
    }
    while (number - this.#next >= this.#capacity) {
      if (this.#leaveOut()) this.#overflow += 1;
    }
    this.#store(payload, number);
  }

  /**
   * How much of the caller's audio is too much, ms; negative: too little, and late frames will be missed; 0: as it should be.
   * `heldMs`: what waits between here and the listener. Once a tick, before `pop`.
   *
   * What protects against late frames is the slack of the next one: how much later it could have come. A part of a frame
   * that is held is only delay, so it may go at once; a whole frame goes when the slack is a frame more than the target.
   */
  surplusMs(nowMs: number, heldMs: number): number {
    this.#tickMs = nowMs;
    const leastMs = this.#arrivals.leastMs;
    if (this.#watchPops > 0) this.#watchPops -= 1;
    this.#slackMs = Number.NaN;
    if (!this.#running || this.depthFrames === 0 || Number.isNaN(leastMs)) return 0;
    const ptimeMs = this.#ptimeMs;
    const partMs = heldMs % ptimeMs;
    const delayMs = nowMs - this.#nextSentMs() + heldMs - leastMs;
    // Older than all that there is room for: the sender's timestamps jumped, and what waits is from before that.
    if (!(Math.abs(delayMs) < this.#capacity * ptimeMs + JUMP_MS)) return 0;
    this.#delayMs = delayMs;
    const slackMs = delayMs - partMs;
    this.#slackMs = slackMs;
    if (this.#watchPops > 0) return 0;
    const { targetMs } = this;
    this.#belowPops = slackMs < targetMs * ENOUGH ? this.#belowPops + 1 : 0;
    if (this.#belowPops > BELOW_POPS) return -Math.max(LEAST_REPEAT_MS, ptimeMs - partMs);
    // What has just happened may happen again: it is not drained before it is known whether it pays.
    const overMs = slackMs - Math.max(targetMs, this.#arrivals.recentMs + this.#marginMs) - SPARE_MS;
    const cutMs = partMs + ptimeMs * Math.max(0, Math.floor(overMs / ptimeMs));
    this.#abovePops = this.#belowPops === 0 && cutMs >= LEAST_CUT_MS ? this.#abovePops + 1 : 0;
    return this.#abovePops > ABOVE_POPS ? cutMs : 0;
  }

  /** The next frame in order, borrowed until the next `push`; null when it is lost, late, or the buffer still fills. */
  pop(): Uint8Array | null {
    if (!this.#running) {
      if (this.#newest === EMPTY || this.depthFrames < this.#startFrames()) return null;
      this.#running = true;
      this.#waited = 0;
    }
    if (this.depthFrames === 0) {
      this.#runDry();
      return null;
    }
    this.#leaveOutConcealed();
    const index = this.#next & this.#mask;
    const here = this.#numbers[index] === this.#next;
    this.#numbers[index] = EMPTY;
    this.#next += 1;
    this.#waited = 0;
    if (here) return this.#slots[index] ?? null;
    this.#lost += 1;
    return null;
  }

  /** Gives all but the newest `frames` up, gaps included. Returns how many. */
  keepNewest(frames: number): number {
    let leftOut = 0;
    for (; this.depthFrames > frames; leftOut += 1) this.#leaveOut();
    return leftOut;
  }

  /** Gives the oldest frame up. For a listener that cannot play faster. */
  leaveOut(): void {
    if (this.depthFrames > 0) this.#leaveOut();
  }

  /** Forgets the audio, keeps the counters: the sender starts over. */
  restart(): void {
    this.#clear();
    this.#transitMs = Number.NaN;
    this.#timestamp = Number.NaN;
  }

  #startFrames(): number {
    return Math.min(this.#capacity - 1, Math.max(this.#minimumFrames, Math.round(this.targetMs / this.#ptimeMs)));
  }

  /** What is late may be only late, or the first of another level. */
  #runDry(): void {
    if (this.#waited === 0) this.#arrivals.restart();
    this.#waited += 1;
    this.#watchPops = WATCH_POPS;
    // The sender paused (or is gone): what comes after is gathered as at the start.
    if (this.#waited >= PAUSED_POPS) this.#running = false;
  }

  /** Gives the next number up; returns whether its frame was there. */
  #leaveOut(): boolean {
    const index = this.#next & this.#mask;
    const here = this.#numbers[index] === this.#next;
    if (here) this.#dropped += 1;
    else this.#lost += 1;
    this.#numbers[index] = EMPTY;
    this.#next += 1;
    return here;
  }

  /** Lost frames that were waited for. The newest number always has its frame, so this ends there at the latest. */
  #leaveOutConcealed(): void {
    while (this.#waited > 0 && this.#numbers[this.#next & this.#mask] !== this.#next) {
      this.#waited -= 1;
      this.#lost += 1;
      this.#next += 1;
    }
  }

  /** When the next frame was sent; a missing one a ptime before the one behind it. */
  #nextSentMs(): number {
    let number = this.#next;
    while (number < this.#newest && this.#numbers[number & this.#mask] !== number) number += 1;
    return this.#sentMs[number & this.#mask]! - (number - this.#next) * this.#ptimeMs;
  }

  #store(payload: Uint8Array, number: number): void {
    const index = number & this.#mask;
    if (this.#numbers[index] === number) {
      this.#duplicate += 1;
      return;
    }
    this.#slots[index]?.set(payload);
    this.#numbers[index] = number;
    this.#sentMs[index] = this.#sentNowMs;
    if (number > this.#newest) this.#newest = number;
  }

  #arriveBehind(payload: Uint8Array, number: number, sequenceNumber: number): void {
    this.#late += 1;
    if (this.#next - number < this.#capacity) return;
    this.#behind += 1;
    if (this.#behind < RESTART_FRAMES) return;
    this.#dropped += this.#held();
    this.#clear();
    this.#start(sequenceNumber);
    this.#store(payload, this.#next);
  }

  /** Numbers are extended from one far above zero, so that a few older ones stay positive. */
  #start(sequenceNumber: number): void {
    this.#next = 0x10000 + sequenceNumber;
    this.#newest = this.#next - 1;
  }

  /** RFC 3550 A.1's cycles: the extension that is nearest to the newest number. */
  #extend(sequenceNumber: number): number {
    const cycle = Math.floor(this.#newest / 0x10000);
    const number = cycle * 0x10000 + sequenceNumber;
    if (number - this.#newest > 0x8000) return number - 0x10000;
    if (this.#newest - number > 0x8000) return number + 0x10000;
    return number;
  }

  #measure(timestamp: number, nowMs: number): void {
    // The nearest of the times that 32 bits may stand for.
    const units = Number.isNaN(this.#timestamp) ? 0 : (timestamp - this.#timestamp) | 0;
    this.#timestamp = timestamp;
    this.#sentNowMs += (units / this.#frameSamples) * this.#ptimeMs;
    const transitMs = nowMs - this.#sentNowMs;
    const difference = Math.abs(transitMs - this.#transitMs);
    this.#transitMs = transitMs;
    // The first frame and a restarted sender say nothing about the network.
    if (!(difference < JUMP_MS)) this.#arrivals.restart();
    else this.#jitterMs += (difference - this.#jitterMs) / 16;
    // While our own tick is overdue packets wait in the socket: that is not the network's doing, and no tick misses them.
    const overdueMs = nowMs - this.#tickMs - this.#ptimeMs;
    if (!(overdueMs > OVERDUE_MS)) this.#arrivals.arrived(transitMs);
  }

  #held(): number {
    let count = 0;
    for (let i = 0; i < this.#capacity; i++) if (this.#numbers[i] !== EMPTY) count += 1;
    return count;
  }

  #clear(): void {
    this.#numbers.fill(EMPTY);
    this.#newest = EMPTY;
    this.#running = false;
    this.#behind = 0;
    this.#waited = 0;
    this.#abovePops = 0;
    this.#belowPops = 0;
    this.#watchPops = WATCH_POPS;
    this.#arrivals.restart();
  }
}
