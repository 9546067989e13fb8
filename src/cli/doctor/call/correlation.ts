/** Where a known sound stands in a recording, and which tone sounds. Works on samples only. */

/** Best place of `wanted` in `signal` and the normalised correlation there, 0..1; the sign does not count. By way of the spectrum. */
export function bestMatch(signal: Int16Array, wanted: Int16Array): { at: number; match: number } {
  const count = wanted.length;
  let size = 1;
  while (size < signal.length + count) size *= 2;
  const [aRe, aIm] = [Float64Array.from({ length: size }, (_, n) => signal[n] ?? 0), new Float64Array(size)];
  // Both are real: one transform has the two.
  for (const [n, sample] of wanted.entries()) aIm[n] = sample;
  transform(aRe, aIm);
  const [re, im] = [new Float64Array(size), new Float64Array(size)];
  for (let k = 0; k < size; k += 1) {
    const mirror = (size - k) & (size - 1);
    const [sRe, sIm] = [(aRe[k]! + aRe[mirror]!) / 2, (aIm[k]! - aIm[mirror]!) / 2];
    const [wRe, wIm] = [(aIm[k]! + aIm[mirror]!) / 2, (aRe[mirror]! - aRe[k]!) / 2];
    // Conjugated twice over: the inverse transform is the forward one of the conjugate.
    re[k] = sRe * wRe + sIm * wIm;
    im[k] = -(sIm * wRe - sRe * wIm);
  }
  transform(re, im);
  return highest(re, signal, wanted);
}

/** `sums` are {@link bestMatch}'s, times their number. */
function highest(sums: Float64Array, signal: Int16Array, wanted: Int16Array): { at: number; match: number } {
  const count = wanted.length;
  let wantedEnergy = 0;
  for (const sample of wanted) wantedEnergy += sample * sample;
  let energy = 0;
  for (let n = 0; n < Math.min(count, signal.length); n += 1) energy += (signal[n] ?? 0) ** 2;
  // Silence with a little noise in it is not to match by chance.
  const floor = count * 4;
  let best = { at: 0, match: 0 };
  for (let at = 0; at + count <= signal.length; at += 1) {
    const match = energy > floor ? Math.abs(sums[at]! / sums.length) / Math.sqrt(energy * wantedEnergy) : 0;
    if (match > best.match) best = { at, match };
    energy += (signal[at + count] ?? 0) ** 2 - (signal[at] ?? 0) ** 2;
  }
  return best;
}

/** Discrete Fourier transform in place, radix 2 (Cooley and Tukey 1965). The length is a power of two. */
function transform(re: Float64Array, im: Float64Array): void {
  const size = re.length;
  for (let n = 1, mirrored = 0; n < size; n += 1) {
    let bit = size >> 1;
    for (; mirrored & bit; bit >>= 1) mirrored ^= bit;
    mirrored ^= bit;
    if (n >= mirrored) continue;
    [re[n], re[mirrored]] = [re[mirrored]!, re[n]!];
    [im[n], im[mirrored]] = [im[mirrored]!, im[n]!];
  }
  for (let length = 2; length <= size; length *= 2) {
    const half = length >> 1;
    for (let k = 0; k < half; k += 1) {
      const angle = (-2 * Math.PI * k) / length;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (let n = k; n < size; n += length) {
        const [oRe, oIm] = [re[n + half]! * cos - im[n + half]! * sin, re[n + half]! * sin + im[n + half]! * cos];
        [re[n + half], im[n + half]] = [re[n]! - oRe, im[n]! - oIm];
        [re[n], im[n]] = [re[n]! + oRe, im[n]! + oIm];
      }
    }
  }
}

/** Phase of a tone in a window, against a tone that began with the recording, radians. */
export function tonePhase(
  samples: Int16Array,
  from: number,
  count: number,
  frequencyHz: number,
  rateHz = 8_000,
): number {
  const { re, im } = component(samples, from, count, frequencyHz, rateHz);
  return Math.atan2(-im, re);
}

/** Index of the tone that has most of a window's energy; −1: none has `share` of it, or it is silent. */
export function topTone(
  samples: Int16Array,
  from: number,
  count: number,
  frequenciesHz: readonly number[],
  share: number,
  rateHz = 8_000,
): number {
  let energy = 0;
  for (let n = from; n < from + count; n += 1) energy += (samples[n] ?? 0) ** 2;
  if (energy < count * 100) return -1;
  let best = -1;
  let most = share;
  for (const [index, hz] of frequenciesHz.entries()) {
    const { re, im } = component(samples, from, count, hz, rateHz);
    // A tone of amplitude A has A²N/2 of energy, and A N/2 at its own frequency.
    const has = (2 * (re * re + im * im)) / (count * energy);
    if (has > most) [best, most] = [index, has];
  }
  return best;
}

function component(
  samples: Int16Array,
  from: number,
  count: number,
  frequencyHz: number,
  rateHz: number,
): { re: number; im: number } {
  let [re, im] = [0, 0];
  for (let n = from; n < from + count; n += 1) {
    const angle = (2 * Math.PI * frequencyHz * n) / rateHz;
    re += (samples[n] ?? 0) * Math.cos(angle);
    im += (samples[n] ?? 0) * Math.sin(angle);
  }
  return { re, im };
}
