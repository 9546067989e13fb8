/** Headerless L16 little endian from a stream as frames; of stereo, the caller (left) and the other party (right). */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { MediaFormat } from '../../core/media.ts';
import { frameBytes, frameSamples } from '../../core/media.ts';
import type { MediaSink, MediaTransport, MediaTransportStats } from '../../transport/media-transport.ts';

interface Counters {
  receivedFrames: number;
  sentFrames: number;
  rejectedPackets: number;
  unsentFrames: number;
}

/** One party's frames. */
class PartyTransport implements MediaTransport {
  readonly kind = 'record-fifo';
  readonly format: MediaFormat;
  /** The frame that is being filled; handed out as it is. */
  readonly frame: Uint8Array;
  readonly #clock: Clock;
  readonly #frameSamples: number;
  readonly #counters: Counters = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  #sink: MediaSink | null = null;
  #sequenceNumber = 0;
  #timestamp = 0;
  #ended = false;

  constructor(clock: Clock, format: MediaFormat) {
    this.format = format;
    this.frame = new Uint8Array(frameBytes(format));
    this.#clock = clock;
    this.#frameSamples = frameSamples(format);
  }

  get stats(): MediaTransportStats {
    return this.#counters;
  }

  start(sink: MediaSink): void {
    this.#sink = sink;
  }

  /** Nobody hears it: counted. */
  send(): void {
    this.#counters.unsentFrames += 1;
  }

  playedFrames(): null {
    return null;
  }

  flush(): void {
    // Nothing is ever sent.
  }

  close(): Promise<void> {
    this.end();
    return Promise.resolve();
  }

  /** Nothing comes any more. */
  end(): void {
    this.#ended = true;
    this.#sink = null;
  }

  /** The frame is full. Hot path. */
  deliver(): void {
    if (this.#ended) return;
    this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + this.#frameSamples) >>> 0;
    this.#counters.receivedFrames += 1;
    this.#sink?.onFrame(this.frame, this.#sequenceNumber, this.#timestamp, this.#clock.nowMs());
  }
}

/** The caller's path, with the other party's where the stream has two channels. Listens only. */
export class FifoTransport extends PartyTransport {
  readonly other?: MediaTransport;
  readonly #second: PartyTransport | null;
  readonly #onClose: () => Promise<void>;
  /** Bytes of the stream in the frame that is being filled, of all channels. */
  #filled = 0;

  /** `onClose` is called whenever it is closed by its user. */
  constructor(clock: Clock, format: MediaFormat, stereo: boolean, onClose: () => Promise<void>) {
    super(clock, format);
    this.#second = stereo ? new PartyTransport(clock, format) : null;
    if (this.#second !== null) this.other = this.#second;
    this.#onClose = onClose;
    if (format.codec !== 'l16') throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'a recording is L16');
  }

  /** The next bytes of the stream, cut anywhere. Hot path. */
  receive(bytes: Uint8Array): void {
    const { frame } = this;
    const second = this.#second;
    const frameStreamBytes = second === null ? frame.length : 2 * frame.length;
    for (let at = 0; at < bytes.length; at += 1) {
      const filled = this.#filled;
      if (second === null) frame[filled] = bytes[at]!;
      // Two bytes of the left, two of the right.
      else ((filled & 2) === 0 ? frame : second.frame)[((filled >> 2) << 1) | (filled & 1)] = bytes[at]!;
      this.#filled = filled + 1;
      if (this.#filled === frameStreamBytes) {
        this.#filled = 0;
        this.deliver();
        second?.deliver();
      }
    }
  }

  override end(): void {
    super.end();
    this.#second?.end();
  }

  override async close(): Promise<void> {
    this.end();
    await this.#onClose();
  }
}
