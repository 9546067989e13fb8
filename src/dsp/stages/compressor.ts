import type { SampleRateHz } from '../../core/media.ts';
import { requireRange, requireRate } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** The curve. */
export interface CompressorOptions {
  /** Level above which it works (3:1, knee of 6 dB), dBov: −60..0. A sine of full scale has −3. */
  readonly thresholdDb: number;
  /** Gain behind it, dB: 0..24. Default 0. */
  readonly makeupDb?: number;
  /** Cut-off of the Butterworth low-pass of order 4 before it, Hz: 100..20000. Default 20000: from 0.45 of the rate on there is none. */
  readonly lowPassHz?: number;
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

/** Dynamic range compression: attack 5 ms, release 120 ms, and a ceiling 1 dB below overload; no look-ahead, no delay. */
export class Compressor {
  readonly #core: StageCore;
  readonly #plan: readonly [thresholdDb: number, makeupDb: number, lowPassHz: number, sampleRateHz: number];

  /** Use `DspStages.compressor`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: CompressorOptions) {
    const { thresholdDb, makeupDb = 0, lowPassHz = 20_000, sampleRateHz = 8000 } = options;
    requireRange('thresholdDb', thresholdDb, -60, 0);
    requireRange('makeupDb', makeupDb, 0, 24);
    requireRange('lowPassHz', lowPassHz, 100, 20_000);
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#plan = [thresholdDb, makeupDb, lowPassHz, sampleRateHz];
    this.reset();
  }

  /** Any number of samples; `output`'s beginning, or a new array. May be `input` itself. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(input: Int16Array, output?: Int16Array): Int16Array {
    return this.#core.change(input, output, (core, at, samples) => core.shapingApply(at, samples));
  }

  /** Forgets the level and the low-pass's past. */
  reset(): void {
    this.#core.restart((core) => core.shapingStart(...this.#plan));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
