/** Rate conversion, measured: pass band, images, aliases, delay, and the same filter in slow double precision. */
import { readFileSync } from 'node:fs';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { decimatorTaps, downFilter, filterTables, upFilter } from '../../.dev/design-filters.ts';
import type { Resampling } from '../../src/dsp/dsp.ts';
import { RESAMPLINGS } from '../../src/dsp/dsp.ts';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const RATES = [8000, 16000, 24000, 48000];
const PAIRS = RATES.flatMap((from) => RATES.filter((to) => to !== from).map((to) => ({ from, to })));

function sine(hz: number, rate: number, samples: number, amplitude = 20000): Int16Array {
  return Int16Array.from({ length: samples }, (_, n) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * hz * n) / rate)),
  );
}

/** Delay in output samples: half of what the filter spans, upwards of input samples, downwards of output samples; 1 with minimum phase. */
function delayOf(from: number, to: number, resampling: Resampling): number {
  const lowDelay = resampling === 'low-delay';
  if (resampling === 'minimum-phase') return 1;
  if (to > from) return ((lowDelay ? 16 : 20) * to) / from;
  if (from % to !== 0) return lowDelay ? 16 : 26;
  return lowDelay ? 15 : 23;
}

/** Amplitude and phase of `hz`, and the RMS of all that is not it, by least squares over settled samples. */
function analyse(pcm: Int16Array, hz: number, rate: number): { gain: number; phase: number; restDb: number } {
  const from = 600;
  const settled = pcm.subarray(from, pcm.length - 100);
  let [cc, cs, ss, xc, xs] = [0, 0, 0, 0, 0];
  settled.forEach((x, i) => {
    const w = (2 * Math.PI * hz * (i + from)) / rate;
    const [c, s] = [Math.cos(w), Math.sin(w)];
    cc += c * c;
    cs += c * s;
    ss += s * s;
    xc += x * c;
    xs += x * s;
  });
  const det = cc * ss - cs * cs;
  const a = (xc * ss - xs * cs) / det;
  const b = (xs * cc - xc * cs) / det;
  let rest = 0;
  settled.forEach((x, i) => {
    const w = (2 * Math.PI * hz * (i + from)) / rate;
    rest += (x - a * Math.cos(w) - b * Math.sin(w)) ** 2;
  });
  const amplitude = Math.hypot(a, b);
  return {
    gain: amplitude,
    phase: Math.atan2(a, b),
    restDb: 10 * Math.log10((2 * rest) / settled.length / amplitude ** 2),
  };
}

/** Whether several samples make one: the only pairs of rates that minimum phase is something of its own for. */
const isWhole = (from: number, to: number): boolean => from > to && from % to === 0;
const QUALITIES = PAIRS.flatMap((pair) =>
  RESAMPLINGS.filter((resampling) => resampling !== 'minimum-phase' || isWhole(pair.from, pair.to)).map(
    (resampling) => ({ ...pair, resampling }),
  ),
);

for (const { from, to, resampling } of QUALITIES) {
  const lowDelay = resampling === 'low-delay';
  /** Everything scales with the slower rate: 1 for 8 kHz. */
  const scale = Math.min(from, to) / 8000;
  const name = `${from / 1000} → ${to / 1000} kHz, ${resampling}`;
  /** Beside a tone there is also the noise of sixteen bits. */
  const restDbMost = lowDelay ? -74 : -80;

  test(`${name}: flat within 0.01 dB, clean and in time, 300 to 3,400 Hz (scaled)`, () => {
    for (const hz of [300, 440, 1004, 1700, 2500, 3000, 3400].map((f) => f * scale)) {
      const out = core.resample(sine(hz, from, from / 4), from, to, [from / 50], resampling);
      const { gain, phase, restDb } = analyse(out, hz, to);
      const db = 20 * Math.log10(gain / 20000);
      assert.ok(Math.abs(db) < 0.01, `${hz} Hz: gain ${db} dB`);
      assert.ok(restDb < restDbMost, `${hz} Hz: images, aliases and noise ${restDb} dB`);
      // minimum-phase.test.ts says how late that is.
      if (resampling === 'minimum-phase') continue;
      const late = ((-phase / (2 * Math.PI)) * to) / hz - delayOf(from, to, resampling);
      const period = to / hz;
      const off = late - Math.round(late / period) * period;
      assert.ok(Math.abs(off) < 0.01, `${hz} Hz: ${off} samples beside its delay`);
    }
  });

  if (to < from) {
    const stopHz = lowDelay ? 4450 : 4080;
    test(`${name}: what would fold back is below −75 dB from ${stopHz} Hz (scaled) on`, () => {
      for (let hz = stopHz * scale; hz < from / 2; hz += 260 * scale) {
        const out = core.resample(sine(hz, from, from / 4), from, to, [from / 50], resampling).subarray(400);
        const rms = Math.sqrt(out.reduce((sum, x) => sum + x * x, 0) / out.length);
        const db = 20 * Math.log10(Math.max(rms, 1e-9) / (20000 / Math.SQRT2));
        assert.ok(db < -75, `${hz} Hz: ${db} dB`);
      }
    });
  }

  if (resampling !== 'minimum-phase') {
    test(`${name}: delay of at most ${lowDelay ? 2 : 3.25} ms, and a symmetric impulse response`, () => {
      const impulse = new Int16Array(from / 10);
      const up = Math.max(1, to / from);
      impulse[from / 100] = 30000;
      const out = [...core.resample(impulse, from, to, [from / 100], resampling)];
      const peak = out.indexOf(Math.max(...out));
      const delay = peak - to / 100;
      assert.is(delay, delayOf(from, to, resampling));
      assert.is(core.exports.resampleDelay(), delay);
      assert.ok((delay * 1000) / to <= (lowDelay ? 2 : 3.25));
      for (let k = 1; k < 16 * up; k += 1) assert.is(out[peak - k], out[peak + k], `${k} from the peak`);
    });
  }

  test(`${name}: equals the same filter in double precision, on noise, within one step`, () => {
    // Half a step is rounding; the taps of whole factors down are whole numbers (decimate.test.ts says more).
    const most = from % to === 0 ? 0.56 : 0.51;
    let seed = 7;
    const noise = Int16Array.from({ length: from / 20 }, () => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return (seed >> 8) % 8000;
    });
    const out = core.resample(noise, from, to, [from / 100], resampling);
    const expected = slowResample(noise, from, to, resampling);
    assert.is(out.length, expected.length);
    out.forEach((x, n) =>
      assert.ok(Math.abs(x - (expected[n] ?? NaN)) <= most, `sample ${n}: ${x}, not ${expected[n]}`),
    );
  });

  test(`${name}: a constant stays what it is, and full scale does not wrap`, () => {
    const level = core
      .resample(new Int16Array(from / 10).fill(-12345), from, to, [from / 50], resampling)
      .subarray(-200);
    assert.ok(level.every((x) => x === -12345));
    const square = Int16Array.from({ length: from / 10 }, (_, n) =>
      Math.floor(n / (from / 400)) % 2 ? 32767 : -32768,
    );
    const out = core.resample(square, from, to, [from / 50], resampling);
    const source = (n: number): number => square[Math.round(((n - delayOf(from, to, resampling)) * from) / to)] ?? 0;
    out.forEach((x, n) => {
      if (Math.abs(x) > 25000) assert.ok(Math.sign(x) === Math.sign(source(n)) || nearEdge(source, n, to / from));
    });
  });
}

/** Within two samples of the slower rate of a change of sign, where a band-limited step crosses zero. */
function nearEdge(source: (n: number) => number, n: number, ratio: number): boolean {
  const reach = Math.ceil(2 * Math.max(1, ratio));
  return Math.sign(source(n - reach)) !== Math.sign(source(n + reach));
}

/**
 * The definition, in f64: zeros between the inputs, the whole filter over them, every `down`th of the result. Nothing of
 * phases, pairs, streams or blocks.
 */
function slowResample(pcm: Int16Array, from: number, to: number, resampling: Resampling): number[] {
  const divisor = [48000, 24000, 16000, 8000].find((hz) => from % hz === 0 && to % hz === 0) ?? 8000;
  const [up, down] = [to / divisor, from / divisor];
  if (resampling === 'minimum-phase') {
    const newestFirst = decimatorTaps('minimumPhase', down).reverse();
    const outputs = Array.from({ length: Math.floor(pcm.length / down) }, (_, n) => n * down + down - 1);
    return outputs.map((at) => newestFirst.reduce((sum, tap, k) => sum + tap * (pcm[at - k] ?? 0), 0));
  }
  const quality = resampling === 'low-delay' ? 'lowDelay' : 'strict';
  const half = to > from ? upFilter(quality).filter((_, i) => i % (6 / up) === 0) : downFilter(quality, from / to);
  const delay = delayOf(from, to, resampling) * down;
  return Array.from({ length: Math.floor((pcm.length * up) / down) }, (_, n) => {
    let [sum, total] = [0, 0];
    for (let k = 1 - half.length; k < half.length; k += 1) {
      const at = n * down - delay + k;
      if (at % up !== 0) continue;
      const tap = half[Math.abs(k)]!;
      total += tap;
      sum += tap * (pcm[at / up] ?? 0);
    }
    return Math.max(-32768, Math.min(32767, sum / total));
  });
}

test('up: images are below −87 dB, −75 dB with low delay, everywhere above 4.6 kHz (scaled)', () => {
  for (const [quality, mostDb] of [
    ['strict', -87],
    ['lowDelay', -75],
  ] as const) {
    const half = upFilter(quality);
    const response = (hz: number): number =>
      half.reduce((sum, tap, i) => sum + (i === 0 ? 1 : 2) * tap * Math.cos((2 * Math.PI * hz * i) / 48000), 0) / 6;
    for (let hz = 4600; hz <= 24000; hz += 20)
      assert.ok(20 * Math.log10(Math.abs(response(hz))) < mostDb, `${quality}: ${hz} Hz`);
    for (let hz = 0; hz <= 3400; hz += 20)
      assert.ok(Math.abs(20 * Math.log10(response(hz))) < 0.01, `${quality}: ${hz} Hz`);
  }
});

test('down: flat within 0.01 dB to 3.4 kHz and below −75 dB from the stop edge on, by each filter', () => {
  for (const [quality, stopHz] of [
    ['strict', 4080],
    ['lowDelay', 4450],
  ] as const) {
    for (const factor of [2, 3, 6, 1.5]) {
      const half = downFilter(quality, factor);
      const rateHz = 8000 * (factor === 1.5 ? 3 : factor);
      const response = (hz: number): number =>
        half.reduce((sum, tap, i) => sum + (i === 0 ? 1 : 2) * tap * Math.cos((2 * Math.PI * hz * i) / rateHz), 0);
      for (let hz = 0; hz <= 3400; hz += 10)
        assert.ok(Math.abs(20 * Math.log10(response(hz))) < 0.01, `${quality} ${factor}: ${hz} Hz`);
      for (let hz = stopHz; hz <= rateHz / 2; hz += 10)
        assert.ok(20 * Math.log10(Math.abs(response(hz))) < -75, `${quality} ${factor}: ${hz} Hz`);
    }
  }
});

test('the tables of the core are what the script designs', () => {
  assert.is(readFileSync(new URL('../../assembly/filter-tables.ts', import.meta.url), 'utf8'), filterTables());
});

test('hours of a stream, cut anyhow, make exactly as many samples as its rate says', () => {
  for (const [from, to, hours] of [
    [8000, 24000, 2],
    [24000, 8000, 2],
    [16000, 24000, 0.5],
    [24000, 16000, 0.5],
    [8000, 48000, 0.5],
    [48000, 8000, 0.5],
  ] as const) {
    assert.is(core.exports.resampleStart(from, to, 0), 1);
    core.samples(core.from, 887).fill(1000);
    const all = hours * 3600 * from;
    let [given, made] = [0, 0];
    while (given < all) {
      const samples = Math.min(given % 2 === 0 ? (to === 48_000 ? 467 : 887) : 480, all - given);
      made += core.exports.resample(core.to, core.from, samples);
      given += samples;
    }
    assert.is(made, hours * 3600 * to);
    assert.is(core.samples(core.to, 10)[9], 1000);
  }
});

test('a sweep comes out with a steady level to 3.4 kHz and is gone behind the stop edge', () => {
  const from = 48000;
  const seconds = 4;
  // 0 to 8 kHz, linear: the frequency at a time is known.
  const sweep = Int16Array.from({ length: from * seconds }, (_, n) =>
    Math.round(20000 * Math.sin(2 * Math.PI * 1000 * (n / from) ** 2)),
  );
  const out = core.resample(sweep, from, 8000, [960]);
  for (let at = 160; at + 160 < out.length; at += 160) {
    const hz = 2000 * ((at + 80 - 23) / 8000);
    const piece = out.subarray(at, at + 160);
    const db = 10 * Math.log10((2 * piece.reduce((sum, x) => sum + x * x, 0)) / piece.length / 20000 ** 2 + 1e-12);
    if (hz > 300 && hz < 3300) assert.ok(Math.abs(db) < 0.3, `${hz} Hz: ${db} dB`);
    if (hz > 4200) assert.ok(db < -70, `${hz} Hz: ${db} dB`);
  }
});

test('the cut into frames does not show, whatever the frames', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...QUALITIES),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
      fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 30, maxLength: 60 }),
      ({ from, to, resampling }, sizes, pattern) => {
        const pcm = Int16Array.from({ length: 1500 }, (_, n) => pattern[(n * n) % pattern.length] ?? 0);
        assert.equal(core.resample(pcm, from, to, sizes, resampling), core.resample(pcm, from, to, [480], resampling));
      },
    ),
    { numRuns: 60 },
  );
});

test('to the same rate, samples come out as they are', () => {
  const pcm = Int16Array.from({ length: 3000 }, (_, n) => ((n * 40_503) & 0xffff) - 32768);
  for (const rate of RATES) {
    const out = core.resample(pcm, rate, rate, [1, 480, 37]);
    assert.equal(out.subarray(20), pcm.subarray(0, -20));
    assert.is(core.exports.resampleDelay(), 20);
  }
});

test('a rate that the chain does not run at is refused', () => {
  for (const [from, to] of [
    [8000, 11025],
    [44100, 8000],
    [0, 8000],
    [8000, -16000],
  ] as const) {
    assert.is(core.exports.resampleStart(from, to, 0), 0);
  }
});

test.run();
