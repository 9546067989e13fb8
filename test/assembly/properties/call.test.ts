/** The call itself: any arguments are refused or served, any bytes come through in range, and one that is set up again is new. */
import { fc } from '../../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from '../core-instance.ts';

const core = new CoreInstance();
const { exports: e } = core;
const image = core.bytes(0, e.memory.buffer.byteLength).slice();
const anyNumber = fc.oneof(
  fc.double(),
  fc.constantFrom(Number.NaN, Infinity, -Infinity, 0, -0, 1e300),
  fc.double({ min: -100, max: 30_000 }),
);
const anyInteger = fc.oneof(fc.integer(), fc.integer({ min: -2, max: 70 }));

test('what cannot be configured is refused, and what can is served: any numbers', () => {
  const rates = fc.oneof(fc.constantFrom(8000, 16_000, 24_000, 48_000), fc.integer());
  fc.assert(
    fc.property(fc.tuple(anyInteger, rates, anyInteger, anyInteger, rates, anyInteger, rates, anyInteger), (given) => {
      const [legCodec, legHz, ptime, inCodec, inHz, outCodec, outHz, aggressiveness] = given;
      const answer = e.configure(legCodec, legHz, ptime, inCodec, inHz, outCodec, outHz, aggressiveness, 0);
      const known = (codec: number, hz: number): boolean =>
        codec >= 0 && codec <= 2 && [8000, 16_000, 24_000, 48_000].includes(hz);
      const served =
        known(legCodec, legHz) &&
        [10, 20, 30, 40, 50, 60].includes(ptime) &&
        known(inCodec, inHz) &&
        known(outCodec, outHz) &&
        aggressiveness >= 0 &&
        aggressiveness <= 3;
      assert.is(answer === e.CONFIGURED.value, served);
    }),
    { numRuns: 400 },
  );
});

test('what is set is refused out of its range, also what is no number, and the call goes on', () => {
  fc.assert(
    fc.property(
      fc.tuple(anyNumber, anyNumber, anyNumber),
      anyNumber,
      anyNumber,
      anyInteger,
      (three, gain, ms, count) => {
        e.configure(0, 8000, 20, 2, 24_000, 2, 24_000, 2, 0);
        const [a, b, c] = three;
        const shaped = a >= -60 && a <= 0 && b >= 0 && b <= 24 && c >= 100 && c <= 20_000;
        assert.is(e.setShaping(a, b, c) === e.CONFIGURED.value, shaped);
        const cleaned =
          (a === 0 || (a >= 20 && a <= 1000)) && (b === 0 || (b >= 1 && b <= 18)) && (c === 0 || (c >= -40 && c <= -6));
        assert.is(e.setCleaning(a, b, c) === e.CONFIGURED.value, cleaned);
        assert.is(e.setEchoCanceller(count) === e.CONFIGURED.value, count >= 0 && count <= 2);
        assert.is(e.setNeuralDetector(count) === e.CONFIGURED.value, count >= 0 && count <= 3);
        e.rampGain(gain, ms);
        e.adjust(ms);
        e.describeSilence(count, count);
        e.dial(count, count, count, gain, ms);
        e.stopDialling();
        core.bytes(e.WIRE_IN.value, 160).fill(count);
        e.capture(1);
        core.bytes(e.SAID.value, 960).fill(count + 1);
        e.render(960);
        const meters = new Float32Array(e.memory.buffer, e.METERS.value, e.METERS_BYTES.value / 4);
        assert.ok(meters.every(Number.isFinite), [...meters].join());
      },
    ),
    { numRuns: 200 },
  );
});

const hz = fc.constantFrom(8000, 16_000, 24_000, 48_000);
const audio = fc.tuple(fc.nat(2), hz);
const calls = fc.record({
  leg: audio,
  ptime: fc.constantFrom(10, 20, 30, 40, 60),
  input: audio,
  output: audio,
  echo: fc.nat(2),
  neural: fc.boolean(),
  clean: fc.boolean(),
  shape: fc.boolean(),
  hear: fc.boolean(),
  ticks: fc.array(
    fc.record({
      wire: fc.option(fc.uint8Array({ minLength: 1, maxLength: 64 })),
      said: fc.option(fc.uint8Array({ minLength: 1, maxLength: 64 })),
      saidBytes: fc.nat(5760),
      adjustMs: fc.constantFrom(0, 0, 0, 20, -20, 1000),
      cn: fc.option(fc.uint8Array({ minLength: 1, maxLength: 20 }), { freq: 5 }),
      fed: fc.boolean(),
    }),
    { minLength: 1, maxLength: 40 },
  ),
});
type Plan = typeof calls extends fc.Arbitrary<infer T> ? T : never;

function tile(address: number, length: number, pattern: Uint8Array): void {
  const target = core.bytes(address, length);
  for (let n = 0; n < length; n += 1) target[n] = pattern[n % pattern.length]!;
}

function run(plan: Plan): string {
  const [legCodec, legHz] = plan.leg;
  e.configure(legCodec, legHz, plan.ptime, ...plan.input, ...plan.output, 2, 0);
  if (plan.neural) e.setNeuralDetector(2);
  if (plan.shape) e.setShaping(-30, 12, 3000);
  if (plan.clean) e.setCleaning(100, 12, -20);
  if (plan.hear) e.setHearing(1, 1, 1);
  e.setEchoCanceller(plan.echo);
  const size = ([codec, rate]: readonly [number, number]): number => (rate / 1000) * plan.ptime * (codec === 2 ? 2 : 1);
  const meters = new Float32Array(e.memory.buffer, e.METERS.value, e.METERS_BYTES.value / 4);
  const results: string[] = [];
  for (const { wire, said, saidBytes, adjustMs, cn, fed } of plan.ticks) {
    if (cn !== null) {
      core.bytes(e.CN_IN.value, e.CN_BYTES_MAX.value).set(cn.subarray(0, e.CN_BYTES_MAX.value));
      e.describeSilence(cn.length, 0);
    }
    if (wire !== null) tile(e.WIRE_IN.value, size(plan.leg), wire);
    if (fed) e.feed(wire === null ? 0 : 1);
    if (adjustMs !== 0) e.adjust(adjustMs);
    e.capture(wire === null ? 0 : 1);
    results.push(Buffer.from(core.bytes(e.WIRE_IN.value, size(plan.leg))).toString('base64'));
    if (e.capturePassThrough() === 0)
      results.push(Buffer.from(core.bytes(e.HEARD.value, size(plan.input))).toString('base64'));
    const bytes = Math.min(saidBytes, size(plan.output));
    if (said !== null) tile(e.SAID.value, bytes, said);
    e.render(said === null ? 0 : bytes);
    results.push(Buffer.from(core.bytes(e.WIRE_OUT.value, size(plan.leg))).toString('base64'), meters.join());
    assert.ok(meters.every(Number.isFinite), meters.join());
    const [speech, capture, render] = [meters[0]!, meters[1]!, meters[2]!];
    assert.ok(speech >= 0 && speech <= 1 && capture >= -127 && capture <= 0.001 && render >= -127 && render <= 0.001);
  }
  return results.join('\n');
}

test('any bytes in any call: figures in range, and a restored memory is a new call', () => {
  fc.assert(
    fc.property(calls, calls, (before, plan) => {
      core.bytes(0, image.length).set(image);
      const fresh = run(plan);
      run(before);
      core.bytes(0, image.length).set(image);
      assert.ok(run(plan) === fresh, 'a restored memory is no new call');
    }),
    { numRuns: 60 },
  );
});

test.run();
