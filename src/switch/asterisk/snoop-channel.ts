/**
 * One snoop on a channel: a channel of ours that hears it or speaks into it, with media of ours in a bridge of their own. The
 * channel that is snooped on is left as it is, whether it is in Stasis or not.
 *
 *     snoop ─▶ it is in our application ─▶ media and bridge (see call-bridge.ts)
 */
import { TalkspurtError, asTalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import { ChannelWaits } from '../channel-waits.ts';
import type { AriEvent } from './ari-link.ts';
import type { AsteriskLegShared } from './asterisk-leg-parts.ts';
import { ChannelRequests, isLeaving, remove } from './asterisk-requests.ts';
import { CallBridge } from './call-bridge.ts';

/** As Asterisk has it: `in` comes from the channel, `out` goes to it. */
export type SnoopDirection = 'none' | 'in' | 'out' | 'both';

/** What a snoop is made of. */
export interface SnoopParts extends AsteriskLegShared {
  /** The channel that is snooped on. */
  readonly targetId: string;
  /** What is heard of it. */
  readonly spy: SnoopDirection;
  /** Where what we send is heard: `in` by whom the channel is bridged to, `out` by the channel's own party. */
  readonly whisper: SnoopDirection;
  /** The channel's format in Asterisk; empty: unknown. */
  readonly callFormat: string;
  /** It ended, and not by `close`. Called once at most, and not before `open` has resolved. */
  onEnded(reason: string): void;
}

const ENDED = 'Asterisk ended a snoop channel, its media or its bridge';

/** One snoop; opened once, closed once. */
export class SnoopChannel {
  /** Its channel's id, in Asterisk from `open` to `close`. */
  readonly id: string;
  readonly #parts: SnoopParts;
  readonly #waits: ChannelWaits;
  readonly #unwatch: () => void;
  readonly #lifeline = new AbortController();
  #bridge: CallBridge | null = null;
  #opening: Promise<unknown> = Promise.resolve();
  #asked = false;
  #arrived = false;
  #opened = false;
  #ended = false;
  #closed: Promise<void> | null = null;

  constructor(parts: SnoopParts) {
    this.#parts = parts;
    this.id = parts.ids.make('snoop');
    this.#waits = new ChannelWaits(parts.clock);
    // From here on nobody takes it for something left behind.
    this.#unwatch = parts.routes.watch(this.id, (event) => this.#onEvent(event));
  }

  /**
   * Everything up to the first packet. When it rejects nothing is left.
   * @throws ERR_TALKSPURT_MEDIA_*, ERR_TALKSPURT_PORTS_EXHAUSTED, ERR_TALKSPURT_CALL_GONE, ERR_TALKSPURT_LINK_*,
   *   ERR_TALKSPURT_ARI_REFUSED, or the signal's reason
   */
  async open(signal: AbortSignal): Promise<MediaTransport> {
    const opening = this.#build(AbortSignal.any([signal, this.#lifeline.signal]));
    this.#opening = Promise.allSettled([opening]);
    try {
      const transport = await opening;
      this.#opened = true;
      if (this.#ended) this.#parts.onEnded(ENDED);
      return transport;
    } catch (error) {
      await this.close();
      throw asTalkspurtError(error);
    }
  }

  /** Deletes it and what it has. Twice is harmless; never rejects: what stays is told by `onLeftover`. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Whether Asterisk still has it. @throws ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_ARI_REFUSED */
  async isThere(): Promise<boolean> {
    const { link, switchName } = this.#parts;
    return (await new ChannelRequests(link, switchName, this.id).look()) !== null;
  }

  async #build(signal: AbortSignal): Promise<MediaTransport> {
    signal.throwIfAborted();
    await this.#make();
    await this.#waits.wait({
      condition: () => this.#arrived,
      limitMs: LIMITS.mediaOpenMs,
      onTimeout: () => late(),
      signal,
    });
    const bridge = new CallBridge({
      ...this.#parts,
      callerId: this.id,
      // Digits of the call are told as events of its own channel.
      onDigit: () => undefined,
      onLost: () => this.#lost(),
    });
    this.#bridge = bridge;
    const transport = await bridge.open(signal);
    signal.throwIfAborted();
    return transport;
  }

  async #make(): Promise<void> {
    const { link, targetId, spy, whisper, switchName } = this.#parts;
    this.#asked = true;
    try {
      await link.request({
        method: 'POST',
        path: `channels/${encodeURIComponent(targetId)}/snoop/${this.id}`,
        query: { app: link.app, spy, whisper },
      });
    } catch (error) {
      // A request that nobody answered may still be carried out.
      if (!hasCode(error, 'ERR_TALKSPURT_ARI_REFUSED')) this.#parts.onLeftover();
      if (!isLeaving(error)) throw error;
      const message = `the channel has left ${switchName}, or cannot be listened to`;
      throw new TalkspurtError('ERR_TALKSPURT_CALL_GONE', message, { cause: error });
    }
  }

  async #close(): Promise<void> {
    this.#lifeline.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the tap was let go'));
    await this.#opening;
    this.#waits.end(gone());
    const removed = this.#asked ? [remove(this.#parts.link, `channels/${this.id}`)] : [];
    const [outcome] = await Promise.allSettled([...removed, this.#bridge?.close()]);
    this.#unwatch();
    // The link is down, or Asterisk too slow: whoever sweeps finds it by its id.
    if (outcome?.status === 'rejected') this.#parts.onLeftover();
  }

  #onEvent(event: AriEvent): void {
    if (event.type === 'StasisStart') {
      this.#arrived = true;
      this.#waits.changed();
    }
    // With the channel that it is on it goes without another word.
    if (event.type !== 'StasisEnd' && event.type !== 'ChannelDestroyed') return;
    this.#waits.end(gone());
    this.#lifeline.abort(gone());
    this.#lost();
  }

  #lost(): void {
    if (this.#ended || this.#closed !== null) return;
    this.#ended = true;
    if (this.#opened) this.#parts.onEnded(ENDED);
  }
}

function gone(): TalkspurtError {
  const message = 'Asterisk ended the snoop channel: the call is over, or somebody hung the snoop up';
  return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', message);
}

function late(): TalkspurtError {
  const message = `Asterisk did not hand the snoop channel over within ${LIMITS.mediaOpenMs} ms`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message);
}
