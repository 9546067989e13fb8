/** The jitter buffer of a simulated phone: what the switch sends it, and what was too much at once. */

/** Sizes of a phone's buffer, in frames. */
export interface PhoneBufferOptions {
  /** Frames that have to be there before the phone begins to play. Default 1. */
  readonly prefillFrames?: number;
  /** Frames it holds; what comes on top is lost, as on a phone. Default 8. */
  readonly capacityFrames?: number;
}

/** A bounded first-in first-out of frames. FreeSWITCH does not pace what is injected, so this is where a burst hurts. */
export class PhoneBuffer {
  readonly #frames: Int16Array[] = [];
  readonly #prefillFrames: number;
  readonly #capacityFrames: number;
  #playing = false;
  /** Frames that found the buffer full. */
  droppedFrames = 0;

  constructor(options: PhoneBufferOptions = {}) {
    this.#prefillFrames = Math.max(1, options.prefillFrames ?? 1);
    this.#capacityFrames = Math.max(this.#prefillFrames, options.capacityFrames ?? 8);
  }

  /** Takes a frame; the buffer owns it from now on. */
  push(frame: Int16Array): void {
    if (this.#frames.length >= this.#capacityFrames) this.droppedFrames += 1;
    else this.#frames.push(frame);
  }

  /** The next frame to play, or null when there is none, or too few to begin. */
  pop(): Int16Array | null {
    if (!this.#playing && this.#frames.length < this.#prefillFrames) return null;
    const frame = this.#frames.shift() ?? null;
    this.#playing = frame !== null;
    return frame;
  }

  clear(): void {
    this.#frames.length = 0;
    this.#playing = false;
  }
}
