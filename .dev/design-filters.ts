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

/** Edges in Hz for 8 kHz as the slower rate; everything scales with it. */
const PASS_HZ = 3400;

/** Two qualities of each: delay is half of what a filter spans, in samples of the slower rate. */
export const DOWN = {
  strict: { span: 48, threeHalvesSpan: 52, stopHz: 4080 },
  lowDelay: { span: 32, threeHalvesSpan: 32, stopHz: 4450 },
} as const;
export const UP = {
  strict: { span: 40, beta: 8.96 },
  lowDelay: { span: 32, beta: 7.4 },
} as const;
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

/** A decimator in whole numbers, as `decimate.ts` takes it. */
export interface WholeTaps {
  /** All taps, the earliest first, behind a zero that makes them even: at 2¹⁹, less what is in `coarse`. */
  readonly fine: readonly number[];
  /** Those of the middle, at 2¹⁶. */
  readonly coarse: readonly number[];
  /** The first of `fine` that `coarse` belongs to. */
  readonly coarseFrom: number;
}

const FINE = 2 ** 19;
const COARSE = 2 ** 16;
/** What i32 holds, less what the lanes begin with, over the largest sample. */
const LANE_MOST = (2 ** 31 - 2 ** 17) / 2 ** 15;

/** The decimator by a whole factor: as few coarse taps as keep every tap in i16 and every lane in i32. Exactly 1 at 0 Hz. */
export function wholeTaps(half: Float64Array): WholeTaps {
  const taps = roundedTaps(half);
  for (let count = 8; count <= taps.length; count += 8) {
    // Where the lanes change, the same taps are dealt out otherwise: the first place that fits will do.
    for (let coarseFrom = taps.length / 2 - count + 1; coarseFrom < taps.length / 2; coarseFrom += 1) {
      const coarse = taps.slice(coarseFrom, coarseFrom + count).map((tap) => Math.round((tap * COARSE) / FINE));
      const fine = taps.map((tap, i) => tap - (coarse[i - coarseFrom] ?? 0) * (FINE / COARSE));
      if (fits({ fine, coarse, coarseFrom })) return { fine, coarse, coarseFrom };
    }
  }
  throw new Error('the taps do not fit');
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
function roundedTaps(half: Float64Array): number[] {
  const scale = FINE / half.reduce((sum, tap, i) => sum + (i === 0 ? tap : 2 * tap), 0);
  const exact = Array.from(half, (tap) => tap * scale);
  const rounded = exact.map(Math.round);
  const missing = FINE - rounded.reduce((sum, tap, i) => sum + (i === 0 ? tap : 2 * tap), 0);
  const step = Math.sign(missing);
  const byError = exact.map((_, i) => i).sort((i, j) => step * (exact[j]! - rounded[j]! - exact[i]! + rounded[i]!));
  byError
    .filter((i) => i !== 0)
    .slice(0, Math.abs(missing) >> 1)
    .forEach((i) => (rounded[i]! += step));
  if (missing % 2 !== 0) rounded[0]! += step;
  return [0, ...rounded.slice(1).reverse(), ...rounded];
}

/** The whole file. */
export function filterTables(): string {
  const tables = (['strict', 'lowDelay'] as const).flatMap((quality) => {
    const prefix = quality === 'strict' ? 'STRICT' : 'LOW_DELAY';
    return [
      table(`${prefix}_UP`, upFilter(quality)),
      ...[2, 3, 6].map((factor) => wholeTable(`${prefix}_DOWN_${factor}`, wholeTaps(downFilter(quality, factor)))),
      table(`${prefix}_DOWN_3_2`, downFilter(quality, 1.5)),
    ];
  });
  return `${HEAD}\n${tables.join('\n\n')}\n`;
}

function wholeTable(name: string, { fine, coarse, coarseFrom }: WholeTaps): string {
  const head = [fine.length, coarseFrom, coarse.length, 0, 0, 0, 0, 0];
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
 * whole factors down in i16 as decimate.ts takes them.
 *
 *   DOWN_n  equiripple, the decimator by n (3_2: by 3/2, at three times the slower rate): 1 at 0 Hz, flat to 3.4 kHz for 8 kHz as the slower rate
 *   UP      a sinc under a Kaiser window, in sixths of an input sample: 0 at every other input sample
 */`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  writeFileSync(join(root, 'assembly', 'filter-tables.ts'), filterTables());
}
