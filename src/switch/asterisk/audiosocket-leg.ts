/**
 * A call that the dialplan's `AudioSocket(uuid,host:port)` brought as a leg: the connection is all there is of it. Letting go of it
 * closes the connection, and the dialplan goes on with the next line.
 */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, hasCode } from '../../core/errors.ts';
import type { AudioSocketConnection } from '../../transport/audiosocket-connection.ts';
import { AudioSocketTransport } from '../../transport/audiosocket-transport.ts';
import type { MediaSink, MediaTransport, MediaTransportStats } from '../../transport/media-transport.ts';
import type { CallLeg, LegListener } from '../switch-adapter.ts';

/** What a leg is made of. */
export interface AudioSocketLegParts {
  readonly clock: Clock;
  /** Owned by the leg from now on. */
  readonly connection: AudioSocketConnection;
  readonly switchName: string;
  /** The connection is over: the leg is not to be found any more. Called once. */
  onOver(): void;
}

const NORMAL_CLEARING = 16;
/** The application always sends so, whatever the call's own format. */
const FORMAT = { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 } as const;

/** A leg on a connection; made by the adapter. */
export class AudioSocketLeg implements CallLeg {
  /** The UUID that the dialplan gave the call. */
  readonly id: string;
  readonly switchName: string;
  /** The application tells neither number. */
  readonly from = '';
  readonly to = '';
  readonly variables: ReadonlyMap<string, string> = new Map();
  readonly #parts: AudioSocketLegParts;
  readonly #transport: DialplanTransport;
  #listener: LegListener | null = null;
  #ending: Promise<void> | null = null;
  #gone = false;

  constructor(parts: AudioSocketLegParts) {
    const { clock, connection, switchName } = parts;
    this.#parts = parts;
    this.id = connection.uuid;
    this.switchName = switchName;
    const onDigit = (digit: string, durationMs: number): void => {
      if (this.#ending === null) this.#listener?.onDigit(digit, durationMs);
    };
    const inner = new AudioSocketTransport({ clock, connection, format: FORMAT, onDigit });
    this.#transport = new DialplanTransport(inner, () => this.#hungUp());
  }

  listen(listener: LegListener): void {
    this.#listener = listener;
    if (this.#gone && this.#ending === null) listener.onHangup(NORMAL_CLEARING);
  }

  /** The application runs on an answered channel, or answers nothing. */
  answer(): Promise<void> {
    return this.#gone || this.#ending !== null ? Promise.reject(goneError()) : Promise.resolve();
  }

  openMedia(): Promise<MediaTransport> {
    return this.#gone || this.#ending !== null ? Promise.reject(goneError()) : Promise.resolve(this.#transport);
  }

  /** @throws ERR_TALKSPURT_NOT_SUPPORTED */
  sendDtmf(): Promise<void> {
    return Promise.reject(unsupported('Asterisk ends the call at a digit of ours: take Stasis() for calls that dial'));
  }

  /** @throws ERR_TALKSPURT_NOT_SUPPORTED */
  transfer(): Promise<void> {
    return Promise.reject(unsupported('stop lets the dialplan go on; take Stasis() for calls that are sent elsewhere'));
  }

  /** The dialplan goes on, and hangs up or not. */
  async hangup(): Promise<void> {
    await this.release();
  }

  async release(): Promise<void> {
    this.#ending ??= this.#end();
    await this.#ending;
  }

  async #end(): Promise<void> {
    await this.#transport.close();
    if (!this.#gone) this.#parts.onOver();
  }

  /** The caller has gone, or the dialplan has gone on: here they are the same. */
  #hungUp(): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#ending === null) this.#parts.onOver();
    if (this.#ending === null) this.#listener?.onHangup(NORMAL_CLEARING);
  }
}

/** The connection's audio; its goodbye is the call's. */
class DialplanTransport implements MediaTransport {
  readonly #inner: AudioSocketTransport;
  readonly #onOver: () => void;

  constructor(inner: AudioSocketTransport, onOver: () => void) {
    this.#inner = inner;
    this.#onOver = onOver;
  }

  get kind(): string {
    return this.#inner.kind;
  }

  get format(): MediaTransport['format'] {
    return this.#inner.format;
  }

  get stats(): MediaTransportStats {
    return this.#inner.stats;
  }

  get expectsFrames(): boolean {
    return this.#inner.expectsFrames;
  }

  get owesFirstFrame(): boolean {
    return this.#inner.owesFirstFrame;
  }

  start(sink: MediaSink): void {
    this.#inner.start({
      onFrame: (payload, sequenceNumber, timestamp, nowMs) => sink.onFrame(payload, sequenceNumber, timestamp, nowMs),
      // What is cut off or broken is a fault; a goodbye is the call's end.
      onLost: (error) => (hasCode(error, 'ERR_TALKSPURT_CALL_GONE') ? this.#onOver() : sink.onLost(error)),
    });
  }

  send(payload: Uint8Array, startsTalkspurt: boolean): void {
    this.#inner.send(payload, startsTalkspurt);
  }

  playedFrames(): number | null {
    return this.#inner.playedFrames();
  }

  flush(): void {
    this.#inner.flush();
  }

  async close(): Promise<void> {
    await this.#inner.close();
  }
}

function goneError(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the AudioSocket connection is closed');
}

function unsupported(fix: string): TalkspurtError {
  const message = `a call by the AudioSocket application is a connection and nothing else: ${fix}`;
  return new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message);
}
