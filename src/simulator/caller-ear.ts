/** When somebody speaks, by level alone: how a simulated caller knows that the agent talks. */

/** A stretch of speech on the caller's time line, ms; open while it goes on. */
export interface SpeechSpan {
  readonly fromMs: number;
  /** End of the last loud frame. */
  readonly toMs: number;
  readonly open: boolean;
}

/** What counts as speech. */
export interface CallerEarOptions {
  /** A frame at or above this is speech, dBov. Default −45. */
  readonly floorDbov?: number;
  /** Loud frames that make a beginning, ms in all. Default 100: a click is not speech. */
  readonly onsetMs?: number;
  /** Quiet that makes an end, ms. Default 500: a pause between words is not one. */
  readonly pauseMs?: number;
}

/** Spans that are remembered; the oldest is forgotten. */
const SPANS = 1_000;

/** Fed with every frame that is heard; knows of each stretch of speech when it began and ended. */
export class CallerEar {
  readonly #floorPower: number;
  readonly #onsetMs: number;
  readonly #pauseMs: number;
  readonly #ended: SpeechSpan[] = [];
  #fromMs = 0;
  #loudMs = 0;
  #lastLoudMs = 0;
  #speaking = false;

  constructor(options: CallerEarOptions = {}) {
    this.#floorPower = 32768 ** 2 * 10 ** ((options.floorDbov ?? -45) / 10);
    this.#onsetMs = options.onsetMs ?? 100;
    this.#pauseMs = options.pauseMs ?? 500;
  }

  /** One frame that ends at `endMs`. Returns what has just become known: an onset, an end, or nothing. */
  hear(frame: Int16Array, endMs: number, frameMs: number): 'starts' | 'stops' | null {
    let sum = 0;
    for (const sample of frame) sum += sample * sample;
    if (frame.length > 0 && sum / frame.length >= this.#floorPower) {
      if (this.#loudMs === 0) this.#fromMs = endMs - frameMs;
      this.#loudMs += frameMs;
      this.#lastLoudMs = endMs;
      if (this.#speaking || this.#loudMs < this.#onsetMs) return null;
      this.#speaking = true;
      return 'starts';
    }
    if (this.#loudMs === 0 || endMs - this.#lastLoudMs < this.#pauseMs) return null;
    this.#loudMs = 0;
    if (!this.#speaking) return null;
    this.#speaking = false;
    this.#ended.push({ fromMs: this.#fromMs, toMs: this.#lastLoudMs, open: false });
    if (this.#ended.length > SPANS) this.#ended.shift();
    return 'stops';
  }

  /** The newest stretch of speech, or null before the first. */
  get last(): SpeechSpan | null {
    if (this.#speaking) return { fromMs: this.#fromMs, toMs: this.#lastLoudMs, open: true };
    return this.#ended.at(-1) ?? null;
  }

  /** All stretches in order. */
  get spans(): SpeechSpan[] {
    const { last } = this;
    return last?.open === true ? [...this.#ended, last] : [...this.#ended];
  }
}
