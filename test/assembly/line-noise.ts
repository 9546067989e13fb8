/** Seeded noise for tests of the caller's side, and measures of it. */

/** A reproducible number in −1..1 at each call. */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  };
}

/** Gaussian enough: twelve numbers added up, of variance 1. */
export function gaussian(seed: number): () => number {
  const next = chance(seed);
  return () => {
    let sum = 0;
    for (let k = 0; k < 12; k += 1) sum += next();
    return sum / 2;
  };
}

export type NoiseKind = 'white' | 'pink' | 'car';

/** `seconds` of noise of this level, dBov. */
export function noise(kind: NoiseKind, dBov: number, seconds: number, rateHz: number, seed = 1): Float64Array {
  const next = gaussian(seed);
  const out = new Float64Array(Math.round(seconds * rateHz));
  // Pink: Paul Kellet's sum of six poles (for 44.1 kHz; near enough). Car: two poles at 150 Hz and some white.
  const b = [0, 0, 0, 0, 0, 0];
  let [low, lower] = [0, 0];
  const pole = Math.exp((-2 * Math.PI * 150) / rateHz);
  for (let n = 0; n < out.length; n += 1) {
    const w = next();
    if (kind === 'white') out[n] = w;
    else if (kind === 'pink') {
      b[0] = 0.99886 * b[0]! + w * 0.0555179;
      b[1] = 0.99332 * b[1]! + w * 0.0750759;
      b[2] = 0.969 * b[2]! + w * 0.153852;
      b[3] = 0.8665 * b[3]! + w * 0.3104856;
      b[4] = 0.55 * b[4]! + w * 0.5329522;
      b[5] = -0.7616 * b[5]! - w * 0.016898;
      out[n] = b[0] + b[1] + b[2] + b[3] + b[4] + b[5] + w * 0.5362;
    } else {
      low = pole * low + (1 - pole) * w;
      lower = pole * lower + (1 - pole) * low;
      out[n] = lower * 40 + 0.05 * w;
    }
  }
  return scaled(out, dBov);
}

/** RFC 6464's level, from the formula. */
export function dBovOf(pcm: ArrayLike<number>): number {
  let sum = 0;
  for (let n = 0; n < pcm.length; n += 1) sum += (pcm[n] ?? 0) ** 2;
  return 10 * Math.log10(sum / pcm.length / 32768 ** 2 + 1e-20);
}

export function scaled(pcm: Float64Array, dBov: number): Float64Array {
  const gain = 10 ** ((dBov - dBovOf(pcm)) / 20);
  return pcm.map((x) => x * gain);
}

export function rounded(pcm: ArrayLike<number>): Int16Array {
  return Int16Array.from(pcm, (x) => Math.max(-32768, Math.min(32767, Math.round(x))));
}

/** Power of each bin of each frame (Hann, half overlapped), by the definition of the transform. */
export function spectrogram(pcm: ArrayLike<number>, points: number): Float64Array[] {
  const frames: Float64Array[] = [];
  const cos = Float64Array.from({ length: points }, (_, n) => Math.cos((2 * Math.PI * n) / points));
  for (let at = 0; at + points <= pcm.length; at += points / 2) {
    const x = Float64Array.from({ length: points }, (_, n) => (pcm[at + n] ?? 0) * (0.5 - 0.5 * cos[n]!));
    const power = new Float64Array(points / 2);
    for (let k = 1; k < points / 2; k += 1) {
      let [re, im] = [0, 0];
      for (let n = 0; n < points; n += 1) {
        re += x[n]! * cos[(k * n) % points]!;
        im += x[n]! * cos[(k * n + points / 4) % points]!;
      }
      power[k] = re * re + im * im;
    }
    frames.push(power);
  }
  return frames;
}

/** Kurtosis of the bins' powers over time, the mean over the bins: tonal remains (musical noise) make it grow. */
export function powerKurtosis(pcm: ArrayLike<number>, points = 128): number {
  const frames = spectrogram(pcm, points);
  let sum = 0;
  let bins = 0;
  for (let k = 4; k < points / 2 - 2; k += 1) {
    let [second, fourth] = [0, 0];
    for (const frame of frames) {
      second += frame[k]! ** 2;
      fourth += frame[k]! ** 4;
    }
    sum += fourth / frames.length / (second / frames.length) ** 2;
    bins += 1;
  }
  return sum / bins;
}

/** Segmental signal-to-noise ratio of `out` against `wanted`, frames of 20 ms above −50 dBov, each −10..35 dB. */
export function segmentalSnr(wanted: ArrayLike<number>, out: ArrayLike<number>, rateHz: number): number {
  const frame = rateHz / 50;
  let [sum, frames] = [0, 0];
  for (let at = 0; at + frame <= Math.min(wanted.length, out.length); at += frame) {
    let [signal, error] = [0, 0];
    for (let n = at; n < at + frame; n += 1) {
      signal += wanted[n]! ** 2;
      error += (wanted[n]! - out[n]!) ** 2;
    }
    if (signal / frame < (32768 * 10 ** (-50 / 20)) ** 2) continue;
    sum += Math.max(-10, Math.min(35, 10 * Math.log10(signal / (error + 1e-9))));
    frames += 1;
  }
  return sum / frames;
}
