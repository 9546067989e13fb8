/** The resampling of minimum phase: that it is one, as strict as the strict one, how late it is, and that the end of a phrase is heard. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decimatorTaps, wholeTaps } from '../../.dev/design-filters.ts';
import { groupDelayMs } from '../../.dev/minimum-phase.ts';
import { heardDelayMs } from '../../bench/resampling/heard-delay.ts';
import { RESAMPLINGS } from '../../src/dsp/dsp.ts';
import { resamplingNumber } from '../../src/dsp/resampling-number.ts';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const RATES = [8000, 16_000, 24_000, 48_000];
const PAIRS = RATES.flatMap((from) => RATES.filter((to) => to !== from).map((to) => ({ from, to })));
const FACTORS = [2, 3, 6];

/** What the core multiplies by, in whole numbers, over 2¹⁹: what the newest sample is multiplied by first. */
function tapsOf(quality: 'strict' | 'minimumPhase', factor: number): number[] {
  const { fine, coarse, coarseFrom } = wholeTaps(decimatorTaps(quality, factor));
  return fine.map((tap, i) => (tap + 8 * (coarse[i - coarseFrom] ?? 0)) / 2 ** 19).reverse();
}

/** The response at `hz`, or at a radius off the unit circle: a polynomial in 1/z. */
function response(taps: readonly number[], turns: number, radius = 1): [number, number] {
  let [re, im] = [0, 0];
  for (let n = taps.length - 1; n >= 0; n -= 1) {
    // Horner: times 1/z, plus the next tap.
    const [c, s] = [Math.cos(2 * Math.PI * turns) / radius, -Math.sin(2 * Math.PI * turns) / radius];
    [re, im] = [re * c - im * s + taps[n]!, re * s + im * c];
  }
  return [re, im];
}

const levelDb = (taps: readonly number[], hz: number, rateHz: number): number =>
  20 * Math.log10(Math.hypot(...response(taps, hz / rateHz)));

/** How many zeros lie outside a circle: how often the response turns around 0 on it. */
function zerosOutside(taps: readonly number[], radius: number): number {
  const points = taps.length * 400;
  let turned = 0;
  let [re, im] = response(taps, 0, radius);
  for (let k = 1; k <= points; k += 1) {
    const [a, b] = response(taps, -k / points, radius);
    turned += Math.atan2(b * re - a * im, a * re + b * im);
    [re, im] = [a, b];
  }
  return Math.round(turned / (2 * Math.PI));
}

for (const factor of FACTORS) {
  const rateHz = 8000 * factor;
  const strict = tapsOf('strict', factor);
  const minimum = tapsOf('minimumPhase', factor);

  test(`by ${factor}: in whole numbers the magnitude keeps the strict bounds, with no more taps`, () => {
    assert.ok(minimum.length <= strict.length);
    for (let hz = 0; hz <= 3400; hz += 5) {
      assert.ok(Math.abs(levelDb(minimum, hz, rateHz)) < 0.01, `${hz} Hz`);
      assert.ok(Math.abs(levelDb(minimum, hz, rateHz) - levelDb(strict, hz, rateHz)) < 0.02, `${hz} Hz`);
    }
    for (let hz = 4080; hz <= rateHz / 2; hz += 5) assert.ok(levelDb(minimum, hz, rateHz) < -77, `${hz} Hz`);
  });

  test(`by ${factor}: all zeros lie within or on the unit circle, of the strict one many do not`, () => {
    // Rounded taps move what lies on the circle by a little.
    assert.is(zerosOutside(minimum, 1.005), 0);
    assert.ok(zerosOutside(strict, 1.005) > 10);
  });

  test(`by ${factor}: it is sooner at every frequency, and after every sample more of the impulse is out`, () => {
    for (let hz = 10; hz < 4000; hz += 10)
      assert.ok(groupDelayMs(minimum, hz, rateHz) < groupDelayMs(strict, hz, rateHz), `${hz} Hz`);
    const total = (taps: readonly number[]): number => taps.reduce((sum, tap) => sum + tap * tap, 0);
    const energy = (taps: readonly number[], count: number): number => total(taps.slice(0, count)) / total(taps);
    for (let count = 1; count < strict.length - 1; count += 1)
      assert.ok(energy(minimum, count) >= energy(strict, count), `${count} taps`);
    assert.ok(energy(minimum, 8 * factor) > 0.9, `${energy(minimum, 8 * factor)} within eight output samples`);
  });

  test(`by ${factor}: the tone of 1 kHz is as late as it says, to half a sample; from 300 to 3,400 Hz within 0.9 ms`, () => {
    // From what is heard, not from the taps: the turn from one tone to its neighbour.
    const lateMs = (hz: number): number => {
      const [below, above] = [hz - 5, hz + 5].map((near) => phaseOf(near, factor)) as [number, number];
      const turns = (above - below) / (2 * Math.PI);
      return (-(turns - Math.round(turns)) / 10) * 1000;
    };
    const at1000 = lateMs(1000);
    assert.is(core.exports.resampleStart(rateHz, 8000, core.exports.RESAMPLING_MINIMUM_PHASE.value), 1);
    assert.ok(Math.abs(at1000 * 8 - core.exports.resampleDelay()) < 0.5, `${at1000} ms`);
    assert.ok(at1000 < 0.2, `${at1000} ms`);
    const delays = Array.from({ length: 32 }, (_, i) => lateMs(300 + i * 100));
    const spread = Math.max(...delays) - Math.min(...delays);
    assert.ok(spread < 0.9, `${spread} ms`);
    // The page says so: to 3.5 kHz no frequency is later than the soonest by as much as is heard.
    for (let hz = 300; hz <= 3500; hz += 100)
      assert.ok(lateMs(hz) - Math.min(...delays) < heardDelayMs(hz), `${hz} Hz`);
  });
}

test('how much of a delay is heard: the four figures, straight lines between them, and no more beyond them', () => {
  const near = (hz: number, ms: number): void => assert.ok(Math.abs(heardDelayMs(hz) - ms) < 1e-9, `${hz} Hz`);
  near(300, 3.2);
  near(500, 3.2);
  near(1000, 2);
  near(Math.SQRT2 * 1000, 1.5);
  near(2000, 1);
  near(4000, 1.5);
  near(7000, 1.5);
});

/** Phase of a tone behind the core, against what went in at the same time. */
function phaseOf(hz: number, factor: number): number {
  const input = Int16Array.from({ length: 8000 * factor }, (_, n) =>
    Math.round(30_000 * Math.sin((2 * Math.PI * hz * n) / (8000 * factor))),
  );
  const out = core.resample(input, 8000 * factor, 8000, [480], 'minimum-phase');
  let [sine, cosine] = [0, 0];
  // Whole periods of every 5 Hz.
  out.subarray(800, 800 + 6400).forEach((x, i) => {
    sine += x * Math.sin((2 * Math.PI * hz * (i + 800)) / 8000);
    cosine += x * Math.cos((2 * Math.PI * hz * (i + 800)) / 8000);
  });
  return Math.atan2(cosine, sine);
}

test('every pair of rates that is not 2, 3 or 6 samples to one is the strict one, sample for sample', () => {
  const pcm = Int16Array.from({ length: 3000 }, (_, n) => (Math.imul(n * n, 40_503) >>> 3) & 0x7fff);
  for (const { from, to } of PAIRS.filter(({ from, to }) => to > from || from % to !== 0)) {
    const out = core.resample(pcm, from, to, [480], 'minimum-phase');
    const delay = core.exports.resampleDelay();
    assert.equal(out, core.resample(pcm, from, to, [480], 'strict'), `${from} to ${to}`);
    assert.is(core.exports.resampleDelay(), delay);
  }
});

for (const resampling of RESAMPLINGS) {
  test(`${resampling}: behind the end something comes for as many samples as it says, and no longer`, () => {
    for (const { from, to } of PAIRS) {
      assert.is(core.exports.resampleStart(from, to, resamplingNumber(core.exports, resampling)), 1);
      const [tail, delay] = [core.exports.resampleTail(), core.exports.resampleDelay()];
      // Loud to its last sample, as a phrase that is broken off: what any frequency leaves behind.
      const phrase = Int16Array.from({ length: from / 50 }, (_, n) => ((n * 7919) % 13 < 6 ? 30_000 : -30_000));
      const whole = new Int16Array(from / 25);
      whole.set(phrase);
      const out = core.resample(whole, from, to, [from / 100], resampling);
      const behind = out.subarray(to / 50);
      const last = behind.findLastIndex((x) => x !== 0) + 1;
      const name = `${from} to ${to}: ${last} of ${tail}`;
      assert.ok(tail > delay && last <= tail, name);
      assert.ok(last > (tail * 2) / 3, name);
    }
  });

  test(`${resampling}: a call’s render brings all of the end of a phrase out, and then rests`, () => {
    const { exports: e } = core;
    for (const { from, to } of PAIRS) {
      const number = resamplingNumber(e, resampling);
      const frame = from / 100;
      const phrase = Int16Array.from({ length: frame * 3 }, (_, n) => ((n * 7919) % 13 < 6 ? 20_000 : -20_000));
      const zeros = new Int16Array(frame * 6);
      zeros.set(phrase);
      const expected = core.resample(zeros, from, to, [frame], resampling);
      assert.is(e.configure(2, to, 10, 2, to, 2, from, 2, number), e.CONFIGURED.value);
      const heard: number[] = [];
      for (let n = 0; n < 6; n += 1) {
        core.samples(e.SAID.value, frame).set(phrase.subarray(n * frame, n * frame + frame));
        e.render(n < 3 ? frame * 2 : 0);
        heard.push(...core.samples(e.WIRE_OUT.value, to / 100));
      }
      assert.equal(Int16Array.from(heard), expected, `${from} to ${to}`);
    }
  });

  test(`${resampling}: with a low-pass behind it too: nothing to say is as long as it must be what zeros are`, () => {
    const { exports: e } = core;
    const number = resamplingNumber(e, resampling);
    for (const { from, to } of PAIRS.filter(({ from: hz }) => hz > 8000)) {
      for (let lowPassHz = to / 40; lowPassHz < 0.4 * to; lowPassHz += to / 40) {
        const [said, zeros] = [false, true].map((zero) => {
          assert.is(e.configure(2, to, 10, 2, to, 2, from, 2, number), e.CONFIGURED.value);
          assert.is(e.setShaping(0, 24, lowPassHz), e.CONFIGURED.value);
          const heard: number[] = [];
          for (let n = 0; n < 12; n += 1) {
            const loud = (i: number): number => ((i * 7919) % 13 < 6 ? 32_767 : -32_768);
            core.samples(e.SAID.value, from / 100).forEach((_, i, frame) => (frame[i] = n < 2 ? loud(i) : 0));
            e.render(n < 2 || zero ? from / 50 : 0);
            heard.push(...core.samples(e.WIRE_OUT.value, to / 100));
          }
          return Int16Array.from(heard);
        });
        assert.equal(said, zeros, `${from} to ${to}, ${lowPassHz} Hz`);
      }
    }
  });
}

test.run();
