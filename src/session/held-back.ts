/**
 * What the caller may have said while nobody knows yet whether it is the agent's echo: the newest of it is kept, and goes to the backend
 * when it proves to be a caller. Frames in, frames out, in the order in which they came; the oldest give way.
 */
import type { BackendStream } from '../backend/backend.ts';

/** What is kept of the time before an onset, ms: the breath before a word, and what a detector needs of it. */
const BEFORE_MS = 100;

/** The last frames of one call. Hot path: nothing here allocates but the constructor. */
export class HeldBack {
  readonly #frames: readonly Uint8Array[];
  readonly #ptimeMs: number;
  #next = 0;
  #count = 0;

  /** Room for `frames` frames of `frameBytes` and `ptimeMs` each. */
  constructor(frameBytes: number, frames: number, ptimeMs: number) {
    this.#ptimeMs = ptimeMs;
    this.#frames = Array.from({ length: frames }, () => new Uint8Array(frameBytes));
  }

  /** Frames that are kept. */
  get count(): number {
    return this.#count;
  }

  /** Takes a copy; one of another size is left out. */
  push(frame: Uint8Array): void {
    const place = this.#frames[this.#next];
    if (place === undefined || place.length !== frame.length) return;
    place.set(frame);
    this.#next = (this.#next + 1) % this.#frames.length;
    if (this.#count < this.#frames.length) this.#count += 1;
  }

  /**
   * Sends what is kept, oldest first, and forgets it: the frames before the present one, of an onset that was `sinceOnsetMs` before the
   * end of that, and a little more.
   */
  release(stream: BackendStream, sinceOnsetMs: number): void {
    const { length } = this.#frames;
    this.#count = Math.min(this.#count, Math.ceil((sinceOnsetMs + BEFORE_MS) / this.#ptimeMs) - 1);
    for (let at = (this.#next + length - this.#count) % length; this.#count > 0; at = (at + 1) % length) {
      const frame = this.#frames[at];
      this.#count -= 1;
      if (frame !== undefined) stream.sendAudio(frame);
    }
  }

  forget(): void {
    this.#count = 0;
  }
}
