/** What the neural detector hears, against a slow reference by the definitions; and its arithmetic against Math. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gaussian } from '../dsp/speech.ts';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const { exports } = core;
const features = new Float32Array(
  exports.memory.buffer,
  exports.NEURAL_FEATURES.value,
  exports.NEURAL_FEATURE_COUNT.value,
);

function hear(pcm: Int16Array): number[][] {
  exports.featuresStart();
  return Array.from({ length: Math.floor(pcm.length / 80) }, (_, hop) => {
    core.samples(core.from, 80).set(pcm.subarray(hop * 80, hop * 80 + 80));
    exports.featuresHop(core.from);
    return [...features];
  });
}

const EDGES = [3, 6, 9, 12, 15, 18, 22, 26, 30, 35, 40, 46, 52, 59, 66, 74, 82, 91, 100, 111, 122];
const SILENCE = 50;
const SHAPE = Array.from({ length: 256 }, (_, n) =>
  n < 208 ? Math.sin((Math.PI / 2) * ((n + 0.5) / 208)) ** 2 : Math.sin((Math.PI / 2) * ((255.5 - n) / 48)) ** 2,
);
const NORM = Math.sqrt(SHAPE.reduce((sum, w) => sum + w * w, 0));
const WINDOW = SHAPE.map((w) => w / NORM);

/** Power of bins 0..127 of the 256 samples that end with hop `hop`. */
function spectrum(pcm: Int16Array, hop: number): number[] {
  const end = (hop + 1) * 80;
  return Array.from({ length: 128 }, (_, bin) => {
    let [re, im] = [0, 0];
    for (let n = 0; n < 256; n += 1) {
      const x = (pcm[end - 256 + n] ?? 0) * (WINDOW[n] ?? 0);
      re += x * Math.cos((2 * Math.PI * bin * n) / 256);
      im += x * Math.sin((2 * Math.PI * bin * n) / 256);
    }
    return re * re + im * im;
  });
}

const mean = (values: readonly number[]): number => values.reduce((sum, x) => sum + x, 0) / values.length;
const bandsOf = (powers: readonly number[]): number[] =>
  EDGES.slice(1).map((end, band) => Math.log(mean(powers.slice(EDGES[band], end)) + SILENCE));

test('every feature is what its definition says, on noise with a voice-like sound in it', () => {
  const random = gaussian(4);
  const pcm = Int16Array.from({ length: 80 * 40 }, (_, n) => {
    const buzz =
      n > 1600 ? [2, 3, 4, 5, 6, 9, 12].reduce((sum, k) => sum + Math.cos(2 * Math.PI * 0.0175 * k * n + k * k), 0) : 0;
    return 60 * random() + 700 * buzz;
  });
  const heard = hear(pcm);
  let smoothed: number[] = [];
  let floor: number[] = [];
  let before: number[] = [];
  let loudest = 8.1;
  for (let hop = 0; hop < 40; hop += 1) {
    const powers = spectrum(pcm, hop);
    const logs = bandsOf(powers);
    const level = Math.log(mean(powers.slice(3, 122)) + SILENCE);
    if (hop === 0) [smoothed, before] = [logs, logs];
    smoothed = logs.map((log, band) => 0.6 * (smoothed[band] ?? 0) + 0.4 * log);
    // No half of the minimum search ends within 40 hops, but the one that begins with the first.
    floor = hop === 0 ? smoothed : smoothed.map((x, band) => Math.min(x, floor[band] ?? 0));
    loudest = level > loudest ? loudest + 0.2 * (level - loudest) : Math.max(8.1, loudest - 0.003);
    const heights = logs.map((log, band) => log - (floor[band] ?? 0));
    const weights = heights.map((height) => Math.min(1, Math.max(0, (height - 1) / 2)));
    const expected = [
      ...heights,
      ...logs.map((log) => log - loudest),
      level - Math.log(SILENCE),
      mean(heights),
      level - loudest,
      mean(logs) - level,
      mean(weights),
      mean(logs.map((log, band) => Math.abs(log - (before[band] ?? 0)))),
    ];
    expected.forEach((value, k) => {
      const ours = heard[hop]?.[k] ?? NaN;
      assert.ok(Math.abs(ours - value) < 3e-3, `hop ${hop}, feature ${k}: ${ours}, ${value}`);
    });
    before = logs;
  }
});

test('a periodic sound says so and names its period; noise and silence do not', () => {
  const random = gaussian(6);
  const quiet = (n: number, x: number): number => (n < 2400 ? 0 : x) + 30 * random();
  for (const hz of [80, 110, 160, 220, 330]) {
    const parts = Array.from({ length: Math.floor(3400 / hz) }, (_, k) => k + 1).filter((k) => k * hz > 300);
    const voice = Int16Array.from({ length: 8000 }, (_, n) =>
      quiet(n, 400 * parts.reduce((sum, k) => sum + Math.cos((2 * Math.PI * k * hz * n) / 8000 + k * k), 0)),
    );
    for (const heard of hear(voice).slice(40)) {
      const [periodic = 0, period = 0] = heard.slice(46);
      assert.ok(periodic > 0.45, `${hz} Hz: ${periodic}`);
      // The period, or twice it.
      const turns = (period * 128 * hz) / 8000;
      assert.ok(Math.abs(turns - Math.round(turns)) < 0.06 && turns < 5, `${hz} Hz: ${turns}`);
    }
  }
  const noise = Int16Array.from({ length: 8000 }, (_, n) => quiet(n, 2000 * random()));
  assert.ok(
    mean(
      hear(noise)
        .slice(40)
        .map((heard) => heard[46] ?? 1),
    ) < 0.3,
  );
  assert.ok(hear(new Int16Array(4000)).every((heard) => heard[46] === 0));
});

test('a level that never changes is learned: after 2 s nothing stands above its floor', () => {
  const random = gaussian(7);
  const pcm = Int16Array.from({ length: 40_000 }, () => 800 * random());
  const heights = hear(pcm).map((heard) => heard[41] ?? NaN);
  assert.ok(mean(heights.slice(250)) < 2.2, String(mean(heights.slice(250))));
  const louder = Int16Array.from({ length: 64_000 }, (_, n) => (n < 24_000 ? 80 : 800) * random());
  const after = hear(louder).map((heard) => heard[41] ?? NaN);
  assert.ok(mean(after.slice(310, 350)) > 3.5);
  assert.ok(mean(after.slice(520)) < 2.2);
});

test.run();
