/** Client transactions other than INVITE (RFC 3261 section 17.1.2): we send BYE, REFER and UPDATE, and never an INVITE. */
import type { Clock, Timer } from '../core/clock.ts';
import type { SipResponse } from './sip-message.ts';
import { T1_MS, T2_MS, TRANSACTION_MS } from './sip-timers.ts';

/** How it ended: with a final response, with none in time, or because the request could not be sent. */
export type ClientOutcome = SipResponse | 'timeout' | 'transport';

/** What a transaction needs. */
export interface ClientTransactionOptions {
  readonly clock: Clock;
  /** Over TCP nothing is repeated. */
  readonly reliable: boolean;
  readonly request: Buffer;
  /** Sends the request; `onFailed` says that it could not be. */
  send(bytes: Buffer, onFailed: () => void): void;
  /** Called once. */
  onDone(outcome: ClientOutcome): void;
}

/** One request of ours, until its final response. */
export class ClientTransaction {
  readonly #options: ClientTransactionOptions;
  #done = false;
  #gapMs = T1_MS;
  #repeatTimer: Timer | null = null;
  readonly #lifeTimer: Timer;

  constructor(options: ClientTransactionOptions) {
    this.#options = options;
    this.#lifeTimer = options.clock.after(TRANSACTION_MS, () => this.end('timeout'));
  }

  /** Sends the request for the first time. */
  start(): void {
    this.#send();
    if (!this.#options.reliable && !this.#done) this.#arm();
  }

  /** A response of this transaction. */
  onResponse(response: SipResponse): void {
    if (response.status >= 200) this.end(response);
    // It has arrived: asked again, but no longer in haste.
    else this.#gapMs = T2_MS;
  }

  /** Ends it; twice is harmless. */
  end(outcome: ClientOutcome): void {
    if (this.#done) return;
    this.#done = true;
    this.#lifeTimer.cancel();
    this.#repeatTimer?.cancel();
    this.#options.onDone(outcome);
  }

  #send(): void {
    this.#options.send(this.#options.request, () => this.end('transport'));
  }

  #arm(): void {
    this.#repeatTimer = this.#options.clock.after(this.#gapMs, () => {
      this.#gapMs = Math.min(this.#gapMs * 2, T2_MS);
      this.#send();
      if (!this.#done) this.#arm();
    });
  }
}
