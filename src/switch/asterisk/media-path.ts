/** The port of a way to get a call's audio out of and into Asterisk: RTP, AudioSocket or WebSocket. */
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { DigitHandler } from '../../transport/telephone-event.ts';
import type { AsteriskCapabilities, MediaPathKind } from './asterisk-capabilities.ts';

/** What a call wants of its media. */
export interface MediaWanted {
  /** ARI id that the media channel will have: ours, so that a repeated request is harmless. */
  readonly channelId: string;
  /** Asterisk's name of the format (`ulaw`, `alaw`, `slin`, `slin16`, `g722` …); `auto` lets the path choose by `callFormat`. */
  readonly format: string;
  /** The caller's own format in Asterisk, where it is known: `ulaw`, `opus` …; empty: unknown. */
  readonly callFormat: string;
  /** A digit that came by the media path itself. Must not throw. */
  readonly onDigit: DigitHandler;
  /** Whether Asterisk can be heard of by ARI now. While it cannot, a media path that falls silent may be all that tells of its end. */
  readonly linkUp: () => boolean;
  readonly signal: AbortSignal;
  /** What the connected Asterisk can do; absent: everything. */
  readonly capabilities?: AsteriskCapabilities;
}

/** Our end, ready and waiting; Asterisk has not been told yet. */
export interface PreparedMedia {
  /** Parameters of `POST /channels/externalMedia`, beside `app` and `channelId`. */
  readonly externalMedia: Readonly<Record<string, string>>;
  /** Chan variables for the request's body. */
  readonly variables?: Readonly<Record<string, string>>;
  /**
   * Once Asterisk has made the channel. `channelVariables` are `channelvars` of the answer of `externalMedia`
   * (`UNICASTRTP_LOCAL_PORT`, `MEDIA_WEBSOCKET_CONNECTION_ID` …). The transport is the caller's to close.
   * @throws ERR_TALKSPURT_MEDIA_*, or the signal's reason
   */
  connect(channelVariables: Readonly<Record<string, string>>): Promise<MediaTransport>;
  /** Takes everything back that `connect` has not handed out. Twice is harmless. */
  abandon(): Promise<void>;
}

/** One way, shared by all calls of a switch. */
export interface AsteriskMediaPath {
  readonly kind: MediaPathKind;
  /** Looks at what the connected Asterisk can do, each time that a link to it is up. @throws when it can carry no call */
  suit?(capabilities: AsteriskCapabilities): Promise<void>;
  /** @throws ERR_TALKSPURT_MEDIA_BIND when there is no port, ERR_TALKSPURT_MEDIA_FORMAT for a format that this way cannot have */
  prepare(wanted: MediaWanted): Promise<PreparedMedia>;
  close(): Promise<void>;
}
