/** Exponential back-off with full jitter: each wait is uniform in [0, min(cap, base · 2ⁿ)], so that many clients spread. */
export class Backoff {
  #attempt = 0;
  readonly #baseMs: number;
  readonly #capMs: number;
  readonly #random: () => number;

  /** `baseMs` and `capMs` in ms; `random` in [0, 1). */
  constructor(options: { baseMs: number; capMs: number; random: () => number }) {
    this.#baseMs = options.baseMs;
    this.#capMs = options.capMs;
    this.#random = options.random;
  }

  /** How many waits were handed out since the last {@link reset}. */
  get attempt(): number {
    return this.#attempt;
  }

  /** The next wait in ms. */
  nextMs(): number {
    const ceilingMs = Math.min(this.#capMs, this.#baseMs * 2 ** Math.min(this.#attempt, 30));
    this.#attempt += 1;
    return this.#random() * ceilingMs;
  }

  /** After a success: start over. */
  reset(): void {
    this.#attempt = 0;
  }
}
