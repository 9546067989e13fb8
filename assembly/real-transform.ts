import { SUPPRESSION_TWIDDLES } from './layout';
import { cosPi, sinPi } from './trigonometry';

/**
 * What does it do? The spectrum of 256 or 512 real samples, and back.
 * How does it work? The samples are taken as half as many complex ones and go through a radix-2 transform that sorts itself
 *   (T. G. Stockham, 1966), two complex values at a time; then the two interleaved spectra are taken apart.
 * How do I use it? `planRealTransform()` once. `spectrumOf(frame, points)` leaves bins 1 to points/2 − 1 as pairs at
 *   `frame + 8·bin`, and bins 0 and points/2, which are real, at `frame` and `frame + 4`. `invert` undoes it. Both use as much
 *   memory again behind the frame.
 * Not for: other lengths.
 */
const LONGEST: i32 = 512;

/** Fills e^(−2πik/512). */
export function planRealTransform(): void {
  for (let k = 0; k < LONGEST >> 1; k++) {
    const at = SUPPRESSION_TWIDDLES + ((<usize>k) << 3);
    store<f32>(at, <f32>cosPi(<f64>k / 256.0));
    store<f32>(at, <f32>-sinPi(<f64>k / 256.0), 4);
  }
}

/** `points` f32 to their spectrum, in place. */
export function spectrumOf(frame: usize, points: i32): void {
  transform(frame, points, 1.0);
  const half = points >> 1;
  const even = load<f32>(frame);
  const odd = load<f32>(frame, 4);
  store<f32>(frame, even + odd);
  store<f32>(frame, even - odd, 4);
  const stride = (<usize>(LONGEST / points)) << 3;
  for (let k = 1; k <= half >> 1; k++) {
    const low = frame + ((<usize>k) << 3);
    const high = frame + ((<usize>(half - k)) << 3);
    const twiddle = SUPPRESSION_TWIDDLES + <usize>k * stride;
    const wr = load<f32>(twiddle);
    const wi = load<f32>(twiddle, 4);
    const er = (load<f32>(low) + load<f32>(high)) * 0.5;
    const ei = (load<f32>(low, 4) - load<f32>(high, 4)) * 0.5;
    const or = (load<f32>(low, 4) + load<f32>(high, 4)) * 0.5;
    const oi = (load<f32>(high) - load<f32>(low)) * 0.5;
    const tr = or * wr - oi * wi;
    const ti = or * wi + oi * wr;
    store<f32>(low, er + tr);
    store<f32>(low, ei + ti, 4);
    store<f32>(high, er - tr);
    store<f32>(high, ti - ei, 4);
  }
}

/** A spectrum to its `points` f32, in place. */
export function invert(frame: usize, points: i32): void {
  const half = points >> 1;
  const first = load<f32>(frame);
  const last = load<f32>(frame, 4);
  store<f32>(frame, (first + last) * 0.5);
  store<f32>(frame, (first - last) * 0.5, 4);
  const stride = (<usize>(LONGEST / points)) << 3;
  for (let k = 1; k <= half >> 1; k++) {
    const low = frame + ((<usize>k) << 3);
    const high = frame + ((<usize>(half - k)) << 3);
    const twiddle = SUPPRESSION_TWIDDLES + <usize>k * stride;
    const wr = load<f32>(twiddle);
    const wi = load<f32>(twiddle, 4);
    const er = (load<f32>(low) + load<f32>(high)) * 0.5;
    const ei = (load<f32>(low, 4) - load<f32>(high, 4)) * 0.5;
    const tr = (load<f32>(low) - load<f32>(high)) * 0.5;
    const ti = (load<f32>(low, 4) + load<f32>(high, 4)) * 0.5;
    const or = tr * wr + ti * wi;
    const oi = ti * wr - tr * wi;
    store<f32>(low, er - oi);
    store<f32>(low, ei + or, 4);
    store<f32>(high, er + oi);
    store<f32>(high, or - ei, 4);
  }
  transform(frame, points, -1.0);
  const scale = f32x4.splat(<f32>2.0 / <f32>points);
  for (let at = frame; at < frame + ((<usize>points) << 2); at += 16) v128.store(at, f32x4.mul(v128.load(at), scale));
}

/** points/2 complex values in place; `direction` −1 is the inverse, not scaled. */
function transform(frame: usize, points: i32, direction: f32): void {
  const bytes = (<usize>points) << 2;
  let from = frame;
  let to = frame + bytes;
  let turns = 0;
  let count = points >> 1;
  let stride: usize = 8;
  while (count > 1) {
    const half = count >> 1;
    const twiddleStep = (<usize>(LONGEST / count)) << 3;
    const reach = <usize>half * stride;
    for (let p = 0; p < half; p++) {
      const twiddle = SUPPRESSION_TWIDDLES + <usize>p * twiddleStep;
      const wr = load<f32>(twiddle);
      const wi = load<f32>(twiddle, 4) * direction;
      const source = from + <usize>p * stride;
      const target = to + <usize>(p << 1) * stride;
      if (stride == 8) single(source, target, reach, wr, wi);
      else pairs(source, target, reach, stride, wr, wi);
    }
    const kept = from;
    from = to;
    to = kept;
    count = half;
    stride <<= 1;
    turns += 1;
  }
  if (turns & 1) memory.copy(frame, from, bytes);
}

function single(source: usize, target: usize, reach: usize, wr: f32, wi: f32): void {
  const ar = load<f32>(source);
  const ai = load<f32>(source, 4);
  const br = load<f32>(source + reach);
  const bi = load<f32>(source + reach, 4);
  store<f32>(target, ar + br);
  store<f32>(target, ai + bi, 4);
  const dr = ar - br;
  const di = ai - bi;
  store<f32>(target, dr * wr - di * wi, 8);
  store<f32>(target, dr * wi + di * wr, 12);
}

function pairs(source: usize, target: usize, reach: usize, stride: usize, wr: f32, wi: f32): void {
  const re = f32x4.splat(wr);
  const im = f32x4.mul(f32x4.splat(wi), f32x4(-1.0, 1.0, -1.0, 1.0));
  for (let at: usize = 0; at < stride; at += 16) {
    const a = v128.load(source + at);
    const b = v128.load(source + reach + at);
    v128.store(target + at, f32x4.add(a, b));
    const d = f32x4.sub(a, b);
    const turned = v128.shuffle<f32>(d, d, 1, 0, 3, 2);
    v128.store(target + stride + at, f32x4.add(f32x4.mul(d, re), f32x4.mul(turned, im)));
  }
}
