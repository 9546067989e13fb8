import { refusal, requireSamples, shown } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** How much it holds. */
export interface RingBufferOptions {
  /** Samples: a power of two from 1 to 512. */
  readonly capacity: number;
}

/** A first-in first-out line of samples between one writer and one reader: any frame length in, any other out. */
export class RingBuffer {
  readonly #core: StageCore;
  readonly #capacity: number;

  /** Use `DspStages.ringBuffer`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: RingBufferOptions) {
    const { capacity } = options;
    const most = core.run((exports) => exports.HOP_RING_SAMPLES.value);
    if (!Number.isInteger(capacity) || capacity < 1 || capacity > most || (capacity & (capacity - 1)) !== 0) {
      throw refusal('capacity', `capacity ${shown(capacity)}: use a power of two from 1 to ${most}`);
    }
    this.#core = core;
    this.#capacity = capacity;
    this.reset();
  }

  /** Samples that wait. */
  get waiting(): number {
    return this.#core.run((core) => core.ringWaiting());
  }

  /** Takes what finds room; returns how many samples that were. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  write(input: Int16Array): number {
    requireSamples('input', input);
    return this.#core.run((core) => {
      const offered = input.subarray(0, this.#capacity);
      this.#core.samples(core.SCRATCH_PCM.value, offered.length).set(offered);
      return core.ringWrite(core.SCRATCH_PCM.value, offered.length);
    });
  }

  /** Fills `output` as far as there are samples; returns how many there were. @throws likewise */
  read(output: Int16Array): number {
    requireSamples('output', output);
    return this.#core.run((core) => {
      const count = core.ringRead(core.SCRATCH_PCM.value, Math.min(output.length, this.#capacity));
      output.set(this.#core.samples(core.SCRATCH_PCM.value, count));
      return count;
    });
  }

  /** Empties it. */
  reset(): void {
    this.#core.restart((core) => core.ringStart(this.#capacity));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
