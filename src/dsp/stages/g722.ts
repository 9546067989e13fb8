import { requireBytes, requireSamples } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';
import { roomFor } from './stage-core.ts';

const PIECE_CODES = 1440;

/**
 * ITU-T G.722 at 64 kbit/s (mode 1), 16 kHz: one byte for two samples; two independent streams, one each way, cut in any way.
 * Bit-exact. Results are `output`'s beginning, or new arrays; they are the caller's.
 */
export class G722 {
  readonly #core: StageCore;

  /** Use `DspStages.g722`. */
  constructor(core: StageCore) {
    this.#core = core;
  }

  /** An even number of samples to half as many codes. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  encode(input: Int16Array, output?: Uint8Array): Uint8Array {
    requireSamples('input', input, 2);
    const codes = roomFor(input.length >> 1, output, (length) => new Uint8Array(length));
    this.#core.run((core) => {
      for (let at = 0; at < codes.length; at += PIECE_CODES) {
        const count = Math.min(PIECE_CODES, codes.length - at);
        this.#core.samples(core.SCRATCH_PCM.value, count * 2).set(input.subarray(at * 2, (at + count) * 2));
        core.encodeG722(core.WIRE_IN.value, core.SCRATCH_PCM.value, count);
        codes.set(this.#core.bytes(core.WIRE_IN.value, count), at);
      }
    });
    return codes;
  }

  /** Codes to twice as many samples. @throws likewise */
  decode(input: Uint8Array, output?: Int16Array): Int16Array {
    requireBytes('input', input);
    const pcm = roomFor(input.length * 2, output, (length) => new Int16Array(length));
    this.#core.run((core) => {
      for (let at = 0; at < input.length; at += PIECE_CODES) {
        const count = Math.min(PIECE_CODES, input.length - at);
        this.#core.bytes(core.WIRE_IN.value, count).set(input.subarray(at, at + count));
        core.decodeG722(core.SCRATCH_PCM.value, core.WIRE_IN.value, count);
        pcm.set(this.#core.samples(core.SCRATCH_PCM.value, count * 2), at * 2);
      }
    });
    return pcm;
  }

  /** Both directions forget what they heard. */
  reset(): void {
    this.#core.restart(() => undefined);
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
