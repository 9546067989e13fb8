/** When Asterisk is looked through: one look at a time, one more when it was asked for meanwhile, and again after a while. */
import type { Clock, Timer } from '../../core/clock.ts';
import { LIMITS } from '../../limits.ts';

/** What a look is, and when there is one. */
export interface ReconcileTurnsOptions {
  readonly clock: Clock;
  /** Never rejects. */
  look(): Promise<void>;
  /** Whether anybody still wants one. */
  wanted(): boolean;
  /** Whether the link is up: where it is down its return sees to it. */
  linkUp(): boolean;
}

/** The turns of one Asterisk. */
export class ReconcileTurns {
  readonly #options: ReconcileTurnsOptions;
  #running = false;
  #again = false;
  #retry: Timer | null = null;

  constructor(options: ReconcileTurnsOptions) {
    this.#options = options;
  }

  /** Now, or behind the look that is under way. Never rejects. */
  async now(): Promise<void> {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    do {
      this.#again = false;
      await this.#options.look();
    } while (this.#again && this.#options.wanted());
    this.#running = false;
  }

  /** Something may be left that could not be deleted. */
  later(): void {
    if (!this.#options.wanted() || this.#retry !== null) return;
    this.#retry = this.#options.clock.after(LIMITS.ariSweepRetryMs, () => {
      this.#retry = null;
      if (this.#options.linkUp()) void this.now();
    });
  }

  close(): void {
    this.#retry?.cancel();
    this.#retry = null;
  }
}
