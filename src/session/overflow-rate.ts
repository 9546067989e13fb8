/** How often a counter goes up in a second, over a window of looks at it. */

/** One counter's. Looked at in equal steps. */
export class OverflowRate {
  readonly #totals: Float64Array;
  readonly #stepMs: number;
  #next = 0;
  #looks = 0;
  /** What it stood at last, and for how many looks it has stood there. */
  #last = Number.NaN;
  #same = 0;

  /** A window of `looks` looks, each `stepMs` after the one before. */
  constructor(looks: number, stepMs: number) {
    this.#totals = new Float64Array(looks);
    this.#stepMs = stepMs;
  }

  /** `total` is what it stands at now. Returns how many a second that makes over the window. */
  look(total: number): number {
    const { length } = this.#totals;
    this.#same = total === this.#last ? this.#same + 1 : 0;
    this.#last = total;
    // All of the window is this one value, which most counters keep for the whole call.
    if (this.#same > length) return 0;
    const before = this.#looks >= length ? (this.#totals[this.#next] ?? 0) : (this.#totals[0] ?? 0);
    if (this.#looks === 0) this.#totals.fill(total);
    this.#totals[this.#next] = total;
    this.#next = (this.#next + 1) % length;
    this.#looks += 1;
    if (this.#looks === 1 || total < before) return 0;
    return ((total - before) * 1000) / (length * this.#stepMs);
  }
}
