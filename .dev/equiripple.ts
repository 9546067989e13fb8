// Equiripple low-pass filters of odd length: T. W. Parks and J. H. McClellan, "Chebyshev approximation for nonrecursive
// digital filters with linear phase" (1972): Remez exchange over a dense grid, barycentric interpolation between extremals.

/** Edges in cycles per sample; `weight` of an error at a frequency, in the pass band and beyond the stop edge. */
export interface LowPassWanted {
  /** Odd. */
  readonly taps: number;
  readonly passEdge: number;
  readonly stopEdge: number;
  readonly weight: (frequency: number) => number;
}

/** Half of the filter: the centre first, scaled so that a constant passes unchanged. */
export function equirippleLowPass(wanted: LowPassWanted): Float64Array {
  const count = (wanted.taps + 1) / 2;
  const grid = denseGrid(wanted, count);
  let extremal = Array.from({ length: count + 1 }, (_, i) => Math.round((i * (grid.length - 1)) / count));
  let response = interpolator(grid, extremal, wanted);
  for (let turn = 0; turn < 200; turn += 1) {
    const next = alternation(grid, response, wanted, count + 1);
    if (next.every((at, i) => at === extremal[i])) break;
    extremal = next;
    response = interpolator(grid, extremal, wanted);
  }
  return tapsOf(response, wanted.taps);
}

function denseGrid({ passEdge, stopEdge }: LowPassWanted, count: number): Float64Array {
  const step = 0.5 / (count * 24);
  const passing = Math.ceil(passEdge / step);
  const stopping = Math.ceil((0.5 - stopEdge) / step);
  return Float64Array.from({ length: passing + stopping + 2 }, (_, i) =>
    i <= passing ? (i * passEdge) / passing : stopEdge + ((i - passing - 1) * (0.5 - stopEdge)) / stopping,
  );
}

/** Which band a place of the grid is in: rounding must not put an edge on the other side. */
const passes = (frequency: number, { passEdge, stopEdge }: LowPassWanted): boolean =>
  frequency < (passEdge + stopEdge) / 2;

const desired = (frequency: number, wanted: LowPassWanted): number => (passes(frequency, wanted) ? 1 : 0);

/** The response that errs by the same weighted amount, with alternating sign, at all extremals. */
function interpolator(
  grid: Float64Array,
  extremal: readonly number[],
  wanted: LowPassWanted,
): (frequency: number) => number {
  const at = extremal.map((index) => grid[index]!);
  const x = at.map((frequency) => Math.cos(2 * Math.PI * frequency));
  // Scaled by 2, so that products of hundreds of differences neither vanish nor overflow.
  const bary = x.map(
    (own, i) => 1 / x.reduce((product, other, j) => (i === j ? product : product * 2 * (own - other)), 1),
  );
  const signs = at.map((_, i) => (i % 2 === 0 ? 1 : -1));
  const top = at.reduce((sum, frequency, i) => sum + bary[i]! * desired(frequency, wanted), 0);
  const bottom = at.reduce((sum, frequency, i) => sum + (bary[i]! * signs[i]!) / wanted.weight(frequency), 0);
  const y = at.map(
    (frequency, i) => desired(frequency, wanted) - (signs[i]! * (top / bottom)) / wanted.weight(frequency),
  );
  return (frequency) => {
    const own = Math.cos(2 * Math.PI * frequency);
    let [numerator, denominator] = [0, 0];
    for (let i = 0; i < x.length; i += 1) {
      const away = own - x[i]!;
      if (Math.abs(away) < 1e-14) return y[i]!;
      numerator += (bary[i]! / away) * y[i]!;
      denominator += bary[i]! / away;
    }
    return numerator / denominator;
  };
}

/** The `count` places of the grid where the weighted error is largest with alternating signs. */
function alternation(
  grid: Float64Array,
  response: (frequency: number) => number,
  wanted: LowPassWanted,
  count: number,
): number[] {
  const error = Array.from(grid, (f) => (response(f) - desired(f, wanted)) * wanted.weight(f));
  const peaks: number[] = [];
  // The edges of the bands are extremals too: what lies across the gap is no neighbour.
  const beside = (i: number, other: number): number =>
    grid[other] === undefined || passes(grid[i]!, wanted) !== passes(grid[other], wanted)
      ? -Infinity
      : error[other]! * Math.sign(error[i]!);
  for (let i = 0; i < error.length; i += 1) {
    const size = Math.abs(error[i]!);
    if (size < beside(i, i - 1) || size < beside(i, i + 1)) continue;
    const last = peaks.at(-1);
    if (last === undefined || Math.sign(error[last]!) !== Math.sign(error[i]!)) peaks.push(i);
    else if (Math.abs(error[last]!) < size) peaks[peaks.length - 1] = i;
  }
  while (peaks.length > count) {
    if (Math.abs(error[peaks[0]!]!) < Math.abs(error[peaks.at(-1)!]!)) peaks.shift();
    else peaks.pop();
  }
  return peaks;
}

/** The filter whose response is sampled at as many places as it has taps. */
function tapsOf(response: (frequency: number) => number, taps: number): Float64Array {
  const half = (taps - 1) / 2;
  const sampled = Array.from({ length: half + 1 }, (_, k) => response(k / taps));
  const filter = Float64Array.from(
    { length: half + 1 },
    (_, n) =>
      sampled.reduce((sum, value, k) => sum + (k === 0 ? 1 : 2) * value * Math.cos((2 * Math.PI * k * n) / taps), 0) /
      taps,
  );
  const total = filter.reduce((sum, tap, n) => sum + (n === 0 ? 1 : 2) * tap, 0);
  return filter.map((tap) => tap / total);
}
