import type { ProgressSignal } from '../../core/events.ts';
import type { SampleRateHz } from '../../core/media.ts';
import { requireRate } from '../option-checks.ts';
import { NarrowHops } from './narrow-hops.ts';
import type { StageCore } from './stage-core.ts';

/** What it listens to. */
export interface ProgressTonesOptions {
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
}

const HOP_SAMPLES = 80;

/** Call progress: dial, busy, congestion and ringback of three regions, fax (ITU-T T.30), the beep of an answering machine. */
export class ProgressTones {
  readonly #core: StageCore;
  readonly #hops: NarrowHops;
  readonly #signals: ReadonlyMap<number, ProgressSignal>;

  /** Use `DspStages.progressTones`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: ProgressTonesOptions = {}) {
    const { sampleRateHz = 8000 } = options;
    requireRate('sampleRateHz', sampleRateHz);
    this.#core = core;
    this.#hops = new NarrowHops(core, sampleRateHz, HOP_SAMPLES);
    this.#signals = core.run(
      (exports) =>
        new Map<number, ProgressSignal>([
          [exports.PROGRESS_DIAL.value, 'dial'],
          [exports.PROGRESS_BUSY.value, 'busy'],
          [exports.PROGRESS_CONGESTION.value, 'congestion'],
          [exports.PROGRESS_RINGBACK.value, 'ringback'],
          [exports.PROGRESS_FAX_CALLING.value, 'fax-calling'],
          [exports.PROGRESS_FAX_ANSWER.value, 'fax-answer'],
          [exports.PROGRESS_BEEP.value, 'beep'],
        ]),
    );
    this.reset();
  }

  /** Takes any number of samples; returns the signals that were made out in them. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  process(input: Int16Array): ProgressSignal[] {
    const heard: ProgressSignal[] = [];
    this.#hops.push(input, (core, address, samples) => {
      const signal = this.#signals.get(core.progressHear(address, samples));
      if (signal !== undefined) heard.push(signal);
    });
    return heard;
  }

  /** Forgets the line. */
  reset(): void {
    this.#core.restart((core) => {
      this.#hops.start(core);
      core.progressStart();
    });
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
