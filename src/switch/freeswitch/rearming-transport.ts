/**
 * One call's audio path over successive unicasts of its channel. FreeSWITCH ends unicast for good at the first playback;
 * what comes after the next park is another socket, another port and other numbers, and to the call the same path.
 *
 * How does it work? Frames are numbered on across the pieces; a gap is as many numbers as it lasted, so that the jitter
 *   buffer sees a far end that was silent. While it is disarmed nothing is sent, and nothing is expected.
 */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import type { MediaFormat } from '../../core/media.ts';
import { frameSamples } from '../../core/media.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaSink, MediaTransport, MediaTransportStats } from '../../transport/media-transport.ts';

/** The counters of all pieces so far; live. */
class PiecedStats implements MediaTransportStats {
  #current: MediaTransportStats | null;
  #receivedFrames = 0;
  #sentFrames = 0;
  #rejectedPackets = 0;
  #unsentFrames = 0;

  constructor(current: MediaTransportStats) {
    this.#current = current;
  }

  get receivedFrames(): number {
    return this.#receivedFrames + (this.#current?.receivedFrames ?? 0);
  }

  get sentFrames(): number {
    return this.#sentFrames + (this.#current?.sentFrames ?? 0);
  }

  get rejectedPackets(): number {
    return this.#rejectedPackets + (this.#current?.rejectedPackets ?? 0);
  }

  get unsentFrames(): number {
    return this.#unsentFrames + (this.#current?.unsentFrames ?? 0);
  }

  /** Hot path. */
  unsent(): void {
    this.#unsentFrames += 1;
  }

  /** From now on `next` counts; what was counted before stays. */
  follow(next: MediaTransportStats | null): void {
    const before = this.#current;
    if (before !== null) {
      this.#receivedFrames += before.receivedFrames;
      this.#sentFrames += before.sentFrames;
      this.#rejectedPackets += before.rejectedPackets;
      this.#unsentFrames += before.unsentFrames;
    }
    this.#current = next;
  }
}

/** A path in pieces. It owns the pieces: what was disarmed or refused is closed. */
export class RearmingTransport implements MediaTransport {
  readonly kind: string;
  readonly format: MediaFormat;
  readonly #clock: Clock;
  readonly #stats: PiecedStats;
  readonly #frameSamples: number;
  readonly #closing = new Set<Promise<void>>();
  #current: MediaTransport | null;
  #sink: MediaSink | null = null;
  #closed = false;
  #lost = false;
  #sequenceNumber = 0;
  #timestamp = 0;
  /** When the last frame came; NaN: none yet. */
  #frameMs = Number.NaN;
  #held = false;
  /** When this piece began, while no frame of it has come; NaN afterwards. */
  #rearmedMs = Number.NaN;

  /** `first` is armed already. */
  constructor(first: MediaTransport, clock: Clock) {
    this.kind = first.kind;
    this.format = first.format;
    this.#clock = clock;
    this.#current = first;
    this.#stats = new PiecedStats(first.stats);
    this.#frameSamples = frameSamples(first.format);
  }

  get stats(): MediaTransportStats {
    return this.#stats;
  }

  get armed(): boolean {
    return this.#current !== null;
  }

  /** False while disarmed or on hold, and for a moment after: the age of the last frame says nothing then. */
  get expectsFrames(): boolean {
    if (this.#current === null || this.#held) return false;
    return Number.isNaN(this.#rearmedMs) || this.#clock.nowMs() - this.#rearmedMs > LIMITS.mediaStalledMs;
  }

  /** How long no frame has come, ms; 0 before the first. */
  get silentMs(): number {
    return Number.isNaN(this.#frameMs) ? 0 : this.#clock.nowMs() - this.#frameMs;
  }

  /** The switch says that the caller is on hold, or is no more: meanwhile it need not send. */
  onCallerHeld(held: boolean): void {
    if (this.#held && !held) this.#rearmedMs = this.#clock.nowMs();
    this.#held = held;
  }

  /** The switch has ended this piece. */
  disarm(): void {
    const current = this.#current;
    if (current === null) return;
    this.#current = null;
    this.#rearmedMs = Number.NaN;
    this.#stats.follow(null);
    this.#release(current);
  }

  /** The next piece, armed already; one of another format is closed, and the path is lost. False then, and after the end. */
  rearm(next: MediaTransport): boolean {
    if (this.#closed || this.#lost) {
      this.#release(next);
      return false;
    }
    this.disarm();
    const { codec, sampleRateHz, ptimeMs } = next.format;
    if (codec !== this.format.codec || sampleRateHz !== this.format.sampleRateHz || ptimeMs !== this.format.ptimeMs) {
      this.#release(next);
      const message = 'the channel came back with another codec or ptime than the call began with';
      this.lost(new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message));
      return false;
    }
    this.#current = next;
    this.#stats.follow(next.stats);
    this.#rearmedMs = this.#clock.nowMs();
    if (this.#sink !== null) this.#startPiece(next);
    return true;
  }

  /** The path does not come back. */
  lost(error: TalkspurtError): void {
    if (this.#closed || this.#lost) return;
    this.#lost = true;
    this.disarm();
    this.#sink?.onLost(error);
  }

  start(sink: MediaSink): void {
    this.#sink = sink;
    if (this.#current !== null) this.#startPiece(this.#current);
  }

  send(payload: Uint8Array, startsTalkspurt: boolean): void {
    if (this.#current === null) this.#stats.unsent();
    else this.#current.send(payload, startsTalkspurt);
  }

  playedFrames(): null {
    return null;
  }

  flush(): void {
    this.#current?.flush();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sink = null;
    this.disarm();
    await Promise.all(this.#closing);
  }

  #startPiece(piece: MediaTransport): void {
    let offset: number | null = null;
    piece.start({
      onFrame: (payload, sequenceNumber, _timestamp, nowMs) => {
        if (this.#current !== piece) return;
        // The first frame of a piece comes as much later as its number is.
        offset ??= this.#sequenceNumber + this.#gapFrames(nowMs) - sequenceNumber;
        const number = (sequenceNumber + offset) & 0xffff;
        const step = (number - this.#sequenceNumber) & 0xffff;
        this.#sequenceNumber = number;
        this.#timestamp = (this.#timestamp + step * this.#frameSamples) >>> 0;
        this.#frameMs = nowMs;
        this.#rearmedMs = Number.NaN;
        this.#sink?.onFrame(payload, number, this.#timestamp, nowMs);
      },
      onLost: (error) => {
        if (this.#current === piece) this.lost(error);
      },
    });
  }

  /** How many numbers further the next piece begins; one at least. A gap of hours must not wrap to a small one. */
  #gapFrames(nowMs: number): number {
    if (Number.isNaN(this.#frameMs)) return 1;
    const frames = Math.round((nowMs - this.#frameMs) / this.format.ptimeMs);
    return Math.min(Math.max(1, frames), LONGEST_GAP);
  }

  #release(piece: MediaTransport): void {
    const closed = piece.close().finally(() => this.#closing.delete(closed));
    this.#closing.add(closed);
  }
}

/** Half of the numbers there are, less one: more would look like frames from behind. */
const LONGEST_GAP = 0x7fff;
