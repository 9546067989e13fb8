/**
 * Packet loss concealment as ITU-T G.711 Appendix I (1999) describes it, at 8 kHz in 10 ms: a measure for ours, written from the
 * Recommendation. Its output is 3.75 ms (30 samples) late.
 */
const HISTORY = 390;
const DELAY = 30;
const FRAME = 80;
const PITCH_MIN = 40;
const PITCH_MAX = 120;
const CORRELATED = 160;

/** One line. */
export class AppendixOne {
  readonly #history = new Float64Array(HISTORY);
  /** The end of the history, its last quarter period overlapped with the period before: what is repeated. */
  #buffer = new Float64Array(HISTORY);
  #lastQuarter = new Float64Array(PITCH_MAX / 4);
  #pitch = 0;
  #quarter = 0;
  #periods = 1;
  #offset = 0;
  /** Lost frames of 10 ms in a row. */
  #erased = 0;

  /** The next 10 ms of output for the next 10 ms of input; null: lost. */
  frame(input: Int16Array | null): Int16Array {
    if (input === null) this.#remember(this.#erase());
    else this.#remember(this.#good(Float64Array.from(input)));
    return Int16Array.from(this.#history.subarray(HISTORY - FRAME - DELAY, HISTORY - DELAY), (x) =>
      Math.max(-32768, Math.min(32767, Math.round(x))),
    );
  }

  #remember(frame: Float64Array): void {
    this.#history.copyWithin(0, FRAME);
    this.#history.set(frame, HISTORY - FRAME);
  }

  #erase(): Float64Array {
    this.#erased += 1;
    if (this.#erased === 1) return this.#begin();
    if (this.#erased <= 3) return this.#grow();
    if (this.#erased > 6) return new Float64Array(FRAME);
    return this.#fade(this.#synthesise(FRAME));
  }

  #begin(): Float64Array {
    this.#buffer = Float64Array.from(this.#history);
    this.#pitch = this.#findPitch();
    this.#quarter = Math.floor(this.#pitch / 4);
    this.#lastQuarter = this.#buffer.slice(HISTORY - this.#quarter);
    this.#periods = 1;
    this.#offset = 0;
    this.#smoothEnd();
    // The overlap reaches into what was not sent yet: that is what the delay is for.
    this.#history.set(this.#buffer.subarray(HISTORY - this.#quarter), HISTORY - this.#quarter);
    return this.#synthesise(FRAME);
  }

  /** One period more: the old signal goes over into the new one within a quarter period. */
  #grow(): Float64Array {
    const saved = this.#offset;
    const tail = this.#synthesise(this.#quarter);
    this.#offset = saved;
    while (this.#offset > this.#pitch) this.#offset -= this.#pitch;
    this.#periods += 1;
    this.#smoothEnd();
    const out = this.#synthesise(FRAME);
    for (let i = 0; i < this.#quarter; i += 1) {
      const share = (i + 1) / (this.#quarter + 1);
      out[i] = (tail[i] ?? 0) * (1 - share) + (out[i] ?? 0) * share;
    }
    return this.#fade(out);
  }

  #smoothEnd(): void {
    const end = HISTORY - this.#quarter;
    const before = end - this.#pitch * this.#periods;
    for (let i = 0; i < this.#quarter; i += 1) {
      const share = (i + 1) / (this.#quarter + 1);
      this.#buffer[end + i] = (this.#lastQuarter[i] ?? 0) * (1 - share) + (this.#buffer[before + i] ?? 0) * share;
    }
  }

  #synthesise(count: number): Float64Array {
    const span = this.#pitch * this.#periods;
    return Float64Array.from({ length: count }, () => {
      const x = this.#buffer[HISTORY - span + this.#offset] ?? 0;
      this.#offset = (this.#offset + 1) % span;
      return x;
    });
  }

  /** A fifth less in each 10 ms from the second on, in a straight line. */
  #fade(frame: Float64Array): Float64Array {
    const from = 1 - (this.#erased - 2) * 0.2;
    return frame.map((x, i) => x * Math.max(0, from - (0.2 * (i + 1)) / FRAME));
  }

  #good(frame: Float64Array): Float64Array {
    if (this.#erased === 0) return frame;
    const length = Math.min(FRAME, this.#quarter + 32 * (this.#erased - 1));
    const gain = this.#erased > 6 ? 0 : this.#erased === 1 ? 1 : Math.max(0, 1 - (this.#erased - 1) * 0.2);
    const tail = this.#synthesise(length);
    for (let i = 0; i < length; i += 1) {
      const share = (i + 1) / (length + 1);
      frame[i] = (tail[i] ?? 0) * gain * (1 - share) + (frame[i] ?? 0) * share;
    }
    this.#erased = 0;
    return frame;
  }

  #findPitch(): number {
    const recent = HISTORY - CORRELATED;
    let best = PITCH_MAX;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let lag = PITCH_MIN; lag <= PITCH_MAX; lag += 1) {
      let product = 0;
      let energy = 0;
      for (let i = 0; i < CORRELATED; i += 1) {
        const past = this.#buffer[recent + i - lag] ?? 0;
        product += (this.#buffer[recent + i] ?? 0) * past;
        energy += past * past;
      }
      const score = product / Math.sqrt(Math.max(energy, 250 * CORRELATED));
      if (score > bestScore) {
        bestScore = score;
        best = lag;
      }
    }
    return best;
  }
}
