// Designs the resampler's filters and writes them to assembly/filter-tables.ts:
//
//   node --import tsx .dev/design-filters.ts
//
// test/assembly/resample.test.ts holds the file to what this makes, and measures each filter by itself; decimate.test.ts those in whole
// numbers.
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { equirippleLowPass } from './equiripple.ts';
import { groupDelayMs, minimumPhase } from './minimum-phase.ts';

/** Edges in Hz for 8 kHz as the slower rate; everything scales with it. */
const PASS_HZ = 3400;

/** Two qualities of linear phase of each: delay is half of what a filter spans, in samples of the slower rate. */
export const DOWN = {
  strict: { span: 48, threeHalvesSpan: 52, stopHz: 4080 },
  lowDelay: { span: 32, threeHalvesSpan: 32, stopHz: 4450 },
} as const;
export const UP = {
  strict: { span: 40, beta: 8.96 },
  lowDelay: { span: 32, beta: 7.4 },
} as const;
/** Of minimum phase, by whole factors: to the strict bounds with a sixth less taps, for none of them is the mirror of another. */
export const MINIMUM_PHASE_DOWN = { span: 40, stopHz: 4080 } as const;
/** Steps of the up filters in one input sample: the least common multiple of all factors. */
const UP_STEPS = 6;

/** Half of the decimator by `factor` (1.5: from 24 to 16 kHz, at three times the slower rate): the centre first. */
export function downFilter(quality: keyof typeof DOWN, factor: number): Float64Array {
  const { span, threeHalvesSpan, stopHz } = DOWN[quality];
  const threeHalves = factor === 1.5;
  const steps = threeHalves ? 3 : factor;
  const rateHz = 8000 * steps;
  const middle = (PASS_HZ + stopHz) / 2 / rateHz;
  // From 6 kHz on lie the images that 24 to 16 kHz makes besides: they come on top of what is folded back.
  const weight = (hz: number): number =>
    threeHalves ? 3.5 * (1 + 7 * Math.min(1, Math.max(0, (hz - 5400) / 600))) : 4;
  return equirippleLowPass({
    taps: (threeHalves ? threeHalvesSpan : span) * steps - 1,
    passEdge: PASS_HZ / rateHz,
    stopEdge: stopHz / rateHz,
    weight: (frequency) => (frequency < middle ? 1 : weight(frequency * rateHz)),
  });
}

/** The decimator of minimum phase by a whole factor, what the newest sample is multiplied by first. */
export function minimumPhaseDown(factor: number): number[] {
  const { span, stopHz } = MINIMUM_PHASE_DOWN;
  const rateHz = 8000 * factor;
  const middle = (PASS_HZ + stopHz) / 2 / rateHz;
  // Errors of the power: −79 dB are 1.3·10⁻⁸ of it, 0.006 dB a thousandth and a half.
  return minimumPhase(
    equirippleLowPass({
      taps: 2 * span * factor - 1,
      passEdge: PASS_HZ / rateHz,
      stopEdge: stopHz / rateHz,
      weight: (frequency) => (frequency < middle ? 1 : 120_000),
    }),
  );
}

/** Half of the interpolator, in sixths of an input sample: zero at every other input sample, so that those pass as they are. */
export function upFilter(quality: keyof typeof UP): Float64Array {
  const { span, beta } = UP[quality];
  const steps = (span / 2) * UP_STEPS;
  return Float64Array.from({ length: steps }, (_, i) => {
    const x = i / UP_STEPS;
    const sinc = i === 0 ? 1 : i % UP_STEPS === 0 ? 0 : Math.sin(Math.PI * x) / (Math.PI * x);
    return (sinc * bessel(beta * Math.sqrt(1 - (i / steps) ** 2))) / bessel(beta);
  });
}

/** The modified Bessel function of the first kind and order 0, by its power series. */
function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k += 1) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}

/** The qualities that there are of decimators by whole factors. */
export const WHOLE_QUALITIES = ['strict', 'lowDelay', 'minimumPhase'] as const;

/** All taps of a decimator by a whole factor, as many as are a multiple of eight: the earliest sample's first. */
export function decimatorTaps(quality: (typeof WHOLE_QUALITIES)[number], factor: number): Float64Array {
  if (quality === 'minimumPhase') return Float64Array.from(minimumPhaseDown(factor).reverse());
  const half = downFilter(quality, factor);
  // Odd: a zero before them.
  return Float64Array.from([0, ...half.slice(1).reverse(), ...half]);
}

/** A decimator in whole numbers, as `decimate.ts` takes it. */
export interface WholeTaps {
  /** All taps, the earliest sample's first: at 2¹⁹, less what is in `coarse`. */
  readonly fine: readonly number[];
  /** The large ones, at 2¹⁶. */
  readonly coarse: readonly number[];
  /** The first of `fine` that `coarse` belongs to. */
  readonly coarseFrom: number;
}

const FINE = 2 ** 19;
const COARSE = 2 ** 16;
/** What i32 holds, less what the lanes begin with, over the largest sample. */
const LANE_MOST = (2 ** 31 - 2 ** 17) / 2 ** 15;

/** `decimatorTaps`: as few coarse taps as keep every tap in i16 and every lane in i32. Exactly 1 at 0 Hz. */
export function wholeTaps(exact: Float64Array): WholeTaps {
  const taps = roundedTaps(exact);
  const largest = taps.indexOf(Math.max(...taps));
  for (let count = 8; count <= taps.length; count += 8) {
    // Where the lanes change, the same taps are dealt out otherwise: the first place that fits will do.
    for (let coarseFrom = Math.max(0, largest - count + 1); coarseFrom <= largest; coarseFrom += 1) {
      if (coarseFrom + count > taps.length) break;
      const coarse = taps.slice(coarseFrom, coarseFrom + count).map((tap) => Math.round((tap * COARSE) / FINE));
      const fine = taps.map((tap, i) => tap - (coarse[i - coarseFrom] ?? 0) * (FINE / COARSE));
      if (fits({ fine, coarse, coarseFrom })) return { fine, coarse, coarseFrom };
    }
  }
  throw new Error('the taps do not fit');
}

/** How late `decimatorTaps` make 1 kHz (scaled), in whole output samples: none for what ends on the newest sample of its period. */
export function delaySamples(taps: ArrayLike<number>, factor: number): number {
  const newestFirst = Array.from(taps).reverse();
  return Math.round((groupDelayMs(newestFirst, 1000, 8000 * factor) * 8 * factor - (factor - 1)) / factor);
}

/** Whether every tap is in i16, and every lane in i32 at the end of either pass, whatever the samples. */
function fits({ fine, coarse }: WholeTaps): boolean {
  if ([...fine, ...coarse].some((tap) => Math.abs(tap) > 32767)) return false;
  const fineLanes = laneSums(fine);
  const coarseLanes = laneSums(coarse);
  return fineLanes.every((sum, lane) => Math.max(sum, (sum * COARSE) / FINE + coarseLanes[lane]!) < LANE_MOST);
}

/** Sums of magnitudes: eight taps go to four lanes in pairs. */
function laneSums(taps: readonly number[]): number[] {
  const lanes = [0, 0, 0, 0];
  taps.forEach((tap, i) => (lanes[(i >> 1) % 4]! += Math.abs(tap)));
  return lanes;
}

/** Whole taps at 2¹⁹ that sum up to it; where rounding each does not, those move that are nearest to half a step. */
function roundedTaps(taps: Float64Array): number[] {
  const scale = FINE / taps.reduce((sum, tap) => sum + tap, 0);
  const exact = Array.from(taps, (tap) => tap * scale);
  const rounded = exact.map(Math.round);
  const missing = FINE - rounded.reduce((sum, tap) => sum + tap, 0);
  const step = Math.sign(missing);
  const byError = exact.map((_, i) => i).sort((i, j) => step * (exact[j]! - rounded[j]! - exact[i]! + rounded[i]!));
  const mirror = (i: number): number => taps.length - i;
  // A symmetric filter stays so: its taps move in pairs, and the centre for one that is left over.
  const paired = taps.every((tap, i) => i === 0 || tap === taps[mirror(i)]);
  const free = paired ? byError.filter((i) => i > 0 && i < mirror(i)) : byError;
  free.slice(0, paired ? Math.abs(missing) >> 1 : Math.abs(missing)).forEach((i) => {
    rounded[i]! += step;
    if (paired) rounded[mirror(i)]! += step;
  });
  if (paired && missing % 2 !== 0) rounded[taps.length / 2]! += step;
  return rounded;
}

/** The whole file. */
export function filterTables(): string {
  const tables = WHOLE_QUALITIES.flatMap((quality) => {
    const prefix = { strict: 'STRICT', lowDelay: 'LOW_DELAY', minimumPhase: 'MINIMUM_PHASE' }[quality];
    const whole = [2, 3, 6].map((factor) => wholeTable(`${prefix}_DOWN_${factor}`, quality, factor));
    if (quality === 'minimumPhase') return whole;
    return [table(`${prefix}_UP`, upFilter(quality)), ...whole, table(`${prefix}_DOWN_3_2`, downFilter(quality, 1.5))];
  });
  return `${HEAD}\n${tables.join('\n\n')}\n`;
}

function wholeTable(name: string, quality: (typeof WHOLE_QUALITIES)[number], factor: number): string {
  const exact = decimatorTaps(quality, factor);
  const { fine, coarse, coarseFrom } = wholeTaps(exact);
  const head = [fine.length, coarseFrom, coarse.length, delaySamples(exact, factor), 0, 0, 0, 0];
  return wrapped(name, 'i16', [...head, ...fine, ...coarse].map(String));
}

function table(name: string, half: Float64Array): string {
  const numbers = Array.from(half, (tap) => {
    const text = String(Number(tap.toPrecision(9)));
    return /[.e]/.test(text) ? text : `${text}.0`;
  });
  return wrapped(name, 'f32', numbers);
}

function wrapped(name: string, type: string, numbers: readonly string[]): string {
  return `// prettier-ignore\nexport const ${name}: usize = memory.data<${type}>([\n  ${numbers.join(', ')},\n], 16);`.replaceAll(
    /(.{100,118}?,) /g,
    '$1\n  ',
  );
}

const HEAD = `/**
 * Made by .dev/design-filters.ts: do not edit. The resampler's filters: one half of each in f32, the centre first; those of
 * whole factors down in i16 as decimate.ts takes them, which need not be symmetric.
 *
 *   DOWN_n  equiripple, the decimator by n (3_2: by 3/2, at three times the slower rate): 1 at 0 Hz, flat to 3.4 kHz for 8 kHz as the slower rate
 *   UP      a sinc under a Kaiser window, in sixths of an input sample: 0 at every other input sample
 */`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  writeFileSync(join(root, 'assembly', 'filter-tables.ts'), filterTables());
}
