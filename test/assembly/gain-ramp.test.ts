/** The gain ramp: a straight line that ends on its target, rounding and saturation. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const { exports } = core;

function apply(pcm: readonly number[]): number[] {
  core.samples(core.from, pcm.length).set(pcm);
  exports.gainApply(core.from, pcm.length);
  return [...core.samples(core.from, pcm.length)];
}

const constant = (value: number, count: number): number[] => Array.from({ length: count }, () => value);

test('a ramp is linear in time, frame after frame, and exact at its end', () => {
  exports.gainStart(1);
  exports.gainMove(0, 400);
  const out = [...apply(constant(20000, 160)), ...apply(constant(20000, 160)), ...apply(constant(20000, 160))];
  out.forEach((x, n) => {
    const expected = n < 400 ? 20000 * (1 - n / 400) : 0;
    // The first sample is already one step on.
    assert.ok(Math.abs(x - expected) <= 51, `sample ${n}: ${x}, not ${expected}`);
  });
  for (let n = 1; n < 400; n += 1) assert.ok(Math.abs((out[n - 1] ?? 0) - (out[n] ?? 0) - 50) <= 1, `step at ${n}`);
  assert.is(out[399], 0);
  assert.ok(out.slice(399).every((x) => x === 0));
});

test('a new target takes over from where the gain is', () => {
  exports.gainStart(0);
  exports.gainMove(1, 200);
  const rising = apply(constant(10000, 100));
  exports.gainMove(0, 100);
  const falling = apply(constant(10000, 100));
  assert.is(rising[99], 5000);
  assert.is(falling[0], 4950);
  assert.is(falling[99], 0);
});

test('gain 1 is bit for bit the input, gain 0 silence, and a length of 0 jumps', () => {
  const pcm = Array.from({ length: 200 }, (_, n) => n * 300 - 30000);
  exports.gainStart(1);
  assert.equal(apply(pcm), pcm);
  exports.gainMove(0, 0);
  assert.equal(apply(pcm), constant(0, 200));
  exports.gainMove(1, 0);
  assert.equal(apply(pcm), pcm);
});

test('saturates instead of wrapping, both ways', () => {
  exports.gainStart(4);
  assert.equal(apply([32767, 8192, 8191, -8192, -8193, -32768]), [32767, 32767, 32764, -32768, -32768, -32768]);
});

test.run();
