import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { FERRY_OFFICE, phrasesOf } from '../../src/simulator/dialogue.ts';
import { findHearing, recogniseWav } from '../../src/simulator/hearing.ts';
import type { Hearing } from '../../src/simulator/hearing.ts';
import { resampleSinc } from '../../src/simulator/sinc-resample.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';
import type { Voice } from '../../src/simulator/speech.ts';
import { fromLinear, toLinear } from '../../src/simulator/wire-audio.ts';

const hearing = await findHearing();
const phrases = phrasesOf(FERRY_OFFICE);
const speech = new SpeechSynthesizer();

test.after(() => speech.close());

/** A sentence as a telephone passes it on, with silence around. */
async function overTheTelephone(text: string, voice: Voice): Promise<Int16Array> {
  const { samples, sampleRateHz } = await speech.synthesize(text, voice);
  const said = toLinear(fromLinear(resampleSinc(samples, sampleRateHz, 8000), 'pcmu'), 'pcmu');
  const whole = new Int16Array(said.length + 6400);
  whole.set(said, 2400);
  return whole;
}

test('without the program or its model there is no hearing', async () => {
  const { PATH } = process.env;
  process.env['PATH'] = '/nowhere';
  try {
    assert.is(await findHearing(), null);
  } finally {
    process.env['PATH'] = PATH;
  }
});

if (hearing === null) {
  process.stdout.write('skipped: PocketSphinx is not installed (apt-get install pocketsphinx pocketsphinx-en-us)\n');
} else {
  const ears: Hearing = hearing;

  test('phrases of the grammar are understood in three voices', async () => {
    for (const voice of ['slt', 'rms', 'awb'] as const) {
      for (const phrase of [phrases[0], phrases[1], phrases[6]]) {
        const heard = await ears.recognise(await overTheTelephone(phrase ?? '', voice), 8000, phrases);
        assert.is(heard, phrase, `${voice}: ${phrase}`);
      }
    }
  });

  test('other sentences are not forced into it, nor are noise and silence', async () => {
    const others = [
      'My name is Peter and I have lost my umbrella.',
      'Four five six seven.',
      'I want to speak to a person.',
    ];
    for (const text of others)
      assert.is(await ears.recognise(await overTheTelephone(text, 'slt'), 8000, phrases), null);
    let seed = 1;
    const noise = Int16Array.from({ length: 16_000 }, () => {
      seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
      return (seed >>> 18) - 8192;
    });
    assert.is(await ears.recognise(noise, 8000, phrases), null);
    assert.is(await ears.recognise(new Int16Array(16_000), 8000, phrases), null);
  });

  test('what cannot be decoded is not understood', async () => {
    const said = await overTheTelephone('Goodbye.', 'slt');
    assert.is(await ears.recognise(said, 8000, []), null);
    assert.is(await ears.recognise(said, 8000, ['xyzzyq']), null, 'a word that is in no dictionary');
    assert.is(await ears.recognise(new Int16Array(8000 * 20).fill(9000), 8000, phrases), null, 'too long');
    assert.is(await ears.recognise(said.subarray(0, 300), 8000, phrases), null, 'too short');
  });

  test('a stretch of a recording can be listened to', async () => {
    const first = await overTheTelephone('When do the ferries leave today?', 'rms');
    const second = await overTheTelephone('How much is a ticket?', 'rms');
    const both = new Int16Array(first.length + second.length);
    both.set(first);
    both.set(second, first.length);
    const audio = { sampleRateHz: 8000, channels: [both] };
    const middleMs = first.length / 8;
    assert.is(await recogniseWav(ears, audio, phrases, 0, middleMs), 'when do the ferries leave today');
    assert.is(await recogniseWav(ears, audio, phrases, middleMs), 'how much is a ticket');
  });

  test('only so many decoders run at once', async () => {
    const said = await overTheTelephone('How much is a ticket?', 'rms');
    const heard = await Promise.all(Array.from({ length: 6 }, () => ears.recognise(said, 8000, phrases)));
    assert.equal(heard, [...Array<string>(4).fill('how much is a ticket'), null, null]);
  });
}

test.run();
