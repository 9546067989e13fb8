/**
 * Sounds to the format of a call, slice by slice: whoever needs a long one whole lets the ticks of every call run between
 * two slices. What comes out is what a conversion in one piece gives, to the bit.
 */
import type { Clock } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import type { AudioFormat, SampleRateHz } from '../core/media.ts';
import { bytesPerSample } from '../core/media.ts';
import type { DspLibrary } from './library.ts';
import { LIMITS } from '../limits.ts';

/** Mono audio that can be read in pieces. */
export interface PcmSource {
  readonly sampleRateHz: number;
  /** Samples. */
  readonly length: number;
  /** Samples `from` (inclusive) to `to` (exclusive), both within it, 16 bits each. */
  read(from: number, to: number): Int16Array;
}

/** A source whose rate is one of ours. */
export type OurPcmSource = PcmSource & { readonly sampleRateHz: SampleRateHz };

/** What is converted along on either side, samples: no filter of ours is longer, and every rate divides it. */
const MARGIN_SAMPLES = 480;

/** Samples of a slice of what is read; a multiple of {@link MARGIN_SAMPLES}, so that slices fit together. */
export const SLICE_SAMPLES = Math.floor(LIMITS.soundSliceSamples / MARGIN_SAMPLES) * MARGIN_SAMPLES;

/** How many samples `source` has at `sampleRateHz`. */
export function convertedLength(source: PcmSource, sampleRateHz: number): number {
  return Math.floor((source.length * sampleRateHz) / source.sampleRateHz);
}

/** The slice that begins with sample `at`, a multiple of {@link SLICE_SAMPLES}, in `format`. The caller owns it. */
export function convertSlice(source: OurPcmSource, at: number, format: AudioFormat, dsp: DspLibrary): Uint8Array {
  const to = Math.min(source.length, at + SLICE_SAMPLES);
  const pcm =
    source.sampleRateHz === format.sampleRateHz
      ? source.read(at, to)
      : resampled(source, at, to, format.sampleRateHz, dsp);
  if (format.codec === 'pcmu') return dsp.encodeUlaw(pcm);
  if (format.codec === 'pcma') return dsp.encodeAlaw(pcm);
  return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
}

/** All of `source`, in `format`; between two slices the event loop turns once. */
export async function convertSound(
  source: OurPcmSource,
  format: AudioFormat,
  dsp: DspLibrary,
  clock: Clock,
): Promise<Uint8Array> {
  const audio = new Uint8Array(convertedLength(source, format.sampleRateHz) * bytesPerSample(format.codec));
  let written = 0;
  for (let at = 0; at < source.length; at += SLICE_SAMPLES) {
    if (at > 0) await delay(clock, 0);
    const slice = convertSlice(source, at, format, dsp);
    audio.set(slice, written);
    written += slice.length;
  }
  return audio;
}

/** The filter needs what lies around the slice; what it makes of that is cut off again. */
function resampled(source: OurPcmSource, at: number, to: number, toHz: SampleRateHz, dsp: DspLibrary): Int16Array {
  const fromHz = source.sampleRateHz;
  const before = Math.min(at, MARGIN_SAMPLES);
  const around = source.read(at - before, Math.min(source.length, to + MARGIN_SAMPLES));
  const first = (before * toHz) / fromHz;
  return dsp.resample(around, fromHz, toHz).subarray(first, first + Math.floor(((to - at) * toHz) / fromHz));
}
