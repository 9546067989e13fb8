/** The port of a media path: packets of one call, both ways, over whatever the switch already has. */
import type { TalkspurtError } from '../core/errors.ts';
import type { MediaFormat } from '../core/media.ts';

/** Where a transport delivers. Called from the socket's own event: writes to a bounded place and returns. */
export interface MediaSink {
  /**
   * One received frame. `payload` is borrowed: copy it before returning. `sequenceNumber` counts frames modulo 65536
   * (the RTP one, or the transport's own where the wire has none); `timestamp` is in samples modulo 2³².
   */
  onFrame(payload: Uint8Array, sequenceNumber: number, timestamp: number, nowMs: number): void;
  /** The far end stops sending, and says what its silence sounds like: a comfort noise payload (RFC 3389), borrowed. Rare. */
  onSilence?(payload: Uint8Array): void;
  /** The path is gone for good. Called at most once, and not after `close()`. */
  onLost(error: TalkspurtError): void;
}

/** Counters of a transport since it opened; the object is live and is not to be changed. */
export interface MediaTransportStats {
  readonly receivedFrames: number;
  readonly sentFrames: number;
  /** Datagrams refused: wrong size, unknown source, malformed. */
  readonly rejectedPackets: number;
  /** Frames that were not sent: wrong size, closed, or the socket said no. Datagrams: what fails first is seen within half a second (`send-tally.ts`). */
  readonly unsentFrames: number;
}

/** What RTCP and the packets' numbers tell of a path; live. Null: the far end has not said. */
export interface PathQuality {
  readonly rttMs: number | null;
  /** Our packets that the far end lost. */
  readonly remoteLost: number | null;
  /** When anything at all came last (audio or reports), in the clock's ms; NaN: never. */
  readonly lastHeardMs: number;
}

/** One call's audio path to its switch. Closed by whoever opened it. */
export interface MediaTransport {
  /** `unicast`, `rtp`, … : for health and logs. */
  readonly kind: string;
  readonly format: MediaFormat;
  readonly stats: MediaTransportStats;
  /** Frames of silence that have to go before what is to be heard: a far end that is still setting up drops the first ones. */
  readonly leadInFrames?: number;
  /** False while the far end need not send: on hold. Absent: it always has to. */
  readonly expectsFrames?: boolean;
  /** True: a far end that may fall silent, but sends something once: that no frame came yet tells of one-way audio. Absent: it need not. */
  readonly owesFirstFrame?: boolean;
  /** Where the wire reports it (RTP with RTCP). */
  readonly rtpStats?: PathQuality;
  /** The other party of a tapped call, where it comes apart: closed with this one, never sent to. */
  readonly other?: MediaTransport;
  /** From now on frames go to `sink`. */
  start(sink: MediaSink): void;
  /**
   * Sends one frame of `format` at once; the caller paces. `payload` is borrowed and must not change until the next
   * `send`. A frame of another size is counted, never sent.
   */
  send(payload: Uint8Array, startsTalkspurt: boolean): void;
  /** Frames that the switch has confirmed as played, or null where it cannot say. */
  playedFrames(): number | null;
  /** Drops what the switch still holds of what we sent, where it can. */
  flush(): void;
  /** Frees the socket and port. Twice is harmless. */
  close(): Promise<void>;
}
