import type { SampleRateHz } from '../../core/media.ts';
import { requireRange, requireRate } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** Which sines. */
export interface ToneGeneratorOptions {
  readonly firstHz: number;
  /** A second sine of the same level; 0 or absent: none. */
  readonly secondHz?: number;
  /** Level of each sine in dBov, −127..−3.01 (a full-scale sine). Default −20. */
  readonly levelDbov?: number;
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

/** One or two sines, exact to rounding: the phase goes on from call to call. */
export class ToneGenerator {
  readonly #core: StageCore;
  readonly #plan: readonly [firstHz: number, secondHz: number, amplitude: number, sampleRateHz: number];

  /** Use `DspStages.toneGenerator`. @throws ERR_TALKSPURT_DSP_OPTIONS for frequencies beyond half the rate. */
  constructor(core: StageCore, options: ToneGeneratorOptions) {
    const { firstHz, secondHz = 0, levelDbov = -20, sampleRateHz = 8000 } = options;
    requireRate('sampleRateHz', sampleRateHz);
    requireRange('firstHz', firstHz, 0, sampleRateHz / 2);
    requireRange('secondHz', secondHz, 0, sampleRateHz / 2);
    requireRange('levelDbov', levelDbov, -127, -3.01);
    this.#core = core;
    this.#plan = [firstHz, secondHz, Math.min(32_767, 32_767 * Math.SQRT2 * 10 ** (levelDbov / 20)), sampleRateHz];
    this.reset();
  }

  /** Fills `output` with the next samples, and returns it. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(output: Int16Array): Int16Array {
    return this.#core.write(output, (core, at, samples) => core.toneWrite(at, samples));
  }

  /** Begins at phase 0 again. */
  reset(): void {
    this.#core.restart((core) => core.toneStart(...this.#plan));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
