import type { SampleRateHz } from '../../core/media.ts';
import { requireRange, requireRate } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** What comes before the ceiling. */
export interface LimiterOptions {
  /** A factor that samples are multiplied with on the way, 0..32. Default 1. */
  readonly gain?: number;
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

/** Keeps samples 1 dB below overload (±29,204) by turning them down in time: a millisecond ahead within a piece, release 50 ms. */
export class Limiter {
  readonly #core: StageCore;
  readonly #gain: number;
  readonly #sampleRateHz: SampleRateHz;

  /** Use `DspStages.limiter`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: LimiterOptions = {}) {
    const { gain = 1, sampleRateHz = 8000 } = options;
    requireRange('gain', gain, 0, 32);
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#gain = gain;
    this.#sampleRateHz = sampleRateHz;
    this.reset();
  }

  /** Any number of samples; `output`'s beginning, or a new array. May be `input` itself. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(input: Int16Array, output?: Int16Array): Int16Array {
    return this.#core.change(input, output, (core, at, samples) => core.limiterApply(at, samples, this.#gain));
  }

  /** Lets go of the gain. */
  reset(): void {
    this.#core.restart((core) => core.limiterStart(this.#sampleRateHz));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
