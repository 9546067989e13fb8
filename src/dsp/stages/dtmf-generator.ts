import type { SampleRateHz } from '../../core/media.ts';
import { refusal, requireRange, requireRate, requireWhole } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';

/** How keys sound. */
export interface DtmfGeneratorOptions {
  /** Default 8000. */
  readonly sampleRateHz?: SampleRateHz;
  /** Length of a key and of the pause behind it, ms: 40..4000. Default 160 and 70. */
  readonly toneMs?: number;
  readonly gapMs?: number;
  /** Level of the low and the high tone, dBm0: −40..0 (a full-scale sine has 3.17). Default −9 and −7. */
  readonly lowDbm0?: number;
  readonly highDbm0?: number;
}

const FULL_SCALE_DBM0 = 3.17;

/** DTMF as ITU-T Q.23 has it; 2 ms of rise and fall. */
export class DtmfGenerator {
  readonly #core: StageCore;
  readonly #plan: readonly [toneMs: number, gapMs: number, low: number, high: number, sampleRateHz: number];
  #samplesLeft = 0;

  /** Use `DspStages.dtmfGenerator`. @throws ERR_TALKSPURT_DSP_OPTIONS */
  constructor(core: StageCore, options: DtmfGeneratorOptions = {}) {
    const { sampleRateHz = 8000, toneMs = 160, gapMs = 70, lowDbm0 = -9, highDbm0 = -7 } = options;
    requireRate('sampleRateHz', sampleRateHz);
    requireWhole('toneMs', toneMs, 40, 4000);
    requireWhole('gapMs', gapMs, 40, 4000);
    requireRange('lowDbm0', lowDbm0, -40, 0);
    requireRange('highDbm0', highDbm0, -40, 0);
    this.#core = core;
    this.#plan = [toneMs, gapMs, amplitudeOf(lowDbm0), amplitudeOf(highDbm0), sampleRateHz];
    this.reset();
  }

  /** Samples of the keys that are still to be written; 0: silence from here on. */
  get samplesLeft(): number {
    return this.#samplesLeft;
  }

  /**
   * Takes 1 to 64 keys (`0-9 A-D * #`; `w` and `W` are pauses of 0.5 and 1 s), from the next `process` on, in place of what was
   * still to be sent. @throws ERR_TALKSPURT_DSP_OPTIONS for others, _TRAP, _CLOSED
   */
  dial(digits: string): void {
    if (typeof digits !== 'string') throw refusal('digits', 'digits: use text');
    const keys = digits.replace(/[a-d]/g, (key) => key.toUpperCase());
    if (!/^[0-9A-D*#wW]{1,64}$/.test(keys)) throw refusal('digits', 'digits: use 1 to 64 of 0-9 A-D * # w W');
    const [toneMs, gapMs, low, high, sampleRateHz] = this.#plan;
    this.#core.run((core) => {
      const letters = this.#core.bytes(core.DIAL_DIGITS.value, keys.length);
      for (let n = 0; n < keys.length; n += 1) letters[n] = keys.charCodeAt(n);
      core.dialStart(keys.length, toneMs, gapMs, low, high, sampleRateHz);
    });
    const ms = Array.from(keys, (key) => (key === 'w' ? 500 : key === 'W' ? 1000 : toneMs + gapMs));
    this.#samplesLeft = (ms.reduce((sum, one) => sum + one, 0) * sampleRateHz) / 1000;
  }

  /** Fills `output` with what comes next, and silence behind it; returns it. @throws likewise */
  process(output: Int16Array): Int16Array {
    const filled = this.#core.write(output, (core, at, samples) => core.dialWrite(at, samples));
    this.#samplesLeft = Math.max(0, this.#samplesLeft - output.length);
    return filled;
  }

  /** Sends no more keys. */
  reset(): void {
    this.#samplesLeft = 0;
    this.#core.restart((core) => core.dialStart(0, ...this.#plan));
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}

function amplitudeOf(dbm0: number): number {
  return 32_767 * 10 ** ((dbm0 - FULL_SCALE_DBM0) / 20);
}
