import type { SampleRateHz } from '../../core/media.ts';
import { requireRange, requireRate } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** How much. */
export interface NoiseSuppressorOptions {
  /** How far steady noise goes down, dB: 1..18. Default 12. */
  readonly suppressionDb?: number;
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

/** Noise suppression: presence-controlled noise tracking (Gerkmann and Hendriks, 2012), Wiener gain. Whole 10 ms (5 ms at 48 kHz). */
export class NoiseSuppressor {
  readonly #core: StageCore;
  readonly #suppressionDb: number;
  readonly #sampleRateHz: SampleRateHz;

  /** Use `DspStages.noiseSuppressor`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: NoiseSuppressorOptions = {}) {
    const { suppressionDb = 12, sampleRateHz = 8000 } = options;
    requireRange('suppressionDb', suppressionDb, 1, 18);
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#suppressionDb = suppressionDb;
    this.#sampleRateHz = sampleRateHz;
    this.reset();
  }

  /** Samples of one hop: `input` is a multiple of it, and the output is so much later. */
  get hopSamples(): number {
    return this.#sampleRateHz === 48_000 ? 240 : this.#sampleRateHz / 100;
  }

  /** Whole hops; `output`'s beginning, or a new array. May be `input` itself. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(input: Int16Array, output?: Int16Array): Int16Array {
    return this.#core.change(input, output, (core, at, samples) => core.suppressionApply(at, samples), this.hopSamples);
  }

  /** Forgets the noise. */
  reset(): void {
    this.#core.restart((core) => core.suppressionStart(this.#suppressionDb, this.#sampleRateHz));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
