import type { SampleRateHz } from '../../core/media.ts';
import type { Resampling } from '../dsp.ts';
import { RESAMPLINGS } from '../dsp.ts';
import { requireChoice, requireRate, requireSamples, requireWhole } from '../option-checks.ts';
import { resamplingNumber } from '../resampling-number.ts';
import type { StageCore } from './stage-core.ts';
import { roomFor } from './stage-core.ts';

/** From which rate to which. */
export interface ResamplerOptions {
  readonly fromHz: SampleRateHz;
  readonly toHz: SampleRateHz;
  /**
   * For 8 kHz as the slower rate. `strict` (the default): nothing folded back from 4.08 kHz on, 3 ms; `low-delay`: from 4.45 kHz on,
   * 2 ms; `minimum-phase`: from 2, 3 or 6 samples to one as strict against what folds back, 0.2 ms at 1 kHz and 1.0 ms at 3.4 kHz;
   * every other pair of rates is as `strict`.
   */
  readonly filters?: Resampling;
}

const PIECE_SAMPLES = 480;

/**
 * A stream from one sampling rate to another: polyphase FIR, equiripple down, Kaiser up. The cut into pieces never shows; up to
 * five samples wait for the rest of a period. For all of a stream's end, push `tailSamples` of zeros (at the output's rate) behind it. Results are `output`'s beginning, or new arrays; they are the caller's.
 */
export class Resampler {
  readonly #core: StageCore;
  readonly #fromHz: SampleRateHz;
  readonly #toHz: SampleRateHz;
  readonly #filters: Resampling;
  readonly #delaySamples: number;
  readonly #tailSamples: number;

  /** Use `DspStages.resampler`. @throws ERR_TALKSPURT_DSP_OPTIONS for other rates. */
  constructor(core: StageCore, options: ResamplerOptions) {
    const { fromHz, toHz, filters = 'strict' } = options;
    requireRate('fromHz', fromHz);
    requireRate('toHz', toHz);
    requireChoice('filters', filters, RESAMPLINGS);
    this.#core = core;
    this.#fromHz = fromHz;
    this.#toHz = toHz;
    this.#filters = filters;
    this.reset();
    this.#delaySamples = fromHz === toHz ? 0 : core.run((exports) => exports.resampleDelay());
    this.#tailSamples = fromHz === toHz ? 0 : core.run((exports) => exports.resampleTail());
  }

  /** How much later than the input the output is, in whole samples of the output; with minimum phase: a tone of 1 kHz. */
  get delaySamples(): number {
    return this.#delaySamples;
  }

  /** For how many samples of the output, at most, something is still to come when the input has ended. Longer than the delay. */
  get tailSamples(): number {
    return this.#tailSamples;
  }

  /** The most samples that `inputSamples` can become: room for `output`. @throws ERR_TALKSPURT_DSP_OPTIONS for no whole number. */
  mostSamples(inputSamples: number): number {
    requireWhole('inputSamples', inputSamples, 0, Number.MAX_SAFE_INTEGER);
    return Math.ceil(((inputSamples + 5) * this.#toHz) / this.#fromHz);
  }

  /** Returns the samples that `input` completes. @throws ERR_TALKSPURT_DSP_OPTIONS when `output` is shorter than `mostSamples`, _TRAP, _CLOSED */
  process(input: Int16Array, output?: Int16Array): Int16Array {
    requireSamples('input', input);
    const room = roomFor(this.mostSamples(input.length), output, (length) => new Int16Array(length));
    return this.#core.run((core) => {
      if (this.#fromHz === this.#toHz) {
        room.set(input);
        return room.subarray(0, input.length);
      }
      let made = 0;
      for (let at = 0; at < input.length; at += PIECE_SAMPLES) {
        const count = Math.min(PIECE_SAMPLES, input.length - at);
        this.#core.samples(core.SCRATCH_PCM.value, count).set(input.subarray(at, at + count));
        const more = core.resample(core.CAPTURE_PCM.value, core.SCRATCH_PCM.value, count);
        room.set(this.#core.samples(core.CAPTURE_PCM.value, more), made);
        made += more;
      }
      return room.subarray(0, made);
    });
  }

  /** Forgets the stream. */
  reset(): void {
    this.#core.restart((core) => core.resampleStart(this.#fromHz, this.#toHz, resamplingNumber(core, this.#filters)));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
