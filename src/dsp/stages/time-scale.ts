import type { SampleRateHz } from '../../core/media.ts';
import { requireRange, requireRate, requireSamples } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** What it scales. */
export interface TimeScaleOptions {
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

const PIECE_SAMPLES = 480;

/**
 * Time-scale modification (WSOLA): what waits of a speech becomes shorter or longer at its own pitch, by at most 15 %. Put
 * audio in, say how much of it is too much, take frames out; see `JitterBuffer` for how much that is.
 */
export class TimeScale {
  readonly #core: StageCore;
  readonly #sampleRateHz: SampleRateHz;
  #waiting = 0;

  /** Use `DspStages.timeScale`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: TimeScaleOptions = {}) {
    const { sampleRateHz = 8000 } = options;
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#sampleRateHz = sampleRateHz;
    this.reset();
  }

  /** Samples that wait; at most 3,600. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Takes what finds room; returns how many samples that were. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  write(input: Int16Array): number {
    requireSamples('input', input);
    const before = this.#waiting;
    this.#core.run((core) => {
      for (let at = 0; at < input.length; at += PIECE_SAMPLES) {
        const piece = input.subarray(at, at + PIECE_SAMPLES);
        this.#core.samples(core.SCRATCH_PCM.value, piece.length).set(piece);
        this.#waiting = core.scaleAppend(core.SCRATCH_PCM.value, piece.length);
      }
    });
    return this.#waiting - before;
  }

  /**
   * Cuts out at most `ms` (repeats at most −`ms`; −1000..1000), where that is not heard; `frameSamples` are taken next. In a
   * `pause` nobody speaks. Returns the samples that wait. @throws likewise
   */
  adjust(ms: number, frameSamples: number, pause = false): number {
    requireRange('ms', ms, -1000, 1000);
    requireRange('frameSamples', frameSamples, 1, 2880);
    this.#waiting = this.#core.run((core) => core.scaleAdjust(ms, frameSamples, pause ? 1 : 0));
    return this.#waiting;
  }

  /** Fills `output` from the front as far as there are samples; returns how many. @throws likewise */
  read(output: Int16Array): number {
    requireSamples('output', output);
    const count = Math.min(output.length, this.#waiting);
    this.#core.run((core) => {
      for (let at = 0; at < count; at += PIECE_SAMPLES) {
        const piece = Math.min(PIECE_SAMPLES, count - at);
        this.#waiting = core.scaleTake(core.CAPTURE_PCM.value, piece);
        output.set(this.#core.samples(core.CAPTURE_PCM.value, piece), at);
      }
    });
    return count;
  }

  /** Forgets the line. */
  reset(): void {
    this.#waiting = 0;
    this.#core.restart((core) => core.scaleStart(this.#sampleRateHz));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
