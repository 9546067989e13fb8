/** Level against its definition: RFC 6464, 0 dBov is the overload point, −127 silence. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();

function level(pcm: ArrayLike<number>): number {
  core.samples(core.from, pcm.length).set(pcm);
  return core.exports.levelDbov(core.from, pcm.length);
}

test('fixed points: overload, a full-scale sine, one step, silence, nothing', () => {
  assert.is(level(Array.from({ length: 160 }, () => -32768)), 0);
  const sine = Array.from({ length: 2400 }, (_, n) => Math.round(32767 * Math.sin((2 * Math.PI * n) / 24)));
  assert.ok(Math.abs(level(sine) + 3.0103) < 0.001);
  assert.ok(Math.abs(level(Array.from({ length: 80 }, () => 1)) + 20 * Math.log10(32768)) < 1e-4);
  assert.is(level(Array.from({ length: 160 }, () => 0)), -127);
  assert.is(level([]), -127);
});

test('the faintest frame that is not silence', () => {
  const faint = new Int16Array(2880);
  faint[5] = 1;
  assert.ok(Math.abs(level(faint) - 10 * Math.log10(1 / 2880 / 32768 ** 2)) < 1e-4);
});

test('10·log10 of the mean square, for any samples and any count', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 1, maxLength: 300 }), (pcm) => {
      const meanSquare = pcm.reduce((sum, x) => sum + x * x, 0) / pcm.length / 32768 ** 2;
      const expected = meanSquare === 0 ? -127 : Math.max(-127, 10 * Math.log10(meanSquare));
      return Math.abs(level(pcm) - expected) < 1e-4;
    }),
  );
});

test.run();
