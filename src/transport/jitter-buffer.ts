/**
 * Reorders received frames and hands one out a ptime, on our own clock.
 *
 * What does it do? `push` puts a frame into the slot of its sequence number; `pop` takes the next one in order.
 * How does it work? Slots are made once. A gap with later frames behind it is a lost frame; an empty buffer is a late one,
 *   and the next number is waited for: a late frame so deepens the buffer by itself, and one that proves lost is left out,
 *   because it was concealed while it was waited for. When the buffer has been deeper than its target for a whole window
 *   (sender's clock faster than ours, or a burst), the oldest frames are given up, in a pause of the speech if one comes
 *   soon. The target follows the interarrival jitter of RFC 3550 §6.4.1.
 * How do I use it? Not for: audio that waits to be *sent* (that is the playout).
 */
export interface JitterBufferOptions {
  /** Size of every frame, in bytes; others are refused and counted. */
  readonly frameBytes: number;
  readonly ptimeMs: number;
  /** Timestamp units a frame: samples at the RTP clock rate. */
  readonly frameSamples: number;
  /** Slots; rounded up to a power of two. Frames further ahead than this start the buffer anew. */
  readonly capacityFrames: number;
  /** Depth in frames at which it begins to hand out; default 1. */
  readonly minimumFrames?: number;
}

const EMPTY = -1;
/** Pops after which a buffer that was never shallower than its target gives up what is too much. */
const WINDOW_POPS = 100;
/** Windows for which this waits for a pause while somebody speaks. */
const PATIENT_WINDOWS = 4;
/** Consecutive frames from far behind that mean: the sender started over. */
const RESTART_FRAMES = 3;

/** One direction of one call. Made once, never allocates again. */
export class JitterBuffer {
  readonly #frameBytes: number;
  readonly #ptimeMs: number;
  readonly #frameSamples: number;
  readonly #capacity: number;
  readonly #mask: number;
  readonly #slots: readonly Uint8Array[];
  /** Extended sequence number in each slot, or EMPTY. */
  readonly #numbers: Float64Array;
  readonly #minimumFrames: number;
  /** Extended numbers: the next to hand out, and the newest received. */
  #next = 0;
  #newest = EMPTY;
  #running = false;
  #behind = 0;
  /** Pops in a row that found nothing: so many of the next frames are concealed already. */
  #waited = 0;
  #jitterMs = 0;
  #transitMs = Number.NaN;
  #windowPops = 0;
  #windowMinimum = Number.POSITIVE_INFINITY;
  /** Frames too many in all of the last window, and windows in a row in which there were. */
  #excess = 0;
  #excessWindows = 0;
  #received = 0;
  #lost = 0;
  #late = 0;
  #duplicate = 0;
  #dropped = 0;
  #overflow = 0;
  #refused = 0;

  constructor(options: JitterBufferOptions) {
    this.#frameBytes = options.frameBytes;
    this.#ptimeMs = options.ptimeMs;
    this.#frameSamples = options.frameSamples;
    this.#capacity = 2 ** Math.ceil(Math.log2(Math.max(2, options.capacityFrames)));
    this.#mask = this.#capacity - 1;
    this.#minimumFrames = Math.min(this.#capacity - 1, Math.max(1, options.minimumFrames ?? 1));
    this.#slots = Array.from({ length: this.#capacity }, () => new Uint8Array(options.frameBytes));
    this.#numbers = new Float64Array(this.#capacity).fill(EMPTY);
  }

  /** Frames between the next to hand out and the newest, gaps included. */
  get depthFrames(): number {
    return this.#newest < this.#next ? 0 : this.#newest - this.#next + 1;
  }

  /** Depth that is aimed at, in frames. */
  get targetFrames(): number {
    const wanted = 1 + Math.floor((2.5 * this.#jitterMs) / this.#ptimeMs);
    return Math.min(this.#capacity - 1, Math.max(this.#minimumFrames, wanted));
  }

  /** Interarrival jitter, ms (RFC 3550 §6.4.1). */
  get jitterMs(): number {
    return this.#jitterMs;
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

  /** Given up to come back to the target depth, or thrown away when the buffer started anew. */
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
    if (this.#newest === EMPTY) {
      this.#start(sequenceNumber & 0xffff);
    }
    const number = this.#extend(sequenceNumber & 0xffff);
    if (number < this.#next) {
      this.#arriveBehind(payload, number, sequenceNumber & 0xffff);
      return;
    }
    this.#behind = 0;
    if (number - this.#next >= this.#capacity) {
      const held = this.#held();
      this.#dropped += held;
      this.#overflow += held;
      this.#clear();
      this.#start(sequenceNumber & 0xffff);
      this.#store(payload, this.#next);
      return;
    }
    this.#store(payload, number);
  }

  /**
   * The next frame in order, borrowed until the next `push`; null when it is lost, late, or the buffer still fills.
   * `speaking`: what is handed out now is speech, which is not cut if that can wait.
   */
  pop(speaking = false): Uint8Array | null {
    if (!this.#running) {
      if (this.#newest === EMPTY || this.depthFrames < this.targetFrames) return null;
      this.#running = true;
    }
    const depth = this.depthFrames;
    if (depth === 0) {
      this.#windowMinimum = 0;
      this.#waited += 1;
      // The sender paused (or is gone): what comes after is gathered as at the start.
      if (this.#waited >= this.#capacity) this.#running = false;
      return null;
    }
    this.#settle(depth, speaking);
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

  /** Forgets the audio, keeps the counters: the sender starts over. */
  restart(): void {
    this.#clear();
    this.#transitMs = Number.NaN;
  }

  /** The frames that were too many all through a window are given up, together: one gap is heard less than several. */
  #settle(depth: number, speaking: boolean): void {
    if (depth < this.#windowMinimum) this.#windowMinimum = depth;
    this.#windowPops += 1;
    if (this.#windowPops >= WINDOW_POPS) {
      this.#excess = this.#windowMinimum - this.targetFrames;
      this.#excessWindows = this.#excess > 0 ? this.#excessWindows + 1 : 0;
      this.#windowPops = 0;
      this.#windowMinimum = Number.POSITIVE_INFINITY;
    }
    if (this.#excess <= 0 || (speaking && this.#excessWindows < PATIENT_WINDOWS)) return;
    // Never the last frame: the depth may have fallen since.
    for (let excess = Math.min(this.#excess, depth - 1); excess > 0; excess -= 1) {
      const index = this.#next & this.#mask;
      if (this.#numbers[index] === this.#next) this.#dropped += 1;
      else this.#lost += 1;
      this.#numbers[index] = EMPTY;
      this.#next += 1;
    }
    this.#forgetWindow();
  }

  /** Lost frames that were waited for. The newest number always has its frame, so this ends there at the latest. */
  #leaveOutConcealed(): void {
    while (this.#waited > 0 && this.#numbers[this.#next & this.#mask] !== this.#next) {
      this.#waited -= 1;
      this.#lost += 1;
      this.#next += 1;
    }
  }

  #store(payload: Uint8Array, number: number): void {
    const index = number & this.#mask;
    if (this.#numbers[index] === number) {
      this.#duplicate += 1;
      return;
    }
    this.#slots[index]?.set(payload);
    this.#numbers[index] = number;
    if (number > this.#newest) this.#newest = number;
  }

  #arriveBehind(payload: Uint8Array, number: number, sequenceNumber: number): void {
    if (this.#next - number < this.#capacity) {
      this.#late += 1;
      return;
    }
    this.#behind += 1;
    this.#late += 1;
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
    const sentMs = (timestamp / this.#frameSamples) * this.#ptimeMs;
    const transitMs = nowMs - sentMs;
    const difference = Math.abs(transitMs - this.#transitMs);
    this.#transitMs = transitMs;
    // The first frame, a wrapped timestamp and a restarted sender say nothing about the network.
    if (!(difference < 1000)) return;
    this.#jitterMs += (difference - this.#jitterMs) / 16;
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
    this.#forgetWindow();
  }

  #forgetWindow(): void {
    this.#windowPops = 0;
    this.#windowMinimum = Number.POSITIVE_INFINITY;
    this.#excess = 0;
    this.#excessWindows = 0;
  }
}
