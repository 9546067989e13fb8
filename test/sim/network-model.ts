/** A switch that sends a frame every ptime of its own clock, and a network that delays and loses some, from a seed. */
import type { Timer } from '../../src/core/clock.ts';
import type { MediaFormat } from '../../src/core/media.ts';
import { frameBytes, frameSamples } from '../../src/core/media.ts';
import type { MediaSink } from '../../src/transport/media-transport.ts';
import type { FakeClock } from './fake-clock.ts';

/** What the network does. */
export interface NetworkOptions {
  readonly clock: FakeClock;
  readonly seed: number;
  /** How much faster than ours the sender's clock is, parts per million. */
  readonly driftPpm: number;
  /** Each frame is late by 0 to this, ms, evenly. */
  readonly jitterMs: number;
  /** Share of frames that never come, 0..1. */
  readonly loss: number;
}

/** Numbers in [0, 1), the same for the same seed (xorshift32). */
export function seededRandom(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export class NetworkModel {
  sentFrames = 0;
  deliveredFrames = 0;
  readonly #options: NetworkOptions;
  readonly #random: () => number;
  #timer: Timer | null = null;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  /** Sends from now on. */
  send(format: MediaFormat, sink: MediaSink): void {
    const { clock, driftPpm, jitterMs, loss } = this.#options;
    const startMs = clock.nowMs();
    const payload = new Uint8Array(frameBytes(format)).fill(0xff);
    const periodMs = format.ptimeMs / (1 + driftPpm / 1e6);
    const samples = frameSamples(format);
    const next = (): void => {
      const number = this.sentFrames;
      this.sentFrames += 1;
      const lost = this.#random() < loss;
      const delayMs = this.#random() * jitterMs;
      if (!lost) {
        clock.after(delayMs, () => {
          this.deliveredFrames += 1;
          sink.onFrame(payload, number & 0xffff, (number * samples) >>> 0, clock.nowMs());
        });
      }
      this.#timer = clock.after(startMs + this.sentFrames * periodMs - clock.nowMs(), next);
    };
    next();
  }

  stop(): void {
    this.#timer?.cancel();
  }
}
