/**
 * Whether Asterisk gives us the events of our Stasis application: asked for an event of our own, after which one has to come.
 *
 *     POST events/user/talkspurt-proof?application=APP   →   ChannelUserevent by the WebSocket
 *
 * An Asterisk that is taking down the connection before ours while it takes ours may leave the application without a client for
 * as long as we stay (`app_update` and `session_reset`, Asterisk 22.10): it answers every request, no event comes, and calls pass
 * the application by.
 *
 * It queues the event behind all that the application is to be told, and answers before: any event that comes will do.
 */
import type { Clock, Timer } from '../../core/clock.ts';
import { hasCode } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { AriConnection } from './ari-connection.ts';
import type { AriEvent } from './ari-link.ts';

const NAME = 'talkspurt-proof';
const NOT_FOUND = 404;

/** Of one connection. Give it every event; it keeps its own to itself. */
export class AriProof {
  readonly #app: string;
  readonly #clock: Clock;
  /** An event has come since it was asked. */
  #isHeard = false;
  #over: TalkspurtError | null = null;
  #wake: () => void = () => undefined;

  constructor(app: string, clock: Clock) {
    this.#app = app;
    this.#clock = clock;
  }

  /** Whether `event` is of a proof: then it is nobody else's. */
  take(event: AriEvent): boolean {
    this.#isHeard = true;
    this.#wake();
    return event.type === 'ChannelUserevent' && event['eventname'] === NAME;
  }

  /**
   * Asks; one at a time. False: no event within `LIMITS.ariProofMs` of Asterisk's answer, or there is no such application. True
   * also where Asterisk takes no user events: then it cannot be asked.
   * @throws what `end` was given; as `AriLink.request`
   */
  async ask(connection: AriConnection): Promise<boolean> {
    this.#isHeard = false;
    try {
      await connection.request({ method: 'POST', path: `events/user/${NAME}`, query: { application: this.#app } });
    } catch (error) {
      if (!hasCode(error, 'ERR_TALKSPURT_ARI_REFUSED')) throw error;
      return error.details['status'] !== NOT_FOUND;
    }
    if (!this.#isHeard && this.#over === null) await this.#wait();
    if (this.#over !== null) throw this.#over;
    return this.#isHeard;
  }

  /** The connection is over: no event comes any more. */
  end(error: TalkspurtError): void {
    this.#over = error;
    this.#wake();
  }

  async #wait(): Promise<void> {
    let timer: Timer | null = null;
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      // After a standstill of ours the event lies in the socket, and is read before the second timer runs.
      timer = this.#clock.after(LIMITS.ariProofMs, () => {
        timer = this.#clock.after(0, resolve);
      });
    });
    (timer as Timer | null)?.cancel();
  }
}
