/**
 * The call's audio as the messages of a stream: L16, little endian, so many milliseconds in each.
 *
 *     mono, mixed   │ s0 │ s1 │ s2 │ …            stereo   │ caller 0 │ agent 0 │ caller 1 │ agent 1 │ …
 *
 * Both sides of one tick go together: `played` first, then `push`. An adaptive framer sends what it has with every tick, unless
 * neither side has been heard for long: then messages are as long as they may be. Hot path: nothing is allocated while frames
 * are of one length.
 */
import { LIMITS } from '../limits.ts';
import type { StreamMix } from './stream-config.ts';

/** The longest packet of a call, ms. */
const LONGEST_TICK_MS = 60;

/** Gathers frames of any ptime into messages of `frameMs`; see the top of the file. */
export class StreamFramer {
  readonly #mix: StreamMix;
  readonly #send: (message: Buffer) => boolean;
  readonly #adaptive: boolean;
  /** The message that is being filled. */
  readonly #message: Buffer;
  #filled = 0;
  /** The agent's side of this tick. */
  readonly #played: Uint8Array;
  #playedBytes = 0;
  /** What an adaptive framer sent last that was not a whole message: its length seldom changes. */
  #part: Buffer;

  /** `send` is given each full message, borrowed, and says whether it went out. */
  constructor(mix: StreamMix, sampleRateHz: number, frameMs: number | 'adaptive', send: (message: Buffer) => boolean) {
    const bytesPerMs = (sampleRateHz / 1000) * 2;
    this.#mix = mix;
    this.#send = send;
    this.#adaptive = frameMs === 'adaptive';
    const longestMs = frameMs === 'adaptive' ? LIMITS.backendMessageMs : frameMs;
    this.#message = Buffer.alloc(bytesPerMs * longestMs * (mix === 'stereo' ? 2 : 1));
    this.#part = this.#message;
    this.#played = new Uint8Array(bytesPerMs * LONGEST_TICK_MS);
  }

  /** Whether {@link played} is of any use. */
  get wantsPlayed(): boolean {
    return this.#mix !== 'mono';
  }

  /** The agent's side of the tick whose caller side is pushed next; null: silence. What is beyond a tick is cut off. */
  played(frame: Uint8Array | null): void {
    const bytes = frame === null ? 0 : Math.min(frame.length, this.#played.length);
    this.#playedBytes = bytes;
    for (let i = 0; i < bytes; i += 1) this.#played[i] = frame![i]!;
  }

  /**
   * The caller's side of a tick, before which the caller was not heard for `silentMs`; false when a message was due and could not
   * be sent.
   */
  push(frame: Uint8Array, silentMs = 0): boolean {
    const quiet = silentMs >= LIMITS.backendQuietMs && this.#playedBytes === 0;
    const fitted = this.#mix === 'mono' ? this.#pushMono(frame) : this.#pushBoth(frame, this.#mix === 'stereo');
    this.#playedBytes = 0;
    return (quiet || !this.#adaptive || this.#flushPart()) && fitted;
  }

  /** Forgets what has been gathered: the next frame begins a message. */
  reset(): void {
    this.#filled = 0;
    this.#playedBytes = 0;
  }

  #pushMono(frame: Uint8Array): boolean {
    const message = this.#message;
    const bytes = frame.length & ~1;
    if (this.#filled + bytes <= message.length) {
      message.set(bytes === frame.length ? frame : frame.subarray(0, bytes), this.#filled);
      this.#filled += bytes;
      return this.#flushFull();
    }
    let sent = true;
    for (let i = 0; i < bytes; i += 1) {
      message[this.#filled] = frame[i]!;
      this.#filled += 1;
      if (!this.#flushFull()) sent = false;
    }
    return sent;
  }

  #pushBoth(frame: Uint8Array, stereo: boolean): boolean {
    const message = this.#message;
    let sent = true;
    for (let i = 0; i + 1 < frame.length; i += 2) {
      const caller = ((frame[i]! | (frame[i + 1]! << 8)) << 16) >> 16;
      const agent = i + 1 < this.#playedBytes ? ((this.#played[i]! | (this.#played[i + 1]! << 8)) << 16) >> 16 : 0;
      if (stereo) {
        this.#put(message, caller);
        this.#put(message, agent);
      } else {
        const sum = caller + agent;
        this.#put(message, sum > 32767 ? 32767 : sum < -32768 ? -32768 : sum);
      }
      if (!this.#flushFull()) sent = false;
    }
    return sent;
  }

  #put(message: Buffer, sample: number): void {
    message[this.#filled] = sample & 0xff;
    message[this.#filled + 1] = (sample >> 8) & 0xff;
    this.#filled += 2;
  }

  #flushPart(): boolean {
    const bytes = this.#filled;
    if (bytes === 0) return true;
    this.#filled = 0;
    if (this.#part.length !== bytes) this.#part = this.#message.subarray(0, bytes);
    return this.#send(this.#part);
  }

  #flushFull(): boolean {
    if (this.#filled < this.#message.length) return true;
    this.#filled = 0;
    return this.#send(this.#message);
  }
}
