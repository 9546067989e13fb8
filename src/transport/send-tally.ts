/**
 * Counts what a socket sends without being told of each: a call-back for a datagram costs a twentieth of all that a call does.
 *
 * What does it do? As long as all goes well frames count as sent when they are handed over, and only every {@link ASKED_EVERY}th is
 *   asked about. Once one has failed each is asked about, and counted as what it became, until so many in a row have gone well.
 * How do I use it? `socket.send(datagram, …, tally.next())`, once for each frame.
 * Not for: knowing whether anything arrived. A kernel that takes a datagram says nothing more.
 */

/** Whoever is told what became of a datagram. */
type Told = (error: Error | null) => void;

/** Frames of which one is asked about: half a second of 20 ms. */
const ASKED_EVERY = 25;

/** One socket's. Allocates nothing once made. */
export class SendTally {
  readonly #counters: { sentFrames: number; unsentFrames: number };
  /** Frames until the next one is asked about. */
  #untilAsked = 0;
  /** Frames that went well since one failed; all of them were asked about. */
  #wellInARow = 0;
  #doubted = false;
  readonly #told: Told = (error) => {
    if (error === null) {
      this.#counters.sentFrames += 1;
      this.#wellInARow += 1;
      if (this.#wellInARow >= ASKED_EVERY) this.#doubted = false;
    } else {
      this.#counters.unsentFrames += 1;
      this.#wellInARow = 0;
      this.#doubted = true;
    }
  };

  /** Counts in `counters`, which stay the caller's. */
  constructor(counters: { sentFrames: number; unsentFrames: number }) {
    this.#counters = counters;
  }

  /** For the frame that is sent now: the call-back of `send`, or undefined: it counts as sent already. Hot path. */
  next(): Told | undefined {
    if (this.#doubted) return this.#told;
    if (this.#untilAsked === 0) {
      this.#untilAsked = ASKED_EVERY - 1;
      return this.#told;
    }
    this.#untilAsked -= 1;
    this.#counters.sentFrames += 1;
    return undefined;
  }
}
