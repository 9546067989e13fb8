/** What audio is, everywhere in the host: codec, rate and ptime, and the sizes that follow from them. */

/**
 * `pcmu` and `pcma` are ITU-T G.711, one byte a sample. `l16` is 16-bit two's complement, two bytes a sample, **little
 * endian inside the process**; a transport whose wire is big endian (RTP, RFC 3551) swaps at its own edge.
 */
export type Codec = 'pcmu' | 'pcma' | 'l16';

/** The sampling rates of the signal chain, in Hz. */
export type SampleRateHz = 8000 | 16000 | 24000 | 48000;

/** Packet duration (RFC 8866 ptime), in ms. */
export type PtimeMs = 10 | 20 | 30 | 40 | 60;

/** One mono stream of audio, without a packet size. */
export interface AudioFormat {
  readonly codec: Codec;
  readonly sampleRateHz: SampleRateHz;
}

/** One mono stream of audio in packets of a fixed duration. */
export interface MediaFormat extends AudioFormat {
  readonly ptimeMs: PtimeMs;
}

/** Every sampling rate of the chain, rising, in Hz. */
export const SAMPLE_RATES_HZ: readonly SampleRateHz[] = [8000, 16000, 24000, 48000];
/** Every packet duration of the chain, rising, in ms. */
export const PTIMES_MS: readonly PtimeMs[] = [10, 20, 30, 40, 60];

/** Whether `value` is a sampling rate that the chain runs at. */
export function isSampleRateHz(value: number): value is SampleRateHz {
  return (SAMPLE_RATES_HZ as readonly number[]).includes(value);
}

/** Whether `value` is a packet duration that the chain runs at. */
export function isPtimeMs(value: number): value is PtimeMs {
  return (PTIMES_MS as readonly number[]).includes(value);
}

/** Bytes of one sample: 1 for G.711, 2 for L16. */
export function bytesPerSample(codec: Codec): 1 | 2 {
  return codec === 'l16' ? 2 : 1;
}

/** Bytes of audio a millisecond: 8 for G.711, 16 to 96 for L16. */
export function bytesPerMs(format: AudioFormat): number {
  return (format.sampleRateHz / 1000) * bytesPerSample(format.codec);
}

/** Samples in one packet of `format`. */
export function frameSamples(format: MediaFormat): number {
  return (format.sampleRateHz / 1000) * format.ptimeMs;
}

/** Bytes in one packet of `format`. */
export function frameBytes(format: MediaFormat): number {
  return frameSamples(format) * bytesPerSample(format.codec);
}

/** Whether two streams carry the same bytes for the same sound. */
export function sameAudio(a: AudioFormat, b: AudioFormat): boolean {
  return a.codec === b.codec && a.sampleRateHz === b.sampleRateHz;
}

/** `pcmu/8000`, for people and logs. */
export function describeAudio(format: AudioFormat): string {
  return `${format.codec}/${format.sampleRateHz}`;
}

/** One byte of silence: ITU-T G.711's positive zero, or L16's zero. */
export const SILENCE_BYTE: Readonly<Record<Codec, number>> = { pcmu: 0xff, pcma: 0xd5, l16: 0 };

/** `durationMs` of silence. */
export function silenceOf(format: AudioFormat, durationMs: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(bytesPerMs(format) * durationMs).fill(SILENCE_BYTE[format.codec]);
}
