/** Rate conversion, measured: pass band, images, aliases, delay, and the same filter in slow double precision. */
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const RATES = [8000, 16000, 24000, 48000];
const PAIRS = RATES.flatMap((from) => RATES.filter((to) => to !== from).map((to) => ({ from, to })));

function sine(hz: number, rate: number, samples: number, amplitude = 20000): Int16Array {
  return Int16Array.from({ length: samples }, (_, n) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * hz * n) / rate)),
  );
}

/** Delay in output samples: 20 input samples upwards, 32 output samples downwards (resample.ts). */
function delayOf(from: number, to: number): number {
  return to > from ? (20 * to) / from : 32;
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

for (const { from, to } of PAIRS) {
  /** Everything scales with the slower rate: 1 for 8 kHz. */
  const scale = Math.min(from, to) / 8000;
  const name = `${from / 1000} → ${to / 1000} kHz`;

  test(`${name}: flat within 0.02 dB, clean to −80 dB and in time, 300 to 3,400 Hz (scaled)`, () => {
    for (const hz of [300, 440, 1004, 1700, 2500, 3000, 3400].map((f) => f * scale)) {
      const out = core.resample(sine(hz, from, from / 4), from, to, [from / 50]);
      const { gain, phase, restDb } = analyse(out, hz, to);
      const db = 20 * Math.log10(gain / 20000);
      assert.ok(Math.abs(db) < 0.02, `${hz} Hz: gain ${db} dB`);
      assert.ok(restDb < -80, `${hz} Hz: images, aliases and noise ${restDb} dB`);
      const late = ((-phase / (2 * Math.PI)) * to) / hz - delayOf(from, to);
      const period = to / hz;
      const off = late - Math.round(late / period) * period;
      assert.ok(Math.abs(off) < 0.01, `${hz} Hz: ${off} samples beside its delay`);
    }
  });

  if (to < from) {
    test(`${name}: what would fold back is below −75 dB from 4,080 Hz (scaled) on`, () => {
      for (let hz = 4080 * scale; hz < from / 2; hz += 260 * scale) {
        const out = core.resample(sine(hz, from, from / 4), from, to, [from / 50]).subarray(400);
        const rms = Math.sqrt(out.reduce((sum, x) => sum + x * x, 0) / out.length);
        const db = 20 * Math.log10(Math.max(rms, 1e-9) / (20000 / Math.SQRT2));
        assert.ok(db < -75, `${hz} Hz: ${db} dB`);
      }
    });
  }

  test(`${name}: delay of at most 4 ms, and a symmetric impulse response`, () => {
    const impulse = new Int16Array(from / 10);
    const up = Math.max(1, to / from);
    impulse[from / 100] = 30000;
    const out = [...core.resample(impulse, from, to, [from / 100])];
    const peak = out.indexOf(Math.max(...out));
    const delay = peak - to / 100;
    assert.is(delay, delayOf(from, to));
    assert.ok((delay * 1000) / to <= 4);
    for (let k = 1; k < 20 * up; k += 1) assert.is(out[peak - k], out[peak + k], `${k} from the peak`);
  });

  test(`${name}: equals the same filter in double precision, on noise, within one step`, () => {
    let seed = 7;
    const noise = Int16Array.from({ length: from / 20 }, () => {
      seed = (seed * 1103515245 + 12345) % 2 ** 31;
      return (seed >> 8) % 8000;
    });
    const out = core.resample(noise, from, to, [from / 100]);
    const expected = slowResample(noise, from, to);
    assert.is(out.length, expected.length);
    out.forEach((x, n) =>
      assert.ok(Math.abs(x - (expected[n] ?? NaN)) <= 0.51, `sample ${n}: ${x}, not ${expected[n]}`),
    );
  });

  test(`${name}: a constant stays what it is, and full scale does not wrap`, () => {
    const level = core.resample(new Int16Array(from / 10).fill(-12345), from, to, [from / 50]).subarray(-200);
    assert.ok(level.every((x) => x === -12345));
    const square = Int16Array.from({ length: from / 10 }, (_, n) =>
      Math.floor(n / (from / 400)) % 2 ? 32767 : -32768,
    );
    const out = core.resample(square, from, to, [from / 50]);
    const source = (n: number): number => square[Math.round(((n - delayOf(from, to)) * from) / to)] ?? 0;
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

/** Kaiser-windowed sinc evaluated at every distance, in f64, without phases, blocks or tables. */
function slowResample(pcm: Int16Array, from: number, to: number): number[] {
  const rising = to > from;
  const half = rising ? 20 : 32;
  const cut = rising ? 1 : 2 * 0.4644;
  const beta = rising ? 8.96 : 7.86;
  /** Samples of the slower rate for one input sample. */
  const unit = rising ? 1 : to / from;
  const reach = half / unit;
  const h = (t: number): number =>
    Math.abs(t) >= half - 1e-9 ? 0 : sinc(cut * t) * (bessel(beta * Math.sqrt(1 - (t / half) ** 2)) / bessel(beta));
  const weights = new Map<number, number[]>();
  return Array.from({ length: Math.ceil((pcm.length * to) / from) }, (_, n) => {
    const centre = (n * from) / to - reach;
    const first = Math.ceil(centre - reach);
    const key = Math.round((centre - Math.floor(centre)) * 6);
    let phase = weights.get(key);
    if (phase === undefined) {
      phase = Array.from({ length: 2 * reach + 1 }, (_, k) => h((first + k - centre) * unit));
      const total = phase.reduce((a, b) => a + b, 0);
      phase = phase.map((w) => w / total);
      weights.set(key, phase);
    }
    const sum = phase.reduce((a, w, k) => a + w * (pcm[first + k] ?? 0), 0);
    return Math.max(-32768, Math.min(32767, sum));
  });
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k += 1) {
    term *= (x / 2 / k) ** 2;
    sum += term;
  }
  return sum;
}

test('the cut into frames does not show, whatever the frames', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...PAIRS),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 12 }),
      fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 30, maxLength: 60 }),
      ({ from, to }, sizes, pattern) => {
        const pcm = Int16Array.from({ length: 1500 }, (_, n) => pattern[(n * n) % pattern.length] ?? 0);
        assert.equal(core.resample(pcm, from, to, sizes), core.resample(pcm, from, to, [480]));
      },
    ),
    { numRuns: 60 },
  );
});

test('a rate that the chain does not run at is refused', () => {
  for (const [from, to] of [
    [8000, 11025],
    [44100, 8000],
    [0, 8000],
    [8000, -16000],
  ] as const) {
    assert.is(core.exports.resampleStart(from, to), 0);
  }
});

test.run();
