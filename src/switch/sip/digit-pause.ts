/** The pauses between digits: a call that ends ends them. */
import type { Clock } from '../../core/clock.ts';
import type { TalkspurtError } from '../../core/errors.ts';

const PAUSE_MS = { w: 500, W: 1_000 } as const;

/** One pause at a time. */
export class DigitPause {
  readonly #clock: Clock;
  #cancel: ((error: TalkspurtError) => void) | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `w`: half a second, `W`: a whole one. @throws what {@link end} was given */
  async wait(pause: 'w' | 'W'): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = this.#clock.after(PAUSE_MS[pause], resolve);
      this.#cancel = (error) => {
        timer.cancel();
        reject(error);
      };
    });
    this.#cancel = null;
  }

  /** Harmless when there is none. */
  end(error: TalkspurtError): void {
    this.#cancel?.(error);
    this.#cancel = null;
  }
}
