/**
 * An echo at the far end: what a phone hears comes back in what it says, later and quieter, as from a telephone hybrid or a
 * loudspeaker beside a microphone. It is added to the line, not to the phone's own recording.
 */
import type { SimulatedPhone } from './phone.ts';

/** How much of it, and how late. */
export interface EchoPath {
  /** How far it is below what was heard, dB. */
  readonly lossDb: number;
  /** From hearing to saying, ms: 1 to 500. */
  readonly delayMs: number;
}

/** What the path does to an impulse: a hybrid's, some samples at 8 kHz, of energy 1. */
const RESPONSE = [0.62, -0.58, 0.36, -0.27, 0.2, -0.14, 0.11, -0.07];
const LONGEST_S = 1;
const LOUDEST = 32_767;

/** A phone on such a line. */
export class EchoingPhone implements SimulatedPhone {
  readonly #phone: SimulatedPhone;
  readonly #path: EchoPath;
  readonly #gain: number;
  #heard = new Int16Array(0);
  /** Samples that were heard and said since the call began. */
  #heardSamples = 0;
  #saidSamples = 0;

  constructor(phone: SimulatedPhone, path: EchoPath) {
    this.#phone = phone;
    this.#path = path;
    this.#gain = 10 ** (-path.lossDb / 20);
  }

  get hungUp(): boolean {
    return this.#phone.hungUp;
  }

  get leavesWith(): number | null {
    return this.#phone.leavesWith ?? null;
  }

  speak(frame: Int16Array, sampleRateHz: number): boolean {
    const speaks = this.#phone.speak(frame, sampleRateHz);
    const delay = Math.round((this.#path.delayMs / 1000) * sampleRateHz);
    for (let n = 0; n < frame.length; n += 1) {
      let echo = 0;
      for (const [k, tap] of RESPONSE.entries()) echo += tap * this.#heardAt(this.#saidSamples + n - delay - k);
      frame[n] = Math.max(-LOUDEST, Math.min(LOUDEST, Math.round((frame[n] ?? 0) + this.#gain * echo)));
    }
    this.#saidSamples += frame.length;
    return speaks;
  }

  hear(frame: Int16Array | null, sampleRateHz: number): void {
    const size = LONGEST_S * sampleRateHz;
    if (this.#heard.length !== size) this.#heard = new Int16Array(size);
    // Where nothing was sent there is silence, as long as what was said meanwhile.
    const count = frame?.length ?? Math.max(0, this.#saidSamples - this.#heardSamples);
    for (let n = 0; n < count; n += 1) this.#heard[(this.#heardSamples + n) % size] = frame?.[n] ?? 0;
    this.#heardSamples += count;
    this.#phone.hear(frame, sampleRateHz);
  }

  takeDigits(): string {
    return this.#phone.takeDigits();
  }

  playDigits(digits: string): void {
    this.#phone.playDigits?.(digits);
  }

  hold(held: boolean): void {
    this.#phone.hold?.(held);
  }

  onAnswer(): void {
    this.#phone.onAnswer?.();
  }

  onHangup(hangupCause: number): void {
    this.#phone.onHangup(hangupCause);
  }

  #heardAt(sample: number): number {
    if (sample < 0 || sample >= this.#heardSamples || sample < this.#heardSamples - this.#heard.length) return 0;
    return this.#heard[sample % this.#heard.length] ?? 0;
  }
}
