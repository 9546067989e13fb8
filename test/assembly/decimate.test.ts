/** The decimators in whole numbers: what they are to the sample, what the taps lose by rounding, and that nothing overflows. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decimatorTaps, WHOLE_QUALITIES, wholeTaps } from '../../.dev/design-filters.ts';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const RESAMPLING = { strict: 'strict', lowDelay: 'low-delay', minimumPhase: 'minimum-phase' } as const;
const DECIMATORS = WHOLE_QUALITIES.flatMap((quality) =>
  [2, 3, 6].map((factor) => {
    const exact = decimatorTaps(quality, factor);
    return { name: `${quality} ${factor}`, resampling: RESAMPLING[quality], factor, exact, whole: wholeTaps(exact) };
  }),
);

/** One scale for both kinds of taps: 2¹⁹. */
function sumOf({ fine, coarse, coarseFrom }: ReturnType<typeof wholeTaps>): number[] {
  return fine.map((tap, i) => tap + 8 * (coarse[i - coarseFrom] ?? 0));
}

/** Outputs of an FIR that ends on the last sample of each period, before they are rounded. Exact with whole taps. */
function filtered(pcm: Int16Array, taps: ArrayLike<number>, factor: number): number[] {
  return Array.from({ length: Math.floor(pcm.length / factor) }, (_, n) => {
    let sum = 0;
    const from = (n + 1) * factor - taps.length;
    for (let k = Math.max(0, -from); k < taps.length; k += 1) sum += taps[k]! * pcm[from + k]!;
    return sum;
  });
}

function cut(x: number): number {
  return Math.max(-32768, Math.min(32767, x));
}

function noise(samples: number, seed: number): Int16Array {
  return Int16Array.from({ length: samples }, () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) & 0xffff;
  });
}

for (const { name, resampling, factor, exact, whole } of DECIMATORS) {
  const taps = sumOf(whole);
  const heard = (pcm: Int16Array, sizes = [480]): Int16Array =>
    core.resample(pcm, 8000 * factor, 8000, sizes, resampling);

  /** Nothing is lost but half a step of 2¹⁶ in each of four lanes, and what is cut off below 2¹⁴. */
  const equalsExactly = (pcm: Int16Array, what: string): void => {
    const sums = filtered(pcm, taps, factor);
    heard(pcm).forEach((x, n) => {
      const expected = cut(sums[n]! / 2 ** 19);
      assert.ok(Math.abs(x - expected) < 0.501, `${what}, sample ${n}: ${x}, not ${expected}`);
    });
  };

  test(`${name}: full-scale noise equals the whole taps in exact numbers`, () => {
    equalsExactly(noise(factor * 4000, 5), 'noise');
  });

  test(`${name}: the worst samples for each lane, in each pass, do not overflow`, () => {
    const { fine, coarse, coarseFrom } = whole;
    // A lane of the coarse pass has taps of its own on top of what the fine pass left in it.
    const laneOfCoarse = (i: number): number => ((i - coarseFrom) >> 1) % 4;
    const inCoarse = (i: number): boolean => i >= coarseFrom && i < coarseFrom + coarse.length;
    for (let lane = 0; lane < 4; lane += 1) {
      const inFineLane = (i: number): boolean => (i >> 1) % 4 === lane;
      const patterns: ReadonlyArray<readonly [string, (i: number) => number]> = [
        ['all', (i) => taps[i]!],
        ['fine', (i) => fine[i]!],
        ['lane of fine', (i) => (inFineLane(i) ? fine[i]! : 0)],
        ['lane of fine, the others against it', (i) => (inFineLane(i) ? fine[i]! : -taps[i]!)],
        ['lane of coarse', (i) => (inCoarse(i) && laneOfCoarse(i) === lane ? taps[i]! : 0)],
        [
          'lane of both',
          (i) => (inCoarse(i) && laneOfCoarse(i) === lane ? coarse[i - coarseFrom]! : inFineLane(i) ? fine[i]! : 0),
        ],
      ];
      for (const [what, tap] of patterns) {
        for (const sign of [1, -1]) {
          const worst = Array.from(taps, (_, i) => {
            const towards = sign * Math.sign(tap(i));
            return towards > 0 ? 32767 : towards < 0 ? -32768 : 0;
          });
          // At the first, a middle and the last of four outputs that are made together.
          const gap = new Array<number>(factor * 5).fill(0);
          equalsExactly(
            Int16Array.from([...worst, ...gap, ...worst, ...gap, ...worst, ...gap]),
            `${what} ${lane}, sign ${sign}`,
          );
        }
      }
    }
  });

  test(`${name}: every tap is in sixteen bits, no lane can reach 2³¹, and a constant is exact`, () => {
    const { fine, coarse } = whole;
    for (const tap of [...fine, ...coarse]) assert.ok(Math.abs(tap) <= 32767);
    assert.is(fine.length % 8, 0);
    assert.is(coarse.length % 8, 0);
    for (let lane = 0; lane < 4; lane += 1) {
      const most = (values: readonly number[]): number =>
        values.reduce((sum, tap, i) => sum + ((i >> 1) % 4 === lane ? Math.abs(tap) * 32768 : 0), 0);
      const first = most(fine) + 2 ** 16 + 4;
      assert.ok(first < 2 ** 31, `lane ${lane}: ${first}`);
      assert.ok(first / 8 + most(coarse) + 1 < 2 ** 31, `lane ${lane} with the coarse taps`);
    }
    assert.is(
      taps.reduce((sum, tap) => sum + tap, 0),
      2 ** 19,
    );
    if (resampling !== 'minimum-phase') assert.equal([...taps.slice(1)].reverse(), taps.slice(1), 'symmetric');
    const level = heard(new Int16Array(factor * 800).fill(-32768)).subarray(-100);
    assert.ok(level.every((x) => x === -32768));
  });

  test(`${name}: on full-scale noise the filter in double precision is less than −90 dBFS away, sample by sample`, () => {
    const pcm = noise(factor * 8000, 11);
    const expected = filtered(pcm, exact, factor);
    const errors = Array.from(heard(pcm), (x, n) => x - cut(expected[n]!));
    const rms = Math.sqrt(errors.reduce((sum, x) => sum + x * x, 0) / errors.length);
    const most = Math.max(...errors.map(Math.abs));
    // Rounding to sixteen bits alone is 0.289 steps.
    assert.ok(rms < 0.34, `${rms} steps`);
    assert.ok(most < 1.1, `${most} steps`);
    assert.ok(20 * Math.log10(most / 32768) < -90);
  });

  test(`${name}: pieces of any length, longer than the line too, give the same samples`, () => {
    const pcm = noise(factor * 2500, 3);
    const whole480 = heard(pcm);
    for (const sizes of [[1], [factor], [4 * factor - 1, 1], [2879], [7, 2048, 1, 333]])
      assert.equal(heard(pcm, sizes), whole480, `pieces of ${sizes.join(', ')}`);
  });
}

test.run();
