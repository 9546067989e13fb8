import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { resampledLength, resampleSinc } from '../../src/simulator/sinc-resample.ts';

const tone = (hz: number, rateHz: number, samples: number, amplitude = 10_000): Int16Array =>
  Int16Array.from({ length: samples }, (_, i) => Math.round(amplitude * Math.sin((2 * Math.PI * hz * i) / rateHz)));

/** Power of the difference to the wanted sine, against the sine's own, dB; the ends are left out. */
function errorDb(out: Int16Array, hz: number, rateHz: number): number {
  let error = 0;
  let signal = 0;
  for (let i = 400; i < out.length - 400; i++) {
    const wanted = 10_000 * Math.sin((2 * Math.PI * hz * i) / rateHz);
    error += ((out[i] ?? 0) - wanted) ** 2;
    signal += wanted ** 2;
  }
  return 10 * Math.log10(error / signal);
}

test('a tone keeps its frequency, level and phase at every ratio', () => {
  for (const [from, to] of [
    [16_000, 8_000],
    [8_000, 16_000],
    [16_000, 24_000],
    [24_000, 8_000],
    [44_100, 8_000],
    [11_025, 24_000],
  ] as const) {
    const out = resampleSinc(tone(1_000, from, from), from, to);
    assert.is(out.length, to);
    assert.ok(errorDb(out, 1_000, to) < -75, `${from} to ${to}: ${errorDb(out, 1_000, to)} dB`);
  }
});

test('what the lower rate cannot carry is gone', () => {
  const out = resampleSinc(tone(5_000, 16_000, 16_000), 16_000, 8_000);
  const loudest = Math.max(...out.subarray(400, -400).map(Math.abs));
  assert.ok(loudest <= 2, `an alias of ${loudest}`);
});

test('pieces are the same as the whole', () => {
  const recording = tone(700, 16_000, 5_000);
  const whole = resampleSinc(recording, 16_000, 24_000);
  const pieces: number[] = [];
  for (let at = 0; at < whole.length; at += 333) pieces.push(...resampleSinc(recording, 16_000, 24_000, at, 333));
  assert.equal(pieces, [...whole]);
  assert.equal([...resampleSinc(recording, 16_000, 16_000, 10, 5)], [...recording.subarray(10, 15)]);
  assert.is(resampleSinc(recording, 16_000, 8_000, 9_999, 10).length, 0);
});

test('full scale is clipped, not wrapped, and lengths are rounded', () => {
  const square = Int16Array.from({ length: 800 }, (_, i) => (i % 80 < 40 ? 32767 : -32768));
  const out = resampleSinc(square, 8_000, 16_000);
  const rising = [...out].findIndex((sample, i) => i > 10 && sample > 30_000);
  assert.ok(out.every((sample, i) => i < rising || i > rising + 60 || sample > 20_000));
  assert.is(resampledLength(3, 16_000, 8_000), 2);
  assert.is(resampleSinc(new Int16Array(0), 8_000, 24_000).length, 0);
});

test.run();
