/**
 * Changes the rate of a recording: a Kaiser-windowed sinc in double precision, one set of taps for each phase of the
 * ratio. Exact rather than fast; deliberately not the signal chain's own resampler, which is judged against audio that
 * went through this one.
 */
const HALF_TAPS = 32;
/** Kaiser's shape parameter: the stop band is down by about 90 dB. */
const BETA = 9;
/** The pass band ends a little below the lower of the two Nyquist rates. */
const PASS_BAND = 0.92;
const TABLES = 16;

interface Taps {
  /** Output samples for every `down` input samples. */
  readonly up: number;
  readonly down: number;
  /** Taps to each side of the centre. */
  readonly reach: number;
  readonly phases: readonly Float64Array[];
}

const cache = new Map<string, Taps>();

/**
 * Both rates are whole Hz. The output has the same start and duration. `first` and `count` ask for a stretch of the output
 * alone, so that a long recording can be converted piece by piece.
 */
export function resampleSinc(
  samples: Int16Array,
  fromHz: number,
  toHz: number,
  first = 0,
  count = resampledLength(samples.length, fromHz, toHz) - first,
): Int16Array {
  const out = new Int16Array(Math.max(0, Math.min(count, resampledLength(samples.length, fromHz, toHz) - first)));
  if (fromHz === toHz) {
    out.set(samples.subarray(first, first + out.length));
    return out;
  }
  const { up, down, reach, phases } = tapsFor(fromHz, toHz);
  for (let i = 0; i < out.length; i++) {
    const position = (first + i) * down;
    const centre = Math.floor(position / up);
    const taps = phases[position % up] ?? NO_TAPS;
    const from = Math.max(0, centre - reach + 1);
    const to = Math.min(samples.length - 1, centre + reach);
    const offset = reach - 1 - centre;
    let sum = 0;
    for (let j = from; j <= to; j++) sum += (samples[j] ?? 0) * (taps[j + offset] ?? 0);
    out[i] = Math.max(-32768, Math.min(32767, Math.round(sum)));
  }
  return out;
}

/** Samples that a recording of `length` samples becomes. */
export function resampledLength(length: number, fromHz: number, toHz: number): number {
  return Math.round((length * toHz) / fromHz);
}

const NO_TAPS = new Float64Array(0);

function tapsFor(fromHz: number, toHz: number): Taps {
  const key = `${fromHz}:${toHz}`;
  const known = cache.get(key);
  if (known !== undefined) return known;
  const divisor = greatestCommonDivisor(fromHz, toHz);
  const up = toHz / divisor;
  const down = fromHz / divisor;
  const cutoff = Math.min(1, toHz / fromHz) * PASS_BAND;
  const reach = Math.ceil(HALF_TAPS / Math.min(1, toHz / fromHz));
  const phases = Array.from({ length: up }, (_, phase) => {
    const taps = Float64Array.from({ length: 2 * reach }, (_tap, k) => {
      const distance = phase / up + reach - 1 - k;
      return cutoff * sinc(cutoff * distance) * kaiser(distance / reach);
    });
    // Each phase passes a constant unchanged; without this the phases would differ by the window's ripple.
    const gain = taps.reduce((sum, tap) => sum + tap, 0);
    return taps.map((tap) => tap / gain);
  });
  const made = { up, down, reach, phases };
  if (cache.size >= TABLES) cache.clear();
  cache.set(key, made);
  return made;
}

function sinc(x: number): number {
  return Math.abs(x) < 1e-9 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : bessel(BETA * Math.sqrt(1 - x * x)) / bessel(BETA);
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

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
