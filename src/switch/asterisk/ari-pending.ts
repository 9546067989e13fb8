/** The requests that wait for their answers on one ARI connection: bounded, and each under its own deadline. */
import type { Clock, Timer } from '../../core/clock.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { titleOf } from './ari-answer.ts';
import type { AriAnswer } from './ari-answer.ts';
import type { AriRequest } from './ari-link.ts';
import { queueFull, timeout } from './ari-link-error.ts';

/** Somebody who waits for an answer. */
export interface AriWaiting {
  readonly resolve: (answer: AriAnswer) => void;
  readonly reject: (error: TalkspurtError) => void;
  readonly deadline: Timer;
}

/** Numbered from 1, in the order in which they were asked. */
export class AriPending {
  readonly #clock: Clock;
  readonly #waiting = new Map<number, AriWaiting>();
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of the last that was asked; one that came too late has a number up to it. */
  get last(): number {
    return this.#last;
  }

  /**
   * Calls `send` with a number, and waits for its answer.
   * @throws ERR_TALKSPURT_LINK_TIMEOUT when none comes in time, or too many wait; whatever `send` throws
   */
  ask(request: AriRequest, send: (id: number) => void): Promise<AriAnswer> {
    if (this.#waiting.size >= LIMITS.ariPendingRequests) return Promise.reject(queueFull());
    return new Promise((resolve, reject) => {
      this.#last += 1;
      const id = this.#last;
      const limitMs = request.timeoutMs ?? LIMITS.ariRequestMs;
      const late = (): void => this.take(id)?.reject(timeout(`answer ${titleOf(request)}`, limitMs));
      this.#waiting.set(id, { resolve, reject, deadline: this.#clock.after(limitMs, late) });
      try {
        send(id);
      } catch (error) {
        this.take(id)?.reject(asTalkspurtError(error));
      }
    });
  }

  /** Who waits for the answer `id`, and does no more. */
  take(id: number): AriWaiting | undefined {
    const waiting = this.#waiting.get(id);
    waiting?.deadline.cancel();
    this.#waiting.delete(id);
    return waiting;
  }

  rejectAll(error: TalkspurtError): void {
    for (const id of this.#waiting.keys()) this.take(id)?.reject(error);
  }
}
