import { cosPi, sinPi } from './trigonometry';

/**
 * What does it do? Takes away what lies above a cut-off: 24 dB per octave, flat below it, −3.01 dB at it.
 * How does it work? A Butterworth filter of order 4 (S. Butterworth, *On the theory of filter amplifiers*, 1930) by the
 *   bilinear transform, warped so that the cut-off stays where it is: two second-order sections in transposed direct
 *   form II, in f64. Its response is 1 / √(1 + (tan(π·f/rate) / tan(π·cut/rate))⁸).
 * How do I use it? `start(cutHz, rateHz)`, then `apply` on pieces of any length. From 0.45 of the rate on it is not there
 *   (`active` is false).
 * Not for: a flat delay. What is near the cut-off comes later than what is far below it.
 */
const HIGHEST_CUT: f64 = 0.45;
/** 1 / (2·cos(π/8)) and 1 / (2·cos(3π/8)). */
const FIRST_Q: f64 = 0.541196100146197;
const SECOND_Q: f64 = 1.3065629648763766;
/** What is this far down is less than half a step of 16 bits behind 24 dB of gain, with some to spare. */
const SILENT_DB: f64 = -140.0;
/** Below it a state is 0: numbers too small for their format would be slow. */
const SMALLEST: f64 = 1e-30;

@unmanaged
export class LowPass {
  active: bool;
  /** Samples until a full-scale signal that stops has died away behind the compressor too. */
  tailSamples: i32;
  private b0: f64;
  private firstA1: f64;
  private firstA2: f64;
  private secondB0: f64;
  private secondA1: f64;
  private secondA2: f64;
  private first1: f64;
  private first2: f64;
  private second1: f64;
  private second2: f64;

  start(cutHz: f64, rateHz: f64): void {
    this.clear();
    this.tailSamples = 0;
    this.active = cutHz < HIGHEST_CUT * rateHz;
    if (!this.active) return;
    const halfTurns = (2.0 * cutHz) / rateHz;
    const cosine = cosPi(halfTurns);
    const sine = sinPi(halfTurns);
    const firstAlpha = sine / (2.0 * FIRST_Q);
    const secondAlpha = sine / (2.0 * SECOND_Q);
    this.b0 = (1.0 - cosine) / (2.0 * (1.0 + firstAlpha));
    this.firstA1 = (-2.0 * cosine) / (1.0 + firstAlpha);
    this.firstA2 = (1.0 - firstAlpha) / (1.0 + firstAlpha);
    this.secondB0 = (1.0 - cosine) / (2.0 * (1.0 + secondAlpha));
    this.secondA1 = (-2.0 * cosine) / (1.0 + secondAlpha);
    this.secondA2 = (1.0 - secondAlpha) / (1.0 + secondAlpha);
    // The second section rings longest: its poles lie √a2 from the centre.
    this.tailSamples = <i32>ceil(SILENT_DB / (10.0 * Math.log10(this.secondA2)));
  }

  /** Forgets what it has heard. */
  clear(): void {
    this.first1 = 0.0;
    this.first2 = 0.0;
    this.second1 = 0.0;
    this.second2 = 0.0;
  }

  /** Changes `samples` f64 in place. */
  apply(line: usize, samples: i32): void {
    const b0 = this.b0;
    const b1 = b0 + b0;
    const firstA1 = this.firstA1;
    const firstA2 = this.firstA2;
    const c0 = this.secondB0;
    const c1 = c0 + c0;
    const secondA1 = this.secondA1;
    const secondA2 = this.secondA2;
    let first1 = this.first1;
    let first2 = this.first2;
    let second1 = this.second1;
    let second2 = this.second2;
    const end = line + ((<usize>samples) << 3);
    for (let at = line; at < end; at += 8) {
      const x = load<f64>(at);
      const y = b0 * x + first1;
      first1 = b1 * x - firstA1 * y + first2;
      first2 = b0 * x - firstA2 * y;
      const z = c0 * y + second1;
      second1 = c1 * y - secondA1 * z + second2;
      second2 = c0 * y - secondA2 * z;
      store<f64>(at, z);
    }
    this.first1 = withoutTiny(first1);
    this.first2 = withoutTiny(first2);
    this.second1 = withoutTiny(second1);
    this.second2 = withoutTiny(second2);
  }
}

function withoutTiny(x: f64): f64 {
  return abs(x) < SMALLEST ? 0.0 : x;
}
