import type { SampleRateHz } from '../../core/media.ts';
import { requireRange, requireRate } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** Where a voice is brought to. */
export interface AgcOptions {
  /** dBov: −40..−6. */
  readonly targetDbov: number;
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

/** Automatic gain control: only speech moves the gain (8 dB/s up, 20 dB/s down, within ±20 dB); a limiter is behind it. */
export class Agc {
  readonly #core: StageCore;
  readonly #targetDbov: number;
  readonly #sampleRateHz: SampleRateHz;

  /** Use `DspStages.agc`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: AgcOptions) {
    const { targetDbov, sampleRateHz = 8000 } = options;
    requireRange('targetDbov', targetDbov, -40, -6);
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#targetDbov = targetDbov;
    this.#sampleRateHz = sampleRateHz;
    this.reset();
  }

  /**
   * Any number of samples, in which somebody speaks with `probability` (a `Vad` says; from 0.5 on it counts as speech). `output`'s
   * beginning, or a new array; may be `input` itself. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED
   */
  process(input: Int16Array, probability: number, output?: Int16Array): Int16Array {
    requireRange('probability', probability, 0, 1);
    return this.#core.change(input, output, (core, at, samples) => core.gainControlApply(at, samples, probability));
  }

  /** Forgets the voice. */
  reset(): void {
    this.#core.restart((core) => core.gainControlStart(this.#targetDbov, this.#sampleRateHz));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
