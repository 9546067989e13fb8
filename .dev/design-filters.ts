// Designs the resampler's filters and writes them to assembly/filter-tables.ts:
//
//   node --import tsx .dev/design-filters.ts
//
// test/assembly/filter-tables.test.ts holds the file to what this makes, and measures each filter by itself.
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

/** The whole file. */
export function filterTables(): string {
  const tables = (['strict', 'lowDelay'] as const).flatMap((quality) => {
    const prefix = quality === 'strict' ? 'STRICT' : 'LOW_DELAY';
    return [
      table(`${prefix}_UP`, upFilter(quality)),
      ...[2, 3, 6].map((factor) => table(`${prefix}_DOWN_${factor}`, downFilter(quality, factor))),
      table(`${prefix}_DOWN_3_2`, downFilter(quality, 1.5)),
    ];
  });
  return `${HEAD}\n${tables.join('\n\n')}\n`;
}

function table(name: string, half: Float64Array): string {
  const numbers = Array.from(half, (tap) => {
    const text = String(Number(tap.toPrecision(9)));
    return /[.e]/.test(text) ? text : `${text}.0`;
  });
  return `// prettier-ignore\nexport const ${name}: usize = memory.data<f32>([\n  ${numbers.join(', ')},\n], 16);`.replaceAll(
    /(.{100,118}?,) /g,
    '$1\n  ',
  );
}

const HEAD = `/**
 * Made by .dev/design-filters.ts: do not edit. One half of each of the resampler's filters, the centre first, f32.
 *
 *   DOWN_n  equiripple, the decimator by n (3_2: by 3/2, at three times the slower rate): 1 at 0 Hz, flat to 3.4 kHz for 8 kHz as the slower rate
 *   UP      a sinc under a Kaiser window, in sixths of an input sample: 0 at every other input sample
 */`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  writeFileSync(join(root, 'assembly', 'filter-tables.ts'), filterTables());
}
