/** Pieces of an engine's audio made whole samples of the format that a call's stream has, no more of it at a time than is asked for. */
import type { AudioFormat } from '../core/media.ts';
import { bytesPerSample, sameAudio } from '../core/media.ts';
import type { DspLibrary } from '../dsp/library.ts';
import { convertSlice, SLICE_SAMPLES } from '../dsp/sound-slices.ts';
import type { OurPcmSource } from '../dsp/sound-slices.ts';

/** What the filter of a slice needs behind it, samples. */
const MARGIN_SAMPLES = 480;

/** One sentence's audio on its way; made for each. */
export class SentenceAudio {
  readonly #from: AudioFormat;
  readonly #to: AudioFormat;
  readonly #library: DspLibrary | null;
  /** Bytes that came and were not given out. */
  #held: Buffer = Buffer.alloc(0);
  /** Samples that were converted. */
  #at = 0;
  /** The first sample that {@link #held} still has. */
  #first = 0;
  #whole = false;

  /** `library` is needed where the formats differ; only L16 is converted. */
  constructor(from: AudioFormat, to: AudioFormat, library: DspLibrary | null) {
    this.#from = from;
    this.#to = to;
    this.#library = sameAudio(from, to) ? null : library;
  }

  /** Whether {@link take} has to convert, and is better not asked for much in one turn of the event loop. */
  get converts(): boolean {
    return this.#library !== null;
  }

  /** Whether {@link take} has something. */
  get ready(): boolean {
    if (this.#library === null) return this.#held.length >= bytesPerSample(this.#from.codec);
    const left = this.#first + Math.floor(this.#held.length / 2) - this.#at;
    return this.#whole ? left > 0 : left >= SLICE_SAMPLES + MARGIN_SAMPLES;
  }

  /** More of it came. */
  push(piece: Uint8Array): void {
    this.#held = this.#held.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#held, piece]);
  }

  /** There is no more. Half a sample at the end is none. */
  end(): void {
    this.#whole = true;
  }

  /** What can be heard next, a slice where it is converted; empty: nothing yet. The caller owns it. */
  take(): Uint8Array {
    if (!this.ready) return new Uint8Array(0);
    if (this.#library !== null) return this.#slice(this.#library);
    const held = this.#held;
    const odd = held.length % bytesPerSample(this.#from.codec);
    this.#held = held.subarray(held.length - odd);
    return held.subarray(0, held.length - odd);
  }

  #slice(library: DspLibrary): Uint8Array {
    const samples = this.#first + Math.floor(this.#held.length / 2);
    const source: OurPcmSource = {
      sampleRateHz: this.#from.sampleRateHz,
      length: samples,
      read: (from, to) => this.#read(from, to),
    };
    const slice = convertSlice(source, this.#at, this.#to, library);
    this.#at += SLICE_SAMPLES;
    const first = Math.max(this.#first, Math.min(samples, this.#at) - MARGIN_SAMPLES);
    // A view: what is behind it may be much, and is not to be copied for every slice.
    this.#held = this.#held.subarray((first - this.#first) * 2);
    this.#first = first;
    return slice;
  }

  #read(from: number, to: number): Int16Array {
    const pcm = new Int16Array(to - from);
    for (let at = 0; at < pcm.length; at += 1) pcm[at] = this.#held.readInt16LE((from - this.#first + at) * 2);
    return pcm;
  }
}
