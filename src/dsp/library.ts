/**
 * The signal chain's stages over whole arrays, in Node and browsers (package entry `talkspurt/dsp`). For programs, tests
 * and examples; a call's media path goes through `Dsp`, which copies nothing but frames.
 */
import { instantiate } from '@assemblyscript/loader';
import { asTalkspurtError } from '../core/errors.ts';
import type { SampleRateHz } from '../core/media.ts';
import { VAD_KINDS } from './dsp.ts';
import type { VadKind } from './dsp.ts';
import type { DspSource } from './binary.ts';
import { readBinary } from './binary.ts';
import {
  requireBytes,
  requireChoice,
  requireOptions,
  requireRange,
  requireRate,
  requireSamples,
  requireWhole,
} from './option-checks.ts';

export { TalkspurtError } from '../core/errors.ts';
export type { DspSource } from './binary.ts';
export { JitterBuffer } from '../transport/jitter-buffer.ts';
export type { JitterBufferOptions } from '../transport/jitter-buffer.ts';
export { DspStages } from './stages/dsp-stages.ts';
export type { AudioWatch } from './stages/audio-watch.ts';
export type { Agc, AgcOptions } from './stages/automatic-gain-control.ts';
export type { Base64 } from './stages/base64.ts';
export type { Compressor, CompressorOptions } from './stages/compressor.ts';
export type { Concealer, ConcealerOptions } from './stages/concealer.ts';
export type { DtmfDetector, DtmfDetectorOptions, DtmfDigit } from './stages/dtmf-detector.ts';
export type { DtmfGenerator, DtmfGeneratorOptions } from './stages/dtmf-generator.ts';
export type { EchoCanceller, EchoCancellerOptions } from './stages/echo-canceller.ts';
export type { G711, G711Options } from './stages/g711.ts';
export type { G722 } from './stages/g722.ts';
export type { Gain, GainOptions } from './stages/gain.ts';
export type { HighPass, HighPassOptions } from './stages/high-pass.ts';
export type { Limiter, LimiterOptions } from './stages/limiter.ts';
export type { MessageBuilder, MessageBuilderOptions } from './stages/message-builder.ts';
export type { Mixer } from './stages/mixer.ts';
export type { NoiseSuppressor, NoiseSuppressorOptions } from './stages/noise-suppressor.ts';
export type { ProgressTones, ProgressTonesOptions } from './stages/progress-tones.ts';
export type { Resampler, ResamplerOptions } from './stages/resampler.ts';
export type { RingBuffer, RingBufferOptions } from './stages/ring-buffer.ts';
export type { TimeScale, TimeScaleOptions } from './stages/time-scale.ts';
export type { ToneGenerator, ToneGeneratorOptions } from './stages/tone-generator.ts';
export type { Vad, VadOptions } from './stages/voice-activity-detector.ts';

/** A test tone. */
export interface ToneOptions {
  readonly firstHz: number;
  /** A second sine of the same level; 0 or absent: none. */
  readonly secondHz?: number;
  /** Level of each sine in dBov, −127..−3.01 (a full-scale sine). Default −20. */
  readonly levelDbov?: number;
  /** At most 28,800,000 samples: ten minutes at 48 kHz. */
  readonly durationMs: number;
  readonly sampleRateHz: SampleRateHz;
}

/** What the detector is told. */
export interface SpeechOptions {
  /** Rate of the samples. Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
  /** 0 hears the most, 3 rejects the most noise. Default 2. */
  readonly aggressiveness?: 0 | 1 | 2 | 3;
  /** Which detector listens. Default `neural`. */
  readonly vad?: VadKind;
}

/**
 * Arrays in, arrays out. Arguments are copied in and results are copies that the caller owns; no state is kept from call
 * to call. Samples are 16-bit, mono.
 */
export interface DspLibrary {
  /** What the binary can do, in a line. */
  describe(): string;
  /** ITU-T G.711, one byte a sample. */
  encodeUlaw(pcm: Int16Array): Uint8Array;
  decodeUlaw(codes: Uint8Array): Int16Array;
  encodeAlaw(pcm: Int16Array): Uint8Array;
  decodeAlaw(codes: Uint8Array): Int16Array;
  /** ITU-T G.722 at 64 kbit/s, 16 kHz: one byte for two samples; an odd sample at the end is left out. */
  encodeG722(pcm: Int16Array): Uint8Array;
  decodeG722(codes: Uint8Array): Int16Array;
  /**
   * Band-limited change of rate. Output sample n belongs to the time of input sample n·from/to (the delay of the filter is
   * taken off). @throws ERR_TALKSPURT_DSP_OPTIONS for a rate that is not 8000, 16000, 24000 or 48000 Hz.
   */
  resample(pcm: Int16Array, fromHz: SampleRateHz, toHz: SampleRateHz): Int16Array;
  /** RFC 6464: 0 is overload, −127 silence. */
  levelDbov(pcm: Int16Array): number;
  /** One probability of speech, 0..1, for each whole 10 ms. @throws ERR_TALKSPURT_DSP_OPTIONS */
  speechProbability(pcm: Int16Array, options?: SpeechOptions): Float32Array;
  /** @throws ERR_TALKSPURT_DSP_OPTIONS for frequencies above half the rate, or a duration below 0 or above 28,800,000 samples. */
  tone(options: ToneOptions): Int16Array;
}

/** The exports that the loader's own functions are mixed into; arrays and strings cross as addresses. */
type RawExports = {
  readonly UINT8_ARRAY: { readonly value: number };
  readonly INT16_ARRAY: { readonly value: number };
  describe(): number;
  encodeUlaw(pcm: number): number;
  decodeUlaw(codes: number): number;
  encodeAlaw(pcm: number): number;
  decodeAlaw(codes: number): number;
  encodeG722(pcm: number): number;
  decodeG722(codes: number): number;
  resample(pcm: number, fromHz: number, toHz: number): number;
  levelDbov(pcm: number): number;
  speechProbability(pcm: number, aggressiveness: number, neural: boolean): number;
  tone(firstHz: number, secondHz: number, amplitude: number, sampleRateHz: number, samples: number): number;
};

/** Ten minutes at 48 kHz: the longest piece of audio of one call. */
const SAMPLES_MAX = 28_800_000;

/**
 * Loads the library; `source` defaults to the package's own binary (read in Node, fetched in a browser).
 * @throws ERR_TALKSPURT_INTERNAL when the binary cannot be had, or is another one.
 */
export async function loadDsp(source?: DspSource): Promise<DspLibrary> {
  const bytes = await readBinary('library', source);
  try {
    const { exports } = await instantiate<RawExports>(bytes);
    if (typeof exports.describe !== 'function') throw new Error('this is another WebAssembly module than library.wasm');
    return new LoadedLibrary(exports);
  } catch (error) {
    throw asTalkspurtError(error);
  }
}

type LoadedExports = Awaited<ReturnType<typeof instantiate<RawExports>>>['exports'];

class LoadedLibrary implements DspLibrary {
  readonly #core: LoadedExports;

  constructor(core: LoadedExports) {
    this.#core = core;
  }

  describe(): string {
    return this.#core.__getString(this.#core.describe());
  }

  encodeUlaw(pcm: Int16Array): Uint8Array {
    return this.#core.__getUint8Array(this.#lendSamples(pcm, (at) => this.#core.encodeUlaw(at)));
  }

  decodeUlaw(codes: Uint8Array): Int16Array {
    return this.#core.__getInt16Array(this.#lendCodes(codes, (at) => this.#core.decodeUlaw(at)));
  }

  encodeAlaw(pcm: Int16Array): Uint8Array {
    return this.#core.__getUint8Array(this.#lendSamples(pcm, (at) => this.#core.encodeAlaw(at)));
  }

  decodeAlaw(codes: Uint8Array): Int16Array {
    return this.#core.__getInt16Array(this.#lendCodes(codes, (at) => this.#core.decodeAlaw(at)));
  }

  encodeG722(pcm: Int16Array): Uint8Array {
    return this.#core.__getUint8Array(this.#lendSamples(pcm, (at) => this.#core.encodeG722(at)));
  }

  decodeG722(codes: Uint8Array): Int16Array {
    return this.#core.__getInt16Array(this.#lendCodes(codes, (at) => this.#core.decodeG722(at)));
  }

  resample(pcm: Int16Array, fromHz: SampleRateHz, toHz: SampleRateHz): Int16Array {
    requireRate('fromHz', fromHz);
    requireRate('toHz', toHz);
    return this.#core.__getInt16Array(this.#lendSamples(pcm, (at) => this.#core.resample(at, fromHz, toHz)));
  }

  levelDbov(pcm: Int16Array): number {
    return this.#lendSamples(pcm, (at) => this.#core.levelDbov(at));
  }

  speechProbability(pcm: Int16Array, options: SpeechOptions = {}): Float32Array {
    requireOptions(options);
    const { sampleRateHz = 8000, aggressiveness = 2, vad = 'neural' } = options;
    requireRate('sampleRateHz', sampleRateHz);
    requireWhole('aggressiveness', aggressiveness, 0, 3);
    requireChoice('vad', vad, VAD_KINDS);
    const narrow = sampleRateHz === 8000 ? pcm : this.resample(pcm, sampleRateHz, 8000);
    return this.#core.__getFloat32Array(
      this.#lendSamples(narrow, (at) => this.#core.speechProbability(at, aggressiveness, vad === 'neural')),
    );
  }

  tone(options: ToneOptions): Int16Array {
    requireOptions(options);
    const { firstHz, secondHz = 0, levelDbov = -20, durationMs, sampleRateHz } = options;
    requireRate('sampleRateHz', sampleRateHz);
    requireRange('firstHz', firstHz, 0, sampleRateHz / 2);
    requireRange('secondHz', secondHz, 0, sampleRateHz / 2);
    requireRange('levelDbov', levelDbov, -127, -3.01);
    requireRange('durationMs', durationMs, 0, (SAMPLES_MAX / sampleRateHz) * 1000);
    const samples = Math.round((durationMs * sampleRateHz) / 1000);
    const amplitude = 32767 * Math.SQRT2 * 10 ** (levelDbov / 20);
    return this.#core.__getInt16Array(
      this.#core.tone(firstHz, secondHz, Math.min(32767, amplitude), sampleRateHz, samples),
    );
  }

  #lendSamples(pcm: Int16Array, use: (address: number) => number): number {
    requireSamples('samples', pcm);
    return this.#lend(pcm, use);
  }

  #lendCodes(codes: Uint8Array, use: (address: number) => number): number {
    requireBytes('codes', codes);
    return this.#lend(codes, use);
  }

  /** Copies an array in, keeps the collector off it while `use` runs, and lets go of it. */
  #lend(array: Int16Array | Uint8Array, use: (address: number) => number): number {
    requireRange('samples', array.length, 0, SAMPLES_MAX);
    const core = this.#core;
    const kind = array instanceof Int16Array ? core.INT16_ARRAY.value : core.UINT8_ARRAY.value;
    const address = core.__pin(core.__newArray(kind, array));
    try {
      return use(address);
    } finally {
      core.__unpin(address);
    }
  }
}
