import type { SampleRateHz } from '../../core/media.ts';
import { requireRange, requireRate } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** Where it begins. */
export interface HighPassOptions {
  /** −3.01 dB here, 24 dB per octave below, Hz: 20..1000. */
  readonly cutHz: number;
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

/** A Butterworth high-pass of order 4: hum and DC out of a voice. Within one step of the same filter in f64. */
export class HighPass {
  readonly #core: StageCore;
  readonly #cutHz: number;
  readonly #sampleRateHz: SampleRateHz;

  /** Use `DspStages.highPass`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: HighPassOptions) {
    const { cutHz, sampleRateHz = 8000 } = options;
    requireRange('cutHz', cutHz, 20, 1000);
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#cutHz = cutHz;
    this.#sampleRateHz = sampleRateHz;
    this.reset();
  }

  /** Any number of samples; `output`'s beginning, or a new array. May be `input` itself. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(input: Int16Array, output?: Int16Array): Int16Array {
    return this.#core.change(input, output, (core, at, samples) => core.highPassApply(at, samples));
  }

  /** Forgets the past. */
  reset(): void {
    this.#core.restart((core) => core.highPassStart(this.#cutHz, this.#sampleRateHz));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
