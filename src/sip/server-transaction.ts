/** Server transactions (RFC 3261 section 17.2, RFC 6026): absorb retransmissions, repeat what got lost. */
import type { Clock, Timer } from '../core/clock.ts';
import { T1_MS, T2_MS, T4_MS, TRANSACTION_MS } from './sip-timers.ts';

/** What a transaction needs. */
export interface ServerTransactionOptions {
  readonly clock: Clock;
  readonly invite: boolean;
  /** Over TCP nothing is repeated. */
  readonly reliable: boolean;
  send(bytes: Buffer): void;
  /** It is over, and may be forgotten. Called once. */
  onEnded(): void;
}

/**
 * One request and its responses. A 2xx to an INVITE is repeated by whoever answered (see accepted-response.ts), for that
 * goes from end to end; every other final response is repeated here.
 */
export class ServerTransaction {
  readonly #options: ServerTransactionOptions;
  #state: 'proceeding' | 'accepted' | 'completed' | 'confirmed' | 'ended' = 'proceeding';
  /** The last response; null as long as there is none. */
  #last: Buffer | null = null;
  #lifeTimer: Timer | null = null;
  #repeatTimer: Timer | null = null;

  constructor(options: ServerTransactionOptions) {
    this.#options = options;
  }

  /** Whether a final response is still owed. */
  get open(): boolean {
    return this.#state === 'proceeding';
  }

  /** Whether the INVITE was answered with a 2xx: an ACK then belongs to the dialog. */
  get accepted(): boolean {
    return this.#state === 'accepted';
  }

  /** Sends a response. After a final one: nothing. */
  respond(status: number, bytes: Buffer): void {
    if (this.#state !== 'proceeding') return;
    this.#last = bytes;
    if (status >= 200) this.#finish(status);
    this.#options.send(bytes);
  }

  /** The same request once more. */
  repeated(): void {
    const answered = this.#state === 'proceeding' || this.#state === 'completed';
    if (answered && this.#last !== null) this.#options.send(this.#last);
  }

  /** Sends a 2xx to an INVITE once more. */
  repeatAccepted(bytes: Buffer): void {
    if (this.#state !== 'ended') this.#options.send(bytes);
  }

  /** The ACK of a final response that is no 2xx. */
  acknowledged(): void {
    if (this.#state !== 'completed' || !this.#options.invite) return;
    this.#state = 'confirmed';
    this.#repeatTimer?.cancel();
    this.#endAfter(this.#options.reliable ? 0 : T4_MS);
  }

  /** Ends at once, without a word. */
  abandon(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#lifeTimer?.cancel();
    this.#repeatTimer?.cancel();
    this.#options.onEnded();
  }

  #finish(status: number): void {
    const { invite, reliable } = this.#options;
    this.#state = invite && status < 300 ? 'accepted' : 'completed';
    if (invite && status >= 300 && !reliable) this.#repeatAfter(T1_MS);
    this.#endAfter(!invite && reliable ? 0 : TRANSACTION_MS);
  }

  #repeatAfter(gapMs: number): void {
    this.#repeatTimer = this.#options.clock.after(gapMs, () => {
      if (this.#last !== null) this.#options.send(this.#last);
      this.#repeatAfter(Math.min(gapMs * 2, T2_MS));
    });
  }

  #endAfter(delayMs: number): void {
    this.#lifeTimer?.cancel();
    this.#lifeTimer = this.#options.clock.after(delayMs, () => this.abandon());
  }
}
