/** What the chain writes down of what it heard on the line, as the host reads it. A window of one call's memory. */
import type { AudioSuspicion, ProgressSignal } from '../core/events.ts';
import type { CoreExports } from './dsp-module.ts';

/** Owns nothing; valid as long as the instance. */
export class LineReports {
  readonly #reports: Int32Array;
  readonly #digits: Uint8Array;
  readonly #digitIndex: number;
  readonly #digitMsIndex: number;
  readonly #progressIndex: number;
  readonly #captureIndex: number;
  readonly #renderIndex: number;
  readonly #signals: ReadonlyMap<number, ProgressSignal>;
  readonly #suspicions: readonly (readonly [number, AudioSuspicion])[];
  #captureRead = 0;
  #renderRead = 0;

  constructor(core: CoreExports) {
    this.#reports = new Int32Array(core.memory.buffer, core.REPORTS.value, 8);
    this.#digits = new Uint8Array(core.memory.buffer, core.DIAL_DIGITS.value, core.DIAL_DIGITS_MAX.value);
    this.#digitIndex = core.REPORT_DIGIT.value;
    this.#digitMsIndex = core.REPORT_DIGIT_MS.value;
    this.#progressIndex = core.REPORT_PROGRESS.value;
    this.#captureIndex = core.REPORT_CAPTURE_SUSPECTS.value;
    this.#renderIndex = core.REPORT_RENDER_SUSPECTS.value;
    this.#signals = new Map<number, ProgressSignal>([
      [core.PROGRESS_DIAL.value, 'dial'],
      [core.PROGRESS_BUSY.value, 'busy'],
      [core.PROGRESS_CONGESTION.value, 'congestion'],
      [core.PROGRESS_RINGBACK.value, 'ringback'],
      [core.PROGRESS_FAX_CALLING.value, 'fax-calling'],
      [core.PROGRESS_FAX_ANSWER.value, 'fax-answer'],
      [core.PROGRESS_BEEP.value, 'beep'],
    ]);
    this.#suspicions = [
      [core.SUSPECT_SILENCE.value, 'silence'],
      [core.SUSPECT_DC.value, 'dc'],
      [core.SUSPECT_CLIPPING.value, 'clipping'],
      [core.SUSPECT_CONSTANT.value, 'constant'],
      [core.SUSPECT_STEREO.value, 'stereo'],
      [core.SUSPECT_SWAPPED.value, 'byte-order'],
      [core.SUSPECT_ULAW.value, 'ulaw'],
      [core.SUSPECT_ALAW.value, 'alaw'],
      [core.SUSPECT_LINEAR.value, 'l16'],
      [core.SUSPECT_TOO_SLOW.value, 'too-slow'],
      [core.SUSPECT_TOO_FAST.value, 'too-fast'],
    ];
  }

  /** Hot path. */
  get news(): boolean {
    const reports = this.#reports;
    return (
      reports[this.#digitIndex] !== 0 ||
      reports[this.#progressIndex] !== 0 ||
      reports[this.#captureIndex] !== this.#captureRead ||
      reports[this.#renderIndex] !== this.#renderRead
    );
  }

  get digit(): string | null {
    const code = this.#reports[this.#digitIndex] ?? 0;
    return code === 0 ? null : String.fromCharCode(code);
  }

  get digitMs(): number {
    return this.#reports[this.#digitMsIndex] ?? 0;
  }

  get progress(): ProgressSignal | null {
    return this.#signals.get(this.#reports[this.#progressIndex] ?? 0) ?? null;
  }

  get captureSuspects(): readonly AudioSuspicion[] {
    this.#captureRead = this.#reports[this.#captureIndex] ?? 0;
    return this.#named(this.#captureRead);
  }

  get renderSuspects(): readonly AudioSuspicion[] {
    this.#renderRead = this.#reports[this.#renderIndex] ?? 0;
    return this.#named(this.#renderRead);
  }

  /** For a call that is configured anew: that nothing is suspected any more is news, too. */
  reset(): void {
    this.#captureRead = this.#captureRead === 0 ? 0 : -1;
    this.#renderRead = this.#renderRead === 0 ? 0 : -1;
  }

  /** Keys to be sent; what has no room is left out. */
  write(digits: string): void {
    const upper = digits.replace(/[a-d]/g, (digit) => digit.toUpperCase());
    for (let n = 0; n < Math.min(upper.length, this.#digits.length); n += 1) this.#digits[n] = upper.charCodeAt(n);
  }

  #named(bits: number): readonly AudioSuspicion[] {
    return this.#suspicions.filter(([bit]) => ((bits >> bit) & 1) === 1).map(([, name]) => name);
  }
}
