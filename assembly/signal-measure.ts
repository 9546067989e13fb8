import { across } from './fast-math';

/**
 * What does it do? The sums of a frame that tell a voice from bytes that are read in a wrong way.
 * How does it work? Eight samples at a time: products of neighbours by `dot`, added up in f32.
 * How do I use it? `measure(pcm, samples, sums, level)` writes six f32 to `sums`: Σx, Σx², Σ(x[n+1] − x[n])² for even n and for odd
 *   n, Σx² of even n, and both differences; it returns how many samples are at `level` or beyond it.
 * Not for: the level in dBov; that is level.ts, and exact.
 */
/** Where they are, bytes. */
export const MEASURED_EVEN: usize = 8;
export const MEASURED_ODD: usize = 12;
export const MEASURED_DIFFERENCE: usize = 20;

export function measure(pcm: usize, samples: i32, sums: usize, level: i16): i32 {
  const ones = i16x8.splat(1);
  const evens = i32x4.splat(0xffff);
  const top = i16x8.splat(level);
  const bottom = i16x8.splat(-level);
  let sum = i32x4.splat(0);
  let energy = f32x4.splat(0.0);
  let evenEnergy = f32x4.splat(0.0);
  let difference = f32x4.splat(0.0);
  let evenDifference = f32x4.splat(0.0);
  let beyond = i32x4.splat(0);
  // The last sample has no neighbour. Of no samples there is none.
  const whole = max(0, samples - 1) & ~7;
  const end = pcm + ((<usize>whole) << 1);
  for (let at = pcm; at < end; at += 16) {
    const x = v128.load(at);
    const d = i16x8.sub_sat_s(v128.load(at, 2), x);
    sum = i32x4.add(sum, i32x4.dot_i16x8_s(x, ones));
    energy = f32x4.add(energy, f32x4.convert_i32x4_u(i32x4.dot_i16x8_s(x, x)));
    evenEnergy = f32x4.add(evenEnergy, f32x4.convert_i32x4_u(i32x4.dot_i16x8_s(x, v128.and(x, evens))));
    difference = f32x4.add(difference, f32x4.convert_i32x4_u(i32x4.dot_i16x8_s(d, d)));
    evenDifference = f32x4.add(evenDifference, f32x4.convert_i32x4_u(i32x4.dot_i16x8_s(d, v128.and(d, evens))));
    // A comparison that holds is −1.
    const out = v128.or(i16x8.ge_s(x, top), i16x8.le_s(x, bottom));
    beyond = i32x4.sub(beyond, i32x4.dot_i16x8_s(out, ones));
  }
  let total = <f32>(
    (i32x4.extract_lane(sum, 0) + i32x4.extract_lane(sum, 1) + i32x4.extract_lane(sum, 2) + i32x4.extract_lane(sum, 3))
  );
  let allEnergy = across(energy);
  let even = across(evenDifference);
  let all = across(difference);
  let evenPart = across(evenEnergy);
  let count =
    i32x4.extract_lane(beyond, 0) +
    i32x4.extract_lane(beyond, 1) +
    i32x4.extract_lane(beyond, 2) +
    i32x4.extract_lane(beyond, 3);
  for (let n = whole; n < samples; n++) {
    const at = pcm + ((<usize>n) << 1);
    const x = <f32>load<i16>(at);
    total += x;
    allEnergy += x * x;
    if (!(n & 1)) evenPart += x * x;
    if (abs(x) >= <f32>level) count += 1;
    if (n == samples - 1) break;
    const d = <f32>load<i16>(at, 2) - x;
    all += d * d;
    if (!(n & 1)) even += d * d;
  }
  store<f32>(sums, total);
  store<f32>(sums, allEnergy, 4);
  store<f32>(sums, even, MEASURED_EVEN);
  store<f32>(sums, all - even, MEASURED_ODD);
  store<f32>(sums, evenPart, 16);
  store<f32>(sums, all, MEASURED_DIFFERENCE);
  return count;
}
