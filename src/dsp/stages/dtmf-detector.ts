import type { SampleRateHz } from '../../core/media.ts';
import { requireRate } from '../option-checks.ts';
import { NarrowHops } from './narrow-hops.ts';
import type { StageCore } from './stage-core.ts';

/** What it listens to. */
export interface DtmfDetectorOptions {
  /** Rate of the samples, Hz. Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

/** A key that was let go of. */
export interface DtmfDigit {
  /** One of `0-9 A-D * #`. */
  readonly digit: string;
  /** For how long it was held, ms, to 10. */
  readonly durationMs: number;
}

const HOP_SAMPLES = 40;

/** DTMF in the audio, within the limits of ITU-T Q.24. A key is told about 45 ms after its end. */
export class DtmfDetector {
  readonly #core: StageCore;
  readonly #hops: NarrowHops;

  /** Use `DspStages.dtmfDetector`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: DtmfDetectorOptions = {}) {
    const { sampleRateHz = 8000 } = options;
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#hops = new NarrowHops(core, sampleRateHz, HOP_SAMPLES);
    this.reset();
  }

  /** Takes any number of samples; returns the keys that were let go of in them. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(input: Int16Array): DtmfDigit[] {
    const digits: DtmfDigit[] = [];
    this.#hops.push(input, (core, address, samples) => {
      const answer = core.dtmfHear(address, samples);
      if ((answer & 0xff) === 0) return;
      digits.push({ digit: String.fromCharCode(answer & 0xff), durationMs: answer >> 8 });
    });
    return digits;
  }

  /** Forgets what is being pressed. */
  reset(): void {
    this.#core.restart((core) => {
      this.#hops.start(core);
      core.dtmfStart();
    });
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
