/** Something of a call is gone. Which of a hang-up, a move and a failure it was, Asterisk says in the events that follow. */
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { ChannelRequests } from './asterisk-requests.ts';

/** Whose call, and who is told. */
export interface LegSuspicionParts {
  readonly clock: Clock;
  readonly requests: Pick<ChannelRequests, 'look'>;
  /** The channel is no more. */
  hungUp(): void;
  /** The channel is there. `departed`: but no longer in our application. Not called after {@link hungUp}. */
  left(reason: string, departed: boolean): void;
}

/** One call's; `LIMITS.hangupEventMs` after the first sign it is decided. */
export class LegSuspicion {
  readonly #parts: LegSuspicionParts;
  #timer: Timer | null = null;
  #reason = '';
  #departed = false;

  constructor(parts: LegSuspicionParts) {
    this.#parts = parts;
  }

  /**
   * A sign. The first one says what is told, unless a later one says that the channel has left our application: a channel that
   * is led elsewhere leaves its bridge first, and its application after that.
   */
  raise(reason: string, departed: boolean): void {
    if (this.#timer === null || (departed && !this.#departed)) {
      this.#reason = reason;
      this.#departed = departed;
    }
    this.#timer ??= this.#parts.clock.after(LIMITS.hangupEventMs, () => void this.#investigate());
  }

  /** What was told as `reason` is undone: it was no more than a moment. */
  withdraw(reason: string): void {
    if (this.#reason === reason) this.dismiss();
  }

  /** Nothing that was suspected matters any more. */
  dismiss(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Never rejects. */
  async #investigate(): Promise<void> {
    const timer = this.#timer;
    let there = true;
    try {
      there = (await this.#parts.requests.look()) !== null;
    } catch (error) {
      // The link is down: whether it is there is asked when it is up again. The audio is gone either way.
      if (!(error instanceof TalkspurtError)) throw error;
    }
    // Dismissed meanwhile: whoever did it knows better.
    if (this.#timer !== timer) return;
    this.#timer = null;
    if (there) this.#parts.left(this.#reason, this.#departed);
    else this.#parts.hungUp();
  }
}
