/**
 * A phone at the far end of a simulated call that says numbered frames and knows them again when they are echoed. Their
 * samples are values that G.711 µ-law has, so that nothing but a fault alters them.
 */
import type { SimulatedPhone } from '../../src/simulator/phone.ts';

/** Samples that carry the number, 4 bits each. */
const NUMBER_SAMPLES = 5;
const NUMBER_MASK = (1 << (4 * NUMBER_SAMPLES)) - 1;
/** Frames whose time of saying is kept: two of every second's 50 would do, this is 20 s. */
const KEPT = 1024;
const DELAY_BINS = 2_000;

/** What phones counted; delays in whole ms. */
export interface PhoneCounts {
  said: number;
  /** Numbers that came back, each counted once. */
  echoed: number;
  /** Not silent, and not what was said. */
  altered: number;
  /** Numbers that came back again. */
  repeated: number;
  readonly delays: Uint32Array;
}

export function phoneCounts(): PhoneCounts {
  return { said: 0, echoed: 0, altered: 0, repeated: 0, delays: new Uint32Array(DELAY_BINS) };
}

/** The µ-law value with mantissa `m` (0 to 15) in the fifth segment. */
function level(m: number): number {
  return (((m << 3) + 0x84) << 4) - 0x84;
}

/** Says a frame in every ptime. Counts into what it is given, which phones may share. */
export class NumberedPhone implements SimulatedPhone {
  readonly hungUp = false;
  readonly #counts: PhoneCounts;
  readonly #saidMs = new Float64Array(KEPT);
  /** The number whose time stands in the same place of `#saidMs`; −1: it has come back. */
  readonly #waiting = new Int32Array(KEPT).fill(-1);
  #number = 0;
  #lastHeard = -1;

  constructor(counts: PhoneCounts) {
    this.#counts = counts;
  }

  speak(frame: Int16Array): boolean {
    const number = this.#number;
    this.#number = (number + 1) & NUMBER_MASK;
    for (let n = 0; n < frame.length; n += 1) frame[n] = sample(number, n);
    this.#saidMs[number % KEPT] = performance.now();
    this.#waiting[number % KEPT] = number;
    this.#counts.said += 1;
    return true;
  }

  hear(frame: Int16Array | null): void {
    if (frame === null || frame.length < NUMBER_SAMPLES) return;
    const counts = this.#counts;
    let number = 0;
    let silent = true;
    let altered = false;
    for (let n = 0; n < frame.length; n += 1) {
      const value = frame[n] ?? 0;
      if (value !== 0) silent = false;
      if (n < NUMBER_SAMPLES) number |= (((value - level(0)) >> 7) & 0x0f) << (4 * n);
      if (value !== sample(number, n)) altered = true;
    }
    if (silent) return;
    const place = number % KEPT;
    if (altered) counts.altered += 1;
    else if (this.#waiting[place] === number) {
      this.#waiting[place] = -1;
      counts.echoed += 1;
      const bin = Math.min(DELAY_BINS - 1, Math.round(performance.now() - (this.#saidMs[place] ?? 0)));
      counts.delays[bin] = (counts.delays[bin] ?? 0) + 1;
    } else if (number === this.#lastHeard) counts.repeated += 1;
    else counts.altered += 1;
    this.#lastHeard = number;
  }

  takeDigits(): string {
    return '';
  }

  onHangup(): void {
    // Its counters are read by whoever made it.
  }
}

function sample(number: number, n: number): number {
  return level(n < NUMBER_SAMPLES ? (number >> (4 * n)) & 0x0f : (number + n) & 0x0f);
}
