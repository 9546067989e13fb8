/**
 * One call's audio by AudioSocket: L16, little endian as it is in here, both ways over the connection that Asterisk made to us.
 *
 * What does it do? Cuts what comes into frames of our ptime, whatever sizes come, and numbers them. What is sent goes out at once, a
 *   frame a write: Asterisk has no clock of its own here and passes on what it gets when it gets it, so the caller's pace is the pace.
 * How does it work? Frames lie in a ring of arrays made once. One that the system has not taken yet stays untouched, because no
 *   more may wait than the ring holds less one; beyond that frames are dropped, never queued: late audio is worse than none.
 * Not for: sending digits: Asterisk ends the call at a digit of ours.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { MediaFormat } from '../core/media.ts';
import { frameBytes, frameSamples, isSampleRateHz } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { AudioSocketConnection, AudioSocketEnd } from './audiosocket-connection.ts';
import { AUDIO_SOCKET_HEADER_BYTES, audioSocketKind, audioSocketRateHz } from './audiosocket-frame.ts';
import type { MediaSink, MediaTransport, MediaTransportStats } from './media-transport.ts';
import type { DigitHandler } from './telephone-event.ts';

/** What one transport works with. */
export interface AudioSocketTransportOptions {
  readonly clock: Clock;
  /** Owned by the transport from now on. */
  readonly connection: AudioSocketConnection;
  /** L16; the rate is that of Asterisk's channel (`slin16`: 16,000 Hz), the dialplan application's is 8,000 Hz. */
  readonly format: MediaFormat;
  /** A digit that came by the connection. AudioSocket says nothing of its duration: 0. Must not throw. */
  onDigit?: DigitHandler;
}

interface Counters {
  receivedFrames: number;
  sentFrames: number;
  rejectedPackets: number;
  unsentFrames: number;
}

/** Asterisk's name of 16-bit audio at a rate of the chain. */
export const SLIN_NAMES = { 8000: 'slin', 16000: 'slin16', 24000: 'slin24', 48000: 'slin48' } as const;

/** The one with the connection. */
export class AudioSocketTransport implements MediaTransport {
  readonly kind = 'audiosocket';
  readonly format: MediaFormat;
  /** A party that says nothing may send nothing; that the switch is gone shows on the connection. */
  readonly expectsFrames = false;
  readonly owesFirstFrame = true;
  readonly #options: AudioSocketTransportOptions;
  readonly #kind: number;
  readonly #samples: number;
  readonly #counters: Counters = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  /** What is being put together of what comes. */
  readonly #frame: Uint8Array;
  #filled = 0;
  #sequenceNumber = 0;
  #timestamp = 0;
  /** Frames to send, their headers written for good. */
  readonly #ring: readonly Uint8Array[];
  readonly #silence: Uint8Array;
  #slot = 0;
  readonly #bufferedBytes: number;
  /** Since when the far end has read too little; NaN: it reads. */
  #fullSinceMs = Number.NaN;
  readonly #idleTimer: Timer;
  #movedFrames = 0;
  #sink: MediaSink | null = null;
  #lost: TalkspurtError | null = null;
  #closing: Promise<void> | null = null;

  /** @throws ERR_TALKSPURT_MEDIA_FORMAT for audio that is not L16 */
  constructor(options: AudioSocketTransportOptions) {
    const { format, connection, clock } = options;
    if (format.codec !== 'l16') {
      const message = `AudioSocket carries 16-bit linear audio only, not ${format.codec}: c(slin) or c(slin16)`;
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
    }
    this.#options = options;
    this.format = format;
    this.#kind = audioSocketKind(format.sampleRateHz);
    this.#samples = frameSamples(format);
    const bytes = frameBytes(format);
    this.#frame = new Uint8Array(bytes);
    this.#silence = framed(this.#kind, bytes);
    const waiting = Math.max(1, Math.floor(LIMITS.audioSocketBufferedMs / format.ptimeMs));
    this.#bufferedBytes = waiting * this.#silence.length;
    this.#ring = Array.from({ length: waiting + 1 }, () => framed(this.#kind, bytes));
    this.#idleTimer = clock.every(LIMITS.audioSocketIdleMs, () => this.#keepUp());
    connection.listen({
      onAudio: (kind, chunk, start, end) => this.#receive(kind, chunk, start, end),
      onDigit: (digit) => {
        if (this.#live) options.onDigit?.(digit, 0);
      },
      onHangup: () => this.#lose(hungUp()),
      onError: (code) => this.#lose(farError(code)),
      onFault: () => (this.#counters.rejectedPackets += 1),
      onEnd: (end) => this.#lose(end === 'closed' ? hungUp() : brokenOff(end)),
    });
  }

  get stats(): MediaTransportStats {
    return this.#counters;
  }

  start(sink: MediaSink): void {
    this.#sink = sink;
    if (this.#lost !== null && this.#closing === null) sink.onLost(this.#lost);
  }

  send(payload: Uint8Array, _startsTalkspurt: boolean): void {
    const { connection } = this.#options;
    if (payload.length !== this.#frame.length || !this.#live || !connection.open) {
      this.#counters.unsentFrames += 1;
      return;
    }
    const frame = this.#ring[this.#slot]!;
    if (connection.bufferedBytes + frame.length > this.#bufferedBytes) {
      this.#refuse();
      return;
    }
    this.#fullSinceMs = Number.NaN;
    this.#slot = this.#slot + 1 === this.#ring.length ? 0 : this.#slot + 1;
    frame.set(payload, AUDIO_SOCKET_HEADER_BYTES);
    connection.write(frame);
    this.#counters.sentFrames += 1;
  }

  playedFrames(): null {
    return null;
  }

  flush(): void {
    // Asterisk passes a frame on as it comes: it holds nothing that could be dropped.
  }

  close(): Promise<void> {
    this.#sink = null;
    this.#idleTimer.cancel();
    this.#closing ??= this.#options.connection.close();
    return this.#closing;
  }

  get #live(): boolean {
    return this.#lost === null && this.#closing === null;
  }

  #receive(kind: number, chunk: Uint8Array, start: number, end: number): void {
    if (!this.#live) return;
    if (kind !== this.#kind) {
      this.#lose(otherFormat(audioSocketRateHz(kind), this.format));
      return;
    }
    const frame = this.#frame;
    let at = start;
    while (at < end) {
      const taken = Math.min(frame.length - this.#filled, end - at);
      for (let i = 0; i < taken; i += 1) frame[this.#filled + i] = chunk[at + i]!;
      this.#filled += taken;
      at += taken;
      if (this.#filled < frame.length) return;
      this.#filled = 0;
      this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff;
      this.#timestamp = (this.#timestamp + this.#samples) >>> 0;
      this.#counters.receivedFrames += 1;
      this.#sink?.onFrame(frame, this.#sequenceNumber, this.#timestamp, this.#options.clock.nowMs());
      // Whoever gets a frame may close us.
      if (!this.#live) return;
    }
  }

  /** The far end does not read. A switch that is gone without a word shows in nothing else. */
  #refuse(): void {
    this.#counters.unsentFrames += 1;
    const nowMs = this.#options.clock.nowMs();
    if (Number.isNaN(this.#fullSinceMs)) this.#fullSinceMs = nowMs;
    else if (nowMs - this.#fullSinceMs > LIMITS.mediaLostMs) this.#lose(notRead());
  }

  /** Asterisk ends a call in which neither side says anything: while nobody does, before a call talks for one, we do. */
  #keepUp(): void {
    const moved = this.#counters.sentFrames + this.#counters.receivedFrames;
    const { connection } = this.#options;
    const idle = moved === this.#movedFrames && connection.bufferedBytes === 0;
    this.#movedFrames = moved;
    if (idle && this.#live && connection.open) connection.write(this.#silence);
  }

  #lose(error: TalkspurtError): void {
    if (!this.#live) return;
    this.#lost = error;
    this.#idleTimer.cancel();
    this.#sink?.onLost(error);
  }
}

function otherFormat(rateHz: number, { sampleRateHz }: MediaFormat): TalkspurtError {
  const name = SLIN_NAMES[sampleRateHz];
  const fix = isSampleRateHz(rateHz)
    ? `or expect ${SLIN_NAMES[rateHz]} of it`
    : 'which is one of slin, slin16, slin24, slin48';
  const message = `Asterisk sends AudioSocket at ${rateHz} Hz and not at ${sampleRateHz} Hz: give the channel its format, c(${name}), ${fix}`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message, { details: { rateHz } });
}

function framed(kind: number, bytes: number): Uint8Array {
  const frame = new Uint8Array(AUDIO_SOCKET_HEADER_BYTES + bytes);
  frame[0] = kind;
  frame[1] = bytes >>> 8;
  frame[2] = bytes & 0xff;
  return frame;
}

function hungUp(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'Asterisk closed the AudioSocket: its channel was hung up');
}

function farError(code: number | null): TalkspurtError {
  const message = `Asterisk reported an AudioSocket error${code === null ? '' : `, code ${code}`}: see its log`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message, code === null ? {} : { details: { code } });
}

function brokenOff(end: AudioSocketEnd): TalkspurtError {
  const message =
    end === 'reset'
      ? 'the AudioSocket connection was reset: Asterisk went away, or the network failed'
      : 'what comes over the AudioSocket connection is not AudioSocket any more';
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message, { details: { reason: end } });
}

function notRead(): TalkspurtError {
  const message = `Asterisk has not read its AudioSocket for ${LIMITS.mediaLostMs / 1000} s: is it still there?`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_STALLED', message);
}
