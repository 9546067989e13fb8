/** The word of a channel that is in nobody's or another's application: asked for once, and taken back for sure. */
import { TalkspurtError } from '../../core/errors.ts';
import type { AriLink } from './ari-link.ts';
import { statusOf } from './asterisk-requests.ts';

const UNPROCESSABLE = 422;

/**
 * One channel's. To Asterisk a channel of another Stasis application that we are told of looks like one of ours: a subscription
 * that is left behind is not harmless.
 */
export class TapSubscription {
  readonly #link: AriLink;
  readonly #switchName: string;
  readonly #channelId: string;
  /** Asterisk may hold it. */
  #standing = false;

  constructor(link: AriLink, switchName: string, channelId: string) {
    this.#link = link;
    this.#switchName = switchName;
    this.#channelId = channelId;
  }

  /** @throws ERR_TALKSPURT_CALL_GONE when there is no such channel; as `AriLink.request` */
  async begin(): Promise<void> {
    // A request that nobody answered may have been carried out.
    this.#standing = true;
    try {
      await this.#send('POST');
    } catch (error) {
      if (statusOf(error) !== UNPROCESSABLE) throw error;
      this.#standing = false;
      const message = `the channel has left ${this.#switchName}`;
      throw new TalkspurtError('ERR_TALKSPURT_CALL_GONE', message, { cause: error });
    }
  }

  /** Asks again, in case that Asterisk has forgotten; where it never was asked, nothing. @throws as `begin` */
  async renew(): Promise<void> {
    if (!this.#standing) return;
    // Asterisk counts how often it was asked.
    await this.end();
    await this.begin();
  }

  /** Resolves to whether it is over; where it is not, the link is down, and it is to be ended again. Never rejects. */
  async end(): Promise<boolean> {
    if (!this.#standing) return true;
    try {
      await this.#send('DELETE');
    } catch (error) {
      // Refused: the channel has gone since, and the subscription with it.
      if (statusOf(error) === 0) return false;
    }
    this.#standing = false;
    return true;
  }

  async #send(method: 'POST' | 'DELETE'): Promise<void> {
    const path = `applications/${encodeURIComponent(this.#link.app)}/subscription`;
    await this.#link.request({ method, path, query: { eventSource: `channel:${this.#channelId}` } });
  }
}
