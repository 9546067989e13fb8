/** A bare instance of the core, for tests of single stages: samples in, samples out. */
import type { Resampling } from '../../src/dsp/dsp.ts';
import type { CoreExports } from '../../src/dsp/dsp-module.ts';
import { DspModule } from '../../src/dsp/dsp-module.ts';
import { resamplingNumber } from '../../src/dsp/resampling-number.ts';

const module = await DspModule.load();

export class CoreInstance {
  readonly exports: CoreExports = module.instantiate();
  /** Two regions of 2,880 samples that stage calls may use. */
  readonly from: number = this.exports.SCRATCH_PCM.value;
  readonly to: number = this.exports.CAPTURE_PCM.value;

  samples(address: number, count: number): Int16Array {
    return new Int16Array(this.exports.memory.buffer, address, count);
  }

  bytes(address: number, count: number): Uint8Array {
    return new Uint8Array(this.exports.memory.buffer, address, count);
  }

  /** Runs `pcm` through the resampler in pieces of `sizes` (repeated), as a stream. */
  resample(
    pcm: Int16Array,
    fromHz: number,
    toHz: number,
    sizes: readonly number[],
    resampling: Resampling = 'strict',
  ): Int16Array {
    if (this.exports.resampleStart(fromHz, toHz, resamplingNumber(this.exports, resampling)) !== 1)
      throw new Error(`no such ratio: ${fromHz} to ${toHz}`);
    const out: number[] = [];
    let at = 0;
    for (let turn = 0; at < pcm.length; turn += 1) {
      const piece = pcm.subarray(at, at + (sizes[turn % sizes.length] ?? 160));
      this.samples(this.from, piece.length).set(piece);
      const made = this.exports.resample(this.to, this.from, piece.length);
      out.push(...this.samples(this.to, made));
      at += piece.length;
    }
    return Int16Array.from(out);
  }
}
