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
/**
 * Constants of whole vectors, u8. Loaded from memory an engine has them in a register after one instruction; as literals each
 * takes four in every call, which was a third of a frame's time.
 */
// prettier-ignore
const VECTORS: usize = memory.data<u8>([
  0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, 0x07, // segment
  0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, 0x78, // interval, times 8
  0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, 0x84, // 132, in bytes
  0x84, 0x00, 0x84, 0x00, 0x84, 0x00, 0x84, 0x00, 0x84, 0x00, 0x84, 0x00, 0x84, 0x00, 0x84, 0x00, // 132, in words
  0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, // µ-law: 2^segment
  0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, // sign and segment
  0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, 0x3c, // interval, times 4
  0x56, 0x56, 0x56, 0x56, 0x56, 0x16, 0x56, 0x56, 0x56, 0x56, 0x56, 0x56, 0x56, 0x16, 0x56, 0x56, // A-law, by sign and segment as sent: 2 or 66, and the interval's inverted bits
  0xf0, 0xf8, 0xc0, 0xe0, 0xff, 0xff, 0xfc, 0xfe, 0x10, 0x08, 0x40, 0x20, 0x01, 0x01, 0x04, 0x02, // likewise: ±2^(segment − 1), ±1 for segment 0
  0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, 0xd5, // A-law as it is sent
  0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, // sign
  0x7b, 0x7f, 0x7b, 0x7f, 0x7b, 0x7f, 0x7b, 0x7f, 0x7b, 0x7f, 0x7b, 0x7f, 0x7b, 0x7f, 0x7b, 0x7f, // 32,635: µ-law's end
  0x60, 0x08, 0x60, 0x08, 0x60, 0x08, 0x60, 0x08, 0x60, 0x08, 0x60, 0x08, 0x60, 0x08, 0x60, 0x08, // (127 + 7) << 4: the f32 exponent of 128, where segment 0 begins, above four bits of mantissa
  0x00, 0x08, 0x00, 0x08, 0x00, 0x08, 0x00, 0x08, 0x00, 0x08, 0x00, 0x08, 0x00, 0x08, 0x00, 0x08, // upper halves of 2^-111
  0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x08, 0x00, 0x00, 0x00, 0x08, // 2^-111, f32
  0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00, 0x01, 0x00, 0x01, // 256: where A-law's segment 1 begins
], 16);
const SEGMENT: usize = VECTORS;
const INTERVAL: usize = VECTORS + 16;
const BIAS_BYTES: usize = VECTORS + 32;
const BIAS: usize = VECTORS + 48;
const ULAW_POWERS: usize = VECTORS + 64;
const SIGN_AND_SEGMENT: usize = VECTORS + 80;
const INTERVAL_QUARTER: usize = VECTORS + 96;
const ALAW_BEGINS: usize = VECTORS + 112;
const ALAW_POWERS: usize = VECTORS + 128;
const ALAW_SENT: usize = VECTORS + 144;
const SIGN: usize = VECTORS + 160;
const CLIP: usize = VECTORS + 176;
const ORIGIN: usize = VECTORS + 192;
const ALAW_UPPER: usize = VECTORS + 208;
const ALAW_ONE: usize = VECTORS + 224;
const ALAW_LEAST: usize = VECTORS + 240;

/** µ-law codes at `source` to i16 samples at `target`. */
export function decodeUlaw(target: usize, source: usize, samples: i32): void {
  const end = source + <usize>(samples & ~15);
  const segment = v128.load(SEGMENT);
  const interval = v128.load(INTERVAL);
  const biasBytes = v128.load(BIAS_BYTES);
  const bias = v128.load(BIAS);
  const powersOf = v128.load(ULAW_POWERS);
  for (; source < end; source += 16, target += 32) {
    const bits = v128.not(v128.load(source));
    // Shifts of words, whose strays are masked out: there is no shift of bytes in the machine.
    const powers = i8x16.swizzle(powersOf, v128.and(i16x8.shr_u(bits, 4), segment));
    const steps = v128.or(v128.and(i16x8.shl(bits, 3), interval), biasBytes);
    const low = i16x8.shr_s(i16x8.extend_low_i8x16_s(bits), 15);
    const high = i16x8.shr_s(i16x8.extend_high_i8x16_s(bits), 15);
    // ±(step · power − 132), with the sign in both terms.
    const first = v128.xor(i16x8.extmul_low_i8x16_u(steps, powers), low);
    const second = v128.xor(i16x8.extmul_high_i8x16_u(steps, powers), high);
    v128.store(target, i16x8.sub(first, v128.xor(bias, low)));
    v128.store(target, i16x8.sub(second, v128.xor(bias, high)), 16);
  }
  const last = end + <usize>(samples & 15);
  for (; source < last; source++, target += 2) store<i16>(target, ulawToLinear(load<u8>(source)));
}

/** A-law codes at `source` to i16 samples at `target`. */
export function decodeAlaw(target: usize, source: usize, samples: i32): void {
  const end = source + <usize>(samples & ~15);
  const signAndSegment = v128.load(SIGN_AND_SEGMENT);
  const interval = v128.load(INTERVAL_QUARTER);
  const begins = v128.load(ALAW_BEGINS);
  const powersOf = v128.load(ALAW_POWERS);
  for (; source < end; source += 16, target += 32) {
    const bits = v128.load(source);
    const segments = v128.and(i16x8.shr_u(bits, 4), signAndSegment);
    const steps = v128.xor(v128.and(i16x8.shl(bits, 2), interval), i8x16.swizzle(begins, segments));
    const powers = i8x16.swizzle(powersOf, segments);
    v128.store(target, i16x8.shl(i16x8.extmul_low_i8x16_s(steps, powers), 2));
    v128.store(target, i16x8.shl(i16x8.extmul_high_i8x16_s(steps, powers), 2), 16);
  }
  const last = end + <usize>(samples & 15);
  for (; source < last; source++, target += 2) store<i16>(target, alawToLinear(load<u8>(source)));
}

/** i16 samples at `source` to µ-law codes at `target`. */
export function encodeUlaw(target: usize, source: usize, samples: i32): void {
  const end = target + <usize>(samples & ~15);
  const clip = v128.load(CLIP);
  const bias = v128.load(BIAS);
  const origin = v128.load(ORIGIN);
  const sign = v128.load(SIGN);
  for (; target < end; target += 16, source += 32) {
    const low = v128.load(source);
    const high = v128.load(source, 16);
    const first = segmentAndInterval8(i16x8.add(i16x8.min_u(i16x8.abs(low), clip), bias), origin);
    const second = segmentAndInterval8(i16x8.add(i16x8.min_u(i16x8.abs(high), clip), bias), origin);
    const signs = v128.and(i8x16.narrow_i16x8_s(low, high), sign);
    v128.store(target, v128.not(v128.xor(i8x16.narrow_i16x8_u(first, second), signs)));
  }
  const last = end + <usize>(samples & 15);
  for (; target < last; target++, source += 2) store<u8>(target, linearToUlaw(load<i16>(source)));
}

/** i16 samples at `source` to A-law codes at `target`. */
export function encodeAlaw(target: usize, source: usize, samples: i32): void {
  const end = target + <usize>(samples & ~15);
  const sign = v128.load(SIGN);
  const sent = v128.load(ALAW_SENT);
  const upper = v128.load(ALAW_UPPER);
  const one = v128.load(ALAW_ONE);
  const least = v128.load(ALAW_LEAST);
  for (; target < end; target += 16, source += 32) {
    const low = v128.load(source);
    const high = v128.load(source, 16);
    const codes = i8x16.narrow_i16x8_u(alawMagnitude8(low, least, upper, one), alawMagnitude8(high, least, upper, one));
    const signs = v128.and(i8x16.narrow_i16x8_s(low, high), sign);
    v128.store(target, v128.xor(codes, v128.xor(signs, sent)));
  }
  const last = end + <usize>(samples & 15);
  for (; target < last; target++, source += 2) store<u8>(target, linearToAlaw(load<i16>(source)));
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

/**
 * Segment and interval of eight samples, i16. Magnitudes m from 256 on become m · 2^-134: the lower halves of 2^-111 · (1 + m · 2^-23), from
 * which 2^-111 is taken. There 256 is the least normal f32, so the upper bits are the code. Segment 0 is as coarse as segment 1: there, and
 * nowhere above, a sixteenth of the sample is the less. (What lies below 256 could be left to subnormal numbers, which are as coarse; but
 * there are processors that take eight times as long for a frame that makes some.)
 */
function alawMagnitude8(v: v128, least: v128, upper: v128, one: v128): v128 {
  const magnitude = v128.xor(v, i16x8.shr_s(v, 15));
  const normal = i16x8.max_s(magnitude, least);
  const low = f32x4.sub(v128.shuffle<i16>(normal, upper, 0, 8, 1, 9, 2, 10, 3, 11), one);
  const high = f32x4.sub(v128.shuffle<i16>(normal, upper, 4, 12, 5, 13, 6, 14, 7, 15), one);
  const coded = i16x8.narrow_i32x4_s(i32x4.shr_u(low, 19), i32x4.shr_u(high, 19));
  return i16x8.min_s(coded, i16x8.shr_u(magnitude, 4));
}

/** (floor(log2 v) − 7) · 16 + the four bits below the leading one; v in 128..32767, i16. */
function segmentAndInterval8(v: v128, origin: v128): v128 {
  const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(v));
  const high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(v));
  return i16x8.sub(i16x8.narrow_i32x4_s(i32x4.shr_u(low, 19), i32x4.shr_u(high, 19)), origin);
}
