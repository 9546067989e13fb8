import { downPrototype, upPrototype } from './filter-design';
import { RESAMPLER_BLOCK_SAMPLES } from './layout';

/**
 * What does it do? Changes the sampling rate of a stream among 8, 16, 24 and 48 kHz without images or aliases.
 * How does it work? A polyphase FIR in f32. The ratio is up/down in lowest terms; output n is the dot product of the
 *   samples around input position n·down/up with the phase (n·down mod up) of the filter. Four outputs are made at a
 *   time, each in its own accumulator, and summed across together.
 * How do I use it? `start(bank, line, fromHz, toHz)` once; then `push` any number of samples. State is kept between
 *   calls, so the cut into frames does not show.
 * Not for: rates that drift against each other; the ratio is fixed.
 *
 *   line   ┌──────────── taps ────────────┬──────── block ────────┐
 *          │ past samples                 │ 0 … 479 new samples   │   f32
 *          └──────────────────────────────┴───────────────────────┘
 *               └── window of new sample i: line[i+1 … i+taps] ──┘
 *
 *   delay  up: 20 input samples (2.5 ms from 8 kHz).   down: 32 output samples (4 ms to 8 kHz).
 */
@unmanaged
export class Resampler {
  private bank: usize;
  private line: usize;
  private taps: i32;
  private up: i32;
  private down: i32;
  /** Where the next output lies, in 1/up input samples from the next input sample. */
  private position: i32;

  /** Forgets the past. `bank` holds 384 f32, `line` 864 f32. Returns false for a pair of rates it does not know. */
  start(bank: usize, line: usize, fromHz: i32, toHz: i32): bool {
    if (!knownRate(fromHz) || !knownRate(toHz)) return false;
    const divisor = gcd(fromHz, toHz);
    this.bank = bank;
    this.line = line;
    this.up = toHz / divisor;
    this.down = fromHz / divisor;
    this.taps = this.down > this.up ? (64 * this.down) / this.up : 40;
    this.position = 0;
    memory.fill(line, 0, (<usize>(this.taps + RESAMPLER_BLOCK_SAMPLES)) << 2);
    for (let phase = 0; phase < this.up; phase++) this.fillPhase(phase);
    return true;
  }

  /** Takes `samples` i16 at `source`, writes what they complete to `target`, and returns how many that were. */
  push(target: usize, source: usize, samples: i32): i32 {
    let made = 0;
    while (samples > 0) {
      const count = min(samples, RESAMPLER_BLOCK_SAMPLES);
      widen(this.line + ((<usize>this.taps) << 2), source, count);
      made += this.filter(target + ((<usize>made) << 1), count);
      memory.copy(this.line, this.line + ((<usize>count) << 2), (<usize>this.taps) << 2);
      source += (<usize>count) << 1;
      samples -= count;
    }
    return made;
  }

  /** How much later than the input the output is, in output samples. */
  get delay(): i32 {
    return (this.taps * this.up) / (2 * this.down);
  }

  /** One block; returns the samples made. */
  private filter(target: usize, count: i32): i32 {
    if (this.up == 1) return this.decimate(target, count);
    if (this.down == 1) return this.multiply(target, count);
    return this.interpolate(target, count);
  }

  /** One phase of the filter, in the order of the line, scaled so that a constant passes unchanged. */
  private fillPhase(phase: i32): void {
    const at = this.bank + ((<usize>(phase * this.taps)) << 2);
    let sum = 0.0;
    for (let k = 0; k < this.taps; k++) sum += this.coefficient(phase, k);
    for (let k = 0; k < this.taps; k++) store<f32>(at + ((<usize>k) << 2), <f32>(this.coefficient(phase, k) / sum));
  }

  /** The prototype at the distance between output `phase` and tap `k`, in sixths of the slower rate's samples. */
  private coefficient(phase: i32, k: i32): f64 {
    const distance = this.taps / 2 - 1 - k;
    if (this.down <= this.up) return upPrototype((6 * phase) / this.up + 6 * distance);
    return downPrototype((6 * phase) / this.down + ((6 * this.up) / this.down) * distance);
  }

  /** up = 1: all outputs share one phase, so each coefficient is loaded once for four of them. */
  private decimate(target: usize, count: i32): i32 {
    const bytes = (<usize>this.taps) << 2;
    const stride = (<usize>this.down) << 2;
    let window = this.line + ((<usize>(this.position + 1)) << 2);
    const made = (count - this.position + this.down - 1) / this.down;
    let n = 0;
    for (; n + 4 <= made; n += 4) {
      let a = f32x4.splat(0);
      let b = a;
      let c = a;
      let d = a;
      for (let k: usize = 0; k < bytes; k += 16) {
        const h = v128.load(this.bank + k);
        const x = window + k;
        a = f32x4.add(a, f32x4.mul(h, v128.load(x)));
        b = f32x4.add(b, f32x4.mul(h, v128.load(x + stride)));
        c = f32x4.add(c, f32x4.mul(h, v128.load(x + 2 * stride)));
        d = f32x4.add(d, f32x4.mul(h, v128.load(x + 3 * stride)));
      }
      store<i64>(target + ((<usize>n) << 1), toSamples(sumAcross(a, b, c, d)));
      window += 4 * stride;
    }
    for (; n < made; n++) {
      store<i16>(target + ((<usize>n) << 1), dot(window, this.bank, bytes));
      window += stride;
    }
    this.position += made * this.down - count;
    return made;
  }

  /** down = 1: sixteen neighbouring inputs at a time, so each coefficient of a phase is loaded once for all of them. */
  private multiply(target: usize, count: i32): i32 {
    const up = this.up;
    const bytes = (<usize>this.taps) << 2;
    const stride = (<usize>up) << 1;
    const whole = count & ~15;
    for (let i = 0; i < whole; i += 16) {
      const window = this.line + ((<usize>(i + 1)) << 2);
      const out = target + <usize>i * stride;
      // Phase 0 falls on the input samples themselves.
      const centre = window + ((<usize>(this.taps / 2 - 1)) << 2);
      scatter8(out, stride, v128.load(centre), v128.load(centre, 16));
      scatter8(out + 8 * stride, stride, v128.load(centre, 32), v128.load(centre, 48));
      for (let phase = 1; phase < up; phase++) {
        const bank = this.bank + <usize>phase * bytes;
        let a = f32x4.splat(0);
        let b = a;
        let c = a;
        let d = a;
        for (let k: usize = 0; k < bytes; k += 4) {
          const h = v128.load32_splat(bank + k);
          const x = window + k;
          a = f32x4.add(a, f32x4.mul(h, v128.load(x)));
          b = f32x4.add(b, f32x4.mul(h, v128.load(x, 16)));
          c = f32x4.add(c, f32x4.mul(h, v128.load(x, 32)));
          d = f32x4.add(d, f32x4.mul(h, v128.load(x, 48)));
        }
        const first = out + ((<usize>phase) << 1);
        scatter8(first, stride, a, b);
        scatter8(first + 8 * stride, stride, c, d);
      }
    }
    for (let i = whole; i < count; i++) {
      const out = target + <usize>i * stride;
      for (let phase = 0; phase < up; phase++) {
        store<i16>(out + ((<usize>phase) << 1), this.one(this.line + ((<usize>(i + 1)) << 2), phase));
      }
    }
    return count * up;
  }

  /** One output, summed in the order of `multiply`, so that it comes out the same to the last bit. */
  private one(window: usize, phase: i32): i16 {
    const bank = this.bank + ((<usize>(phase * this.taps)) << 2);
    let sum: f32 = 0.0;
    for (let k: usize = 0; k < (<usize>this.taps) << 2; k += 4) sum += load<f32>(bank + k) * load<f32>(window + k);
    return <i16>toSamples(f32x4.splat(sum));
  }

  /** Any ratio. */
  private interpolate(target: usize, count: i32): i32 {
    const bytes = (<usize>this.taps) << 2;
    const up = this.up;
    const down = this.down;
    const made = (count * up - this.position + down - 1) / down;
    let phase = this.position % up;
    let window = this.line + ((<usize>(this.position / up + 1)) << 2);
    let n = 0;
    for (; n + 4 <= made; n += 4) {
      const x0 = window;
      const h0 = this.bank + <usize>phase * bytes;
      for (phase += down; phase >= up; phase -= up) window += 4;
      const x1 = window;
      const h1 = this.bank + <usize>phase * bytes;
      for (phase += down; phase >= up; phase -= up) window += 4;
      const x2 = window;
      const h2 = this.bank + <usize>phase * bytes;
      for (phase += down; phase >= up; phase -= up) window += 4;
      const x3 = window;
      const h3 = this.bank + <usize>phase * bytes;
      for (phase += down; phase >= up; phase -= up) window += 4;
      let a = f32x4.splat(0);
      let b = a;
      let c = a;
      let d = a;
      for (let k: usize = 0; k < bytes; k += 16) {
        a = f32x4.add(a, f32x4.mul(v128.load(h0 + k), v128.load(x0 + k)));
        b = f32x4.add(b, f32x4.mul(v128.load(h1 + k), v128.load(x1 + k)));
        c = f32x4.add(c, f32x4.mul(v128.load(h2 + k), v128.load(x2 + k)));
        d = f32x4.add(d, f32x4.mul(v128.load(h3 + k), v128.load(x3 + k)));
      }
      store<i64>(target + ((<usize>n) << 1), toSamples(sumAcross(a, b, c, d)));
    }
    for (; n < made; n++) {
      store<i16>(target + ((<usize>n) << 1), dot(window, this.bank + <usize>phase * bytes, bytes));
      for (phase += down; phase >= up; phase -= up) window += 4;
    }
    this.position += made * down - count * up;
    return made;
  }
}

/** Whether the chain runs at this rate. */
export function knownRate(hz: i32): bool {
  return hz == 8000 || hz == 16000 || hz == 24000 || hz == 48000;
}

function gcd(a: i32, b: i32): i32 {
  while (b != 0) {
    const rest = a % b;
    a = b;
    b = rest;
  }
  return a;
}

/** i16 → f32. */
function widen(target: usize, source: usize, samples: i32): void {
  const whole = samples & ~7;
  for (let i = 0; i < whole; i += 8) {
    const v = v128.load(source + ((<usize>i) << 1));
    const at = target + ((<usize>i) << 2);
    v128.store(at, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v)));
    v128.store(at, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v)), 16);
  }
  for (let i = whole; i < samples; i++) {
    store<f32>(target + ((<usize>i) << 2), <f32>load<i16>(source + ((<usize>i) << 1)));
  }
}

/** [Σa, Σb, Σc, Σd]. */
function sumAcross(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/** Four f32 to four i16, rounded and saturated. */
function toSamples(v: v128): i64 {
  const whole = i32x4.trunc_sat_f32x4_s(f32x4.nearest(v));
  return i64x2.extract_lane(i16x8.narrow_i32x4_s(whole, whole), 0);
}

/** Eight f32 to i16, `stride` bytes apart. */
function scatter8(target: usize, stride: usize, low: v128, high: v128): void {
  const v = i16x8.narrow_i32x4_s(
    i32x4.trunc_sat_f32x4_s(f32x4.nearest(low)),
    i32x4.trunc_sat_f32x4_s(f32x4.nearest(high)),
  );
  v128.store16_lane(target, v, 0);
  v128.store16_lane(target + stride, v, 1);
  v128.store16_lane(target + 2 * stride, v, 2);
  v128.store16_lane(target + 3 * stride, v, 3);
  v128.store16_lane(target + 4 * stride, v, 4);
  v128.store16_lane(target + 5 * stride, v, 5);
  v128.store16_lane(target + 6 * stride, v, 6);
  v128.store16_lane(target + 7 * stride, v, 7);
}

function dot(x: usize, h: usize, bytes: usize): i16 {
  let sum = f32x4.splat(0);
  for (let k: usize = 0; k < bytes; k += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(h + k), v128.load(x + k)));
  return <i16>toSamples(sumAcross(sum, sum, sum, sum));
}
