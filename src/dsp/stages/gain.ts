import type { SampleRateHz } from '../../core/media.ts';
import { requireRange, requireRate } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** What it begins with. */
export interface GainOptions {
  /** A factor, 0..4. Default 1: unchanged. */
  readonly gain?: number;
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

/** A gain that moves in straight lines, and saturates. */
export class Gain {
  readonly #core: StageCore;
  readonly #gain: number;
  readonly #sampleRateHz: SampleRateHz;

  /** Use `DspStages.gain`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: GainOptions = {}) {
    const { gain = 1, sampleRateHz = 8000 } = options;
    requireRange('gain', gain, 0, 4);
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#gain = gain;
    this.#sampleRateHz = sampleRateHz;
    this.reset();
  }

  /** Moves to `gain` (0..4) over `rampMs` (0..60000) of what is processed from now on. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  moveTo(gain: number, rampMs = 0): void {
    requireRange('gain', gain, 0, 4);
    requireRange('rampMs', rampMs, 0, 60_000);
    this.#core.run((core) => core.gainMove(gain, Math.round((rampMs * this.#sampleRateHz) / 1000)));
  }

  /** Any number of samples; `output`'s beginning, or a new array. May be `input` itself. @throws likewise */
  process(input: Int16Array, output?: Int16Array): Int16Array {
    return this.#core.change(input, output, (core, at, samples) => core.gainApply(at, samples));
  }

  /** Back to the gain that it began with. */
  reset(): void {
    this.#core.restart((core) => core.gainStart(this.#gain));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
