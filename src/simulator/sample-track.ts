/** One direction of a call as it goes on: samples at the end, silence where there were none, and an end to its size. */

/** Samples of one piece of the store: ten seconds at 8 kHz. */
const PIECE = 80_000;

/** Grows by pieces, so that a long call is never copied while it goes on. */
export class SampleTrack {
  readonly #pieces: Int16Array[] = [];
  #length = 0;

  /** Samples recorded. */
  get length(): number {
    return this.#length;
  }

  /** Adds a copy of `frame` at sample `at` or, if that is already taken, behind what there is; nothing beyond `limit`. */
  add(frame: Int16Array, at: number, limit: number): void {
    const from = Math.max(at, this.#length);
    const to = Math.min(from + frame.length, limit);
    for (let i = from; i < to;) {
      const piece = (this.#pieces[Math.floor(i / PIECE)] ??= new Int16Array(PIECE));
      const count = Math.min(to - i, PIECE - (i % PIECE));
      piece.set(frame.subarray(i - from, i - from + count), i % PIECE);
      i += count;
    }
    if (to > this.#length) this.#length = to;
  }

  /** A copy of it all. */
  samples(): Int16Array {
    const out = new Int16Array(this.#length);
    for (let at = 0; at < out.length; at += PIECE) {
      const piece = this.#pieces[at / PIECE];
      if (piece !== undefined) out.set(piece.subarray(0, Math.min(PIECE, out.length - at)), at);
    }
    return out;
  }
}
