/**
 * What does it do? The inner loops of the resampler: sixteen neighbouring periods of one output, or of two at once.
 * How does it work? The sixteen lie side by side in memory, so a coefficient is loaded once for all of them and nothing
 *   is ever summed across a vector. The loops are small and not unrolled, with at most eight sums alive: engines spill
 *   registers otherwise.
 * How do I use it? From resample.ts, which plans the runs.
 * Not for: sums that may reach 2²² (the rounding by addition needs |sum| < 4,194,304; filters of 16-bit samples stay
 *   below 100,000).
 */

/** 1.5 · 2²³: added to a small f32 it leaves the nearest integer in the low bits (ties to even). */
const ROUNDER: f32 = 12582912.0;
const ROUNDER_BITS: i32 = 0x4b400000;

/**
 * Deals i16 from `source` out to `step` streams of f32, `streamBytes` apart, in turn; `count` to each. Two or three streams are
 * dealt out a vector at a time.
 */
export function deal(target: usize, streamBytes: usize, source: usize, step: i32, count: i32): void {
  let done = 0;
  if (step == 2) done = deal2(target, streamBytes, source, count);
  else if (step == 3) done = deal3(target, streamBytes, source, count);
  const stride = (<usize>step) << 1;
  for (let p = 0; p < step; p++) {
    const to = target + <usize>p * streamBytes + ((<usize>done) << 2);
    gather(to, source + <usize>done * stride + ((<usize>p) << 1), step, count - done);
  }
}

/** Whole vectors of two streams; returns how many samples of each that were. */
function deal2(target: usize, streamBytes: usize, source: usize, count: i32): i32 {
  const end = target + ((<usize>(count & ~3)) << 2);
  for (; target < end; target += 16, source += 16) {
    const v = v128.load(source);
    v128.store(target, f32x4.convert_i32x4_s(i32x4.shr_s(i32x4.shl(v, 16), 16)));
    v128.store(target + streamBytes, f32x4.convert_i32x4_s(i32x4.shr_s(v, 16)));
  }
  return count & ~3;
}

/** Where the samples of each of three streams stand once the vectors are blended. */
// prettier-ignore
const ORDER_OF_3: usize = memory.data<u8>([
   0,  1,  6,  7, 12, 13,  2,  3,  8,  9, 14, 15,  4,  5, 10, 11,
   2,  3,  8,  9, 14, 15,  4,  5, 10, 11,  0,  1,  6,  7, 12, 13,
   4,  5, 10, 11,  0,  1,  6,  7, 12, 13,  2,  3,  8,  9, 14, 15,
], 16);

/** Whole vectors of three streams; likewise. */
function deal3(target: usize, streamBytes: usize, source: usize, count: i32): i32 {
  const first = v128.load(ORDER_OF_3);
  const second = v128.load(ORDER_OF_3, 16);
  const third = v128.load(ORDER_OF_3, 32);
  const end = target + ((<usize>(count & ~7)) << 2);
  for (; target < end; target += 32, source += 48) {
    const a = v128.load(source);
    const b = v128.load(source, 16);
    const c = v128.load(source, 32);
    const x = v128.shuffle<i16>(v128.shuffle<i16>(a, b, 0, 9, 2, 3, 12, 5, 6, 15), c, 0, 1, 10, 3, 4, 13, 6, 7);
    const y = v128.shuffle<i16>(v128.shuffle<i16>(a, b, 0, 1, 10, 3, 4, 13, 6, 7), c, 8, 1, 2, 11, 4, 5, 14, 7);
    const z = v128.shuffle<i16>(v128.shuffle<i16>(a, b, 8, 1, 2, 11, 4, 5, 14, 7), c, 0, 9, 2, 3, 12, 5, 6, 15);
    widen8(target, i8x16.swizzle(x, first));
    widen8(target + streamBytes, i8x16.swizzle(y, second));
    widen8(target + 2 * streamBytes, i8x16.swizzle(z, third));
  }
  return count & ~7;
}

/** Every `step`th i16 from `source` on to f32, `count` of them. */
function gather(target: usize, source: usize, step: i32, count: i32): void {
  const stride = (<usize>step) << 1;
  let i = 0;
  if (step == 1) {
    for (; i + 8 <= count; i += 8) widen8(target + ((<usize>i) << 2), v128.load(source + ((<usize>i) << 1)));
  } else {
    for (; i + 8 <= count; i += 8) {
      const at = source + <usize>i * stride;
      let v = v128.load16_lane(at, i16x8.splat(0), 0);
      v = v128.load16_lane(at + stride, v, 1);
      v = v128.load16_lane(at + 2 * stride, v, 2);
      v = v128.load16_lane(at + 3 * stride, v, 3);
      v = v128.load16_lane(at + 4 * stride, v, 4);
      v = v128.load16_lane(at + 5 * stride, v, 5);
      v = v128.load16_lane(at + 6 * stride, v, 6);
      v = v128.load16_lane(at + 7 * stride, v, 7);
      widen8(target + ((<usize>i) << 2), v);
    }
  }
  for (; i < count; i++) store<f32>(target + ((<usize>i) << 2), <f32>load<i16>(source + <usize>i * stride));
}

/** Sixteen samples as they are. */
export function copy16(target: usize, stride: usize, at: usize): void {
  put16(target, stride, v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48));
}

/** An output whose filter is symmetric: Σ w · (above + below). */
export function fold16(target: usize, stride: usize, base: usize, run: usize, runs: i32, weights: usize): void {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  for (; runs > 0; runs--) {
    let x = base + <usize>load<i32>(run);
    let y = base + <usize>load<i32>(run, 4);
    const end = weights + ((<usize>load<i32>(run, 8)) << 2);
    for (; weights < end; weights += 4) {
      const w = v128.load32_splat(weights);
      a = f32x4.add(a, f32x4.mul(w, f32x4.add(v128.load(x), v128.load(y))));
      b = f32x4.add(b, f32x4.mul(w, f32x4.add(v128.load(x, 16), v128.load(y, 16))));
      c = f32x4.add(c, f32x4.mul(w, f32x4.add(v128.load(x, 32), v128.load(y, 32))));
      d = f32x4.add(d, f32x4.mul(w, f32x4.add(v128.load(x, 48), v128.load(y, 48))));
      x += 4;
      y -= 4;
    }
    run += 12;
  }
  put16(target, stride, a, b, c, d);
}

/** Two outputs that mirror each other: Σ w · (above + below) plus and minus Σ v · (above − below). */
export function pair16(
  first: usize,
  second: usize,
  stride: usize,
  base: usize,
  run: usize,
  runs: i32,
  weights: usize,
): void {
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let e = a;
  let f = a;
  let g = a;
  let h = a;
  for (; runs > 0; runs--) {
    let x = base + <usize>load<i32>(run);
    let y = base + <usize>load<i32>(run, 4);
    const end = weights + ((<usize>load<i32>(run, 8)) << 3);
    for (; weights < end; weights += 8) {
      const w = v128.load32_splat(weights);
      const v = v128.load32_splat(weights, 4);
      let above = v128.load(x);
      let below = v128.load(y);
      a = f32x4.add(a, f32x4.mul(w, f32x4.add(above, below)));
      e = f32x4.add(e, f32x4.mul(v, f32x4.sub(above, below)));
      above = v128.load(x, 16);
      below = v128.load(y, 16);
      b = f32x4.add(b, f32x4.mul(w, f32x4.add(above, below)));
      f = f32x4.add(f, f32x4.mul(v, f32x4.sub(above, below)));
      above = v128.load(x, 32);
      below = v128.load(y, 32);
      c = f32x4.add(c, f32x4.mul(w, f32x4.add(above, below)));
      g = f32x4.add(g, f32x4.mul(v, f32x4.sub(above, below)));
      above = v128.load(x, 48);
      below = v128.load(y, 48);
      d = f32x4.add(d, f32x4.mul(w, f32x4.add(above, below)));
      h = f32x4.add(h, f32x4.mul(v, f32x4.sub(above, below)));
      x += 4;
      y -= 4;
    }
    run += 12;
  }
  put16(first, stride, f32x4.add(a, e), f32x4.add(b, f), f32x4.add(c, g), f32x4.add(d, h));
  put16(second, stride, f32x4.sub(a, e), f32x4.sub(b, f), f32x4.sub(c, g), f32x4.sub(d, h));
}

function widen8(target: usize, v: v128): void {
  v128.store(target, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v)));
  v128.store(target, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v)), 16);
}

/** Sixteen sums to i16, rounded and saturated, `stride` bytes apart. */
function put16(target: usize, stride: usize, a: v128, b: v128, c: v128, d: v128): void {
  const low = i16x8.narrow_i32x4_s(whole(a), whole(b));
  const high = i16x8.narrow_i32x4_s(whole(c), whole(d));
  if (stride == 2) {
    v128.store(target, low);
    v128.store(target, high, 16);
    return;
  }
  scatter8(target, stride, low);
  scatter8(target + 8 * stride, stride, high);
}

function whole(v: v128): v128 {
  return i32x4.sub(f32x4.add(v, f32x4.splat(ROUNDER)), i32x4.splat(ROUNDER_BITS));
}

function scatter8(target: usize, stride: usize, v: v128): void {
  v128.store16_lane(target, v, 0);
  v128.store16_lane(target + stride, v, 1);
  v128.store16_lane(target + 2 * stride, v, 2);
  v128.store16_lane(target + 3 * stride, v, 3);
  v128.store16_lane(target + 4 * stride, v, 4);
  v128.store16_lane(target + 5 * stride, v, 5);
  v128.store16_lane(target + 6 * stride, v, 6);
  v128.store16_lane(target + 7 * stride, v, 7);
}
