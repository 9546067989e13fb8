/**
 * What does it do? The inner loops of the resampler: sixteen neighbouring periods of one output, or of two at once.
 * How does it work? The sixteen lie side by side in memory, so a coefficient is loaded once for all of them and nothing
 *   is ever summed across a vector. The loops are small and not unrolled, with at most eight sums alive: engines spill
 *   registers otherwise. Each output of a period gets its sixteen in a plane; the planes are put in turn a vector at a time.
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
  }
  for (; i < count; i++) store<f32>(target + ((<usize>i) << 2), <f32>load<i16>(source + <usize>i * stride));
}

/** Sixteen samples as they are. */
export function copy16(target: usize, at: usize): void {
  put16(target, v128.load(at), v128.load(at, 16), v128.load(at, 32), v128.load(at, 48));
}

/** An output whose filter is symmetric: Σ w · (above + below). */
export function fold16(target: usize, base: usize, run: usize, runs: i32, weights: usize): void {
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
  put16(target, a, b, c, d);
}

/** Two outputs that mirror each other: Σ w · (above + below) plus and minus Σ v · (above − below). */
export function pair16(first: usize, second: usize, base: usize, run: usize, runs: i32, weights: usize): void {
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
  put16(first, f32x4.add(a, e), f32x4.add(b, f), f32x4.add(c, g), f32x4.add(d, h));
  put16(second, f32x4.sub(a, e), f32x4.sub(b, f), f32x4.sub(c, g), f32x4.sub(d, h));
}

function widen8(target: usize, v: v128): void {
  v128.store(target, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v)));
  v128.store(target, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v)), 16);
}

/** Sixteen sums to i16, rounded and saturated. */
function put16(target: usize, a: v128, b: v128, c: v128, d: v128): void {
  v128.store(target, i16x8.narrow_i32x4_s(whole(a), whole(b)));
  v128.store(target, i16x8.narrow_i32x4_s(whole(c), whole(d)), 16);
}

function whole(v: v128): v128 {
  return i32x4.sub(f32x4.add(v, f32x4.splat(ROUNDER)), i32x4.splat(ROUNDER_BITS));
}

/** 32 i16. */
export const PLANE_BYTES: usize = 64;

/** Puts the outputs of `periods` periods in turn: `step` planes to `target`. */
export function interleave(target: usize, planes: usize, step: i32, periods: i32): void {
  if (step == 1) {
    memory.copy(target, planes, (<usize>periods) << 1);
    return;
  }
  const some = periods & 15;
  if (step == 3) {
    for (; periods > some; periods -= 16, planes += 32, target += 96) {
      interleave3(target, planes);
      interleave3(target + 48, planes + 16);
    }
  } else if (step == 2) {
    for (; periods > some; periods -= 16, planes += 32, target += 64) {
      interleave2(target, planes);
      interleave2(target + 32, planes + 16);
    }
  } else {
    for (; periods > some; periods -= 16, planes += 32, target += 192) {
      interleave6(target, planes);
      interleave6(target + 96, planes + 16);
    }
  }
  for (; periods > 0; periods--, planes += 2) {
    for (let p = 0; p < step; p++, target += 2) store<i16>(target, load<i16>(planes + <usize>p * PLANE_BYTES));
  }
}

function interleave2(target: usize, planes: usize): void {
  const a = v128.load(planes);
  const b = v128.load(planes, PLANE_BYTES);
  v128.store(target, v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11));
  v128.store(target, v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15), 16);
}

/** Where the samples of each of three planes stand, so that vectors are then only blended. */
// prettier-ignore
const PLACES_OF_3: usize = memory.data<u8>([
   0,  1,  6,  7, 12, 13,  2,  3,  8,  9, 14, 15,  4,  5, 10, 11,
  10, 11,  0,  1,  6,  7, 12, 13,  2,  3,  8,  9, 14, 15,  4,  5,
   4,  5, 10, 11,  0,  1,  6,  7, 12, 13,  2,  3,  8,  9, 14, 15,
], 16);

function interleave3(target: usize, planes: usize): void {
  const a = i8x16.swizzle(v128.load(planes), v128.load(PLACES_OF_3));
  const b = i8x16.swizzle(v128.load(planes, PLANE_BYTES), v128.load(PLACES_OF_3, 16));
  const c = i8x16.swizzle(v128.load(planes, 2 * PLANE_BYTES), v128.load(PLACES_OF_3, 32));
  v128.store(target, v128.shuffle<i16>(v128.shuffle<i16>(a, b, 0, 9, 2, 3, 12, 5, 6, 15), c, 0, 1, 10, 3, 4, 13, 6, 7));
  v128.store(
    target,
    v128.shuffle<i16>(v128.shuffle<i16>(a, b, 0, 1, 10, 3, 4, 13, 6, 7), c, 8, 1, 2, 11, 4, 5, 14, 7),
    16,
  );
  v128.store(
    target,
    v128.shuffle<i16>(v128.shuffle<i16>(a, b, 8, 1, 2, 11, 4, 5, 14, 7), c, 0, 9, 2, 3, 12, 5, 6, 15),
    32,
  );
}

/** Six planes are three of pairs, for four periods and four more. */
function interleave6(target: usize, planes: usize): void {
  const a = v128.load(planes);
  const b = v128.load(planes, PLANE_BYTES);
  const c = v128.load(planes, 2 * PLANE_BYTES);
  const d = v128.load(planes, 3 * PLANE_BYTES);
  const e = v128.load(planes, 4 * PLANE_BYTES);
  const f = v128.load(planes, 5 * PLANE_BYTES);
  interleavePairs(
    target,
    v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11),
    v128.shuffle<i16>(c, d, 0, 8, 1, 9, 2, 10, 3, 11),
    v128.shuffle<i16>(e, f, 0, 8, 1, 9, 2, 10, 3, 11),
  );
  interleavePairs(
    target + 48,
    v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15),
    v128.shuffle<i16>(c, d, 4, 12, 5, 13, 6, 14, 7, 15),
    v128.shuffle<i16>(e, f, 4, 12, 5, 13, 6, 14, 7, 15),
  );
}

function interleavePairs(target: usize, a: v128, b: v128, c: v128): void {
  a = v128.shuffle<i32>(a, a, 0, 3, 2, 1);
  b = v128.shuffle<i32>(b, b, 1, 0, 3, 2);
  c = v128.shuffle<i32>(c, c, 2, 1, 0, 3);
  v128.store(target, v128.shuffle<i32>(v128.shuffle<i32>(a, b, 0, 5, 2, 3), c, 0, 1, 6, 3));
  v128.store(target, v128.shuffle<i32>(v128.shuffle<i32>(a, b, 4, 1, 2, 7), c, 0, 5, 2, 3), 16);
  v128.store(target, v128.shuffle<i32>(v128.shuffle<i32>(a, b, 0, 1, 6, 3), c, 4, 1, 2, 7), 32);
}
