/** The media of one SIP call that came in: offer and answer, RTP, and what changes about it while it is up. */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import type { ErrorCode } from '../../core/errors.ts';
import type { PtimeMs } from '../../core/media.ts';
import { LIMITS } from '../../limits.ts';
import type { SipCall, SipEnd } from '../../sip/sip-call.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { RtpCodec, RtpMedia } from '../../transport/rtp-media.ts';
import type { RtpPortPair, RtpPortPool } from '../../transport/rtp-port-pool.ts';
import { RtpTransport } from '../../transport/rtp-transport.ts';
import type { RtpTransportOptions } from '../../transport/rtp-transport.ts';
import type { WireCodec } from '../../transport/rtp-wire-format.ts';
import { acceptAnswer, answerOffer, makeOffer } from '../../transport/sdp-answer.ts';
import type { SdpHistory, SdpLocal, SdpOffer } from '../../transport/sdp-answer.ts';

/** A G.722 codec of one call. */
export type CallCodec = WireCodec & { release(): void };

/** How calls are answered. */
export interface SipMediaOptions {
  readonly clock: Clock;
  readonly ports: RtpPortPool;
  /** Who may send audio: IP addresses and CIDR blocks. */
  readonly sources: readonly string[];
  /** What we take, best first. */
  readonly codecs: readonly RtpCodec[];
  readonly ptimeMs?: PtimeMs;
  readonly g722?: () => CallCodec;
  /** IP address that the far end is to send to; absent: the one that the ports are bound to. */
  readonly advertiseHost?: string;
  /** Whoever wants the call gives it up while it is being answered: it is let go at once, and told so in its own time. */
  readonly signal?: AbortSignal;
  onDigit(digit: string, durationMs: number): void;
  /** The dialog is over, and not by {@link SipMedia.close}. Called once at most. */
  onEnded(end: SipEnd): void;
}

/** The media of one call. */
export interface SipMedia {
  readonly transport: MediaTransport;
  /** The far end holds us: it does not listen. */
  readonly held: boolean;
  /** RFC 4733, between our frames. */
  sendDigits(digits: string): Promise<void>;
  /** The switch itself says that its caller is on hold, or is no more: until then no audio is expected. */
  onCallerHeld(held: boolean): void;
  /** Says goodbye and frees the ports. Twice is harmless. */
  close(hangupCause?: number): Promise<void>;
}

/**
 * Answers `call`; resolves when the far end knows. When it rejects, the call was refused and nothing is left.
 * @throws ERR_TALKSPURT_MEDIA_FORMAT (the far end is told 488), ERR_TALKSPURT_PORTS_EXHAUSTED (503), ERR_TALKSPURT_CALL_GONE,
 *   or the signal's reason
 */
export async function openSipMedia(call: SipCall, options: SipMediaOptions): Promise<SipMedia> {
  const media = new OpenSipMedia(call, options);
  const { signal } = options;
  const onAbort = (): void => media.abandon();
  signal?.addEventListener('abort', onAbort, { once: true });
  try {
    if (signal?.aborted === true) onAbort();
    await media.open();
  } catch (error) {
    await media.discard(asTalkspurtError(error));
    throw asTalkspurtError(signal?.aborted === true ? signal.reason : error);
  } finally {
    signal?.removeEventListener('abort', onAbort);
  }
  return media;
}

/** A digit that comes twice, by RFC 4733 and by INFO, is one: from the first time that it is told on, for so long. */
const SAME_DIGIT_MS = 400;
/** No space for a call, for once; anything else that stands against it is about its audio. */
const FULL: readonly ErrorCode[] = [
  'ERR_TALKSPURT_PORTS_EXHAUSTED',
  'ERR_TALKSPURT_MEDIA_BIND',
  'ERR_TALKSPURT_DSP_POOL_EMPTY',
];
const INCOMPATIBLE_DESTINATION = 88;

interface HeardDigit {
  readonly digit: string;
  readonly by: 'rtp' | 'info';
  readonly atMs: number;
}

class OpenSipMedia implements SipMedia {
  readonly #call: SipCall;
  readonly #options: SipMediaOptions;
  #ports: RtpPortPair | null = null;
  #transport: CallTransport | null = null;
  #codec: CallCodec | null = null;
  #history: SdpHistory | null = null;
  /** Our offer in a re-INVITE that came without one. */
  #offered: SdpOffer | null = null;
  #ended = false;
  /** The end is our own doing. */
  #closing = false;
  #closed: Promise<void> | null = null;
  /** Told a moment ago, and not yet told the other way. */
  #digits: HeardDigit[] = [];

  constructor(call: SipCall, options: SipMediaOptions) {
    this.#call = call;
    this.#options = options;
  }

  get transport(): MediaTransport {
    if (this.#transport === null) throw new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the call has no media');
    return this.#transport;
  }

  get held(): boolean {
    const direction = this.#transport?.media.direction;
    return direction === 'recvonly' || direction === 'inactive';
  }

  async open(): Promise<void> {
    const call = this.#call;
    call.listen({
      onEnded: (end) => this.#onEnded(end),
      onReinvite: (offer) => this.#onReinvite(offer),
      onReinviteAnswered: (answer) => this.#onReinviteAnswered(answer),
      onDigit: (digit, durationMs) => this.#onDigit('info', digit, durationMs),
    });
    const ports = await this.#options.ports.acquire();
    this.#ports = ports;
    if (this.#ended) throw gone();
    if (call.offer === null) {
      const offer = makeOffer(this.#local(ports));
      const answer = await call.accept(offer.offer);
      const { media, history } = acceptAnswer(offer, answer, this.#local(ports));
      this.#start(ports, media, history);
    } else {
      const { answer, media, history } = answerOffer(call.offer, this.#local(ports));
      // Bound and listening before the far end learns where to send.
      this.#start(ports, media, history);
      await call.accept(answer);
    }
    if (this.#ended) throw gone();
  }

  /**
   * Whoever wanted it has gone. An answer that is not acknowledged allows no goodbye for half a minute (RFC 3261 section 15):
   * that is left to the dialog.
   */
  abandon(): void {
    this.#closing = true;
    void this.#call.hangup();
  }

  /** What was begun is undone, and the far end learns why. */
  async discard(error: TalkspurtError): Promise<void> {
    this.#closing = true;
    if (!this.#ended) this.#call.reject(FULL.includes(error.code) ? 503 : 488);
    // Answered already: it was the far end's answer to our offer that was of no use.
    await this.close(INCOMPATIBLE_DESTINATION);
  }

  async sendDigits(digits: string): Promise<void> {
    if (this.#transport === null || this.#ended) throw gone();
    await this.#transport.sendDigits(digits);
  }

  onCallerHeld(held: boolean): void {
    this.#transport?.onCallerHeld(held);
  }

  close(hangupCause?: number): Promise<void> {
    this.#closed ??= this.#close(hangupCause);
    return this.#closed;
  }

  async #close(hangupCause?: number): Promise<void> {
    const ended = this.#ended;
    this.#ended = true;
    this.#closing = true;
    // On its way before the port is closed; a far end that never answers it keeps nothing of ours.
    const goodbye = ended ? null : this.#call.hangup(hangupCause);
    try {
      await this.#transport?.close();
      await this.#ports?.release();
    } finally {
      this.#codec?.release();
      this.#codec = null;
      await goodbye;
    }
  }

  #start(ports: RtpPortPair, media: RtpMedia, history: SdpHistory): void {
    const { clock, sources, g722 } = this.#options;
    if (media.codec === 'g722') this.#codec = g722?.() ?? null;
    this.#history = history;
    this.#transport = new CallTransport({
      clock,
      ports,
      media,
      sources,
      onDigit: (digit, durationMs) => this.#onDigit('rtp', digit, durationMs),
      ...(this.#codec === null ? {} : { g722: this.#codec }),
    });
  }

  #local(ports: RtpPortPair): SdpLocal {
    const { codecs, g722, advertiseHost = ports.host } = this.#options;
    // Who names no ptime in a re-INVITE means the one that is in use.
    const ptimeMs = this.#transport?.format.ptimeMs ?? this.#options.ptimeMs;
    return {
      host: advertiseHost,
      rtpPort: ports.rtpPort,
      rtcpPort: ports.rtcpPort,
      codecs: g722 === undefined ? codecs.filter((codec) => codec !== 'g722') : codecs,
      ...(ptimeMs === undefined ? {} : { ptimeMs }),
    };
  }

  /** Hold, an end of hold, another address. Throws what the far end is refused with; the call then goes on as it was. */
  #onReinvite(offer: string | null): string {
    const [ports, transport, history] = [this.#ports, this.#transport, this.#history];
    if (ports === null || transport === null || history === null) throw gone();
    if (offer === null) {
      this.#offered = makeOffer(this.#local(ports), history);
      return this.#offered.offer;
    }
    const answered = answerOffer(offer, this.#local(ports), history);
    transport.update(answered.media);
    this.#history = answered.history;
    return answered.answer;
  }

  #onReinviteAnswered(answer: string): void {
    const [ports, transport, offered] = [this.#ports, this.#transport, this.#offered];
    this.#offered = null;
    if (ports === null || transport === null || offered === null) return;
    const { media, history } = acceptAnswer(offered, answer, this.#local(ports));
    transport.update(media);
    this.#history = history;
  }

  #onDigit(by: 'rtp' | 'info', digit: string, durationMs: number): void {
    const nowMs = this.#options.clock.nowMs();
    const recent = this.#digits.filter(({ atMs }) => nowMs - atMs < SAME_DIGIT_MS);
    const twin = recent.find((other) => other.digit === digit && other.by !== by);
    this.#digits =
      twin === undefined ? [...recent, { digit, by, atMs: nowMs }] : recent.filter((each) => each !== twin);
    if (twin === undefined) this.#options.onDigit(digit, durationMs);
  }

  #onEnded(end: SipEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    if (!this.#closing) this.#options.onEnded(end);
  }
}

/** Audio of a call whose switch tells of hold by other ways than SIP. */
class CallTransport extends RtpTransport {
  readonly #clock: Clock;
  #held = false;
  /** When the hold ended: the first frame takes its time. */
  #resumedMs = Number.NaN;

  constructor(options: RtpTransportOptions) {
    super(options);
    this.#clock = options.clock;
  }

  override get expectsFrames(): boolean {
    if (this.#held || !super.expectsFrames) return false;
    return Number.isNaN(this.#resumedMs) || this.#clock.nowMs() - this.#resumedMs > LIMITS.mediaStalledMs;
  }

  onCallerHeld(held: boolean): void {
    if (this.#held && !held) this.#resumedMs = this.#clock.nowMs();
    this.#held = held;
  }
}

function gone(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the SIP call is over');
}
