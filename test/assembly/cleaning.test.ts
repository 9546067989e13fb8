/** The cleaning of the caller's voice: high-pass against its formula, suppression by measures from outside, gain control. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { say, sayWide } from '../dsp/speech.ts';
import { measureTone, sine } from '../dsp/wire.ts';
import { CoreInstance } from './core-instance.ts';
import { chance, dBovOf, noise, powerKurtosis, rounded, scaled, segmentalSnr } from './line-noise.ts';

const core = new CoreInstance();
const { exports } = core;
const RATES_HZ = [8000, 16000, 24000, 48000] as const;
const CEILING = 29_204;

/** Runs `pcm` through a stage in pieces of `sizes` (repeated). */
function feed(
  pcm: Int16Array,
  stage: (at: number, samples: number) => void,
  sizes: readonly number[] = [160],
): Int16Array {
  const out = new Int16Array(pcm.length);
  let at = 0;
  for (let turn = 0; at < pcm.length; turn += 1) {
    const piece = pcm.subarray(at, at + (sizes[turn % sizes.length] ?? 160));
    core.samples(core.to, piece.length).set(piece);
    stage(core.to, piece.length);
    out.set(core.samples(core.to, piece.length), at);
    at += piece.length;
  }
  return out;
}

const highPass = (at: number, samples: number): void => exports.highPassApply(at, samples);
const suppress = (at: number, samples: number): void => exports.suppressionApply(at, samples);

/** The magnitude of a Butterworth high-pass of order 4 behind the bilinear transform, dB. */
function butterworthDb(hz: number, cutHz: number, rateHz: number): number {
  const ratio = Math.tan((Math.PI * cutHz) / rateHz) / Math.tan((Math.PI * hz) / rateHz);
  return -10 * Math.log10(1 + ratio ** 8);
}

/** The same filter from its poles: two biquads in direct form I, f64. */
function reference(pcm: Int16Array, cutHz: number, rateHz: number): Float64Array {
  let x = Float64Array.from(pcm);
  const w = (2 * Math.PI * cutHz) / rateHz;
  for (const q of [1 / (2 * Math.cos(Math.PI / 8)), 1 / (2 * Math.cos((3 * Math.PI) / 8))]) {
    const alpha = Math.sin(w) / (2 * q);
    const b = (1 + Math.cos(w)) / 2;
    const y = new Float64Array(x.length);
    for (let n = 0; n < x.length; n += 1) {
      const [x1, x2, y1, y2] = [x[n - 1] ?? 0, x[n - 2] ?? 0, y[n - 1] ?? 0, y[n - 2] ?? 0];
      y[n] = (b * (x[n]! - 2 * x1 + x2) + 2 * Math.cos(w) * y1 - (1 - alpha) * y2) / (1 + alpha);
    }
    x = y;
  }
  return x;
}

for (const rateHz of RATES_HZ) {
  test(`at ${rateHz} Hz the high-pass is a Butterworth filter of order 4`, () => {
    for (const cutHz of [50, 100, 150, 300]) {
      for (const ratio of [0.5, 0.8, 1, 1.25, 2, 5]) {
        const hz = cutHz * ratio;
        exports.highPassStart(cutHz, rateHz);
        const out = feed(sine(hz, rateHz, 0, rateHz, 8000), highPass).subarray(rateHz / 2);
        const gainDb = 20 * Math.log10(measureTone(out, hz, rateHz).amplitude / 8000);
        const expected = butterworthDb(hz, cutHz, rateHz);
        assert.ok(Math.abs(gainDb - expected) < 0.05, `${hz} Hz, cut ${cutHz}: ${gainDb} dB, not ${expected}`);
      }
    }
  });

  test(`at ${rateHz} Hz it is the filter in f64 to the last bit but one, however it is cut`, () => {
    const next = chance(rateHz);
    const pcm = Int16Array.from({ length: rateHz / 4 }, () => Math.round(12_000 * next()));
    for (const cutHz of [20, 120, 1000]) {
      const expected = reference(pcm, cutHz, rateHz);
      for (const sizes of [[160], [1], [3, 7, 1, 2, 480]]) {
        exports.highPassStart(cutHz, rateHz);
        feed(pcm, highPass, sizes).forEach((y, n) =>
          assert.ok(Math.abs(y - expected[n]!) < 1.01, `cut ${cutHz}, sample ${n}: ${y}, not ${expected[n]}`),
        );
      }
    }
  });
}

test('DC and hum go: 100 Hz of cut-off takes 24 dB off 50 Hz and all of DC', () => {
  exports.highPassStart(100, 8000);
  const dc = feed(new Int16Array(16_000).fill(5000), highPass).subarray(8000);
  assert.ok(dc.every((x) => x === 0));
  exports.highPassStart(100, 8000);
  const hum = feed(sine(50, 8000, 0, 16_000, 5000), highPass).subarray(8000);
  assert.ok(dBovOf(hum) < dBovOf(sine(50, 8000, 0, 8000, 5000)) - 24);
});

test('any samples: what overshoots saturates, and starting again forgets', () => {
  const samples = fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(samples, fc.constantFrom(...RATES_HZ), fc.integer({ min: 20, max: 1000 }), (list, rateHz, cutHz) => {
      const pcm = Int16Array.from(list);
      exports.highPassStart(cutHz, rateHz);
      const first = feed(pcm, highPass, [37]);
      const expected = reference(pcm, cutHz, rateHz);
      first.forEach((y, n) => {
        const wanted = Math.max(-32768, Math.min(32767, expected[n]!));
        assert.ok(Math.abs(y - wanted) < 1.6, `${y}, not ${wanted}`);
      });
      exports.highPassStart(cutHz, rateHz);
      assert.equal(feed(pcm, highPass, [37]), first);
    }),
    { numRuns: 60, seed: 7 },
  );
});

for (const rateHz of RATES_HZ) {
  test(`at ${rateHz} Hz steady noise goes down by 10 dB and more, and sounds like the same noise`, () => {
    for (const kind of ['white', 'pink', 'car'] as const) {
      for (const dBov of [-50, -35]) {
        exports.suppressionStart(12, rateHz);
        const from = 2 * rateHz;
        const heard = rounded(noise(kind, dBov, 4, rateHz));
        const out = feed(heard, suppress, [rateHz / 50]).subarray(from);
        const taken = dBovOf(heard.subarray(from)) - dBovOf(out);
        assert.ok(taken >= 10 && taken <= 12.5, `${kind} at ${dBov} dBov: ${taken} dB`);
        const ratio = powerKurtosis(out) / powerKurtosis(heard.subarray(from));
        assert.ok(ratio > 0.8 && ratio < 1.25, `${kind} at ${dBov} dBov: kurtosis ${ratio} of what it was`);
      }
    }
  });
}

test('clean speech stays what it is, and noisy speech gets nearer to it', () => {
  for (const rateHz of [8000, 16000]) {
    const text = 'The quick brown fox jumps over the lazy dog, and she had your dark suit in greasy wash water.';
    for (const voice of ['rms', 'slt'] as const) {
      const said = Float64Array.from(rateHz === 8000 ? say(text, voice) : sayWide(text, voice));
      const clean = rounded([...new Float64Array(rateHz), ...scaled(said, -26)]);
      const delay = exports.suppressionStart(12, rateHz);
      assert.is(delay, rateHz / 100);
      const kept = segmentalSnr(clean, feed(clean, suppress).subarray(delay), rateHz);
      assert.ok(kept > 22, `${voice}: ${kept} dB`);
      for (const kind of ['white', 'pink', 'car'] as const) {
        const noisy = rounded(noise(kind, -36, clean.length / rateHz, rateHz, 5).map((x, n) => x + clean[n]!));
        exports.suppressionStart(12, rateHz);
        const gained = segmentalSnr(clean, feed(noisy, suppress).subarray(delay), rateHz);
        const before = segmentalSnr(clean, noisy, rateHz);
        assert.ok(gained > before + 1, `${voice} in ${kind}: ${gained} dB of ${before}`);
      }
    }
  }
});

test('without noise to take away the windows add up to one: it is a delay', () => {
  for (const rateHz of RATES_HZ) {
    const delay = exports.suppressionStart(1, rateHz);
    // Loud and new in every frame: nothing of it is taken for noise for long enough to be learned.
    const pcm = rounded(Float64Array.from({ length: rateHz / 2 }, (_, n) => 9000 * Math.sin((n * n) / rateHz / 3)));
    const out = feed(pcm, suppress, [rateHz / 50]);
    const snr = segmentalSnr(pcm, out.subarray(delay), rateHz);
    assert.ok(snr > 15, `${rateHz} Hz: ${snr} dB`);
  }
});

test('suppression of any samples stays within bounds and forgets when it is started again', () => {
  const frame = fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 160, maxLength: 160 });
  fc.assert(
    fc.property(fc.array(frame, { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 18 }), (frames, db) => {
      const pcm = Int16Array.from(frames.flat());
      const edge = core.bytes(core.to + 320, 64).slice();
      exports.suppressionStart(db, 8000);
      const first = feed(pcm, suppress);
      exports.suppressionStart(db, 8000);
      assert.equal(feed(pcm, suppress), first);
      assert.equal(core.bytes(core.to + 320, 64).slice(), edge, 'wrote past its frame');
    }),
    { numRuns: 40, seed: 11 },
  );
});

/** Level of a voice: the frames within 16 dB of its loudest ones. */
function activeDbov(pcm: Int16Array): number {
  const levels: number[] = [];
  for (let at = 0; at + 160 <= pcm.length; at += 160) levels.push(dBovOf(pcm.subarray(at, at + 160)));
  const loud = [...levels].sort((a, b) => b - a)[Math.floor(levels.length / 10)] ?? 0;
  const active = levels.filter((level) => level > loud - 16);
  return 10 * Math.log10(active.reduce((sum, level) => sum + 10 ** (level / 10), 0) / active.length);
}

test('voices from −45 to −10 dBov come out within 3 dB of the target', () => {
  const text = 'She had your dark suit in greasy wash water all year, and nobody asked her why she had taken it there.';
  for (const voice of ['rms', 'slt', 'awb'] as const) {
    const said = Float64Array.from(say(text, voice));
    const often = Float64Array.from({ length: said.length * 3 }, (_, n) => said[n % said.length]!);
    for (const dBov of [-40, -30, -20, -12]) {
      const pcm = rounded(scaled(often, dBov));
      exports.gainControlStart(-22, 8000);
      const out = feed(pcm, (at, samples) => {
        const spoken = dBovOf(core.samples(at, samples)) > dBov - 20;
        exports.gainControlApply(at, samples, spoken ? 0.9 : 0.1);
      });
      const last = activeDbov(out.subarray(2 * said.length));
      assert.ok(Math.abs(last + 22) < 3, `${voice} at ${dBov} dBov comes out at ${last}`);
    }
  }
});

test('noise is never raised: without speech the gain stands still, bit for bit at the start', () => {
  exports.gainControlStart(-18, 8000);
  const heard = rounded(noise('pink', -55, 20, 8000));
  assert.equal(
    feed(heard, (at, samples) => exports.gainControlApply(at, samples, 0.2)),
    heard,
  );
  // After a voice that was raised, twenty seconds of noise move it by nothing.
  const voice = rounded(scaled(Float64Array.from(say('One two three four five six seven.', 'rms')), -36));
  feed(voice, (at, samples) => exports.gainControlApply(at, samples, 0.9));
  const gain = (pcm: Int16Array): number => {
    const out = feed(pcm, (at, samples) => exports.gainControlApply(at, samples, 0.2));
    return dBovOf(out) - dBovOf(pcm);
  };
  const [early, late] = [gain(heard.subarray(0, 16_000)), gain(heard.subarray(16_000))];
  assert.ok(early > 3, `raised by ${early} dB`);
  assert.ok(Math.abs(early - late) < 0.05, `${early} dB, then ${late}`);
});

test('the gain moves by at most 8 dB up and 20 dB down in a second, and stays within 20 dB', () => {
  for (const [dBov, target, bound] of [
    [-55, -10, 20],
    [-6, -40, -20],
  ] as const) {
    exports.gainControlStart(target, 8000);
    const gains: number[] = [];
    for (let frame = 0; frame < 300; frame += 1) {
      const pcm = sine(500, 8000, frame * 160, 160, 32768 * Math.SQRT2 * 10 ** (dBov / 20));
      core.samples(core.to, 160).set(pcm);
      exports.gainControlApply(core.to, 160, 1);
      gains.push(dBovOf(core.samples(core.to, 160)) - dBovOf(pcm));
    }
    gains.forEach((gain, n) => {
      const since = gain - (gains[n - 50] ?? 0);
      assert.ok(since < 8.3 && since > -20.5, `${since} dB in a second`);
    });
    assert.ok(Math.abs(gains[299]! - bound) < 0.3, `ends at ${gains[299]}, not ${bound}`);
  }
});

test('the limiter: any samples and any gain stay below −1 dB of overload with their sign', () => {
  const list = fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 8, maxLength: 480 });
  fc.assert(
    fc.property(
      list,
      fc.double({ min: 0, max: 10, noNaN: true }),
      fc.constantFrom(...RATES_HZ),
      (samples, gain, rate) => {
        const pcm = Int16Array.from(samples);
        exports.limiterStart(rate);
        const out = feed(pcm, (at, count) => exports.limiterApply(at, count, gain), [pcm.length]);
        out.forEach((y, n) => {
          assert.ok(Math.abs(y) <= CEILING, `${y}`);
          assert.ok(y === 0 || Math.sign(y) === Math.sign(pcm[n]!), `${pcm[n]} became ${y}`);
        });
      },
    ),
    { numRuns: 200, seed: 3 },
  );
});

test('the limiter leaves what is below the ceiling alone, and a loud tone stays a tone', () => {
  const quiet = sine(440, 8000, 0, 8000, 20_000);
  exports.limiterStart(8000);
  assert.equal(
    feed(quiet, (at, count) => exports.limiterApply(at, count, 1)),
    quiet,
  );
  exports.limiterStart(8000);
  const loud = feed(sine(440, 8000, 0, 16_000, 20_000), (at, count) => exports.limiterApply(at, count, 4));
  const { amplitude, snrDb } = measureTone(loud.subarray(8000), 440, 8000);
  assert.ok(amplitude > 25_000 && amplitude < 30_000, `amplitude ${amplitude}`);
  // The same cut off flat has 12 dB.
  assert.ok(snrDb > 25, `distortion ${-snrDb} dB`);
});

test('mixing saturates and never wraps, for any samples at any length', () => {
  const pair = fc.array(fc.tuple(fc.integer({ min: -32768, max: 32767 }), fc.integer({ min: -32768, max: 32767 })), {
    minLength: 1,
    maxLength: 100,
  });
  fc.assert(
    fc.property(pair, (pairs) => {
      const beyond = core.samples(core.to + pairs.length * 2, 8);
      beyond.fill(77);
      core.samples(core.to, pairs.length).set(pairs.map(([a]) => a));
      core.samples(core.from, pairs.length).set(pairs.map(([, b]) => b));
      exports.mix(core.to, core.from, pairs.length);
      const expected = pairs.map(([a, b]) => Math.max(-32768, Math.min(32767, a + b)));
      assert.equal([...core.samples(core.to, pairs.length)], expected);
      assert.ok(beyond.every((x) => x === 77));
    }),
    { numRuns: 200, seed: 5 },
  );
});

test('is set once behind configure, which takes it away again; off it changes no byte', () => {
  const bare = new CoreInstance().exports;
  const [ok, refused] = [bare.CONFIGURED.value, bare.REFUSED_CLEANING.value];
  const configure = (): number => bare.configure(bare.CODEC_PCMU.value, 8000, 20, 0, 8000, 0, 8000, 2, 0);
  assert.is(bare.setCleaning(100, 12, -22), refused, 'no call yet');
  assert.is(configure(), ok);
  for (const [cut, db, target] of [
    [19, 0, 0],
    [1001, 0, 0],
    [0, 0.5, 0],
    [0, 19, 0],
    [0, 0, -41],
    [0, 0, -5],
    [Number.NaN, 0, 0],
    [0, Number.NaN, 0],
    [0, 0, Number.NaN],
  ] as const) {
    assert.is(bare.setCleaning(cut, db, target), refused, `${cut} ${db} ${target}`);
  }
  assert.is(bare.capturePassThrough(), 1);
  assert.is(bare.setCleaning(0, 0, 0), ok);
  assert.is(bare.capturePassThrough(), 1, 'nothing is on');
  const wire = new Uint8Array(bare.memory.buffer, bare.WIRE_IN.value, 160);
  const codes = Uint8Array.from({ length: 160 }, (_, n) => (n * 37) & 0xff);
  wire.set(codes);
  bare.capture(1);
  assert.equal(wire.slice(), codes);
  assert.is(bare.setCleaning(100, 12, -22), ok);
  assert.is(bare.setCleaning(100, 12, -22), refused, 'set already');
  assert.is(bare.capturePassThrough(), 0);
  assert.is(configure(), ok);
  assert.is(bare.capturePassThrough(), 1);
});

test.run();
