/**
 * Agent audio that waits to be said: bytes in as they come, one frame a tick out.
 *
 * It begins to hand out when a little has gathered (or the phrase is complete), and after running dry it gathers anew, twice
 * as much as before: a pause is heard as a pause, a stutter as a fault. What gathers for too long is handed out as it is,
 * and a backend that never says that a phrase is complete does not keep the turn. Its ring grows on the control path;
 * `pop` never allocates.
 */
import type { AudioFormat } from '../core/media.ts';
import { bytesPerMs } from '../core/media.ts';
import { LIMITS } from '../limits.ts';

/** What is handed out, and how much may wait. */
export interface PlayoutOptions {
  readonly format: AudioFormat;
  /** Duration of a popped frame, ms. */
  readonly ptimeMs: number;
  /** What gathers before the first frame of a phrase, ms. */
  readonly prebufferMs: number;
  /** Most that may wait, ms; default LIMITS.playoutMs. */
  readonly maximumMs?: number;
  /** Pops that hand nothing out before the very first phrase may begin; default 0. */
  readonly leadInPops?: number;
}

/** What the last `pop` meant; `speaking` also for a phrase that is paused. */
export type PlayoutMoment = 'idle' | 'started' | 'speaking' | 'underrun' | 'ended';

const FIRST_RING_MS = 2_000;
/** Most that gathers after having run dry, ms. */
const GATHER_MS = 240;
/** After this long without more audio, what little there is is handed out, ms. */
const HOLD_MS = 200;

/** One call's audio to be said. */
export class Playout {
  readonly #bytesPerMs: number;
  readonly #frameBytes: number;
  readonly #prebufferBytes: number;
  readonly #maximumBytes: number;
  readonly #gatherMaximumBytes: number;
  readonly #holdPops: number;
  readonly #silentPops: number;
  readonly #frame: Uint8Array;
  readonly #frames: readonly Uint8Array[];
  #ring: Uint8Array;
  #head = 0;
  #size = 0;
  /** No more audio is coming for what waits. */
  #complete = true;
  #speaking = false;
  #gathering = false;
  /** What gathers before audio is handed out: the prebuffer, and more after having run dry. */
  #gatherBytes: number;
  /** Pops that found too little since audio came last. */
  #waitedPops = 0;
  #ranDry = false;
  #moment: PlayoutMoment = 'idle';
  #overflowBytes = 0;
  #overflows = 0;
  #underruns = 0;
  #lastBytes = 0;
  #leadInPops: number;
  /** `fading`: the next frame is handed out for the last time before the pause, and stays. */
  #pause: 'off' | 'fading' | 'on' = 'off';

  constructor(options: PlayoutOptions) {
    this.#bytesPerMs = bytesPerMs(options.format);
    this.#frameBytes = this.#bytesPerMs * options.ptimeMs;
    this.#prebufferBytes = Math.max(this.#frameBytes, this.#bytesPerMs * options.prebufferMs);
    this.#maximumBytes = this.#bytesPerMs * (options.maximumMs ?? LIMITS.playoutMs);
    this.#gatherBytes = this.#prebufferBytes;
    this.#leadInPops = options.leadInPops ?? 0;
    this.#gatherMaximumBytes = Math.max(this.#prebufferBytes, this.#bytesPerMs * GATHER_MS);
    this.#holdPops = Math.ceil(HOLD_MS / options.ptimeMs);
    this.#silentPops = Math.ceil(LIMITS.agentSilentMs / options.ptimeMs);
    this.#ring = new Uint8Array(Math.min(this.#maximumBytes, this.#bytesPerMs * FIRST_RING_MS));
    this.#frame = new Uint8Array(this.#frameBytes);
    // A phrase may end anywhere: a view is made beforehand for every length in whole milliseconds, and the chain fills
    // the rest of the frame with silence.
    const step = this.#bytesPerMs;
    this.#frames = Array.from({ length: options.ptimeMs }, (_, index) => this.#frame.subarray(0, (index + 1) * step));
  }

  get bytesPerMs(): number {
    return this.#bytesPerMs;
  }

  get waitingBytes(): number {
    return this.#size;
  }

  get waitingMs(): number {
    return this.#size / this.#bytesPerMs;
  }

  get capacityBytes(): number {
    return this.#maximumBytes;
  }

  /** Bytes that did not fit, since the start. */
  get overflowBytes(): number {
    return this.#overflowBytes;
  }

  /** How often something did not fit. */
  get overflows(): number {
    return this.#overflows;
  }

  /** How often a phrase ran dry in its middle. */
  get underruns(): number {
    return this.#underruns;
  }

  /** Whether a phrase has begun to be heard and has not ended. */
  get speaking(): boolean {
    return this.#speaking;
  }

  /** Whether anything is being said or waits to be. */
  get busy(): boolean {
    return this.#speaking || this.#size > 0;
  }

  /** What the last {@link pop} meant. */
  get moment(): PlayoutMoment {
    return this.#moment;
  }

  /** Bytes of real audio in the last popped frame. */
  get lastBytes(): number {
    return this.#lastBytes;
  }

  /** Audio comes in; copied. Returns the bytes taken: fewer than given when it is full. Control path. */
  push(audio: Uint8Array): number {
    const room = this.#maximumBytes - this.#size;
    const taken = Math.min(room - (room % 2), audio.length);
    if (taken < audio.length) {
      this.#overflowBytes += audio.length - taken;
      this.#overflows += 1;
    }
    if (taken === 0) return 0;
    if (this.#size + taken > this.#ring.length) this.#grow(this.#size + taken);
    const at = (this.#head + this.#size) % this.#ring.length;
    const first = Math.min(taken, this.#ring.length - at);
    this.#ring.set(audio.subarray(0, first), at);
    if (first < taken) this.#ring.set(audio.subarray(first, taken), 0);
    this.#size += taken;
    this.#complete = false;
    this.#waitedPops = 0;
    return taken;
  }

  /** A copy of what waits, from byte `from` (inclusive) to byte `to` (exclusive) of it. Control path. */
  read(from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(Math.max(0, Math.min(to, this.#size) - from));
    const at = (this.#head + from) % Math.max(1, this.#ring.length);
    const first = Math.min(bytes.length, this.#ring.length - at);
    bytes.set(this.#ring.subarray(at, at + first), 0);
    bytes.set(this.#ring.subarray(0, bytes.length - first), first);
    return bytes;
  }

  /**
   * Stops where it is: the next frame is lent once more, to be faded, and counts as not played; then nothing until
   * {@link resume}, which begins with that same frame. `fades` false: nothing is lent, because nothing of it is being heard.
   * Audio may come in meanwhile. Control path.
   */
  pause(fades = true): void {
    if (this.#pause === 'off') this.#pause = fades ? 'fading' : 'on';
  }

  /** Goes on. Without a pause it does nothing. */
  resume(): void {
    this.#pause = 'off';
  }

  get paused(): boolean {
    return this.#pause !== 'off';
  }

  /** The phrase is whole: its rest may be handed out without waiting for more. */
  complete(): void {
    this.#complete = true;
  }

  /** Takes the place of `before` in the middle of what that says: `audio` is the rest of it, in this one's format. */
  carryOn(before: Playout, audio: Uint8Array): void {
    this.push(audio);
    this.#complete = before.#complete;
    this.#speaking = before.#speaking;
    this.#gathering = before.#gathering;
    this.#pause = before.#pause;
    this.#leadInPops = before.#leadInPops;
    this.#underruns = before.#underruns;
  }

  /** Takes over what `before` has counted of audio that did not fit: it is the call's, whatever the format. */
  countOn(before: Playout): void {
    this.#overflowBytes += before.#overflowBytes;
    this.#overflows += before.#overflows;
  }

  /** One frame (shorter at a phrase's end), borrowed until the next `pop`; null when there is nothing to say. Hot path. */
  pop(): Uint8Array | null {
    this.#lastBytes = 0;
    if (this.#leadInPops > 0) {
      this.#leadInPops -= 1;
      return null;
    }
    if (this.#pause !== 'off' && this.#speaking) return this.#popPaused();
    const waitedEnough = this.#waitedPops >= this.#holdPops;
    if (!this.#speaking || this.#gathering) {
      const enough = this.#size >= this.#gatherBytes || ((this.#complete || waitedEnough) && this.#size > 0);
      if (!enough) return this.#nothing();
      this.#moment = this.#speaking ? 'speaking' : 'started';
      this.#speaking = true;
      this.#gathering = false;
      return this.#take(Math.min(this.#size, this.#frameBytes));
    }
    if (this.#size >= this.#frameBytes || (this.#complete && this.#size > 0)) {
      this.#moment = 'speaking';
      return this.#take(Math.min(this.#size, this.#frameBytes));
    }
    return this.#nothing();
  }

  /** Drops what waits; returns how many ms that was. */
  clear(): number {
    const droppedMs = this.waitingMs;
    this.#head = 0;
    this.#size = 0;
    this.#complete = true;
    this.#speaking = false;
    this.#gathering = false;
    this.#pause = 'off';
    this.#waitedPops = 0;
    this.#moment = 'idle';
    return droppedMs;
  }

  /** The frame that is faded, which stays where it is, and then nothing; a phrase that is paused neither ends nor runs dry. */
  #popPaused(): Uint8Array | null {
    this.#moment = 'speaking';
    const fades = this.#pause === 'fading' && !this.#gathering;
    this.#pause = 'on';
    return fades ? this.#copy(Math.min(this.#size, this.#frameBytes)) : null;
  }

  #nothing(): null {
    if (this.#speaking || this.#size > 0) this.#waitedPops += 1;
    if (!this.#speaking) {
      this.#moment = 'idle';
    } else if (this.#size === 0 && (this.#complete || this.#waitedPops > this.#silentPops)) {
      this.#end();
    } else {
      if (!this.#gathering) {
        this.#underruns += 1;
        this.#ranDry = true;
        this.#gatherBytes = Math.min(this.#gatherMaximumBytes, this.#gatherBytes * 2);
      }
      this.#gathering = true;
      this.#moment = 'underrun';
    }
    return null;
  }

  #end(): void {
    // A phrase that came well: less has to gather for the next.
    if (!this.#ranDry) this.#gatherBytes = Math.max(this.#prebufferBytes, this.#gatherBytes / 2);
    this.#ranDry = false;
    this.#speaking = false;
    this.#gathering = false;
    this.#complete = true;
    this.#waitedPops = 0;
    this.#moment = 'ended';
  }

  #take(bytes: number): Uint8Array | null {
    const frame = this.#copy(bytes);
    this.#head = (this.#head + bytes) % this.#ring.length;
    this.#size -= bytes;
    this.#lastBytes = bytes;
    this.#waitedPops = 0;
    return frame;
  }

  #copy(bytes: number): Uint8Array | null {
    const first = Math.min(bytes, this.#ring.length - this.#head);
    const ring = this.#ring;
    const frame = this.#frame;
    // A loop, because `subarray` would make an object in every tick.
    for (let i = 0, at = this.#head; i < first; i++, at++) frame[i] = ring[at] ?? 0;
    for (let i = first, at = 0; i < bytes; i++, at++) frame[i] = ring[at] ?? 0;
    if (bytes === this.#frameBytes) return frame;
    // The last fraction of a millisecond of a phrase is not worth a frame.
    return this.#frames[Math.floor(bytes / this.#bytesPerMs) - 1] ?? null;
  }

  #grow(bytes: number): void {
    let capacity = Math.max(1024, this.#ring.length);
    while (capacity < bytes) capacity *= 2;
    const bigger = new Uint8Array(Math.min(this.#maximumBytes, capacity));
    const first = Math.min(this.#size, this.#ring.length - this.#head);
    bigger.set(this.#ring.subarray(this.#head, this.#head + first), 0);
    bigger.set(this.#ring.subarray(0, this.#size - first), first);
    this.#ring = bigger;
    this.#head = 0;
  }
}
