import type { SampleRateHz } from '../../core/media.ts';
import { requireRate } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** What it conceals losses of. */
export interface ConcealerOptions {
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

/** Packet loss concealment: the last pitch period again, faded from 10 to 60 ms into noise at the line's own floor. No delay. */
export class Concealer {
  readonly #core: StageCore;
  readonly #sampleRateHz: SampleRateHz;

  /** Use `DspStages.concealer`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: ConcealerOptions = {}) {
    const { sampleRateHz = 8000 } = options;
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#sampleRateHz = sampleRateHz;
    this.reset();
  }

  /** A frame that came: as it is, but for 4 ms behind a loss. `output`'s beginning, or a new array. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(input: Int16Array, output?: Int16Array): Int16Array {
    return this.#core.change(input, output, (core, at, samples) => core.concealAccept(at, samples));
  }

  /** Fills `output` in place of a frame that did not come, and returns it. @throws likewise */
  conceal(output: Int16Array): Int16Array {
    return this.#core.write(output, (core, at, samples) => core.concealFill(at, samples));
  }

  /** Forgets the line. */
  reset(): void {
    this.#core.restart((core) => core.concealStart(this.#sampleRateHz));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
