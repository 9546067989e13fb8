/** A voice at the wrong rate: three synthetic voices and recorded people, by factors of three and two, and at their own rate. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadDsp } from '../../src/dsp/library.ts';
import type { SampleRateHz } from '../../src/core/media.ts';
import { sayWide } from '../dsp/speech.ts';
import { sine } from '../dsp/wire.ts';
import { CoreInstance } from './core-instance.ts';
import { noise, rounded } from './line-noise.ts';

const dsp = await loadDsp();
const core = new CoreInstance();
const { exports } = core;
const SLOW = 1 << exports.SUSPECT_TOO_SLOW.value;
const FAST = 1 << exports.SUSPECT_TOO_FAST.value;

/** What is suspected of `pcm` taken for `rateHz`, and after how many seconds. */
function suspected(pcm: Int16Array, rateHz: number): { readonly bits: number; readonly seconds: number } {
  const size = rateHz / 50;
  exports.rateStart(rateHz);
  for (let at = 0; at + size <= pcm.length; at += size) {
    core.samples(core.to, size).set(pcm.subarray(at, at + size));
    const bits = exports.rateHear(size);
    if (bits !== 0) return { bits, seconds: (at + size) / rateHz };
  }
  return { bits: 0, seconds: pcm.length / rateHz };
}

const TEXTS = [
  'The quick brown fox jumps over the lazy dog, and then it sleeps in the warm sun for an hour.',
  'She had your dark suit in greasy wash water all year, and nobody asked her why she had taken it there.',
  'We were away a year ago, all along the long lane by the lower meadow. My number is four four two.',
];
/** Some twenty seconds of each, at 16 kHz. */
const VOICES = (['rms', 'slt', 'awb'] as const).map((voice) =>
  Int16Array.from(TEXTS.flatMap((text) => [...sayWide(text, voice)])),
);

/** Audio that is sent at one rate and taken for another. */
function taken(wide: Int16Array, sentHz: SampleRateHz, asHz: SampleRateHz): ReturnType<typeof suspected> {
  return suspected(sentHz === 16_000 ? wide : dsp.resample(wide, 16_000, sentHz), asHz);
}

test('every voice that is three times too slow or too fast is found, in 10 s of it', () => {
  for (const voice of VOICES) {
    const slow = taken(voice, 24_000, 8000);
    assert.ok(slow.bits === SLOW && slow.seconds <= 10, JSON.stringify(slow));
    const twice = Int16Array.from([...voice, ...voice]);
    for (const fast of [taken(twice, 8000, 24_000), taken(twice, 16_000, 48_000)]) {
      assert.ok(fast.bits === FAST && fast.seconds <= 10, JSON.stringify(fast));
    }
  }
});

test('a man who is twice too slow is found', () => {
  const slow = taken(VOICES[0]!, 16_000, 8000);
  assert.ok(slow.bits === SLOW && slow.seconds <= 10, JSON.stringify(slow));
});

test('at its own rate no voice is suspected, at any rate', () => {
  for (const voice of VOICES) {
    for (const rateHz of [8000, 16_000, 24_000, 48_000] as const)
      assert.is(taken(voice, rateHz, rateHz).bits, 0, `${rateHz}`);
  }
});

test('noise, tones and silence have no rate', () => {
  for (const kind of ['white', 'pink', 'car'] as const)
    assert.is(suspected(rounded(noise(kind, -20, 10, 8000)), 8000).bits, 0);
  for (const hz of [60, 425, 1000, 2100])
    assert.is(suspected(sine(hz, 8000, 0, 80_000, 9000), 8000).bits, 0, `${hz} Hz`);
  assert.is(suspected(new Int16Array(80_000), 8000).bits, 0);
});

test('recorded people: none at their own rate, all when they are three times too fast or too slow', () => {
  const folder = fileURLToPath(new URL('../../.cache/asterisk/root/usr/share/asterisk/sounds/en', import.meta.url));
  if (!existsSync(folder)) return;
  const people: number[] = [];
  // Monkeys are in there as well, and are what they are suspected of.
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    /^[^/]*(?<!monkeys)\.wav$/.test(file),
  )) {
    const bytes = readFileSync(join(folder, name));
    const at = bytes.indexOf('data') + 8;
    const pcm = new Int16Array(
      bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + ((bytes.length - at) & ~1)),
    );
    const seen = suspected(pcm, 8000);
    assert.is(seen.bits, 0, `${name} after ${seen.seconds} s`);
    if (people.length < 160_000) people.push(...pcm);
  }
  const pcm = Int16Array.from(people);
  assert.is(suspected(pcm, 8000).bits, 0);
  assert.is(suspected(pcm, 24_000).bits, FAST);
  assert.is(suspected(dsp.resample(pcm, 8000, 24_000), 8000).bits, SLOW);
});

test('any samples: no trap, and starting again forgets', () => {
  const list = fc.array(fc.integer({ min: -32768, max: 32767 }), { minLength: 4000, maxLength: 9000 });
  fc.assert(
    fc.property(list, fc.constantFrom(8000, 16_000, 24_000, 48_000), (samples, rateHz) => {
      const pcm = Int16Array.from(samples);
      assert.equal(suspected(pcm, rateHz), suspected(pcm, rateHz));
    }),
    { numRuns: 10, seed: 4 },
  );
});

test.run();
