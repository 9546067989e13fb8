/** Audio that is not what it says it is: each lie told in several voices, and honest audio that might look like one. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Codec } from '../../src/core/media.ts';
import { say, sayWide } from '../dsp/speech.ts';
import { sine, toBytes } from '../dsp/wire.ts';
import { CoreInstance } from './core-instance.ts';
import { chance, noise, rounded, scaled } from './line-noise.ts';

const core = new CoreInstance();
const { exports } = core;
const NAMES = new Map<number, string>([
  [exports.SUSPECT_SILENCE.value, 'silence'],
  [exports.SUSPECT_DC.value, 'dc'],
  [exports.SUSPECT_CLIPPING.value, 'clipping'],
  [exports.SUSPECT_CONSTANT.value, 'constant'],
  [exports.SUSPECT_STEREO.value, 'stereo'],
  [exports.SUSPECT_SWAPPED.value, 'byte-order'],
  [exports.SUSPECT_ULAW.value, 'ulaw'],
  [exports.SUSPECT_ALAW.value, 'alaw'],
  [exports.SUSPECT_LINEAR.value, 'l16'],
]);
const NUMBERS: Readonly<Record<Codec, number>> = {
  pcmu: exports.CODEC_PCMU.value,
  pcma: exports.CODEC_PCMA.value,
  l16: exports.CODEC_L16.value,
};

/** What is suspected of `bytes` taken for `codec`, and when first, ms. */
function suspects(codec: Codec, bytes: Uint8Array, rateHz = 8000, ptimeMs = 20): Map<string, number> {
  const samples = (rateHz * ptimeMs) / 1000;
  const size = codec === 'l16' ? samples * 2 : samples;
  const first = new Map<string, number>();
  exports.suspectStart(NUMBERS[codec], rateHz);
  for (let at = 0, ms = ptimeMs; at + size <= bytes.length; at += size, ms += ptimeMs) {
    core.bytes(exports.WIRE_IN.value, size).set(bytes.subarray(at, at + size));
    const bits = exports.suspectHear(NUMBERS[codec], samples);
    for (const [bit, name] of NAMES) if (((bits >> bit) & 1) === 1 && !first.has(name)) first.set(name, ms);
  }
  return first;
}

const SENTENCE = 'The quick brown fox jumps over the lazy dog, and then she had your dark suit in greasy wash water.';
const VOICES = (['rms', 'slt', 'awb'] as const).flatMap((voice) => {
  const pcm = Float64Array.from(say(SENTENCE, voice)).subarray(1600, 20_000);
  return [-40, -26, -14].map((dBov) => {
    const floor = noise('white', -70, pcm.length / 8000, 8000, 2);
    return rounded(scaled(pcm, dBov).map((x, n) => x + floor[n]!));
  });
});

const swapped = (bytes: Uint8Array): Uint8Array => bytes.map((_, n) => bytes[n ^ 1] ?? 0);

/** Every voice is found out within a second, as this and nothing else. */
function found(name: string, codec: Codec, lie: (pcm: Int16Array) => Uint8Array, rateHz = 8000): void {
  for (const pcm of VOICES) {
    const seen = suspects(codec, lie(pcm), rateHz);
    assert.equal([...seen.keys()], [name]);
    assert.ok((seen.get(name) ?? 9999) <= 1000, `${name} after ${seen.get(name)} ms`);
  }
}

test('a voice in the wrong byte order', () => found('byte-order', 'l16', (pcm) => swapped(toBytes('l16', pcm))));
test('µ-law taken for 16-bit samples', () => found('ulaw', 'l16', (pcm) => toBytes('pcmu', pcm)));
test('A-law taken for 16-bit samples', () => found('alaw', 'l16', (pcm) => toBytes('pcma', pcm)));
test('A-law taken for µ-law', () => found('alaw', 'pcmu', (pcm) => toBytes('pcma', pcm)));
test('µ-law taken for A-law', () => found('ulaw', 'pcma', (pcm) => toBytes('pcmu', pcm)));
test('16-bit samples taken for µ-law', () => found('l16', 'pcmu', (pcm) => toBytes('l16', pcm)));
test('16-bit samples taken for A-law', () => found('l16', 'pcma', (pcm) => toBytes('l16', pcm)));
test('two channels taken for one: the same twice, and one silent', () => {
  const both = (share: number) => (pcm: Int16Array) =>
    toBytes(
      'l16',
      Int16Array.from({ length: pcm.length * 2 }, (_, n) => Math.round(pcm[n >> 1]! * (n & 1 ? share : 1))),
    );
  found('stereo', 'l16', both(1), 16_000);
  found('stereo', 'l16', both(0), 16_000);
});
test('a voice beside the middle', () =>
  found('dc', 'pcmu', (pcm) =>
    toBytes(
      'pcmu',
      pcm.map((x) => Math.min(32767, x + 1500)),
    ),
  ));
test('a voice that is cut off at full scale', () =>
  found('clipping', 'l16', (pcm) => toBytes('l16', rounded(scaled(Float64Array.from(pcm), 0)))));

test('one frame over and over', () => {
  let told = 0;
  for (const pcm of VOICES) {
    // Where it is loudest: a stuck frame of a pause is hardly more than silence.
    let at = 0;
    const power = (from: number): number => pcm.subarray(from, from + 160).reduce((sum, x) => sum + x * x, 0);
    for (let from = 0; from + 160 <= 8000; from += 160) if (power(from) > power(at)) at = from;
    const stuck = Int16Array.from({ length: 16_000 }, (_, n) => pcm[at + (n % 160)]!);
    const seen = suspects('pcmu', toBytes('pcmu', stuck));
    if ((seen.get('constant') ?? 9999) <= 1000) told += 1;
    // A vowel cut at any place has a mean, too, and the loudest may be at its limit.
    assert.ok(
      [...seen.keys()].every((name) => ['constant', 'dc', 'clipping'].includes(name)),
      JSON.stringify([...seen]),
    );
  }
  assert.is(told, VOICES.length);
});

test('tones whose periods fill the frame repeat it as well, and are none: one and two, at all levels, rates and frames', () => {
  for (const [hz, ptimeMs] of [
    [[1000], 10],
    [[400, 450], 20],
    [[350, 450], 20],
    [[2100], 20],
    [[400, 450], 60],
  ] as const) {
    for (const rateHz of [8000, 16_000, 24_000, 48_000]) {
      for (const dBov of [-10, -30, -50, -60]) {
        const pcm = rounded(
          scaled(
            Float64Array.from({ length: rateHz }, (_, n) =>
              hz.reduce((sum, f) => sum + Math.sin((2 * Math.PI * f * n) / rateHz + f), 0),
            ),
            dBov,
          ),
        );
        for (const codec of rateHz === 8000 ? (['pcmu', 'pcma', 'l16'] as const) : (['l16'] as const)) {
          const seen = suspects(codec, toBytes(codec, pcm), rateHz, ptimeMs);
          assert.equal(
            [...seen.keys()],
            [],
            `${hz.join('+')} Hz at ${rateHz}, ${dBov} dBov, ${ptimeMs} ms as ${codec}`,
          );
        }
      }
    }
  }
});

test('a third line, 20 dB below the others, makes it a stuck frame', () => {
  const tones = (third: number): Int16Array =>
    Int16Array.from({ length: 8000 }, (_, n) =>
      [8000, 8000, third].reduce(
        (sum, peak, k) => sum + peak * Math.sin((2 * Math.PI * (400 + 250 * k) * n) / 8000),
        0,
      ),
    );
  assert.equal([...suspects('pcmu', toBytes('pcmu', tones(1130))).keys()], ['constant']);
  assert.equal([...suspects('pcmu', toBytes('pcmu', tones(200))).keys()], []);
});

test('a peak at the end of the scale now and then is forgotten, however often it comes', () => {
  const voice = VOICES[1]!;
  const pcm = Int16Array.from({ length: 480_000 }, (_, n) => (n % 16_000 < 10 ? 32_767 : voice[n % voice.length]!));
  assert.equal([...suspects('l16', toBytes('l16', pcm)).keys()], []);
});

test('nothing but silence from the beginning, in every codec; a pause later on is none', () => {
  for (const codec of ['pcmu', 'pcma', 'l16'] as const) {
    assert.equal([...suspects(codec, toBytes(codec, new Int16Array(16_000)))], [['silence', 1000]]);
    const voice = VOICES[1]!;
    assert.is(suspects(codec, toBytes(codec, [...voice, ...new Int16Array(80_000)])).size, 0);
    const late = suspects(codec, toBytes(codec, [...new Int16Array(12_000), ...voice]));
    assert.equal([...late.keys()], ['silence']);
  }
});

/** Honest audio, a minute and more of each. */
function honest(): Map<string, Int16Array> {
  const next = chance(5);
  const tones = (hz: readonly number[], seconds: number): Int16Array =>
    Int16Array.from({ length: seconds * 8000 }, (_, n) =>
      Math.round(hz.reduce((sum, f) => sum + 6000 * Math.sin((2 * Math.PI * f * n) / 8000 + f), 0)),
    );
  const music = Int16Array.from({ length: 480_000 }, (_, n) => {
    const chord = [220, 277.18, 329.63].map((f) => f * 2 ** ((Math.floor(n / 16_000) % 5) / 12));
    const beat = Math.exp(-(n % 4000) / 1500);
    return Math.round(chord.reduce((sum, f) => sum + 5000 * beat * Math.sin((2 * Math.PI * f * n) / 8000), 0));
  });
  const all = new Map<string, Int16Array>([['music', music]]);
  for (const hz of [
    [350, 440],
    [440, 480],
    [400, 450],
    [480, 620],
    [425],
    [1000],
    [1100],
    [2100],
    [2000],
    [697, 1209],
  ]) {
    all.set(`tone ${hz.join('+')}`, tones(hz, 10));
  }
  for (const kind of ['white', 'pink', 'car'] as const) {
    for (const dBov of [-60, -30, -18]) all.set(`${kind} ${dBov}`, rounded(noise(kind, dBov, 20, 8000)));
  }
  for (const voice of ['rms', 'slt', 'awb'] as const) {
    const said = Float64Array.from(say(`${SENTENCE} Six sick hicks nick six slick bricks. Shh. Success.`, voice));
    for (const dBov of [-55, -35, -26, -19]) {
      for (const kind of ['white', 'pink'] as const) {
        const floor = noise(kind, dBov - 15, said.length / 8000, 8000, Math.round(next() * 1000));
        all.set(`${voice} ${dBov} in ${kind}`, rounded(scaled(said, dBov).map((x, n) => x + floor[n]!)));
      }
    }
  }
  return all;
}

test('voices at all levels, noise, tones, keys and music are honest, in every codec', () => {
  for (const [name, pcm] of honest()) {
    for (const codec of ['pcmu', 'pcma', 'l16'] as const) {
      assert.equal([...suspects(codec, toBytes(codec, pcm)).keys()], [], `${name} as ${codec}`);
    }
  }
});

test('so are wide-band voices, and frames of any length', () => {
  for (const voice of ['rms', 'slt'] as const) {
    const wide = sayWide(SENTENCE, voice);
    for (const ptimeMs of [10, 20, 60])
      assert.equal([...suspects('l16', toBytes('l16', wide), 16_000, ptimeMs).keys()], []);
  }
  assert.equal([...suspects('l16', toBytes('l16', sine(440, 48_000, 0, 96_000, 9000)), 48_000).keys()], []);
});

test('an empty frame says nothing, whatever lies around it, and leaves what was heard as it is', () => {
  const pcm = Int16Array.from({ length: 8000 }, (_, n) => Math.round(3000 + 1000 * Math.sin(n / 5)));
  const judged = (empty: boolean): number[] => {
    exports.suspectStart(NUMBERS.l16, 8000);
    core.bytes(exports.WIRE_IN.value - 64, 64).fill(0x7f);
    return Array.from({ length: 50 }, (_, n) => {
      if (empty) exports.suspectHear(NUMBERS.l16, 0);
      core.samples(exports.WIRE_IN.value, 160).set(pcm.subarray(n * 160, (n + 1) * 160));
      return exports.suspectHear(NUMBERS.l16, 160);
    });
  };
  const without = judged(false);
  assert.is(without.at(-1), 1 << exports.SUSPECT_DC.value);
  assert.equal(judged(true), without);
});

test('25 minutes of recorded people are honest, in every codec', () => {
  const folder = fileURLToPath(new URL('../../.cache/asterisk/root/usr/share/asterisk/sounds/en', import.meta.url));
  if (!existsSync(folder)) return;
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.wav'),
  )) {
    const bytes = readFileSync(join(folder, name));
    const at = bytes.indexOf('data') + 8;
    const pcm = new Int16Array(
      bytes.buffer.slice(bytes.byteOffset + at, bytes.byteOffset + at + ((bytes.length - at) & ~1)),
    );
    // Files of silence, and those that begin with a second of it, are what they are suspected of.
    const silent = Array.from({ length: 50 }, (_, n) => pcm.subarray(n * 160, n * 160 + 160)).every(
      (frame) => frame.reduce((sum, x) => sum + x * x, 0) <= 64 * 160,
    );
    for (const codec of ['pcmu', 'pcma', 'l16'] as const) {
      assert.equal(
        [...suspects(codec, toBytes(codec, pcm)).keys()].filter((one) => !(silent && one === 'silence')),
        [],
        name,
      );
    }
  }
});

test('any bytes: no trap, nothing past the frame, and starting again forgets', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 3200, maxLength: 16_000 }),
      fc.constantFrom('pcmu', 'pcma', 'l16'),
      (bytes, codec) => {
        const first = suspects(codec as Codec, bytes);
        assert.equal(suspects(codec as Codec, bytes), first);
      },
    ),
    { numRuns: 30, seed: 8 },
  );
});

test.run();
