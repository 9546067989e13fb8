// Filters of minimum phase: O. Herrmann and W. Schüssler, "Design of nonrecursive digital filters with minimum phase" (1970), with
// the zeros parted by the real cepstrum (A. V. Oppenheim and R. W. Schafer, *Discrete-Time Signal Processing*, chapter 12).
// And the delay of any filter at a frequency.

/** Points of the transforms: long against the filters, so that the cepstrum, which never ends, folds on what is next to nothing. */
const POINTS = 65_536;

/**
 * The filter of minimum phase whose power is that of `half`: half of a symmetric filter, the centre first. Lifted so that it is
 * nowhere below zero, that is the square of a magnitude; so the result has as many taps as `half`. Scaled to 1 at 0 Hz.
 */
export function minimumPhase(half: Float64Array): number[] {
  const power = transform(symmetric(half)).re;
  const lift = -power.reduce((least, value) => Math.min(least, value), 0);
  const log = power.map((value) => Math.log(Math.max(value + lift, 1e-13)) / 2);
  const cepstrum = transform(log).re.map((value) => value / POINTS);
  // What lies before time 0 comes from the zeros outside the unit circle: it goes to the other side.
  const folded = cepstrum.map((value, n) => (n === 0 || n === POINTS / 2 ? value : n < POINTS / 2 ? 2 * value : 0));
  const { re, im } = transform(folded);
  // Back to time: the real part of the transform of the conjugate.
  const spectrum = {
    re: re.map((a, k) => Math.exp(a) * Math.cos(im[k]!)),
    im: re.map((a, k) => -Math.exp(a) * Math.sin(im[k]!)),
  };
  const taps = Array.from(transform(spectrum.re, spectrum.im).re.subarray(0, half.length));
  const total = taps.reduce((sum, tap) => sum + tap, 0);
  return taps.map((tap) => tap / total);
}

/** Delay of `filter` at `hz`, ms: Re of the transform of n·h over that of h. */
export function groupDelayMs(filter: readonly number[], hz: number, rateHz: number): number {
  let [re, im, reN, imN] = [0, 0, 0, 0];
  filter.forEach((tap, n) => {
    const [c, s] = [Math.cos((2 * Math.PI * hz * n) / rateHz), -Math.sin((2 * Math.PI * hz * n) / rateHz)];
    re += tap * c;
    im += tap * s;
    reN += n * tap * c;
    imN += n * tap * s;
  });
  return ((reN * re + imN * im) / (re * re + im * im) / rateHz) * 1000;
}

/** Around time 0, so that its transform is real. */
function symmetric(half: Float64Array): Float64Array {
  const out = new Float64Array(POINTS);
  half.forEach((tap, n) => {
    out[n] = tap;
    out[(POINTS - n) % POINTS] = tap;
  });
  return out;
}

/** Fourier transform of a power of two of points: decimation in time, in place. */
function transform(real: Float64Array, imaginary?: Float64Array): { re: Float64Array; im: Float64Array } {
  const re = new Float64Array(real.length);
  const im = new Float64Array(real.length);
  const bits = Math.log2(real.length);
  for (let n = 0; n < real.length; n += 1) {
    let at = 0;
    for (let bit = 0; bit < bits; bit += 1) at |= ((n >> bit) & 1) << (bits - 1 - bit);
    re[at] = real[n]!;
    im[at] = imaginary?.[n] ?? 0;
  }
  for (let half = 1; half < re.length; half *= 2) {
    for (let k = 0; k < half; k += 1) {
      const [c, s] = [Math.cos((Math.PI * k) / half), -Math.sin((Math.PI * k) / half)];
      for (let i = k; i < re.length; i += 2 * half) {
        const j = i + half;
        const [x, y] = [re[j]! * c - im[j]! * s, re[j]! * s + im[j]! * c];
        re[j] = re[i]! - x;
        im[j] = im[i]! - y;
        re[i]! += x;
        im[i]! += y;
      }
    }
  }
  return { re, im };
}
