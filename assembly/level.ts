/**
 * What does it do? The level of a frame in dBov as RFC 6464 defines it: 0 is the overload of the system, −127 silence.
 * How does it work? Mean square against 32768², exact in 64-bit integers, then 10·log10.
 * How do I use it? `levelDbov(source, samples)`; a full-scale sine reads −3.01, a full-scale square wave 0.
 * Not for: loudness; nothing is weighted.
 */
export function levelDbov(source: usize, samples: i32): f32 {
  if (samples <= 0) return -127.0;
  const energy = <f64>sumOfSquares(source, samples);
  if (energy == 0.0) return -127.0;
  return <f32>max(-127.0, 10.0 * Math.log10(energy / (<f64>samples * 1073741824.0)));
}

/** Σ x² of i16 samples, exact up to 2³³ samples. */
export function sumOfSquares(source: usize, samples: i32): u64 {
  const whole = samples & ~7;
  let sums = i64x2.splat(0);
  for (let i = 0; i < whole; i += 8) {
    const v = v128.load(source + ((<usize>i) << 1));
    // Each lane is at most 2 · 2³⁰: read as unsigned it never overflows.
    const pairs = i32x4.dot_i16x8_s(v, v);
    sums = i64x2.add(sums, i64x2.add(i64x2.extend_low_i32x4_u(pairs), i64x2.extend_high_i32x4_u(pairs)));
  }
  let sum: u64 = <u64>i64x2.extract_lane(sums, 0) + <u64>i64x2.extract_lane(sums, 1);
  for (let i = whole; i < samples; i++) {
    const x = <i64>load<i16>(source + ((<usize>i) << 1));
    sum += <u64>(x * x);
  }
  return sum;
}
