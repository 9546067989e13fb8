/** Whether a phrase with pauses in it was said whole and once: what was sent of it, put together again, against what was given. */
import type { CallMedia } from '../../src/session/call-media.ts';

/** More of a packet's energy than this share is not what it should be: it is another piece of the phrase. */
const OTHER = 0.1;
/** Energy of a packet that rounding to a codec's steps makes in silence. */
const ROUNDING = 160 * 24 ** 2;

/** One call's phrases, one after another. */
export class SeamCheck {
  #given: Int16Array = new Int16Array(0);
  #said = 0;
  #damaged = 0;
  #open = false;
  #pauses = 0;
  #lent: Int16Array | null = null;
  #total = 0;

  /** Samples that were lost or said twice, in all phrases that were said to their end. */
  get damagedSamples(): number {
    return this.#total;
  }

  /** The next phrase, as the wire has it. */
  begin(given: Int16Array): void {
    this.#given = given;
    this.#said = 0;
    this.#damaged = 0;
    this.#open = true;
    this.#pauses = 0;
    this.#lent = null;
  }

  /** The packet of this tick. */
  take(wire: Int16Array, media: CallMedia): void {
    if (!this.#open) return;
    const { playout } = media;
    if (
      media.fading ||
      (!playout.busy && this.#said < this.#given.length && playout.lastBytes === 0 && this.#said > 0)
    ) {
      // Cut off for good.
      this.#open = false;
      return;
    }
    if (playout.lastBytes > 0) this.#compare(wire, playout.lastBytes);
    else if (playout.paused && this.#lent === null) {
      this.#lent = wire.slice();
      this.#pauses += 1;
    }
    if (playout.busy || this.#said === 0) return;
    this.#open = false;
    if (this.#pauses > 0) this.#total += this.#damaged + Math.abs(this.#given.length - this.#said);
  }

  #compare(wire: Int16Array, samples: number): void {
    const lent = this.#lent;
    this.#lent = null;
    let [wrong, energy] = [0, 0];
    for (let n = 0; n < samples; n += 1) {
      const wanted = this.#given[this.#said + n] ?? 0;
      const heard = (wire[n] ?? 0) + (lent?.[n] ?? 0);
      wrong += (wanted - heard) ** 2;
      energy += wanted ** 2;
    }
    if (wrong > OTHER * energy + ROUNDING) this.#damaged += samples;
    this.#said += samples;
  }
}
