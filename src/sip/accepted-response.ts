/** A 2xx to an INVITE, repeated until its ACK is here (RFC 3261 section 13.3.1.4), over TCP as well. */
import type { Clock, Timer } from '../core/clock.ts';
import { T1_MS, T2_MS, TRANSACTION_MS } from './sip-timers.ts';

/** What it needs. */
export interface AcceptedResponseOptions {
  readonly clock: Clock;
  /** Sends the response once more. */
  repeat(): void;
  /** The body of the ACK. Called once, and then nothing else. */
  onAck(body: string): void;
  /** No ACK within 64*T1. Called once, and then nothing else. */
  onTimeout(): void;
}

/** Runs from its construction, right after the response was sent first. */
export class AcceptedResponse {
  readonly #options: AcceptedResponseOptions;
  #repeatTimer: Timer | null = null;
  readonly #lifeTimer: Timer;
  #done = false;

  constructor(options: AcceptedResponseOptions) {
    this.#options = options;
    this.#lifeTimer = options.clock.after(TRANSACTION_MS, () => {
      this.cancel();
      options.onTimeout();
    });
    this.#repeatAfter(T1_MS);
  }

  /** The ACK has come; one that comes again is ignored. */
  acknowledged(body: string): void {
    if (this.#done) return;
    this.cancel();
    this.#options.onAck(body);
  }

  /** Stops without a word; twice is harmless. */
  cancel(): void {
    this.#done = true;
    this.#lifeTimer.cancel();
    this.#repeatTimer?.cancel();
  }

  #repeatAfter(gapMs: number): void {
    this.#repeatTimer = this.#options.clock.after(gapMs, () => {
      this.#repeatAfter(Math.min(gapMs * 2, T2_MS));
      this.#options.repeat();
    });
  }
}
