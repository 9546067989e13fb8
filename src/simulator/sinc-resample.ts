/**
 * Changes the rate of a whole recording: a Kaiser-windowed sinc, evaluated for each output sample in double precision.
 * Slow and exact; deliberately not the signal chain's own resampler, which is judged against audio that went through this.
 */
const HALF_TAPS = 32;
const BETA = 9;

/** Both rates in Hz, any ratio. The output has the same start and duration. */
export function resampleSinc(samples: Int16Array, fromHz: number, toHz: number): Int16Array {
  if (fromHz === toHz) return samples.slice();
  const step = fromHz / toHz;
  // The pass band ends a little below the lower of the two Nyquist rates.
  const cutoff = Math.min(1, toHz / fromHz) * 0.92;
  const reach = HALF_TAPS / Math.min(1, toHz / fromHz);
  const out = new Int16Array(Math.round(samples.length / step));
  for (let i = 0; i < out.length; i++) {
    const centre = i * step;
    const first = Math.max(0, Math.ceil(centre - reach));
    const last = Math.min(samples.length - 1, Math.floor(centre + reach));
    let sum = 0;
    for (let j = first; j <= last; j++) {
      const distance = centre - j;
      sum += (samples[j] ?? 0) * cutoff * sinc(cutoff * distance) * kaiser(distance / reach);
    }
    out[i] = Math.max(-32768, Math.min(32767, Math.round(sum)));
  }
  return out;
}

function sinc(x: number): number {
  return Math.abs(x) < 1e-9 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

const TABLE_SIZE = 4096;
const WINDOW = Float64Array.from(
  { length: TABLE_SIZE + 1 },
  (_, i) => bessel(BETA * Math.sqrt(1 - (i / TABLE_SIZE) ** 2)) / bessel(BETA),
);

function kaiser(x: number): number {
  return WINDOW[Math.round(Math.min(1, Math.abs(x)) * TABLE_SIZE)] ?? 0;
}

/** Modified Bessel function of the first kind, order 0. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
