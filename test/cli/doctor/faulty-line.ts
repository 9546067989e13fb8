/** A line that echoes what is sent into it, on a clock of the test, with the faults that lines have. */
import { TalkspurtError } from '../../../src/core/errors.ts';
import type { MediaFormat } from '../../../src/core/media.ts';
import { PCMU_LEG } from '../../sim/fake-peers.ts';
import type { MediaSink, MediaTransport } from '../../../src/transport/media-transport.ts';
import type { FakeClock } from '../../sim/fake-clock.ts';

/** What is wrong with it. */
export interface LineFaults {
  readonly format?: MediaFormat;
  /** There and back, ms. */
  readonly delayMs?: number;
  /** Of the frames that come back, 0..1, by a seed. */
  readonly loss?: number;
  /** Lost frames are missing in the numbers (the way back), or silence in their place (the way out). */
  readonly lostWhere?: 'back' | 'out';
  readonly jitterMs?: number;
  /** What comes for what was sent; null: nothing comes. */
  change?(payload: Uint8Array, index: number): Uint8Array | null;
}

export class FaultyLine implements MediaTransport {
  readonly kind = 'fake';
  readonly format: MediaFormat;
  readonly stats = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  readonly #clock: FakeClock;
  readonly #faults: LineFaults;
  #sink: MediaSink | null = null;
  #seed = 12_345;
  #index = 0;
  #number = 65_500;
  #lastMs = 0;

  constructor(clock: FakeClock, faults: LineFaults) {
    this.#clock = clock;
    this.#faults = faults;
    this.format = faults.format ?? PCMU_LEG;
  }

  start(sink: MediaSink): void {
    this.#sink = sink;
  }

  send(payload: Uint8Array): void {
    const { delayMs = 60, loss = 0, lostWhere = 'back', jitterMs = 0, change } = this.#faults;
    this.stats.sentFrames += 1;
    const lost = this.#chance() < loss;
    const number = (this.#number = (this.#number + 1) & 0xffff);
    const changed = change === undefined ? payload.slice() : change(payload.slice(), this.#index);
    this.#index += 1;
    if (changed === null || (lost && lostWhere === 'back')) return;
    const heard = lost ? new Uint8Array(changed.length).fill(this.format.codec === 'l16' ? 0 : 0xff) : changed;
    // In their order: a path that overtakes is another fault.
    const dueMs = Math.max(this.#lastMs, this.#clock.nowMs() + delayMs + jitterMs * this.#chance());
    this.#lastMs = dueMs;
    this.#clock.after(dueMs - this.#clock.nowMs(), () => this.#sink?.onFrame(heard, number, 0, this.#clock.nowMs()));
  }

  breakOff(): void {
    this.#sink?.onLost(new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', 'gone'));
  }

  playedFrames(): number | null {
    return null;
  }

  flush(): void {
    // It holds nothing back.
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  /** Mulberry32 (T. Ettinger, public domain). */
  #chance(): number {
    this.#seed = (this.#seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#seed ^ (this.#seed >>> 15), 1 | this.#seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
}
