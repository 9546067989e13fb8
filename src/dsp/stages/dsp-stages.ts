/** Stages of the signal chain, each in an instance of its own: the streaming half of `talkspurt/dsp`. Node and browsers. */
import type { AudioFormat } from '../../core/media.ts';
import type { DspSource } from '../binary.ts';
import { readBinary } from '../binary.ts';
import type { CoreExports } from '../dsp-module.ts';
import { requireOptions } from '../option-checks.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { AudioWatch } from './audio-watch.ts';
import type { AgcOptions } from './automatic-gain-control.ts';
import { Agc } from './automatic-gain-control.ts';
import { Base64 } from './base64.ts';
import type { CompressorOptions } from './compressor.ts';
import { Compressor } from './compressor.ts';
import type { ConcealerOptions } from './concealer.ts';
import { Concealer } from './concealer.ts';
import type { DtmfDetectorOptions } from './dtmf-detector.ts';
import { DtmfDetector } from './dtmf-detector.ts';
import type { DtmfGeneratorOptions } from './dtmf-generator.ts';
import { DtmfGenerator } from './dtmf-generator.ts';
import type { EchoCancellerOptions } from './echo-canceller.ts';
import { EchoCanceller } from './echo-canceller.ts';
import type { G711Options } from './g711.ts';
import { G711 } from './g711.ts';
import { G722 } from './g722.ts';
import type { GainOptions } from './gain.ts';
import { Gain } from './gain.ts';
import type { HighPassOptions } from './high-pass.ts';
import { HighPass } from './high-pass.ts';
import type { LimiterOptions } from './limiter.ts';
import { Limiter } from './limiter.ts';
import type { MessageBuilderOptions } from './message-builder.ts';
import { MessageBuilder } from './message-builder.ts';
import { Mixer } from './mixer.ts';
import type { NoiseSuppressorOptions } from './noise-suppressor.ts';
import { NoiseSuppressor } from './noise-suppressor.ts';
import type { ProgressTonesOptions } from './progress-tones.ts';
import { ProgressTones } from './progress-tones.ts';
import type { ResamplerOptions } from './resampler.ts';
import { Resampler } from './resampler.ts';
import type { RingBufferOptions } from './ring-buffer.ts';
import { RingBuffer } from './ring-buffer.ts';
import { StageCore } from './stage-core.ts';
import type { TimeScaleOptions } from './time-scale.ts';
import { TimeScale } from './time-scale.ts';
import type { ToneGeneratorOptions } from './tone-generator.ts';
import { ToneGenerator } from './tone-generator.ts';
import type { VadOptions } from './voice-activity-detector.ts';
import { Vad } from './voice-activity-detector.ts';

/**
 * A compiled core. Each method makes one stage in an instance of its own: 128 KiB, and a fault in one touches no other. Make
 * stages when a stream begins and `close` them when it ends. All of them throw ERR_TALKSPURT_DSP_OPTIONS, naming the field and its
 * range, for what they cannot do, and ERR_TALKSPURT_DSP_POOL_EMPTY where there is no address space left.
 */
export class DspStages {
  readonly #module: WebAssembly.Module;
  readonly #freshImage: Uint8Array;

  private constructor(module: WebAssembly.Module) {
    this.#module = module;
    const { memory, levelDbov } = this.#instance();
    if (memory === undefined || levelDbov === undefined)
      throw new Error('this is another WebAssembly module than talkspurt.wasm');
    this.#freshImage = new Uint8Array(memory.buffer.slice(0));
  }

  /**
   * Compiles the core; `source` defaults to the package's own binary (read in Node, fetched in a browser).
   * @throws ERR_TALKSPURT_INTERNAL when it cannot be had, or is another one.
   */
  static async load(source?: DspSource): Promise<DspStages> {
    const bytes = await readBinary('talkspurt', source);
    try {
      return new DspStages(await WebAssembly.compile(bytes));
    } catch (error) {
      throw asTalkspurtError(error);
    }
  }

  /** ITU-T G.711. */
  g711(options: G711Options): G711 {
    return new G711(this.#core(options), options);
  }

  /** ITU-T G.722. */
  g722(): G722 {
    return new G722(this.#core({}));
  }

  /** From one sampling rate to another. */
  resampler(options: ResamplerOptions): Resampler {
    return new Resampler(this.#core(options), options);
  }

  /** Voice activity detection. */
  vad(options: VadOptions = {}): Vad {
    return new Vad(this.#core(options), options);
  }

  /** Echo cancellation. */
  echoCanceller(options: EchoCancellerOptions = {}): EchoCanceller {
    return new EchoCanceller(this.#core(options), options);
  }

  /** DTMF, heard. */
  dtmfDetector(options: DtmfDetectorOptions = {}): DtmfDetector {
    return new DtmfDetector(this.#core(options), options);
  }

  /** DTMF, sent. */
  dtmfGenerator(options: DtmfGeneratorOptions = {}): DtmfGenerator {
    return new DtmfGenerator(this.#core(options), options);
  }

  /** One or two sines. */
  toneGenerator(options: ToneGeneratorOptions): ToneGenerator {
    return new ToneGenerator(this.#core(options), options);
  }

  /** A line between frames of two lengths. */
  ringBuffer(options: RingBufferOptions): RingBuffer {
    return new RingBuffer(this.#core(options), options);
  }

  /** A gain that moves. */
  gain(options: GainOptions = {}): Gain {
    return new Gain(this.#core(options), options);
  }

  /** Dynamic range compression, with a low-pass. */
  compressor(options: CompressorOptions): Compressor {
    return new Compressor(this.#core(options), options);
  }

  /** A ceiling. */
  limiter(options: LimiterOptions = {}): Limiter {
    return new Limiter(this.#core(options), options);
  }

  /** Automatic gain control. */
  agc(options: AgcOptions): Agc {
    return new Agc(this.#core(options), options);
  }

  /** A high-pass. */
  highPass(options: HighPassOptions): HighPass {
    return new HighPass(this.#core(options), options);
  }

  /** Noise suppression. */
  noiseSuppressor(options: NoiseSuppressorOptions = {}): NoiseSuppressor {
    return new NoiseSuppressor(this.#core(options), options);
  }

  /** Packet loss concealment. */
  concealer(options: ConcealerOptions = {}): Concealer {
    return new Concealer(this.#core(options), options);
  }

  /** Time-scale modification. */
  timeScale(options: TimeScaleOptions = {}): TimeScale {
    return new TimeScale(this.#core(options), options);
  }

  /** Call progress tones. */
  progressTones(options: ProgressTonesOptions = {}): ProgressTones {
    return new ProgressTones(this.#core(options), options);
  }

  /** Audio that is not what it says it is. */
  audioWatch(options: AudioFormat): AudioWatch {
    return new AudioWatch(this.#core(options), options);
  }

  /** The sum of two. */
  mixer(): Mixer {
    return new Mixer(this.#core({}));
  }

  /** Messages with audio in base64. */
  messageBuilder(options: MessageBuilderOptions = {}): MessageBuilder {
    return new MessageBuilder(this.#core(options), options);
  }

  /** Base64, both ways. */
  base64(): Base64 {
    return new Base64(this.#core({}));
  }

  #core(options: object): StageCore {
    requireOptions(options);
    return new StageCore(this.#instance(), this.#freshImage);
  }

  #instance(): CoreExports {
    try {
      return new WebAssembly.Instance(this.#module).exports as unknown as CoreExports;
    } catch (error) {
      // Address space is bounded: in Node some twelve thousand stages at a time.
      if (!(error instanceof RangeError)) throw error;
      const message = 'there is no room for another stage: close those that are done with';
      throw new TalkspurtError('ERR_TALKSPURT_DSP_POOL_EMPTY', message, { cause: error });
    }
  }
}
