/** Requests about one channel, and what Asterisk's refusals mean for it. */
import { TalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { AriLink, AriRequest } from './ari-link.ts';
import { fieldsOf } from './stasis-channel.ts';

const NOT_FOUND = 404;
const CONFLICT = 409;
const UNPROCESSABLE = 422;

/** One channel's. */
export class ChannelRequests {
  readonly #link: AriLink;
  readonly #path: string;
  readonly #switchName: string;

  constructor(link: AriLink, switchName: string, channelId: string) {
    this.#link = link;
    this.#switchName = switchName;
    this.#path = `channels/${encodeURIComponent(channelId)}`;
  }

  /**
   * `POST channels/<id>/<what>`.
   * @throws ERR_TALKSPURT_CALL_GONE when the channel has left (404) or is not in our application (409); ERR_TALKSPURT_LINK_*,
   *   ERR_TALKSPURT_ARI_REFUSED
   */
  async post(what: string, query: Readonly<Record<string, string>> = {}): Promise<void> {
    await this.#send({ method: 'POST', path: `${this.#path}/${what}`, query });
  }

  /** Hangs up; a channel that is gone already is well. @throws ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_ARI_REFUSED */
  async hangup(hangupCause: number): Promise<void> {
    try {
      await this.#send({ method: 'DELETE', path: this.#path, query: { reason_code: String(hangupCause) } });
    } catch (error) {
      if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
    }
  }

  /** Its data, or null when there is none. @throws ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_ARI_REFUSED */
  async look(): Promise<unknown> {
    try {
      return await this.#send({ method: 'GET', path: this.#path });
    } catch (error) {
      if (!hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) throw error;
      return null;
    }
  }

  /** A variable or function; null where there is none, or Asterisk cannot say. @throws ERR_TALKSPURT_LINK_* */
  async variable(name: string): Promise<string | null> {
    try {
      const answer = await this.#send({ method: 'GET', path: `${this.#path}/variable`, query: { variable: name } });
      const { value } = fieldsOf(answer);
      return typeof value === 'string' ? value : null;
    } catch (error) {
      // Not set, or a function of a module that is not loaded.
      const refused = hasCode(error, 'ERR_TALKSPURT_CALL_GONE') || hasCode(error, 'ERR_TALKSPURT_ARI_REFUSED');
      if (!refused) throw error;
      return null;
    }
  }

  /** Those of `names` that are set go into `found`, a few requests at a time. @throws ERR_TALKSPURT_LINK_*, or the signal's reason */
  async variables(names: Iterable<string>, found: Map<string, string>, signal?: AbortSignal): Promise<void> {
    const left = [...new Set(names)];
    const ask = async (): Promise<void> => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) {
        signal?.throwIfAborted();
        const value = await this.variable(name);
        if (value !== null) found.set(name, value);
      }
    };
    await Promise.all(Array.from({ length: LIMITS.ariVariableRequests }, ask));
  }

  /** The codec that the channel speaks, or '': `(ulaw)` or `(opus|ulaw)`, of which the first is the one. @throws ERR_TALKSPURT_LINK_* */
  async codec(): Promise<string> {
    const formats = await this.variable('CHANNEL(audionativeformat)');
    return /^\(?([a-z0-9]{1,32})/i.exec(formats ?? '')?.[1] ?? '';
  }

  /**
   * Whether the dialplan surely has no such `context,extension,priority`: going there would be the end of the call. Where
   * func_dialplan is not loaded nobody can tell. @throws ERR_TALKSPURT_LINK_*
   */
  async lacks(place: string): Promise<boolean> {
    return (await this.variable(`DIALPLAN_EXISTS(${place})`))?.trim() === '0';
  }

  /** @throws as {@link ChannelRequests.post} */
  async setVariables(variables: Readonly<Record<string, string>>): Promise<void> {
    await Promise.all(Object.entries(variables).map(([variable, value]) => this.post('variable', { variable, value })));
  }

  /** @throws ERR_TALKSPURT_CALL_GONE */
  gone(): TalkspurtError {
    return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', `the channel has left ${this.#switchName} or our application`);
  }

  async #send(request: AriRequest): Promise<unknown> {
    try {
      return await this.#link.request(request);
    } catch (error) {
      const status = statusOf(error);
      if (status === NOT_FOUND || status === CONFLICT) throw this.gone();
      throw error;
    }
  }
}

/** Sends a request for something whose absence is well: it is what was wanted. @throws ERR_TALKSPURT_LINK_* */
export async function remove(link: AriLink, path: string): Promise<void> {
  try {
    await link.request({ method: 'DELETE', path });
  } catch (error) {
    if (statusOf(error) !== NOT_FOUND) throw error;
  }
}

/** Our application's being told of a channel even when that is not in it, or no more. */
export class ChannelSubscription {
  readonly #link: AriLink;
  readonly #channelId: string;
  #begun = false;

  constructor(link: AriLink, channelId: string) {
    this.#link = link;
    this.#channelId = channelId;
  }

  /** @throws as `AriLink.request` */
  async begin(): Promise<void> {
    await this.#send('POST');
    this.#begun = true;
  }

  /** Never rejects. */
  async end(): Promise<void> {
    if (!this.#begun) return;
    this.#begun = false;
    try {
      await this.#send('DELETE');
    } catch (error) {
      // The channel has gone since, and the subscription with it.
      if (!(error instanceof TalkspurtError)) throw error;
    }
  }

  async #send(method: 'POST' | 'DELETE'): Promise<void> {
    const path = `applications/${encodeURIComponent(this.#link.app)}/subscription`;
    await this.#link.request({ method, path, query: { eventSource: `channel:${this.#channelId}` } });
  }
}

/** Whether Asterisk refused because one of the channels is not there, or not in Stasis, any more. */
export function isLeaving(error: unknown): boolean {
  const status = statusOf(error);
  return status === 400 || status === NOT_FOUND || status === CONFLICT || status === UNPROCESSABLE;
}

/** The HTTP status of a refusal; 0 for any other error. */
export function statusOf(error: unknown): number {
  if (!hasCode(error, 'ERR_TALKSPURT_ARI_REFUSED')) return 0;
  const { status } = error.details;
  return typeof status === 'number' ? status : 0;
}
