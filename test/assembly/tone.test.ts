/** Tones and noise: what tests, prompts and a quiet line are made of. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const { exports } = core;

function write(frames: number, samples: number): number[] {
  const out: number[] = [];
  for (let frame = 0; frame < frames; frame += 1) {
    exports.toneWrite(core.from, samples);
    out.push(...core.samples(core.from, samples));
  }
  return out;
}

test('two sines, exact to rounding, with no seam between frames', () => {
  exports.toneStart(697, 1209, 9000, 8000);
  write(50, 160).forEach((x, n) => {
    const turn = (hz: number): number => Math.sin((2 * Math.PI * hz * n) / 8000);
    assert.ok(Math.abs(x - 9000 * (turn(697) + turn(1209))) < 0.51, `sample ${n}`);
  });
});

test('one sine at every rate; too loud a sum saturates', () => {
  for (const rate of [8000, 16000, 24000, 48000]) {
    exports.toneStart(440, 0, 32767, rate);
    write(3, 480).forEach((x, n) => {
      assert.ok(Math.abs(x - 32767 * Math.sin((2 * Math.PI * 440 * n) / rate)) < 0.51);
    });
  }
  exports.toneStart(1000, 1000, 32767, 8000);
  assert.is(Math.max(...write(1, 160)), 32767);
});

test('noise: of the promised level, without a mean, white, and the same for the same seed', () => {
  const samples = 2880;
  exports.noiseStart(0x9e3779b9);
  exports.noiseWrite(core.from, samples, 1000);
  const noise = [...core.samples(core.from, samples)];
  const mean = noise.reduce((a, b) => a + b, 0) / samples;
  const rms = Math.sqrt(noise.reduce((a, b) => a + b * b, 0) / samples);
  assert.ok(Math.abs(mean) < 40, `mean ${mean}`);
  assert.ok(Math.abs(rms - 1000 / Math.sqrt(3)) < 25, `rms ${rms}`);
  assert.ok(noise.every((x) => Math.abs(x) <= 1000));
  for (let lag = 1; lag < 40; lag += 1) {
    const product = noise.slice(lag).reduce((sum, x, n) => sum + x * (noise[n] ?? 0), 0) / samples / rms ** 2;
    assert.ok(Math.abs(product) < 0.08, `correlation at ${lag}: ${product}`);
  }
  exports.noiseStart(0x9e3779b9);
  exports.noiseWrite(core.from, samples, 1000);
  assert.equal([...core.samples(core.from, samples)], noise);
});

test.run();
