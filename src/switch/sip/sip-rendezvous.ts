/**
 * Where a call that we asked a switch for meets whoever asked: the switch is told to call a user that is a one-time token,
 * and the call to that user is handed over.
 */
import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { SipCall } from '../../sip/sip-call.ts';

/** A call that is to come. */
export interface ExpectedCall {
  /** User part that the switch has to call. */
  readonly user: string;
  /** Resolves to the call. @throws ERR_TALKSPURT_LINK_TIMEOUT, or what {@link cancel} was given */
  readonly call: Promise<SipCall>;
  /** It is not waited for any longer; one that comes all the same is refused. Harmless afterwards. */
  cancel(error: TalkspurtError): void;
}

interface Waiting {
  readonly resolve: (call: SipCall) => void;
  readonly reject: (error: TalkspurtError) => void;
  readonly timer: Timer;
}

/** Marks our tokens among other users. */
export const TOKEN_PREFIX = 'ts-';

/** Tokens that are out, and the calls to them. */
export class SipRendezvous {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls that are waited for. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Whether a call to this user is waited for: only whom we have told of it can know it. */
  expects(user: string): boolean {
    return this.#waiting.has(user);
  }

  /** A call that a switch is about to be asked for; given up after `withinMs`. */
  expect(withinMs: number = LIMITS.mediaOpenMs): ExpectedCall {
    const user = `${TOKEN_PREFIX}${randomBytes(16).toString('hex')}`;
    const call = new Promise<SipCall>((resolve, reject) => {
      const timer = this.#clock.after(withinMs, () => {
        const message = `the switch did not call us within ${withinMs} ms: is its SIP profile up, and does it reach our address?`;
        this.#take(user)?.reject(new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message));
      });
      this.#waiting.set(user, { resolve, reject, timer });
    });
    // Whoever asked may have gone already.
    call.catch(() => undefined);
    return { user, call, cancel: (error) => this.#take(user)?.reject(error) };
  }

  /** Whether the call was one of those: it is then somebody's, or was refused because nobody waits for it any more. */
  offer(call: SipCall): boolean {
    const waiting = this.#take(call.requestUser);
    if (waiting !== null) {
      waiting.resolve(call);
      return true;
    }
    if (!call.requestUser.startsWith(TOKEN_PREFIX)) return false;
    call.reject(404);
    return true;
  }

  #take(user: string): Waiting | null {
    const waiting = this.#waiting.get(user) ?? null;
    waiting?.timer.cancel();
    this.#waiting.delete(user);
    return waiting;
  }
}
