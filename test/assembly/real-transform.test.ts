/** The transform of 160 samples against the definition of the discrete Fourier transform. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { gaussian } from '../dsp/speech.ts';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const N = 160;
const samples = new Float32Array(core.exports.memory.buffer, core.to, N);
const spectrum = new Float32Array(core.exports.memory.buffer, core.from, N);

function definition(x: readonly number[], bin: number): [number, number] {
  let re = 0;
  let im = 0;
  x.forEach((value, n) => {
    re += value * Math.cos((2 * Math.PI * bin * n) / N);
    im -= value * Math.sin((2 * Math.PI * bin * n) / N);
  });
  return [re, im];
}

test('is the discrete Fourier transform', () => {
  const noise = gaussian(7);
  const x = Array.from({ length: N }, () => Math.fround(noise() * 1000));
  samples.set(x);
  core.exports.realForward(core.from, core.to);
  const scale = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0));
  for (let bin = 0; bin <= 80; bin += 1) {
    const [re, im] = definition(x, bin);
    const gotRe = bin === 80 ? spectrum[80] : spectrum[bin];
    const gotIm = bin === 0 || bin === 80 ? 0 : spectrum[80 + bin];
    assert.ok(Math.abs((gotRe ?? NaN) - re) < 1e-5 * scale, `real part of bin ${bin}`);
    assert.ok(Math.abs((gotIm ?? NaN) - im) < 1e-5 * scale, `imaginary part of bin ${bin}`);
  }
});

test('comes back, also in place', () => {
  const noise = gaussian(8);
  const x = Float32Array.from({ length: N }, () => noise() * 1000);
  samples.set(x);
  core.exports.realForward(core.from, core.to);
  core.exports.realBackward(core.to, core.from);
  x.forEach((value, n) => assert.ok(Math.abs(value - (samples[n] ?? NaN)) < 0.005, `sample ${n}`));
  core.exports.realForward(core.to, core.to);
  core.exports.realBackward(core.to, core.to);
  x.forEach((value, n) => assert.ok(Math.abs(value - (samples[n] ?? NaN)) < 0.01, `sample ${n} in place`));
});

test.run();
