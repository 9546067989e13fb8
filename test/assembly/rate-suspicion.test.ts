/** A voice at the wrong rate: three synthetic voices and recorded people, by factors of three and two, and at their own rate. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fc } from '../chance.ts';
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

interface Suspected {
  readonly bits: number;
  /** Of what was heard, from the first frame above −45 dBov on. */
  readonly seconds: number;
}

/** What is first suspected of `pcm` taken for `rateHz`, in frames of `ptime` ms; `before` was heard before. */
function suspected(pcm: Int16Array, rateHz: number, ptime = 20, before: Int16Array = new Int16Array()): Suspected {
  const size = (rateHz / 1000) * ptime;
  exports.rateStart(rateHz);
  const next = (from: Int16Array, at: number): number => {
    core.samples(core.to, size).set(from.subarray(at, at + size));
    return exports.rateHear(size);
  };
  for (let at = 0; at + size <= before.length; at += size) assert.is(next(before, at), 0);
  let begin = -1;
  for (let at = 0; at + size <= pcm.length; at += size) {
    const power = pcm.subarray(at, at + size).reduce((sum, x) => sum + x * x, 0) / size;
    if (begin < 0 && power >= (32_768 * 10 ** (-45 / 20)) ** 2) begin = at;
    const bits = next(pcm, at);
    if (bits !== 0) return { bits, seconds: (at + size - begin) / rateHz };
  }
  return { bits: 0, seconds: (pcm.length - begin) / rateHz };
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
function taken(wide: Int16Array, sentHz: SampleRateHz, asHz: SampleRateHz): Suspected {
  return suspected(sentHz === 16_000 ? wide : dsp.resample(wide, 16_000, sentHz), asHz);
}

test('every voice that is three times too slow or too fast is found, in 2 s of it', () => {
  for (const voice of VOICES) {
    const slow = taken(voice, 24_000, 8000);
    assert.ok(slow.bits === SLOW && slow.seconds <= 2, JSON.stringify(slow));
    for (const fast of [taken(voice, 8000, 24_000), taken(voice, 16_000, 48_000)]) {
      assert.ok(fast.bits === FAST && fast.seconds <= 2, JSON.stringify(fast));
    }
  }
});

test('a man who is twice too slow is found', () => {
  const slow = taken(VOICES[0]!, 16_000, 8000);
  assert.ok(slow.bits === SLOW && slow.seconds <= 2, JSON.stringify(slow));
});

test('half a minute of honest speech before does not hide it', () => {
  for (const [n, voice] of VOICES.entries()) {
    const before = dsp.resample(VOICES[(n + 1) % VOICES.length]!, 16_000, 8000);
    const slow = suspected(dsp.resample(voice, 16_000, 24_000), 8000, 20, before);
    assert.ok(slow.bits === SLOW && slow.seconds <= 4, JSON.stringify(slow));
  }
});

test('a suspicion stands until the voice is as it should be', () => {
  const wrong = dsp.resample(VOICES[0]!, 16_000, 24_000);
  const right = dsp.resample(VOICES[1]!, 16_000, 8000);
  const last = (pcm: Int16Array): number => {
    let bits = 0;
    for (let at = 0; at + 160 <= pcm.length; at += 160) {
      core.samples(core.to, 160).set(pcm.subarray(at, at + 160));
      bits = exports.rateHear(160);
    }
    return bits;
  };
  exports.rateStart(8000);
  assert.is(last(wrong), SLOW);
  assert.is(last(new Int16Array(80_000)), SLOW);
  assert.is(last(right), 0);
});

test('the cut into frames does not show, nor does the level', () => {
  const slow = dsp.resample(VOICES[1]!, 16_000, 24_000);
  const found = [10, 20, 30, 40, 50, 60].map((ptime) => suspected(slow, 8000, ptime).seconds);
  assert.ok(Math.max(...found) - Math.min(...found) <= 0.101, found.join());
  for (const gain of [0.1, 0.3, 2]) {
    const at = suspected(
      slow.map((x) => Math.max(-32_768, Math.min(32_767, x * gain))),
      8000,
    );
    assert.ok(at.bits === SLOW && at.seconds <= 2.5, `${gain}: ${JSON.stringify(at)}`);
  }
});

test('at its own rate no voice is suspected, at any rate', () => {
  for (const voice of VOICES) {
    for (const rateHz of [8000, 16_000, 24_000, 48_000] as const)
      assert.is(taken(voice, rateHz, rateHz).bits, 0, `${rateHz}`);
  }
});

test('a deep voice that says a word now and then is honest', () => {
  for (const rateHz of [8000, 24_000] as const) {
    const say = (text: string): Int16Array => dsp.resample(sayWide(text, 'rms'), 16_000, rateHz);
    const words = ['Four.', 'Yes.', 'Sure.', 'Well.', 'No.'].map(say);
    for (const word of words) assert.is(suspected(word, rateHz).bits, 0);
    const sentence = say('It opens at nine and closes at five. Which day would suit you best?');
    const call = Int16Array.from(words.flatMap((word) => [...word, ...new Int16Array(rateHz), ...sentence]));
    assert.is(suspected(call, rateHz).bits, 0);
  }
});

/** What it goes by, behind each 20 ms. */
function oddsOf(pcm: Int16Array, rateHz: number): number[] {
  exports.rateStart(rateHz);
  const size = rateHz / 50;
  return Array.from({ length: Math.floor(pcm.length / size) }, (_, n) => {
    core.samples(core.to, size).set(pcm.subarray(n * size, (n + 1) * size));
    exports.rateHear(size);
    return exports.rateOdds();
  });
}

test('at the bottom of the scale nothing turns over', () => {
  for (const [n, rateHz] of ([16_000, 24_000, 48_000] as const).entries()) {
    const voice = dsp.resample(VOICES[n]!.subarray(0, 80_000), 16_000, rateHz);
    const cut = (least: number): number[] =>
      oddsOf(
        voice.map((x) => Math.max(least, Math.min(32_767, x * 12))),
        rateHz,
      );
    const other = cut(-32_767);
    for (const [at, odds] of cut(-32_768).entries())
      assert.ok(Math.abs(odds - other[at]!) < 0.05, `${rateHz} Hz: ${odds}, not ${other[at]}`);
  }
});

test('noise, tones and silence have no rate', () => {
  for (const kind of ['white', 'pink', 'car'] as const)
    assert.is(suspected(rounded(noise(kind, -20, 10, 8000)), 8000).bits, 0);
  for (const hz of [40, 60, 100, 250, 425, 1000, 2100, 3500])
    assert.is(suspected(sine(hz, 8000, 0, 80_000, 9000), 8000).bits, 0, `${hz} Hz`);
  assert.is(suspected(new Int16Array(80_000), 8000).bits, 0);
});

test('chords that are struck, low and high, and a hum that glides accuse nobody', () => {
  const made = (seconds: number, value: (t: number) => number): Int16Array =>
    Int16Array.from({ length: seconds * 8000 }, (_, n) => 5000 * value(n / 8000));
  const turn = 2 * Math.PI;
  for (const root of [65, 98, 196, 392, 784]) {
    const chords = made(20, (t) => {
      const hz = root * 2 ** ([0, 5, 7, 3][Math.floor(t / 2) % 4]! / 12);
      const strike = Math.exp(-(t % 0.5) * 4);
      return [1, 1.26, 1.5, 2, 4].reduce((sum, k) => sum + (strike / k) * Math.sin(turn * hz * k * t), 0);
    });
    assert.is(suspected(chords, 8000).bits, 0, `a chord on ${root} Hz`);
  }
  for (const hz of [85, 120, 210, 330]) {
    const hum = made(10, (t) => {
      const phase = turn * (hz * t + 1.5 * Math.sin(turn * 0.7 * t));
      const swell = 0.3 + 0.7 * Math.abs(Math.sin(turn * 0.8 * t));
      return swell * [1, 0.5, 0.2, 0.05, 0.03].reduce((sum, share, k) => sum + share * Math.sin((k + 1) * phase), 0);
    });
    assert.is(suspected(hum, 8000).bits, 0, `a hum at ${hz} Hz`);
  }
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
