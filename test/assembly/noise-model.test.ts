/** RFC 3389: the level and the spectrum that a payload describes are what is heard. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const { exports } = core;

function describe(payload: readonly number[], framesBefore = 0): void {
  core.bytes(exports.CN_IN.value, payload.length).set(payload);
  exports.describeSilence(payload.length, framesBefore);
}

/** So many seconds of what is heard while nothing comes, without the first quarter second. */
function silence(seconds: number, rate = 8000): Float64Array {
  const out: number[] = [];
  for (let n = 0; n < seconds * 50; n += 1) {
    exports.concealFill(core.from, rate / 50);
    out.push(...core.samples(core.from, rate / 50));
  }
  return Float64Array.from(out.slice(rate / 4));
}

const levelOf = (pcm: Float64Array): number =>
  20 * Math.log10(Math.sqrt(pcm.reduce((sum, x) => sum + x * x, 0) / pcm.length) / 32768);

/** Autocorrelation at `lag` over that at 0. */
function correlation(pcm: Float64Array, lag: number): number {
  let product = 0;
  let energy = 0;
  for (let n = lag; n < pcm.length; n += 1) {
    product += (pcm[n] ?? 0) * (pcm[n - lag] ?? 0);
    energy += (pcm[n] ?? 0) ** 2;
  }
  return product / energy;
}

/** §3.2: −1 < k < 1 in 8 bits. */
const quantised = (k: number): number => Math.round((k * 32768) / 258) + 127;

for (const rate of [8000, 16000, 48000]) {
  test(`${rate} Hz: the level is that of the first byte, −dBov`, () => {
    for (const level of [30, 45, 60, 70]) {
      exports.concealStart(rate);
      describe([level]);
      const heard = levelOf(silence(2, rate));
      assert.ok(Math.abs(heard + level) < 0.6, `${heard} dBov for −${level}`);
    }
  });
}

test('one coefficient: 1 / (1 + k z⁻¹), whose correlation at lag n is (−k)ⁿ; the level stays what was said', () => {
  for (const k of [-0.9, -0.5, 0.5, 0.8]) {
    exports.concealStart(8000);
    describe([40, quantised(k)]);
    const heard = silence(6);
    for (const lag of [1, 2, 3])
      assert.ok(Math.abs(correlation(heard, lag) - (-k) ** lag) < 0.04, `${k} at ${lag}: ${correlation(heard, lag)}`);
    assert.ok(Math.abs(levelOf(heard) + 40) < 0.6, `${levelOf(heard)}`);
  }
});

test('three coefficients: the correlation is that of the filter they step up to', () => {
  const k = [-0.7, 0.4, -0.3];
  // Step-up (Levinson's recursion the other way), then the filter's own impulse response.
  let a = [1];
  for (const each of k) {
    const padded = [...a, 0];
    a = padded.map((x, i) => x + each * (padded[padded.length - 1 - i] ?? 0));
  }
  const impulse: number[] = [];
  for (let n = 0; n < 200; n += 1) {
    let y = n === 0 ? 1 : 0;
    for (let i = 1; i < a.length; i += 1) y -= (a[i] ?? 0) * (impulse[n - i] ?? 0);
    impulse.push(y);
  }
  const expected = (lag: number): number => {
    const at = (d: number): number => impulse.reduce((sum, x, n) => sum + x * (impulse[n + d] ?? 0), 0);
    return at(lag) / at(0);
  };
  exports.concealStart(8000);
  describe([35, ...k.map(quantised)]);
  const heard = silence(8);
  for (const lag of [1, 2, 3, 4, 6]) {
    const got = correlation(heard, lag);
    assert.ok(Math.abs(got - expected(lag)) < 0.05, `lag ${lag}: ${got}, ${expected(lag)} is due`);
  }
});

test('it takes the place of the speech within 10 ms, behind the frames that were still to come, until one comes after', () => {
  exports.concealStart(8000);
  const loud = (): boolean => {
    core.samples(core.from, 160).forEach((_, n, all) => (all[n] = Math.round(8_000 * Math.sin(n / 4))));
    return exports.concealAccept(core.from, 160) === 1;
  };
  loud();
  describe([62], 2);
  loud();
  loud();
  exports.concealFill(core.from, 160);
  exports.concealFill(core.from, 160);
  const second = levelOf(Float64Array.from(core.samples(core.from, 160)));
  assert.ok(Math.abs(second + 62) < 2, `${second} dBov`);
  assert.ok(loud(), 'blended');
  for (let n = 0; n < 5; n += 1) exports.concealFill(core.from, 160);
  const after = levelOf(Float64Array.from(core.samples(core.from, 160)));
  assert.not(Math.abs(after + 62) < 2, `${after} dBov: a loss in speech is no silence`);
});

test('any payload: in range, and it never grows', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 20 }), (payload) => {
      exports.concealStart(8000);
      core.bytes(exports.CN_IN.value, 16).set(payload.subarray(0, 16));
      exports.describeSilence(payload.length, 0);
      const heard = silence(1);
      const level = payload.length === 0 || payload.length > 16 ? 127 : (payload[0] ?? 0) & 0x7f;
      // A pole near the circle takes long to settle: what matters is that it does not run away.
      assert.ok(level === 0 || levelOf(heard) < -level + 15 || levelOf(heard) < -60, `${levelOf(heard)} for −${level}`);
    }),
    { numRuns: 60 },
  );
});

test.run();
