/** Time that stands still until it is told to move, with chance that is the same for the same seed. */
import { FakeClock } from './fake-clock.ts';

/** A {@link FakeClock} whose `random` is Numerical Recipes' linear congruential generator. */
export class SeededClock extends FakeClock {
  #state: number;

  constructor(seed: number) {
    super();
    this.#state = seed | 1;
  }

  override random(): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#state / 2 ** 32;
  }
}
