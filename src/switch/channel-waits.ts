/** Waiting for something to become true of a channel: until it does, time is up, the call is over, or nobody wants it. */
import type { Clock } from '../core/clock.ts';
import type { TalkspurtError } from '../core/errors.ts';
import { asTalkspurtError } from '../core/errors.ts';

/** What one wait is for. */
export interface ChannelWait {
  readonly condition: () => boolean;
  readonly limitMs: number;
  readonly onTimeout: () => TalkspurtError;
  readonly signal?: AbortSignal;
}

interface Waiting {
  readonly condition: () => boolean;
  readonly settle: (error?: TalkspurtError) => void;
}

/** The waits of one channel. */
export class ChannelWaits {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #over: TalkspurtError | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the condition holds. @throws the wait's own error, the signal's reason, or why the channel ended */
  wait(wait: ChannelWait): Promise<void> {
    const { condition, limitMs, onTimeout, signal } = wait;
    if (this.#over !== null) return Promise.reject(this.#over);
    if (signal?.aborted === true) return Promise.reject(asTalkspurtError(signal.reason));
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const onAbort = (): void => waiting.settle(asTalkspurtError(signal?.reason));
      const timer = this.#clock.after(limitMs, () => waiting.settle(onTimeout()));
      const waiting: Waiting = {
        condition,
        settle: (error) => {
          this.#waiting.delete(waiting);
          timer.cancel();
          signal?.removeEventListener('abort', onAbort);
          if (error === undefined) resolve();
          else reject(error);
        },
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(waiting);
    });
  }

  /** Something changed: whose condition holds now is done. */
  changed(): void {
    for (const waiting of this.#waiting) if (waiting.condition()) waiting.settle();
  }

  /** Ends every wait, and all later ones. */
  end(error: TalkspurtError): void {
    this.#over ??= error;
    for (const waiting of this.#waiting) waiting.settle(error);
  }
}
