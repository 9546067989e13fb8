/** Pieces of an engine's audio made whole samples of the format that a call's stream has. */
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

  /** `library` is needed where the formats differ; only L16 is converted. */
  constructor(from: AudioFormat, to: AudioFormat, library: DspLibrary | null) {
    this.#from = from;
    this.#to = to;
    this.#library = sameAudio(from, to) ? null : library;
  }

  /** More of it came: what can be heard now; may be empty. The caller owns what it gets. */
  push(piece: Uint8Array): Uint8Array {
    const all = this.#held.length === 0 ? Buffer.from(piece) : Buffer.concat([this.#held, piece]);
    if (this.#library !== null) {
      this.#held = all;
      return this.#converted(this.#library, false);
    }
    const odd = all.length % bytesPerSample(this.#from.codec);
    this.#held = all.subarray(all.length - odd);
    return all.subarray(0, all.length - odd);
  }

  /** There is no more: what is left. Half a sample at the end is none. */
  end(): Uint8Array {
    const rest = this.#library === null ? new Uint8Array(0) : this.#converted(this.#library, true);
    this.#held = Buffer.alloc(0);
    return rest;
  }

  #converted(library: DspLibrary, whole: boolean): Uint8Array {
    const samples = this.#first + Math.floor(this.#held.length / 2);
    const source: OurPcmSource = {
      sampleRateHz: this.#from.sampleRateHz,
      length: samples,
      read: (from, to) => this.#read(from, to),
    };
    const slices: Uint8Array[] = [];
    while (whole ? this.#at < samples : samples - this.#at >= SLICE_SAMPLES + MARGIN_SAMPLES) {
      slices.push(convertSlice(source, this.#at, this.#to, library));
      this.#at += SLICE_SAMPLES;
    }
    const first = Math.max(this.#first, Math.min(samples, this.#at) - MARGIN_SAMPLES);
    this.#held = Buffer.from(this.#held.subarray((first - this.#first) * 2));
    this.#first = first;
    return slices.length === 1 ? slices[0]! : Buffer.concat(slices);
  }

  #read(from: number, to: number): Int16Array {
    const pcm = new Int16Array(to - from);
    for (let at = 0; at < pcm.length; at += 1) pcm[at] = this.#held.readInt16LE((from - this.#first + at) * 2);
    return pcm;
  }
}
