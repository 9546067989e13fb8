/** The shaping of the agent's voice: the low-pass against formula and SoX, the compressor against its curve and times. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { measureTone, sine } from '../dsp/wire.ts';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const { exports } = core;
const RATES_HZ = [8000, 16000, 24000, 48000] as const;
/** A cut-off at which the low-pass is not there. */
const OPEN_HZ = 48_000;
const CEILING = 29_204;

interface Shape {
  readonly thresholdDb?: number;
  readonly makeupDb?: number;
  readonly lowPassHz?: number;
  readonly rateHz?: number;
}

function start({ thresholdDb = 0, makeupDb = 0, lowPassHz = OPEN_HZ, rateHz = 8000 }: Shape): void {
  exports.shapingStart(thresholdDb, makeupDb, lowPassHz, rateHz);
}

/** Runs `pcm` on, in pieces of `sizes` (repeated). */
function feed(pcm: Int16Array, sizes: readonly number[] = [160]): Int16Array {
  const out = new Int16Array(pcm.length);
  let at = 0;
  for (let turn = 0; at < pcm.length; turn += 1) {
    const piece = pcm.subarray(at, at + (sizes[turn % sizes.length] ?? 160));
    core.samples(core.from, piece.length).set(piece);
    exports.shapingApply(core.from, piece.length);
    out.set(core.samples(core.from, piece.length), at);
    at += piece.length;
  }
  return out;
}

/** A reproducible number in −1..1 at each call. */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  };
}

/** The magnitude of a Butterworth filter of order 4 behind the bilinear transform, dB. */
function butterworthDb(hz: number, cutHz: number, rateHz: number): number {
  const ratio = Math.tan((Math.PI * hz) / rateHz) / Math.tan((Math.PI * cutHz) / rateHz);
  return -10 * Math.log10(1 + ratio ** 8);
}

/** The curve of a compressor with ratio 3:1 and a quadratic knee of 6 dB: level out for level in. */
function curveDb(levelDb: number, thresholdDb: number, makeupDb: number): number {
  const over = levelDb - thresholdDb;
  if (over <= -3) return levelDb + makeupDb;
  if (over >= 3) return thresholdDb + over / 3 + makeupDb;
  return levelDb + (1 / 3 - 1) * ((over + 3) ** 2 / 12) + makeupDb;
}

/** Full-scale sines have −3.01 dBov. */
const amplitudeOf = (dBov: number): number => 32768 * Math.SQRT2 * 10 ** (dBov / 20);
const levelOf = (amplitude: number): number => 20 * Math.log10(amplitude / (32768 * Math.SQRT2));

for (const rateHz of RATES_HZ) {
  test(`at ${rateHz} Hz the low-pass is a Butterworth filter of order 4`, () => {
    for (const share of [0.0125, 0.05, 0.125, 0.25, 0.4, 0.425, 0.449]) {
      const cutHz = share * rateHz;
      for (const ratio of [0.1, 0.5, 0.8, 0.95, 1, 1.05, 1.25, 2, 3.5]) {
        const hz = cutHz * ratio;
        const expected = butterworthDb(hz, cutHz, rateHz);
        if (hz < 20 || hz > 0.49 * rateHz || expected < -50) continue;
        start({ lowPassHz: cutHz, rateHz });
        const samples = rateHz;
        const out = feed(sine(hz, rateHz, 0, samples, 8000)).subarray(samples / 4);
        const gainDb = 20 * Math.log10(measureTone(out, hz, rateHz).amplitude / 8000);
        assert.ok(Math.abs(gainDb - expected) < 0.05, `${hz} Hz, cut ${cutHz}: ${gainDb} dB, not ${expected}`);
        if (ratio === 1) assert.ok(Math.abs(gainDb + 3.01) < 0.02, `at the cut-off ${gainDb} dB`);
      }
    }
  });
}

test('the impulse response is that of SoX', () => {
  // sox -t raw -r RATE -e signed -b 32 (one sample of 2³⁰) lowpass -2 CUT 0.541196q lowpass -2 CUT 1.306563q, over 2¹⁶.
  const known: readonly [number, number, readonly number[]][] = [
    [
      8000,
      3400,
      [8791.466, 10781.131, -3696.411, -359.208, 2193.003, -2540.216, 2029.824, -1157.605, 273.707, 412.677, -813.489],
    ],
    [
      8000,
      1000,
      [167.272, 998.352, 2678.455, 4329.618, 4743.526, 3641.947, 1749.032, 36.237, -897.334, -1000.569, -596.213],
    ],
    [
      16000,
      3400,
      [924.018, 4237.747, 7478.703, 5680.255, 336.746, -2307.322, -993.364, 695.02, 688.356, -83.265, -343.049],
    ],
  ];
  for (const [rateHz, lowPassHz, response] of known) {
    start({ lowPassHz, rateHz });
    const impulse = new Int16Array(400);
    impulse[0] = 16384;
    const out = feed(impulse);
    response.forEach((x, n) => assert.ok(Math.abs((out[n] ?? 0) - x) <= 0.51, `${rateHz}, ${n}: ${out[n]}, not ${x}`));
  }
});

test('from 0.45 of the rate on the low-pass is not there: quiet samples pass bit for bit', () => {
  const next = chance(3);
  const pcm = Int16Array.from({ length: 1600 }, () => Math.round(next() * 12000));
  for (const rateHz of RATES_HZ) {
    start({ rateHz, lowPassHz: 0.45 * rateHz });
    assert.equal(feed(pcm), pcm);
    start({ rateHz, lowPassHz: 0.4499 * rateHz });
    assert.not.equal(feed(pcm), pcm);
  }
});

test('what has stopped is silence soon, and then leaves nothing behind: no state too small to be quick', () => {
  for (const rateHz of RATES_HZ) {
    for (const lowPassHz of [100, 0.1 * rateHz, 0.44 * rateHz]) {
      start({ rateHz, lowPassHz, thresholdDb: -18, makeupDb: 24 });
      feed(new Int16Array(160));
      const fresh = core.bytes(0, exports.memory.buffer.byteLength).slice();
      const next = chance(9);
      feed(Int16Array.from({ length: rateHz / 2 }, () => Math.round(next() * 32767)));
      const tail = feed(new Int16Array(4 * rateHz), [160]);
      assert.ok(
        tail.subarray(rateHz / 8).every((x) => x === 0),
        `${rateHz}, ${lowPassHz}: still sounding after 125 ms`,
      );
      assert.is(
        Buffer.compare(core.bytes(0, fresh.length), fresh),
        0,
        `${rateHz}, ${lowPassHz}: the state is not fresh`,
      );
    }
  }
});

for (const hz of [200, 440, 1004, 3100]) {
  test(`a steady sine of ${hz} Hz comes out on the curve`, () => {
    for (const rateHz of hz === 1004 ? RATES_HZ : [8000]) {
      for (const [thresholdDb, makeupDb] of [
        [-18, 3],
        [-18, 0],
        [-30, 6],
        [-6, 0],
        [-60, 24],
        [0, 0],
      ] as const) {
        for (let level = -40; level <= -3; level += 1) {
          const expected = curveDb(level, thresholdDb, makeupDb);
          // A sine that meets the ceiling is not a sine any more.
          if (expected > -4.2) continue;
          start({ thresholdDb, makeupDb, rateHz });
          const pcm = sine(hz, rateHz, 0, rateHz / 2, Math.min(32767, amplitudeOf(level)));
          const out = feed(pcm).subarray(rateHz / 4);
          const measured = levelOf(measureTone(out, hz, rateHz).amplitude);
          assert.ok(
            Math.abs(measured - expected) < 0.5,
            `${rateHz} Hz, threshold ${thresholdDb}, make-up ${makeupDb}: ${level} comes out as ${measured}, not ${expected}`,
          );
        }
      }
    }
  });
}

/** The gain in dB of every millisecond (at its end) of a square wave whose steps have the given levels, each `ms` long. */
function gainsOf(levels: readonly number[], ms: number, rateHz: number): number[] {
  const perMs = rateHz / 1000;
  const magnitude = (n: number): number => 32768 * 10 ** ((levels[Math.floor(n / (ms * perMs))] ?? 0) / 20);
  const pcm = Int16Array.from({ length: levels.length * ms * perMs }, (_, n) =>
    Math.round(n % 2 === 0 ? magnitude(n) : -magnitude(n)),
  );
  const out = feed(pcm);
  return Array.from({ length: levels.length * ms }, (_, n) => {
    const last = (n + 1) * perMs - 1;
    return 20 * Math.log10(Math.abs((out[last] ?? 0) / (pcm[last] ?? 1)));
  });
}

test('a square wave, whose square has no ripple, is within 0.02 dB of the curve, in the knee and outside it', () => {
  for (const [thresholdDb, makeupDb] of [
    [-18, 0],
    [-30, 6],
    [-40, 12],
  ] as const) {
    for (let level = -36; level <= -6; level += 0.5) {
      start({ thresholdDb, makeupDb });
      const gain = gainsOf([level], 250, 8000).at(-1) ?? 0;
      const expected = curveDb(level, thresholdDb, makeupDb) - level;
      assert.ok(Math.abs(gain - expected) < 0.02, `threshold ${thresholdDb}: ${level} gains ${gain}, not ${expected}`);
    }
  }
});

test('attack: the reduction follows one pole of 5 ms, one millisecond late', () => {
  for (const rateHz of RATES_HZ) {
    start({ thresholdDb: -18, rateHz });
    // A square wave has no ripple in its square, so the level at each millisecond is known in closed form.
    const gains = gainsOf([-40, -6], 500, rateHz);
    assert.ok(Math.abs(gains[499] ?? 1) < 0.01, 'quiet is left alone');
    const final = curveDb(-6, -18, 0) + 6;
    assert.ok(Math.abs((gains[999] ?? 0) - final) < 0.02, `ends at ${gains[999]}`);
    for (let t = 1; t < 40; t += 1) {
      const level = -6 + 10 * Math.log10(1 - Math.exp(-t / 5) * (1 - 10 ** (-34 / 10)));
      const expected = curveDb(level, -18, 0) - level;
      assert.ok(Math.abs((gains[500 + t] ?? 0) - expected) < 0.05, `${t} ms: ${gains[500 + t]}, not ${expected}`);
    }
    const reached = gains.slice(500).findIndex((gain) => gain < 0.632 * final);
    assert.ok(reached >= 2 && reached <= 5, `63 % after ${reached} ms`);
    const nearly = gains.slice(500).findIndex((gain) => gain < 0.9 * final);
    assert.ok(nearly >= 5 && nearly <= 10, `90 % after ${nearly} ms`);
  }
});

test('release: the reduction falls back through one pole of 120 ms', () => {
  for (const rateHz of RATES_HZ) {
    start({ thresholdDb: -18, rateHz });
    const gains = gainsOf([-6, -40], 1000, rateHz);
    const final = gains[999] ?? 0;
    assert.ok(Math.abs(final + 8) < 0.05);
    const gone = gains.slice(1000).findIndex((gain) => gain > 0.368 * final);
    assert.ok(gone >= 115 && gone <= 140, `63 % after ${gone} ms`);
    // Once the level is below the knee it is an exponential in dB, and nothing else.
    for (let t = 1050; t < 1250; t += 50) {
      const kept = (gains[t + 50] ?? 0) / (gains[t] ?? 1);
      assert.ok(Math.abs(kept - Math.exp(-50 / 120)) < 0.02, `${t} ms: ${kept} is left after 50 ms`);
    }
    assert.ok((gains[1999] ?? -1) > -0.02);
  }
});

test('a loud word does not make the next quiet one disappear: gain never exceeds the make-up and never drops below the curve', () => {
  start({ thresholdDb: -24, makeupDb: 6 });
  const gains = gainsOf([-40, -10, -40, -30, -4, -50], 150, 8000);
  const least = curveDb(-4, -24, 6) + 4;
  for (const gain of gains) assert.ok(gain < 6.06 && gain > least - 0.06, `${gain} dB`);
});

test('never above −1 dB of overload, never wrapped, at full scale and the highest make-up', () => {
  const next = chance(77);
  const signals: readonly Int16Array[] = [
    Int16Array.from({ length: 8000 }, () => Math.round(next() * 32767)),
    Int16Array.from({ length: 8000 }, (_, n) => (Math.floor(n / 37) % 2 === 0 ? 32767 : -32768)),
    Int16Array.from({ length: 8000 }, () => -32768),
    Int16Array.from({ length: 8000 }, (_, n) => (n % 2 === 0 ? 32767 : -32768)),
    sine(300, 8000, 0, 8000, 32767),
  ];
  for (const pcm of signals) {
    start({ thresholdDb: 0, makeupDb: 24 });
    const out = feed(pcm);
    assert.ok(out.some((x) => Math.abs(x) === CEILING));
    out.forEach((x, n) => {
      assert.ok(Math.abs(x) <= CEILING, `${x}`);
      assert.ok(Math.sign(x) === Math.sign(pcm[n] ?? 0), `sample ${n}: ${pcm[n]} became ${x}`);
    });
    for (const lowPassHz of [100, 1000, 3400]) {
      start({ thresholdDb: -60, makeupDb: 24, lowPassHz });
      assert.ok(feed(pcm).every((x) => Math.abs(x) <= CEILING));
    }
  }
});

test('how the samples are cut into frames never shows', () => {
  const next = chance(5);
  for (const rateHz of RATES_HZ) {
    const pcm = Int16Array.from({ length: 9600 }, (_, n) =>
      Math.round(30000 * next() * Math.max(0, Math.sin(n / 600))),
    );
    const options = { rateHz, thresholdDb: -20, makeupDb: 9, lowPassHz: 3000 };
    start(options);
    const whole = feed(pcm, [2880]);
    for (let turn = 0; turn < 8; turn += 1) {
      const sizes = Array.from({ length: 97 }, () => 1 + Math.floor(Math.abs(next()) * (turn < 4 ? 12 : 700)));
      start(options);
      assert.equal(feed(pcm, sizes), whole);
    }
  }
});

test('is set once behind configure, which takes it away again', () => {
  const bare = new CoreInstance().exports;
  const [ok, refused] = [bare.CONFIGURED.value, bare.REFUSED_SHAPING.value];
  const configure = (): number => bare.configure(bare.CODEC_PCMU.value, 8000, 20, 0, 8000, 0, 8000, 2, 0);
  assert.is(bare.setShaping(-18, 3, 3400), refused, 'no call yet');
  assert.is(configure(), ok);
  assert.is(bare.setShaping(-18, 3, 99), refused);
  assert.is(bare.renderPassThrough(), 1, 'a refusal changes nothing');
  assert.is(bare.setShaping(-18, 3, 3400), ok);
  assert.is(bare.setShaping(-18, 3, 3400), refused, 'set already');
  assert.is(bare.renderPassThrough(), 0);
  assert.is(bare.capturePassThrough(), 1);
  const said = new Uint8Array(bare.memory.buffer, bare.SAID.value, 160);
  assert.is(configure(), ok);
  assert.is(bare.renderPassThrough(), 1);
  said.fill(0x80);
  bare.render(160);
  assert.ok(said.every((code) => code === 0x80));
  const level = new Float32Array(bare.memory.buffer, bare.METERS.value, 4)[bare.METER_RENDER_LEVEL.value] ?? 0;
  // µ-law's loudest code is 32,124.
  assert.ok(Math.abs(level - 20 * Math.log10(32_124 / 32_768)) < 0.01, `measured ${level}`);
});

test('starting again forgets', () => {
  const pcm = sine(500, 8000, 0, 1600, 20000);
  start({ thresholdDb: -30, lowPassHz: 2000 });
  const first = feed(pcm);
  assert.not.equal(feed(pcm), first);
  start({ thresholdDb: -30, lowPassHz: 2000 });
  assert.equal(feed(pcm), first);
});

test.run();
