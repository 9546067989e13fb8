/**
 * The caller's turns as we mark them, where Gemini does not detect any: it hears only what stands between the two marks, so that
 * the beginning of a word, from before our endpointer was sure of it, is kept and goes first.
 *
 *     silence ── kept, the last of it ──▶ activityStart · what was kept · speech … ──▶ activityEnd
 */
import { LIMITS } from '../limits.ts';

/** How marks and audio are sent. */
export interface GeminiActivityOptions {
  readonly bytesPerMs: number;
  /** Of the start or the end of a turn; what of the audio came before it is sent first. */
  readonly mark: (mark: 'activityStart' | 'activityEnd') => void;
  /** False: it was dropped. Borrowed. */
  readonly send: (audio: Uint8Array) => boolean;
}

/** Of one stream. */
export class GeminiActivity {
  readonly #options: GeminiActivityOptions;
  /** The latest audio that was not sent, a ring; made when it is first needed. */
  #ring: Uint8Array | null = null;
  #at = 0;
  #size = 0;
  #open = false;

  constructor(options: GeminiActivityOptions) {
    this.#options = options;
  }

  /** A turn of the caller is under way. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** Takes a frame; borrowed. False: it was dropped. Hot path. */
  push(frame: Uint8Array): boolean {
    if (this.#open) return this.#options.send(frame);
    this.#keep(frame);
    return true;
  }

  /** The caller has begun to speak. */
  start(): void {
    if (!this.#open) this.#start(LIMITS.geminiPrerollMs * this.#options.bytesPerMs);
  }

  /** The caller has finished; a turn whose beginning nobody marked is all that was kept. */
  end(): void {
    if (!this.#open) this.#start(this.#size);
    this.#open = false;
    this.#options.mark('activityEnd');
  }

  #start(bytes: number): void {
    this.#open = true;
    this.#options.mark('activityStart');
    const ring = this.#ring;
    const kept = Math.min(bytes, this.#size);
    this.#size = 0;
    if (ring === null || kept === 0) return;
    const from = (this.#at - kept + ring.length) % ring.length;
    const first = Math.min(kept, ring.length - from);
    this.#options.send(ring.subarray(from, from + first));
    if (first < kept) this.#options.send(ring.subarray(0, kept - first));
  }

  #keep(frame: Uint8Array): void {
    const ring = (this.#ring ??= new Uint8Array(LIMITS.geminiHeldMs * this.#options.bytesPerMs));
    const first = Math.min(frame.length, ring.length - this.#at);
    for (let n = 0; n < first; n += 1) ring[this.#at + n] = frame[n]!;
    for (let n = first; n < frame.length; n += 1) ring[n - first] = frame[n]!;
    this.#at = (this.#at + frame.length) % ring.length;
    this.#size = Math.min(ring.length, this.#size + frame.length);
  }
}
