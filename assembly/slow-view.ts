import { ECHO_SLOW_KERNEL, ECHO_SLOW_WORK } from './layout';
import { cosPi, sinPi } from './trigonometry';

/**
 * What does it do? Makes of a voice what shows its delay: 2 kHz, white, and always about as loud.
 * How does it work? A band-pass, 250–850 Hz (32 taps, 16 bits: nobody listens), every fourth sample, the difference to the
 *   one before, and the error of a predictor of eight taps that learns as it goes (normalised LMS): without it a vowel resembles
 *   itself one pitch period later. What is left is divided by its recent level.
 * How do I use it? `planSlowView()` once; `start()`, then `take(target, samples)`: 80 i16 in, 20 i16 out, and their energy.
 * Not for: listening.
 */
const CUTOFF_HZ: f64 = 850.0;
const KERNEL_TAPS: i32 = 32;
const RATE: f32 = 0.008;
/** What the level is brought to, and the highest peak: 20 products of two peaks fit into 31 bits. */
const TARGET: f32 = 1024.0;
const PEAK: f32 = 8191.0;
/** Quieter than this (about −66 dBov behind the whitening) is the same silence. */
const QUIET_POWER: f32 = 100.0;
const LEVEL_RATE: f32 = 0.04;
/** The last 32 samples and the new 80: within a crossing only. */
const LINE: usize = ECHO_SLOW_WORK + 2688;

/** Fills the band-pass: a sinc under a Hann window, less that window, Q14. */
export function planSlowView(): void {
  let passed = 0.0;
  let whole = 0.0;
  for (let i = 0; i < KERNEL_TAPS; i++) {
    passed += sinc(i) * window(i);
    whole += window(i);
  }
  for (let i = 0; i < KERNEL_TAPS; i++) {
    // The window by itself is a low-pass of some 250 Hz: without it nothing of hum and bias is left.
    const tap = (sinc(i) * window(i)) / passed - window(i) / whole;
    store<i16>(ECHO_SLOW_KERNEL + ((<usize>i) << 1), <i16>nearest(16384.0 * tap));
  }
}

function sinc(i: i32): f64 {
  const t = <f64>i - 15.5;
  return sinPi((2.0 * CUTOFF_HZ * t) / 8000.0) / t;
}

function window(i: i32): f64 {
  return 1.0 + cosPi((<f64>i - 15.5) / 16.5);
}

@unmanaged
export class SlowView {
  /** The last 32 samples, i16. */
  private past0: v128;
  private past1: v128;
  private past2: v128;
  private past3: v128;
  /** Predictor: taps and the samples behind, newest first. */
  private w0: v128;
  private w1: v128;
  private h0: v128;
  private h1: v128;
  private last: f32;
  private power: f32;

  /** Forgets everything. */
  start(): void {
    memory.fill(changetype<usize>(this), 0, offsetof<SlowView>());
    this.power = QUIET_POWER;
  }

  /** 80 i16 to 20 i16; returns the energy of these. */
  take(target: usize, samples: usize): f32 {
    const past = changetype<usize>(this) + offsetof<SlowView>('past0');
    copy16(LINE, past, 64);
    copy16(LINE + 64, samples, 160);
    copy16(past, LINE + 160, 64);
    const k0 = v128.load(ECHO_SLOW_KERNEL);
    const k1 = v128.load(ECHO_SLOW_KERNEL, 16);
    const k2 = v128.load(ECHO_SLOW_KERNEL, 32);
    const k3 = v128.load(ECHO_SLOW_KERNEL, 48);
    let energy: f32 = 0.0;
    let fresh: f32 = 0.0;
    const scale = TARGET / sqrt<f32>(this.power);
    for (let i = 0; i < 20; i++) {
      const from = LINE + ((<usize>(i + 1)) << 3);
      // The kernel's magnitudes sum to less than four: 31 bits hold the sum.
      const halves = i32x4.add(
        i32x4.add(i32x4.dot_i16x8_s(v128.load(from), k0), i32x4.dot_i16x8_s(v128.load(from, 16), k1)),
        i32x4.add(i32x4.dot_i16x8_s(v128.load(from, 32), k2), i32x4.dot_i16x8_s(v128.load(from, 48), k3)),
      );
      const low = sum4(f32x4.convert_i32x4_s(halves)) * (1.0 / 16384.0);
      const white = this.whiten(low - this.last);
      this.last = low;
      fresh += white * white;
      const levelled = max(-PEAK, min(PEAK, nearest<f32>(white * scale)));
      store<i16>(target + ((<usize>i) << 1), <i16>levelled);
      energy += levelled * levelled;
    }
    fresh *= 0.05;
    this.power = max(QUIET_POWER, max(this.power + LEVEL_RATE * (fresh - this.power), fresh * 0.25));
    return energy;
  }

  private whiten(x: f32): f32 {
    const predicted = sum4(f32x4.add(f32x4.mul(this.w0, this.h0), f32x4.mul(this.w1, this.h1)));
    const power = sum4(f32x4.add(f32x4.mul(this.h0, this.h0), f32x4.mul(this.h1, this.h1)));
    const error = x - predicted;
    const step = f32x4.splat((RATE * error) / (power * 0.125 + QUIET_POWER));
    this.w0 = f32x4.add(this.w0, f32x4.mul(step, this.h0));
    this.w1 = f32x4.add(this.w1, f32x4.mul(step, this.h1));
    this.h1 = v128.shuffle<f32>(this.h0, this.h1, 3, 4, 5, 6);
    this.h0 = f32x4.replace_lane(v128.shuffle<f32>(this.h0, this.h0, 0, 0, 1, 2), 0, x);
    return error;
  }
}

/** `bytes` (a multiple of 16) that do not overlap: a call into the engine, which memory.copy is, would cost more. */
function copy16(target: usize, source: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += 16) v128.store(target + at, v128.load(source + at));
}

function sum4(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}
