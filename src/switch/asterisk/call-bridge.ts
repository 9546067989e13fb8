/**
 * A call's audio in Asterisk: a media channel of ours, and a bridge with it and the caller.
 *
 *     prepare our end ─▶ externalMedia + bridge ─▶ connect ─▶ the media channel is in our application ─▶ both into the bridge
 *
 * Two channels in a mixing bridge are passed on as they come; with a third one Asterisk would mix, which costs 20 to 80 ms.
 */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { DigitHandler } from '../../transport/telephone-event.ts';
import { ChannelWaits } from '../channel-waits.ts';
import type { AriEvent, AriLink } from './ari-link.ts';
import { isLeaving, remove, statusOf } from './asterisk-requests.ts';
import type { MediaPathKind } from './asterisk-capabilities.ts';
import type { AsteriskMediaPath, PreparedMedia } from './media-path.ts';
import { bridgeOf, channelVariablesOf, subjectOf } from './stasis-channel.ts';
import type { StasisIds } from './stasis-ids.ts';
import type { StasisRoutes } from './stasis-routes.ts';

/** What a bridge is made with. */
export interface CallBridgeParts {
  readonly callerId: string;
  readonly link: AriLink;
  readonly clock: Clock;
  readonly ids: StasisIds;
  readonly routes: StasisRoutes;
  readonly path: AsteriskMediaPath;
  readonly format: string;
  readonly callFormat: string;
  readonly onDigit: DigitHandler;
  /** The media channel, the bridge, or the caller's place in it is gone, and not by our doing. May be called more than once. */
  onLost(reason: string): void;
  /** What was lost for that reason is where it was: Asterisk takes out whom it puts in anew. Absent: nobody is. */
  onBack?(reason: string): void;
  /** Something may be left in Asterisk that could not be deleted. */
  onLeftover(): void;
}

/** What Asterisk says, and no more, when a channel could not be made. */
const INTERNAL_ERROR = 500;

const CALLER_LEFT = 'the caller was taken out of the bridge';
const MEDIA_LEFT = 'our media channel was taken out of the bridge';
/** Digits told as events keep Asterisk from passing media by itself: we see all of them, and the audio stays ours. */
const BRIDGE_TYPE = 'mixing,dtmf_events,proxy_media';

/** One call's media channel and bridge; opened once, closed once. */
export class CallBridge {
  readonly #parts: CallBridgeParts;
  readonly #mediaId: string;
  readonly #bridgeId: string;
  readonly #waits: ChannelWaits;
  readonly #unwatch: (() => void)[];
  #prepared: PreparedMedia | null = null;
  #transport: MediaTransport | null = null;
  /** The media channel is in our application. */
  #arrived = false;
  #mediaGone = false;
  #opened = false;
  #closed: Promise<void> | null = null;

  constructor(parts: CallBridgeParts) {
    const { ids, routes, clock } = parts;
    this.#parts = parts;
    this.#mediaId = ids.make('media');
    this.#bridgeId = ids.make('bridge');
    this.#waits = new ChannelWaits(clock);
    // From here on nobody takes them for something left behind.
    this.#unwatch = [
      routes.watch(this.#mediaId, (event) => this.#onMediaEvent(event)),
      routes.watch(this.#bridgeId, (event) => this.#onBridgeEvent(event)),
    ];
  }

  /**
   * Everything up to the first packet. When it rejects nothing is left.
   * @throws ERR_TALKSPURT_MEDIA_*, ERR_TALKSPURT_PORTS_EXHAUSTED, ERR_TALKSPURT_CALL_GONE, ERR_TALKSPURT_LINK_*,
   *   ERR_TALKSPURT_ARI_REFUSED, or the signal's reason
   */
  async open(signal: AbortSignal): Promise<MediaTransport> {
    try {
      const transport = await this.#build(signal);
      this.#opened = true;
      return transport;
    } catch (error) {
      await this.close();
      throw asTalkspurtError(error);
    }
  }

  /** The caller, who was led elsewhere, back into it. @throws ERR_TALKSPURT_CALL_GONE, ERR_TALKSPURT_LINK_* */
  async rejoin(): Promise<void> {
    await this.#join();
  }

  /** Deletes both, and frees our end. Twice is harmless; never rejects: what stays is told by `onLeftover`. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #build(signal: AbortSignal): Promise<MediaTransport> {
    const { path, link, format, callFormat, onDigit } = this.#parts;
    signal.throwIfAborted();
    const prepared = await path.prepare({
      channelId: this.#mediaId,
      format,
      callFormat,
      onDigit,
      linkUp: () => link.up,
      signal,
    });
    this.#prepared = prepared;
    signal.throwIfAborted();
    const [variables] = await bothOf(this.#makeMedia(prepared), this.#makeBridge());
    signal.throwIfAborted();
    const transport = await prepared.connect(variables);
    this.#transport = transport;
    signal.throwIfAborted();
    await this.#waits.wait({
      condition: () => this.#arrived,
      limitMs: LIMITS.mediaOpenMs,
      onTimeout: () => notOurs(),
      signal,
    });
    await this.#join();
    signal.throwIfAborted();
    if (this.#mediaGone) throw mediaGone();
    return transport;
  }

  async #makeMedia({ externalMedia, variables }: PreparedMedia): Promise<Readonly<Record<string, string>>> {
    const { link } = this.#parts;
    const query = { ...externalMedia, app: link.app, channelId: this.#mediaId };
    try {
      const body = variables === undefined ? {} : { body: { variables } };
      return channelVariablesOf(await link.request({ method: 'POST', path: 'channels/externalMedia', query, ...body }));
    } catch (error) {
      throw statusOf(error) === INTERNAL_ERROR ? notMade(this.#parts.path.kind, externalMedia, error) : error;
    }
  }

  async #makeBridge(): Promise<void> {
    const query = { type: BRIDGE_TYPE, bridgeId: this.#bridgeId, name: 'talkspurt' };
    await this.#parts.link.request({ method: 'POST', path: 'bridges', query });
  }

  async #join(): Promise<void> {
    const { link, callerId } = this.#parts;
    const query = { channel: `${callerId},${this.#mediaId}` };
    try {
      await link.request({ method: 'POST', path: `bridges/${this.#bridgeId}/addChannel`, query });
    } catch (error) {
      if (!isLeaving(error)) throw error;
      const message = 'the caller or its media channel has left before they could be bridged';
      throw new TalkspurtError('ERR_TALKSPURT_CALL_GONE', message, { cause: error });
    }
  }

  async #close(): Promise<void> {
    this.#waits.end(mediaGone());
    const { link } = this.#parts;
    const freed = [this.#prepared?.abandon(), this.#transport?.close()];
    const paths = [`channels/${this.#mediaId}`, `bridges/${this.#bridgeId}`];
    const removed = this.#prepared === null ? [] : paths.map((path) => remove(link, path));
    const outcomes = await Promise.allSettled([...removed, ...freed]);
    for (const unwatch of this.#unwatch) unwatch();
    // The link is down, or Asterisk too slow: whoever sweeps finds them by their ids.
    if (outcomes.some(({ status }) => status === 'rejected')) this.#parts.onLeftover();
  }

  #onMediaEvent(event: AriEvent): void {
    if (event.type === 'StasisStart') {
      this.#arrived = true;
      this.#waits.changed();
    }
    if (event.type !== 'StasisEnd' && event.type !== 'ChannelDestroyed') return;
    this.#mediaGone = true;
    // Before it is bridged, its end is the end of the attempt: nobody waits for longer.
    this.#waits.end(mediaGone());
    this.#lost('Asterisk ended the media channel');
  }

  #onBridgeEvent(event: AriEvent): void {
    if (event.type === 'BridgeDestroyed') this.#lost('the bridge was destroyed');
    if (bridgeOf(event) !== this.#bridgeId) return;
    const who = subjectOf(event);
    const reason = who === this.#parts.callerId ? CALLER_LEFT : who === this.#mediaId ? MEDIA_LEFT : null;
    if (reason === null) return;
    if (event.type === 'ChannelLeftBridge') this.#lost(reason);
    else if (event.type === 'ChannelEnteredBridge') this.#parts.onBack?.(reason);
  }

  #lost(reason: string): void {
    if (this.#opened && this.#closed === null) this.#parts.onLost(reason);
  }
}

/** Both, whatever becomes of either: what one has made is known before the other's failure is told. */
async function bothOf<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other]);
  return await Promise.all([one, other]);
}

const HINTS: Readonly<Record<MediaPathKind, string>> = {
  rtp: 'is res_rtp_asterisk running there, which is the RTP engine (module load res_rtp_asterisk.so), and chan_rtp?',
  audiosocket:
    'does it reach our address and port (media.advertiseHost), and are chan_audiosocket and res_audiosocket running?',
  websocket: 'is chan_websocket running there, and is the entry of websocket_client.conf the one that we name?',
};

function notMade(
  kind: MediaPathKind,
  { format = 'none' }: PreparedMedia['externalMedia'],
  cause: unknown,
): TalkspurtError {
  const message = `Asterisk could not make the media channel (500, ${kind}, format ${format}): ${HINTS[kind]} Its own log says more`;
  const details = { status: INTERNAL_ERROR };
  return new TalkspurtError('ERR_TALKSPURT_ARI_REFUSED', message, { cause, details });
}

function mediaGone(): TalkspurtError {
  const message = 'Asterisk ended the media channel before it could be used: is our address reachable from there?';
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message);
}

function notOurs(): TalkspurtError {
  const message = `Asterisk did not hand the media channel over within ${LIMITS.mediaOpenMs} ms`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message);
}
