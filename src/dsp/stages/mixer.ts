import { refusal, requireSamples } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** The sum of two streams, saturating at the ends of 16 bits; keeps no state. */
export class Mixer {
  readonly #core: StageCore;

  /** Use `DspStages.mixer`. */
  constructor(core: StageCore) {
    this.#core = core;
  }

  /** `input` plus `other`, of the same length; `output`'s beginning, or a new array. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(input: Int16Array, other: Int16Array, output?: Int16Array): Int16Array {
    requireSamples('input', input);
    requireSamples('other', other);
    if (other.length !== input.length) throw refusal('other', `other of ${other.length} samples: use ${input.length}`);
    let at = 0;
    return this.#core.change(input, output, (core, address, samples) => {
      this.#core.samples(core.SCRATCH_PCM.value, samples).set(other.subarray(at, at + samples));
      core.mix(address, core.SCRATCH_PCM.value, samples);
      at += samples;
    });
  }

  /** Does nothing: there is no state. Here so that all stages are alike. */
  reset(): void {
    this.#core.run(() => undefined);
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
