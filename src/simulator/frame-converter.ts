/** Audio of one leg made into frames of another: between rates by straight lines, between ptimes by a queue. */

/** What comes in at any rate and in any pieces goes out as whole frames of one rate. Bounded: the oldest is dropped. */
export class FrameConverter {
  readonly #rateHz: number;
  readonly #limit: number;
  #samples: number[] = [];
  /** Position of the next output sample, in input samples after the last one that was taken in; never above 0 … 1. */
  #position = 0;
  #last = 0;
  #fromHz = 0;
  /** Samples that came while the queue was full. */
  droppedSamples = 0;

  /** `limitMs`: how much waits at most. */
  constructor(rateHz: number, limitMs: number) {
    this.#rateHz = rateHz;
    this.#limit = Math.round((rateHz * limitMs) / 1000);
  }

  /** Samples that wait. */
  get length(): number {
    return this.#samples.length;
  }

  push(samples: Int16Array, rateHz: number): void {
    if (rateHz === this.#rateHz) for (const sample of samples) this.#samples.push(sample);
    else this.#convert(samples, rateHz);
    const surplus = this.#samples.length - this.#limit;
    if (surplus <= 0) return;
    this.#samples.splice(0, surplus);
    this.droppedSamples += surplus;
  }

  /** The next `count` samples, or null while there are fewer. */
  take(count: number): Int16Array | null {
    if (count === 0 || this.#samples.length < count) return null;
    return Int16Array.from(this.#samples.splice(0, count));
  }

  clear(): void {
    this.#samples = [];
    this.#position = 0;
    this.#last = 0;
  }

  #convert(samples: Int16Array, rateHz: number): void {
    if (rateHz !== this.#fromHz) {
      this.#fromHz = rateHz;
      this.#position = 0;
    }
    const step = rateHz / this.#rateHz;
    for (const sample of samples) {
      // Between the sample before and this one lie the positions 0 … 1.
      while (this.#position < 1) {
        this.#samples.push(Math.round(this.#last + (sample - this.#last) * this.#position));
        this.#position += step;
      }
      this.#position -= 1;
      this.#last = sample;
    }
  }
}
