import { cosPi } from './trigonometry';

/**
 * What does it do? Tells a frame that is repeated because its source is stuck from one that is repeated because it is a tone.
 * How does it work? What repeats with the frame has its power at multiples of the frame's rate and nowhere else: one tone in one of these
 *   lines, two in two. A vowel that was cut anywhere is in many. Goertzel's recurrence gives the power of each line.
 * How do I use it? `isTones(pcm, samples, rateHz)` of a frame that was the same before.
 * Not for: frames that do not repeat: their tones lie between the lines.
 */
/** Share of the power outside the two strongest lines; and what a law's steps near nothing leave there, mean square. */
const ASIDE: f64 = 0.003;
const STEPS: f64 = 32.0;

/** One tone, two, or neither but a constant. */
export function isTones(pcm: usize, samples: i32, rateHz: i32): bool {
  // Every sixth sample of 48 kHz will do: lines fold onto lines.
  const step = rateHz / 8000;
  const count = samples / step;
  let sum: f64 = 0.0;
  let energy: f64 = 0.0;
  for (let n = 0; n < count; n++) {
    const x = <f64>load<i16>(pcm + ((<usize>(n * step)) << 1));
    sum += x;
    energy += x * x;
  }
  energy -= (sum * sum) / <f64>count;
  let strongest: f64 = 0.0;
  let second: f64 = 0.0;
  for (let line = 1; line <= count >> 1; line++) {
    const power = lineEnergy(pcm, count, step, line);
    if (power > strongest) {
      second = strongest;
      strongest = power;
    } else if (power > second) second = power;
  }
  return energy - strongest - second <= max(ASIDE * energy, STEPS * <f64>count);
}

/** Of the energy of the samples, what lies in one line. */
function lineEnergy(pcm: usize, count: i32, step: i32, line: i32): f64 {
  const turn = 2.0 * cosPi(<f64>(2 * line) / <f64>count);
  let last: f64 = 0.0;
  let before: f64 = 0.0;
  for (let n = 0; n < count; n++) {
    const next = <f64>load<i16>(pcm + ((<usize>(n * step)) << 1)) + turn * last - before;
    before = last;
    last = next;
  }
  const power = last * last + before * before - turn * last * before;
  // Above and below zero; half the rate is its own image.
  return ((line * 2 == count ? 1.0 : 2.0) * power) / <f64>count;
}
