/**
 * What does it do? Sums over blocks of 10 ms at 8 kHz: 80 samples, i16 or f32.
 * How do I use it? From the echo canceller. Addresses need no alignment.
 * Not for: other lengths.
 */
const BLOCK_BYTES: usize = 160;

/** Whether 80 i16 are digital silence; A-law's is ±8. */
export function silent(pcm: usize): bool {
  let peak = i16x8.splat(0);
  for (let at: usize = 0; at < BLOCK_BYTES; at += 16) peak = i16x8.max_u(peak, i16x8.abs(v128.load(pcm + at)));
  return !v128.any_true(i16x8.gt_u(peak, i16x8.splat(8)));
}

/** 80 i16 to f32. */
export function widen(target: usize, pcm: usize): void {
  for (let at: usize = 0; at < BLOCK_BYTES; at += 16) {
    const v = v128.load(pcm + at);
    v128.store(target + (at << 1), f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v)));
    v128.store(target + (at << 1), f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(v)), 16);
  }
}

/** a − b, 80 f32 each. */
export function subtract(target: usize, a: usize, b: usize): void {
  for (let at: usize = 0; at < 320; at += 16) v128.store(target + at, f32x4.sub(v128.load(a + at), v128.load(b + at)));
}

/** The sum of the products of 80 f32. */
export function dot(a: usize, b: usize): f32 {
  let sum = f32x4.splat(0.0);
  for (let at: usize = 0; at < 320; at += 16) sum = f32x4.add(sum, f32x4.mul(v128.load(a + at), v128.load(b + at)));
  return (
    f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3))
  );
}

/** Multiplies i16, in place, by what goes from one gain to another in a straight line. */
export function glide(pcm: usize, samples: i32, from: f32, to: f32): void {
  const step = (to - from) / <f32>samples;
  for (let i = 0; i < samples; i++) {
    from += step;
    const at = pcm + ((<usize>i) << 1);
    store<i16>(at, <i16>nearest(<f32>load<i16>(at) * from));
  }
}
