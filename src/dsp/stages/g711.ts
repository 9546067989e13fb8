import type { CoreExports } from '../dsp-module.ts';
import { requireBytes, requireChoice, requireSamples } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';
import { roomFor } from './stage-core.ts';

/** Which companding law. */
export interface G711Options {
  /** `ulaw` (North America, Japan) or `alaw` (elsewhere). */
  readonly law: 'ulaw' | 'alaw';
}

const PIECE_SAMPLES = 2880;

/**
 * ITU-T G.711: one byte a sample, at any rate (8 kHz on the wire). Exact for all codes and samples; keeps no state. Any number of
 * samples at a time. Results are `output`'s beginning, or new arrays; they are the caller's.
 */
export class G711 {
  readonly #core: StageCore;
  readonly #law: 'ulaw' | 'alaw';

  /** Use `DspStages.g711`. @throws ERR_TALKSPURT_DSP_OPTIONS for another law. */
  constructor(core: StageCore, options: G711Options) {
    requireChoice('law', options.law, ['ulaw', 'alaw']);
    this.#core = core;
    this.#law = options.law;
  }

  /** Samples to codes. @throws ERR_TALKSPURT_DSP_OPTIONS when `output` is too short, _TRAP, _CLOSED */
  encode(input: Int16Array, output?: Uint8Array): Uint8Array {
    requireSamples('input', input);
    const codes = roomFor(input.length, output, (length) => new Uint8Array(length));
    this.#core.run((core) => {
      const encode = this.#law === 'ulaw' ? core.encodeUlaw : core.encodeAlaw;
      this.#pieces(input.length, (at, count) => {
        this.#core.samples(core.SCRATCH_PCM.value, count).set(input.subarray(at, at + count));
        encode(core.WIRE_IN.value, core.SCRATCH_PCM.value, count);
        codes.set(this.#core.bytes(core.WIRE_IN.value, count), at);
      });
    });
    return codes;
  }

  /** Codes to samples. @throws likewise */
  decode(input: Uint8Array, output?: Int16Array): Int16Array {
    requireBytes('input', input);
    const pcm = roomFor(input.length, output, (length) => new Int16Array(length));
    this.#core.run((core: CoreExports) => {
      const decode = this.#law === 'ulaw' ? core.decodeUlaw : core.decodeAlaw;
      this.#pieces(input.length, (at, count) => {
        this.#core.bytes(core.WIRE_IN.value, count).set(input.subarray(at, at + count));
        decode(core.SCRATCH_PCM.value, core.WIRE_IN.value, count);
        pcm.set(this.#core.samples(core.SCRATCH_PCM.value, count), at);
      });
    });
    return pcm;
  }

  /** Does nothing: there is no state. Here so that all stages are alike. */
  reset(): void {
    this.#core.run(() => undefined);
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }

  #pieces(length: number, step: (at: number, count: number) => void): void {
    for (let at = 0; at < length; at += PIECE_SAMPLES) step(at, Math.min(PIECE_SAMPLES, length - at));
  }
}
