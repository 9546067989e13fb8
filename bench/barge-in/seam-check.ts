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
  #takenBack = 0;
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
    this.#takenBack = 0;
    this.#lent = null;
  }

  /** The packet of this tick. `cutOff`: in this tick the agent was stopped for good, and the packet is its last. */
  take(wire: Int16Array, media: Pick<CallMedia, 'playout' | 'fading'>, cutOff: boolean): void {
    if (!this.#open) return;
    const { playout } = media;
    if (
      cutOff ||
      media.fading ||
      (!playout.busy && this.#said < this.#given.length && playout.lastBytes === 0 && this.#said > 0)
    ) {
      // Cut off for good: what was said until then counts, but neither the packet that is faded nor what nobody wants any more.
      this.#open = false;
      if (this.#takenBack > 0) this.#total += this.#damaged;
      return;
    }
    if (playout.lastBytes > 0) this.#compare(wire, playout.lastBytes);
    else if (playout.paused && this.#lent === null) {
      this.#lent = wire.slice();
    }
    if (playout.busy || this.#said === 0) return;
    this.#open = false;
    if (this.#takenBack > 0) this.#total += this.#damaged + Math.abs(this.#given.length - this.#said);
  }

  #compare(wire: Int16Array, samples: number): void {
    const lent = this.#lent;
    this.#lent = null;
    if (lent !== null) this.#takenBack += 1;
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
