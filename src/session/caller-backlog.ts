/** Caller audio that no backend hears yet: the latest so many frames, in the order in which they came. */

/** A ring of frames of one size. `push` and `pop` never allocate. */
export class CallerBacklog {
  readonly frameBytes: number;
  readonly #capacity: number;
  readonly #ring: Uint8Array;
  readonly #frame: Uint8Array;
  #first = 0;
  #size = 0;
  #dropped = 0;

  /** `frames`: most that are kept, at least 1. */
  constructor(frameBytes: number, frames: number) {
    this.frameBytes = frameBytes;
    this.#capacity = Math.max(1, frames);
    this.#ring = new Uint8Array(frameBytes * this.#capacity);
    this.#frame = new Uint8Array(frameBytes);
  }

  /** Frames that wait. */
  get size(): number {
    return this.#size;
  }

  /** Frames that made room for later ones. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Copies a frame in; the oldest makes room. One of another size is not taken: false. Hot path. */
  push(frame: Uint8Array): boolean {
    if (frame.length !== this.frameBytes) return false;
    if (this.#size === this.#capacity) {
      this.#first = this.#first + 1 === this.#capacity ? 0 : this.#first + 1;
      this.#size -= 1;
      this.#dropped += 1;
    }
    const slot = (this.#first + this.#size) % this.#capacity;
    this.#ring.set(frame, slot * this.frameBytes);
    this.#size += 1;
    return true;
  }

  /** The oldest frame, borrowed until the next `pop`; null: there is none. Hot path. */
  pop(): Uint8Array | null {
    if (this.#size === 0) return null;
    const from = this.#first * this.frameBytes;
    const frame = this.#frame;
    // A loop, because `subarray` would make an object in every tick.
    for (let i = 0; i < frame.length; i++) frame[i] = this.#ring[from + i] ?? 0;
    this.#first = this.#first + 1 === this.#capacity ? 0 : this.#first + 1;
    this.#size -= 1;
    return frame;
  }

  /** A copy of all that waits, oldest first. Control path. */
  read(): Uint8Array {
    const audio = new Uint8Array(this.#size * this.frameBytes);
    for (let index = 0; index < this.#size; index += 1) {
      const from = ((this.#first + index) % this.#capacity) * this.frameBytes;
      audio.set(this.#ring.subarray(from, from + this.frameBytes), index * this.frameBytes);
    }
    return audio;
  }

  /** Drops what waits; it does not count as dropped. */
  clear(): void {
    this.#first = 0;
    this.#size = 0;
  }
}
