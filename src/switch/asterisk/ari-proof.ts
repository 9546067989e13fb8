/**
 * Whether Asterisk gives us the events of our Stasis application: asked by an event of our own, which has to come back.
 *
 *     POST events/user/talkspurt-proof-<uuid>?application=APP   →   ChannelUserevent by the WebSocket
 *
 * An Asterisk that is taking down the connection before ours while it takes ours may leave the application without a client for
 * as long as we stay (`app_update` and `session_reset`, Asterisk 22.10): it answers every request, no event comes, and calls pass
 * the application by.
 */
import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../core/clock.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { AriConnection } from './ari-connection.ts';
import type { AriEvent } from './ari-link.ts';
import { deaf } from './ari-link-error.ts';

const PREFIX = 'talkspurt-proof-';
const NOT_FOUND = 404;

/** Of one connection. Give it every event; it keeps its own to itself. */
export class AriProof {
  readonly #app: string;
  readonly #clock: Clock;
  /** What is waited for; empty: nothing. */
  #name = '';
  #settle: (error?: TalkspurtError) => void = () => undefined;
  #timer: Timer | null = null;
  #over: TalkspurtError | null = null;

  constructor(app: string, clock: Clock) {
    this.#app = app;
    this.#clock = clock;
  }

  /** Whether `event` is of a proof: then it is nobody else's. */
  take(event: AriEvent): boolean {
    const { eventname: name } = event;
    if (event.type !== 'ChannelUserevent' || typeof name !== 'string' || !name.startsWith(PREFIX)) return false;
    if (name === this.#name) this.#settle();
    return true;
  }

  /**
   * Asks, and resolves once the event is there; one at a time.
   * @throws ERR_TALKSPURT_LINK_DOWN when it does not come within `LIMITS.ariProofMs` of Asterisk's answer, or the application is
   *   not there; what `end` was given; as `AriLink.request`
   */
  async ask(connection: AriConnection): Promise<void> {
    const name = `${PREFIX}${randomUUID()}`;
    const came = new Promise<void>((resolve, reject) => {
      this.#settle = (error) => {
        this.#name = '';
        this.#timer?.cancel();
        this.#timer = null;
        if (error === undefined) resolve();
        else reject(error);
      };
    });
    // Where the request fails already, nobody waits for it.
    came.catch(() => undefined);
    this.#name = name;
    try {
      if (this.#over !== null) throw this.#over;
      await connection.request({ method: 'POST', path: `events/user/${name}`, query: { application: this.#app } });
    } catch (error) {
      const failure = asTalkspurtError(error);
      const isGone = failure.code === 'ERR_TALKSPURT_ARI_REFUSED' && failure.details['status'] === NOT_FOUND;
      this.#settle(isGone ? deaf(this.#app) : failure);
    }
    if (this.#name !== '') this.#wait();
    await came;
  }

  /** Nothing is waited for any more: what is asked, and what will be, is rejected with `error`. */
  end(error: TalkspurtError): void {
    this.#over = error;
    this.#settle(error);
  }

  /** After a standstill of ours the event lies in the socket, and is read before the second timer runs. */
  #wait(): void {
    this.#timer = this.#clock.after(LIMITS.ariProofMs, () => {
      this.#timer = this.#clock.after(0, () => this.#settle(deaf(this.#app)));
    });
  }
}
