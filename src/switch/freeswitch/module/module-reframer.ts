/**
 * Binary messages of any length → numbered frames of one ptime, for one channel or for each of two.
 *
 * What does it do? mod_audio_stream sends one frame a message, or as many as its buffer holds; mod_audio_fork sends whatever has
 *   gathered. Nothing of it is aligned, not even to samples. The rest of a message waits for the next one.
 */
import type { MediaFormat } from '../../../core/media.ts';
import { frameBytes, frameSamples } from '../../../core/media.ts';

/** Gets a frame (borrowed) of channel 0 (left) or 1 (right), its number modulo 65536 and its timestamp in samples. */
export type ModuleFrameHandler = (channel: number, frame: Uint8Array, number: number, timestamp: number) => void;

/** One connection's. Made once; holds less than one frame of each channel. */
export class ModuleReframer {
  readonly #channels: 1 | 2;
  readonly #samples: number;
  readonly #onFrame: ModuleFrameHandler;
  /** What is being put together, interleaved. */
  readonly #block: Uint8Array;
  readonly #split: readonly Uint8Array[];
  #filled = 0;
  #number = 0;
  #timestamp = 0;

  constructor(format: MediaFormat, channels: 1 | 2, onFrame: ModuleFrameHandler) {
    this.#channels = channels;
    this.#samples = frameSamples(format);
    this.#onFrame = onFrame;
    this.#block = new Uint8Array(frameBytes(format) * channels);
    this.#split = channels === 1 ? [] : [new Uint8Array(frameBytes(format)), new Uint8Array(frameBytes(format))];
  }

  /** Bytes that wait for the rest of their frame. */
  get carriedBytes(): number {
    return this.#filled;
  }

  /** One message; borrowed. */
  push(bytes: Uint8Array): void {
    const block = this.#block;
    let at = 0;
    while (at < bytes.length) {
      const taken = Math.min(block.length - this.#filled, bytes.length - at);
      for (let i = 0; i < taken; i += 1) block[this.#filled + i] = bytes[at + i]!;
      this.#filled += taken;
      at += taken;
      if (this.#filled < block.length) return;
      this.#filled = 0;
      this.#emit();
    }
  }

  #emit(): void {
    this.#number = (this.#number + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + this.#samples) >>> 0;
    if (this.#channels === 1) {
      this.#onFrame(0, this.#block, this.#number, this.#timestamp);
      return;
    }
    for (const [channel, frame] of this.#split.entries()) {
      for (let i = 0; i < this.#samples; i += 1) {
        frame[i * 2] = this.#block[i * 4 + channel * 2]!;
        frame[i * 2 + 1] = this.#block[i * 4 + channel * 2 + 1]!;
      }
      this.#onFrame(channel, frame, this.#number, this.#timestamp);
    }
  }
}
