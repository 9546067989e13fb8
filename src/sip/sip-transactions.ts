/** Every transaction of an endpoint, by name. Bounded in both directions. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import { ClientTransaction } from './client-transaction.ts';
import type { ClientOutcome } from './client-transaction.ts';
import { ServerTransaction } from './server-transaction.ts';
import { mergeKey, transactionKey } from './sip-incoming.ts';
import type { IncomingRequest } from './sip-incoming.ts';
import type { SipResponse } from './sip-message.ts';
import { replyTarget } from './sip-reply.ts';
import type { SipTarget } from './sip-reply.ts';

/** Sends bytes; `onFailed` is called at most once, when they certainly did not go. */
export type SipSend = (target: SipTarget, bytes: Buffer, onFailed: () => void) => void;

/** The two tables. */
export class SipTransactions {
  readonly #clock: Clock;
  readonly #send: SipSend;
  readonly #servers = new Map<string, ServerTransaction>();
  /** Requests outside of a dialog that are being dealt with. */
  readonly #merged = new Set<string>();
  readonly #clients = new Map<string, ClientTransaction>();

  constructor(clock: Clock, send: SipSend) {
    this.#clock = clock;
    this.#send = send;
  }

  /** Transactions that are not over. */
  get count(): number {
    return this.#servers.size + this.#clients.size;
  }

  /** The server transaction that `incoming` belongs to, if its request had the method `method`. */
  find(incoming: IncomingRequest, method: string): ServerTransaction | undefined {
    return this.#servers.get(transactionKey(incoming, method));
  }

  /** Whether the same request is being dealt with that came another way. */
  isMerged(incoming: IncomingRequest): boolean {
    return this.#merged.has(mergeKey(incoming));
  }

  /** A new server transaction; null: there are too many. `sendFailed`: a response could not be sent. */
  serve(incoming: IncomingRequest, on: { sendFailed(): void; ended(): void }): ServerTransaction | null {
    if (this.#servers.size >= LIMITS.sipTransactions) return null;
    const { request, source } = incoming;
    const key = transactionKey(incoming, request.method);
    const merge = incoming.toTag === '' ? mergeKey(incoming) : null;
    const target = replyTarget(request, source);
    const transaction = new ServerTransaction({
      clock: this.#clock,
      invite: request.method === 'INVITE',
      reliable: source.protocol === 'tcp',
      send: (bytes) => this.#send(target, bytes, () => on.sendFailed()),
      onEnded: () => {
        this.#servers.delete(key);
        if (merge !== null) this.#merged.delete(merge);
        on.ended();
      },
    });
    this.#servers.set(key, transaction);
    if (merge !== null) this.#merged.add(merge);
    return transaction;
  }

  /** Sends a request of ours and resolves with what became of it. Too many at once: as if it could not be sent. */
  request(branch: string, target: SipTarget, bytes: Buffer): Promise<ClientOutcome> {
    if (this.#clients.size >= LIMITS.sipTransactions) return Promise.resolve('transport');
    return new Promise((resolve) => {
      const transaction = new ClientTransaction({
        clock: this.#clock,
        reliable: target.protocol === 'tcp',
        request: bytes,
        send: (request, onFailed) => this.#send(target, request, onFailed),
        onDone: (outcome) => {
          this.#clients.delete(branch);
          resolve(outcome);
        },
      });
      this.#clients.set(branch, transaction);
      transaction.start();
    });
  }

  /** A response, by the branch of its topmost Via. One that belongs to nothing is ignored. */
  onResponse(branch: string, response: SipResponse): void {
    this.#clients.get(branch)?.onResponse(response);
  }

  /** Ends everything. */
  abandon(): void {
    for (const transaction of this.#servers.values()) transaction.abandon();
    for (const transaction of this.#clients.values()) transaction.end('transport');
  }
}
