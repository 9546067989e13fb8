/** The library face: arrays and strings through the loader. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { SAMPLE_RATES_HZ } from '../../src/core/media.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import { measureTone, sine, toBytes, toSamples } from './wire.ts';

const dsp = await loadDsp();

test('says what it is', () => {
  assert.match(dsp.describe(), /^talkspurt dsp: .*g711/);
});

test('loads from bytes and from an address alike; a wrong address is a clear error', async () => {
  const path = fileURLToPath(import.meta.resolve('#library.wasm'));
  const bytes = await readFile(path);
  const copy = new Uint8Array(bytes).buffer;
  for (const source of [bytes, copy, new URL(`file://${path}`)]) {
    assert.is((await loadDsp(source)).describe(), dsp.describe());
  }
  try {
    await loadDsp(new URL('file:///nowhere/library.wasm'));
    assert.unreachable();
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_TALKSPURT_INTERNAL'));
  }
});

test('G.711 of any length equals an independent implementation', () => {
  for (const count of [0, 1, 15, 160, 4097]) {
    const pcm = Int16Array.from({ length: count }, (_, n) => ((n * 40503) % 65536) - 32768);
    const ulaw = dsp.encodeUlaw(pcm);
    assert.equal(ulaw, toBytes('pcmu', pcm));
    assert.equal(dsp.decodeUlaw(ulaw), toSamples('pcmu', ulaw));
    const positive = pcm.map((x) => x & 0x7fff);
    const alaw = dsp.encodeAlaw(positive);
    assert.equal(alaw, toBytes('pcma', positive));
    assert.equal(dsp.decodeAlaw(alaw), toSamples('pcma', alaw));
  }
});

test('G.722 of any length: one byte for two samples, and nothing is kept from call to call', () => {
  for (const count of [0, 1, 2, 5, 4097]) {
    const pcm = sine(700, 16000, 0, count, 9000);
    const codes = dsp.encodeG722(pcm);
    assert.is(codes.length, count >> 1);
    assert.equal(dsp.encodeG722(pcm), codes);
    const heard = dsp.decodeG722(codes);
    assert.is(heard.length, codes.length * 2);
    assert.equal(dsp.decodeG722(codes), heard);
  }
  const heard = dsp.decodeG722(dsp.encodeG722(sine(700, 16000, 0, 16000, 9000))).subarray(1600);
  assert.ok(measureTone(heard, 700, 16000).snrDb > 30);
});

test('resampling keeps time, length and tone, among all rates', () => {
  for (const fromHz of SAMPLE_RATES_HZ) {
    for (const toHz of SAMPLE_RATES_HZ) {
      const out = dsp.resample(sine(1004, fromHz, 0, fromHz / 4, 12000), fromHz, toHz);
      assert.is(out.length, toHz / 4);
      const expected = sine(1004, toHz, 0, toHz / 4, 12000);
      const edge = toHz / 100;
      // 0.01 dB of 12,000, and rounding.
      for (let n = edge; n < out.length - edge; n += 1) {
        assert.ok(Math.abs((out[n] ?? NaN) - (expected[n] ?? NaN)) <= 16, `${fromHz} to ${toHz}, sample ${n}`);
      }
    }
  }
  assert.equal(dsp.resample(new Int16Array(0), 8000, 48000), new Int16Array(0));
  assert.is(dsp.resample(new Int16Array(7), 48000, 8000).length, 1);
});

test('tones have the level, length and pitch that was asked for', () => {
  for (const sampleRateHz of SAMPLE_RATES_HZ) {
    const tone = dsp.tone({ firstHz: 440, durationMs: 250, levelDbov: -16, sampleRateHz });
    assert.is(tone.length, sampleRateHz / 4);
    assert.ok(Math.abs(dsp.levelDbov(tone) + 16) < 0.05);
    assert.ok(measureTone(tone, 440, sampleRateHz).snrDb > 70);
  }
  const pair = dsp.tone({ firstHz: 770, secondHz: 1336, durationMs: 100, levelDbov: -13, sampleRateHz: 8000 });
  assert.ok(Math.abs(dsp.levelDbov(pair) + 10) < 0.05);
});

test('one speech probability for each whole 10 ms, at any rate', () => {
  assert.is(dsp.speechProbability(new Int16Array(8000)).length, 100);
  assert.is(dsp.speechProbability(new Int16Array(79)).length, 0);
  assert.is(dsp.speechProbability(new Int16Array(24000), { sampleRateHz: 24000, aggressiveness: 0 }).length, 100);
  for (const vad of ['neural', 'statistical'] as const) {
    assert.ok(dsp.speechProbability(new Int16Array(8000), { vad }).every((p) => p >= 0 && p < 0.5));
  }
});

test('what it cannot do is refused with a code that names the option', () => {
  const pcm = new Int16Array(10);
  const bad: readonly [string, () => unknown][] = [
    ['fromHz', () => dsp.resample(pcm, 11025 as 8000, 8000)],
    ['toHz', () => dsp.resample(pcm, 8000, 44100 as 8000)],
    ['sampleRateHz', () => dsp.speechProbability(pcm, { sampleRateHz: 1 as 8000 })],
    ['aggressiveness', () => dsp.speechProbability(pcm, { aggressiveness: 4 as 3 })],
    ['vad', () => dsp.speechProbability(pcm, { vad: 'oracle' as 'neural' })],
    ['firstHz', () => dsp.tone({ firstHz: 5000, durationMs: 10, sampleRateHz: 8000 })],
    ['secondHz', () => dsp.tone({ firstHz: 500, secondHz: -1, durationMs: 10, sampleRateHz: 8000 })],
    ['levelDbov', () => dsp.tone({ firstHz: 500, durationMs: 10, levelDbov: 0, sampleRateHz: 8000 })],
    ['durationMs', () => dsp.tone({ firstHz: 500, durationMs: -10, sampleRateHz: 8000 })],
    ['durationMs', () => dsp.tone({ firstHz: 500, durationMs: Number.NaN, sampleRateHz: 8000 })],
    ['durationMs', () => dsp.tone({ firstHz: 500, durationMs: '10' as unknown as number, sampleRateHz: 8000 })],
    ['durationMs', () => dsp.tone({ firstHz: 500, durationMs: 600_001, sampleRateHz: 48_000 })],
    ['aggressiveness', () => dsp.speechProbability(pcm, { aggressiveness: 1.5 as 1 })],
    // Of a program without types: nothing is read as something else.
    ['samples', () => dsp.encodeUlaw('abc' as unknown as Int16Array)],
    ['samples', () => dsp.resample(new Float32Array(9) as unknown as Int16Array, 8000, 16_000)],
    ['samples', () => dsp.levelDbov(new Uint8Array(9) as unknown as Int16Array)],
    ['codes', () => dsp.decodeAlaw(pcm as unknown as Uint8Array)],
    ['codes', () => dsp.decodeG722(undefined as unknown as Uint8Array)],
    ['options', () => dsp.speechProbability(pcm, null as unknown as undefined)],
  ];
  for (const [option, attempt] of bad) {
    try {
      attempt();
      assert.unreachable(option);
    } catch (error) {
      assert.ok(hasCode(error, 'ERR_TALKSPURT_DSP_OPTIONS'), `${option}: ${String(error)}`);
      assert.is(error.details['option'], option);
    }
  }
});

test('gives its memory back: more audio than 4 GiB of memory could hold passes through', () => {
  const pcm = sine(500, 48000, 0, 480_000, 9000);
  const level = dsp.levelDbov(pcm);
  for (let n = 0; n < 4600; n += 1) assert.is(dsp.levelDbov(pcm), level);
});

test.run();
