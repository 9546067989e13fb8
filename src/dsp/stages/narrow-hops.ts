/** Audio of any rate and cut as whole hops at 8 kHz: what detectors listen to. */
import type { SampleRateHz } from '../../core/media.ts';
import type { CoreExports } from '../dsp-module.ts';
import { requireSamples } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

const PIECE_SAMPLES = 480;

/** Owns the resampler of its instance; what does not fill a hop waits. */
export class NarrowHops {
  readonly #core: StageCore;
  readonly #sampleRateHz: SampleRateHz;
  readonly #hop: Int16Array;
  #waiting = 0;

  /** Hops of `hopSamples` at 8 kHz, of audio at `sampleRateHz`. */
  constructor(core: StageCore, sampleRateHz: SampleRateHz, hopSamples: number) {
    this.#core = core;
    this.#sampleRateHz = sampleRateHz;
    this.#hop = new Int16Array(hopSamples);
  }

  /** To be called in the stage's start. */
  start(core: CoreExports): void {
    this.#waiting = 0;
    this.#hop.fill(0);
    if (this.#sampleRateHz !== 8000) core.resampleStart(this.#sampleRateHz, 8000, core.RESAMPLING_STRICT.value);
  }

  /** Takes samples, and gives each hop that they complete to `listen`, at an address of the instance. */
  push(input: Int16Array, listen: (core: CoreExports, address: number, samples: number) => void): void {
    requireSamples('input', input);
    this.#core.run((core) => {
      for (let at = 0; at < input.length; at += PIECE_SAMPLES) {
        const piece = this.#narrow(core, input.subarray(at, at + PIECE_SAMPLES));
        for (const sample of piece) {
          this.#hop[this.#waiting] = sample;
          this.#waiting += 1;
          if (this.#waiting < this.#hop.length) continue;
          this.#waiting = 0;
          this.#core.samples(core.CAPTURE_PCM.value, this.#hop.length).set(this.#hop);
          listen(core, core.CAPTURE_PCM.value, this.#hop.length);
        }
      }
    });
  }

  #narrow(core: CoreExports, piece: Int16Array): Int16Array {
    if (this.#sampleRateHz === 8000) return piece;
    this.#core.samples(core.SCRATCH_PCM.value, piece.length).set(piece);
    const made = core.resample(core.CAPTURE_PCM.value, core.SCRATCH_PCM.value, piece.length);
    return this.#core.samples(core.CAPTURE_PCM.value, made).slice();
  }
}
