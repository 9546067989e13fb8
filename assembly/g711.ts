/**
 * What does it do? ITU-T G.711 companding, µ-law and A-law, both ways: 8-bit codes ⇄ 16-bit samples.
 * How does it work? Sixteen samples at a time. Decoding multiplies the mantissa by a power of two that a byte shuffle
 *   looks up. Encoding converts the magnitude to f32: its exponent is the segment and its top four mantissa bits are
 *   the interval. Both are exact for every input.
 * How do I use it? `decodeUlaw(target, source, samples)` and its three sisters; addresses in bytes, any count.
 * Not for: overlapping `target` and `source`.
 *
 *   code  7   6 5 4    3 2 1 0      µ-law is sent inverted, A-law with every other bit inverted (0x55).
 *        ┌───┬───────┬──────────┐
 *        │ ± │segment│ interval │
 *        └───┴───────┴──────────┘
 *
 * 14-bit µ-law (13-bit A-law) values of the Recommendation stand in the upper bits of the 16-bit sample. An input that
 * lies exactly on a decision value belongs to the interval further from zero; a negative one in A-law to the nearer.
 * Switches and the ITU's own software tool library do the same there.
 */
const ULAW_BIAS: i16 = 132;
const ULAW_CLIP: i16 = 32635;
/** (127 + 7) << 4: the f32 exponent of 128, where segment 0 begins, above four bits of mantissa. */
const SEGMENT_ORIGIN: i32 = 2144;

/** µ-law codes at `source` to i16 samples at `target`. */
export function decodeUlaw(target: usize, source: usize, samples: i32): void {
  const whole = samples & ~15;
  for (let i = 0; i < whole; i += 16) ulawToLinear16(target + ((<usize>i) << 1), v128.load(source + <usize>i));
  for (let i = whole; i < samples; i++) {
    store<i16>(target + ((<usize>i) << 1), ulawToLinear(load<u8>(source + <usize>i)));
  }
}

/** A-law codes at `source` to i16 samples at `target`. */
export function decodeAlaw(target: usize, source: usize, samples: i32): void {
  const whole = samples & ~15;
  for (let i = 0; i < whole; i += 16) alawToLinear16(target + ((<usize>i) << 1), v128.load(source + <usize>i));
  for (let i = whole; i < samples; i++) {
    store<i16>(target + ((<usize>i) << 1), alawToLinear(load<u8>(source + <usize>i)));
  }
}

/** i16 samples at `source` to µ-law codes at `target`. */
export function encodeUlaw(target: usize, source: usize, samples: i32): void {
  const whole = samples & ~15;
  for (let i = 0; i < whole; i += 16) {
    const at = source + ((<usize>i) << 1);
    v128.store(target + <usize>i, linearToUlaw16(v128.load(at), v128.load(at, 16)));
  }
  for (let i = whole; i < samples; i++) {
    store<u8>(target + <usize>i, linearToUlaw(load<i16>(source + ((<usize>i) << 1))));
  }
}

/** i16 samples at `source` to A-law codes at `target`. */
export function encodeAlaw(target: usize, source: usize, samples: i32): void {
  const whole = samples & ~15;
  for (let i = 0; i < whole; i += 16) {
    const at = source + ((<usize>i) << 1);
    v128.store(target + <usize>i, linearToAlaw16(v128.load(at), v128.load(at, 16)));
  }
  for (let i = whole; i < samples; i++) {
    store<u8>(target + <usize>i, linearToAlaw(load<i16>(source + ((<usize>i) << 1))));
  }
}

/** One µ-law code. */
export function ulawToLinear(code: u8): i16 {
  const bits = (<i32>~code) & 0xff;
  const magnitude = ((((bits & 15) << 3) + 132) << ((bits >> 4) & 7)) - 132;
  return <i16>(bits & 0x80 ? -magnitude : magnitude);
}

/** One A-law code. */
export function alawToLinear(code: u8): i16 {
  const bits = (<i32>code) ^ 0x55;
  const segment = (bits >> 4) & 7;
  const interval = ((bits & 15) << 4) + 8;
  const magnitude = segment == 0 ? interval : (interval + 256) << (segment - 1);
  return <i16>(bits & 0x80 ? magnitude : -magnitude);
}

/** One sample to µ-law. */
export function linearToUlaw(sample: i16): u8 {
  const magnitude = min<i32>(abs<i32>(<i32>sample), 32635) + 132;
  const segment = 24 - clz<i32>(magnitude);
  const code = (segment << 4) | ((magnitude >> (segment + 3)) & 15);
  return <u8>(code ^ (sample < 0 ? 0x7f : 0xff));
}

/** One sample to A-law. */
export function linearToAlaw(sample: i16): u8 {
  const magnitude = (<i32>sample) ^ ((<i32>sample) >> 15);
  const segment = max<i32>(0, 24 - clz<i32>(magnitude | 1));
  const code = (segment << 4) | ((magnitude >> (segment == 0 ? 4 : segment + 3)) & 15);
  return <u8>(code ^ (sample < 0 ? 0x55 : 0xd5));
}

function ulawToLinear16(target: usize, codes: v128): void {
  const bits = v128.not(codes);
  const segments = v128.and(i8x16.shr_u(bits, 4), i8x16.splat(7));
  const steps = i8x16.add(i8x16.shl(v128.and(bits, i8x16.splat(15)), 3), i8x16.splat(<i8>132));
  const powers = i8x16.swizzle(i8x16(1, 2, 4, 8, 16, 32, 64, <i8>128, 0, 0, 0, 0, 0, 0, 0, 0), segments);
  const negative = i8x16.shr_s(bits, 7);
  const bias = i16x8.splat(ULAW_BIAS);
  const low = i16x8.sub(i16x8.extmul_low_i8x16_u(steps, powers), bias);
  const high = i16x8.sub(i16x8.extmul_high_i8x16_u(steps, powers), bias);
  v128.store(target, negateWhere(low, i16x8.extend_low_i8x16_s(negative)));
  v128.store(target, negateWhere(high, i16x8.extend_high_i8x16_s(negative)), 16);
}

function alawToLinear16(target: usize, codes: v128): void {
  const bits = v128.xor(codes, i8x16.splat(0x55));
  const segments = v128.and(i8x16.shr_u(bits, 4), i8x16.splat(7));
  const intervals = i8x16.add(i8x16.shl(v128.and(bits, i8x16.splat(15)), 1), i8x16.splat(1));
  const steps = i8x16.add(intervals, v128.and(i8x16.ne(segments, i8x16.splat(0)), i8x16.splat(32)));
  const powers = i8x16.swizzle(i8x16(1, 1, 2, 4, 8, 16, 32, 64, 0, 0, 0, 0, 0, 0, 0, 0), segments);
  const negative = v128.not(i8x16.shr_s(bits, 7));
  const low = i16x8.shl(i16x8.extmul_low_i8x16_u(steps, powers), 3);
  const high = i16x8.shl(i16x8.extmul_high_i8x16_u(steps, powers), 3);
  v128.store(target, negateWhere(low, i16x8.extend_low_i8x16_s(negative)));
  v128.store(target, negateWhere(high, i16x8.extend_high_i8x16_s(negative)), 16);
}

/** −v where the mask is −1, v where it is 0. */
function negateWhere(v: v128, mask: v128): v128 {
  return i16x8.sub(v128.xor(v, mask), mask);
}

function linearToUlaw16(low: v128, high: v128): v128 {
  const codes = i8x16.narrow_i16x8_u(ulawMagnitude8(low), ulawMagnitude8(high));
  const negative = i8x16.narrow_i16x8_s(i16x8.shr_s(low, 15), i16x8.shr_s(high, 15));
  // 0xFF for positive, 0x7F for negative.
  return v128.xor(codes, v128.xor(i8x16.splat(-1), v128.and(negative, i8x16.splat(<i8>0x80))));
}

/** Segment and interval of eight samples, i16. */
function ulawMagnitude8(v: v128): v128 {
  const clipped = i16x8.min_u(i16x8.abs(v), i16x8.splat(ULAW_CLIP));
  return segmentAndInterval8(i16x8.add(clipped, i16x8.splat(ULAW_BIAS)));
}

function linearToAlaw16(low: v128, high: v128): v128 {
  const codes = i8x16.narrow_i16x8_u(alawMagnitude8(low), alawMagnitude8(high));
  const negative = i8x16.narrow_i16x8_s(i16x8.shr_s(low, 15), i16x8.shr_s(high, 15));
  // 0xD5 for positive, 0x55 for negative.
  return v128.xor(codes, v128.xor(i8x16.splat(<i8>0xd5), v128.and(negative, i8x16.splat(<i8>0x80))));
}

/** Segment and interval of eight samples, i16. Segment 0 is as coarse as segment 1: lifted by 256, and put back. */
function alawMagnitude8(v: v128): v128 {
  const magnitude = v128.xor(v, i16x8.shr_s(v, 15));
  const first = i16x8.lt_s(magnitude, i16x8.splat(256));
  const lifted = i16x8.add(magnitude, v128.and(first, i16x8.splat(256)));
  return i16x8.sub(segmentAndInterval8(lifted), v128.and(first, i16x8.splat(16)));
}

/** (floor(log2 v) − 7) · 16 + the four bits below the leading one; v in 128..32767, i16. */
function segmentAndInterval8(v: v128): v128 {
  const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(v));
  const high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(v));
  const origin = i32x4.splat(SEGMENT_ORIGIN);
  return i16x8.narrow_i32x4_s(i32x4.sub(i32x4.shr_u(low, 19), origin), i32x4.sub(i32x4.shr_u(high, 19), origin));
}
