// The filter of minimum phase that has the magnitude of another one, by the real cepstrum (A. V. Oppenheim and R. W.
// Schafer, *Discrete-Time Signal Processing*, chapter 12), and the delay of any filter at a frequency.

/** Points of the transforms: long against the filters, so that the cepstrum does not fold. */
const POINTS = 16_384;

/** As long as `filter`, with its magnitude. */
export function minimumPhase(filter: readonly number[]): number[] {
  const magnitude = transform(padded(filter), zeros()).map(([re, im]) => Math.log(Math.max(Math.hypot(re, im), 1e-7)));
  const cepstrum = transform(magnitude, zeros()).map(([re]) => re / POINTS);
  const folded = cepstrum.map((value, n) => (n === 0 || n === POINTS / 2 ? value : n < POINTS / 2 ? 2 * value : 0));
  const spectrum = transform(folded, zeros()).map(([re, im]): [number, number] => [
    Math.exp(re) * Math.cos(im),
    Math.exp(re) * Math.sin(im),
  ]);
  // Back: the conjugate of the transform of the conjugate.
  const time = transform(
    spectrum.map(([re]) => re),
    spectrum.map(([, im]) => -im),
  );
  return time.slice(0, filter.length).map(([re]) => re / POINTS);
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

function zeros(): number[] {
  return Array.from({ length: POINTS }, () => 0);
}

function padded(filter: readonly number[]): number[] {
  return zeros().map((_, n) => filter[n] ?? 0);
}

/** A transform of a power of two of points, recursively. */
function transform(re: readonly number[], im: readonly number[]): [number, number][] {
  const count = re.length;
  if (count === 1) return [[re[0]!, im[0]!]];
  const half = (parts: readonly number[], odd: number): number[] => parts.filter((_, n) => n % 2 === odd);
  const even = transform(half(re, 0), half(im, 0));
  const odd = transform(half(re, 1), half(im, 1));
  const out: [number, number][] = Array.from({ length: count }, () => [0, 0]);
  for (let k = 0; k < count / 2; k += 1) {
    const [c, s] = [Math.cos((2 * Math.PI * k) / count), -Math.sin((2 * Math.PI * k) / count)];
    const [a, b] = odd[k]!;
    const [x, y] = [a * c - b * s, a * s + b * c];
    out[k] = [even[k]![0] + x, even[k]![1] + y];
    out[k + count / 2] = [even[k]![0] - x, even[k]![1] - y];
  }
  return out;
}
