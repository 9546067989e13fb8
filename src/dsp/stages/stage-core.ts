/**
 * The WebAssembly instance of one stage: 128 KiB that nothing else shares. After a trap (a defect, never an input) it is dead and
 * says so; other stages live on.
 */
import { TalkspurtError } from '../../core/errors.ts';
import { refusal, requireHeld, requireSamples } from '../option-checks.ts';
import type { CoreExports } from '../dsp-module.ts';

/** Samples that one crossing takes: they fill a region at any ratio of rates. */
const PIECE_SAMPLES = 480;

/** One instance, and what all stages do with it. For the classes of `talkspurt/dsp`. */
export class StageCore {
  readonly #freshImage: Uint8Array;
  /** Null once closed: an instance that nothing leads to gives its memory and its address space back. */
  #exports: CoreExports | null;
  #memory: Uint8Array;
  #dead = false;

  /** Takes `exports` over; `freshImage` is the memory of an instance that has done nothing yet, and is not changed. */
  constructor(exports: CoreExports, freshImage: Uint8Array) {
    this.#exports = exports;
    this.#freshImage = freshImage;
    this.#memory = new Uint8Array(exports.memory.buffer);
  }

  /** Runs `work` on the instance. @throws ERR_TALKSPURT_DSP_TRAP, then and ever after, ERR_TALKSPURT_DSP_CLOSED */
  run<T>(work: (core: CoreExports) => T): T {
    if (this.#exports === null)
      throw new TalkspurtError('ERR_TALKSPURT_DSP_CLOSED', 'this stage is closed: make a new one');
    if (this.#dead) throw trapped(undefined);
    try {
      return work(this.#exports);
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      this.#dead = true;
      throw trapped(error);
    }
  }

  /** Puts the memory back to a new instance's and runs `start` on it. */
  restart(start: (core: CoreExports) => void): void {
    this.run((core) => {
      this.#memory.set(this.#freshImage);
      start(core);
    });
  }

  /** Nothing of what was heard stays; everything after this throws, but closing again. */
  close(): void {
    if (this.#exports === null) return;
    this.#memory.set(this.#freshImage);
    this.#exports = null;
    this.#memory = new Uint8Array(0);
  }

  /** A window of the instance: borrowed, and only within `run`. */
  samples(address: number, count: number): Int16Array {
    return new Int16Array(this.#memory.buffer, address, count);
  }

  /** The same of bytes. */
  bytes(address: number, count: number): Uint8Array {
    return new Uint8Array(this.#memory.buffer, address, count);
  }

  /**
   * Has `step` change samples in place, a piece of at most 10 ms at 48 kHz at a time; the pieces are multiples of `multiple`.
   * The result is `output`'s beginning, or a new array.
   */
  change(
    input: Int16Array,
    output: Int16Array | undefined,
    step: (core: CoreExports, address: number, samples: number) => void,
    multiple = 1,
  ): Int16Array {
    requireSamples('input', input, multiple);
    const result = roomFor(input.length, output, (length) => new Int16Array(length));
    this.run((core) => {
      const address = core.CAPTURE_PCM.value;
      const most = PIECE_SAMPLES - (PIECE_SAMPLES % multiple);
      for (let at = 0; at < input.length; at += most) {
        const count = Math.min(most, input.length - at);
        const piece = this.samples(address, count);
        piece.set(input.subarray(at, at + count));
        step(core, address, count);
        result.set(piece, at);
      }
    });
    return result;
  }

  /** Has `step` write samples to `output`, likewise, and returns it. */
  write(output: Int16Array, step: (core: CoreExports, address: number, samples: number) => void): Int16Array {
    requireSamples('output', output);
    this.run((core) => {
      const address = core.CAPTURE_PCM.value;
      for (let at = 0; at < output.length; at += PIECE_SAMPLES) {
        const count = Math.min(PIECE_SAMPLES, output.length - at);
        step(core, address, count);
        output.set(this.samples(address, count), at);
      }
    });
    return output;
  }
}

/** The beginning of `output`, or a new array when there is none. @throws ERR_TALKSPURT_DSP_OPTIONS when it is too short. */
export function roomFor<T extends Int16Array | Uint8Array>(
  length: number,
  output: T | undefined,
  make: (length: number) => T,
): T {
  if (output === undefined) return make(length);
  const { constructor } = make(0);
  if (!(output instanceof constructor)) throw refusal('output', `output: use ${constructor.name}`);
  requireHeld('output', output);
  if (output.length >= length) return output.subarray(0, length) as T;
  throw refusal('output', `output of ${output.length}: use room for ${length}`);
}

function trapped(cause: unknown): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_DSP_TRAP', 'this stage trapped, and is dead: close it and make a new one', {
    ...(cause === undefined ? {} : { cause }),
  });
}
