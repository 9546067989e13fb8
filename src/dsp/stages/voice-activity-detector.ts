import type { SampleRateHz } from '../../core/media.ts';
import type { VadKind } from '../dsp.ts';
import { VAD_KINDS } from '../dsp.ts';
import { requireChoice, requireRate, requireWhole } from '../option-checks.ts';
import { NarrowHops } from './narrow-hops.ts';
import type { StageCore } from './stage-core.ts';

/** What listens, and how strictly. */
export interface VadOptions {
  /** `neural` (the default) or `statistical`, at half the cost. */
  readonly kind?: VadKind;
  /** 0 hears the most, 3 rejects the most noise. Default 2. */
  readonly aggressiveness?: 0 | 1 | 2 | 3;
  /** Rate of the samples, Hz. Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

const HOP_SAMPLES = 80;

/** Voice activity detection: a probability of speech for each 10 ms. `docs/vad.md` measures both detectors. */
export class Vad {
  readonly #core: StageCore;
  readonly #hops: NarrowHops;
  readonly #neural: boolean;
  readonly #aggressiveness: number;
  #probability = 0;

  /** Use `DspStages.vad`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: VadOptions = {}) {
    const { kind = 'neural', aggressiveness = 2, sampleRateHz = 8000 } = options;
    requireChoice('kind', kind, VAD_KINDS);
    requireWhole('aggressiveness', aggressiveness, 0, 3);
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#neural = kind === 'neural';
    this.#aggressiveness = aggressiveness;
    this.#hops = new NarrowHops(core, sampleRateHz, HOP_SAMPLES);
    this.reset();
  }

  /** The probability of the last whole 10 ms, 0..1. */
  get probability(): number {
    return this.#probability;
  }

  /** Takes any number of samples; returns the highest probability of the 10 ms that they complete, or the last one. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(input: Int16Array): number {
    let highest = -1;
    this.#hops.push(input, (core, address) => {
      this.#probability = this.#neural ? core.neuralHop(address) : core.voiceHop(address);
      highest = Math.max(highest, this.#probability);
    });
    return highest < 0 ? this.#probability : highest;
  }

  /** Forgets the line. */
  reset(): void {
    this.#probability = 0;
    this.#core.restart((core) => {
      this.#hops.start(core);
      if (this.#neural) core.neuralStart(this.#aggressiveness);
      else core.voiceStart(this.#aggressiveness);
    });
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
