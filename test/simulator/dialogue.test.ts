import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { DialogueTalk, describeTurn } from '../../src/simulator/dialogue-talk.ts';
import type { HeardTurn } from '../../src/simulator/dialogue-talk.ts';
import { FERRY_OFFICE, fixedSentencesOf, parseDialogue, phrasesOf } from '../../src/simulator/dialogue.ts';
import type { Dialogue } from '../../src/simulator/dialogue.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';

const NONE: ReadonlySet<string> = new Set();
const heard = (text: string | null, durationMs = 2300, levelDbov = -25.2): HeardTurn => ({
  durationMs,
  levelDbov,
  text,
});

test('the caller is greeted first, and asked again later', () => {
  const talk = new DialogueTalk(FERRY_OFFICE);
  assert.equal(talk.unasked().sentences, FERRY_OFFICE.greeting);
  assert.equal(talk.unasked().sentences, FERRY_OFFICE.prompt);
  const { prompt: _, ...promptless } = FERRY_OFFICE;
  const again = new DialogueTalk(promptless);
  again.unasked();
  assert.equal(again.unasked().sentences, FERRY_OFFICE.greeting);
});

test('not understood, answers go by turns, say what was measured, and the last one repeats', () => {
  const talk = new DialogueTalk(FERRY_OFFICE);
  const first = talk.answer(heard(null), NONE).sentences ?? [];
  assert.is(first[0], 'Of course.');
  assert.is(first[1], 'I heard you speak for two point three seconds, at minus twenty five decibels.');
  assert.equal(talk.answer(heard(null), NONE).sentences?.[0], 'You are welcome.');
  assert.equal(talk.answer(heard(null), NONE).sentences?.[0], 'You are welcome.');
});

test('understood, an answer comes out of turn, and turns go on behind it', () => {
  const talk = new DialogueTalk(FERRY_OFFICE);
  assert.match(talk.answer(heard('How much is a ticket?'), NONE).sentences?.[0] ?? '', /four pounds/);
  const times = talk.answer(heard('What time is the next ferry?'), NONE).sentences ?? [];
  assert.is(times[0], 'Of course.');
  assert.not.ok(times.some((sentence) => sentence.includes('I heard you')));
  assert.is(talk.answer(heard(null), NONE).sentences?.[0], 'You are welcome.');
});

test('a function is called only where it is offered, and its result is filled in', () => {
  const dialogue: Dialogue = {
    greeting: ['Hello.'],
    answers: [
      { say: ['Before.', 'At {result.hour}, {result.none}.', 'All: {result}'], call: { name: 'f', arguments: {} } },
    ],
  };
  const offered = new Set(['f']);
  const talk = new DialogueTalk(dialogue);
  assert.equal(talk.answer(heard(null), offered), { call: { name: 'f', arguments: {} } });
  assert.equal(talk.afterCall('{"hour":9}').sentences, ['Before.', 'At 9, unknown.', 'All: {"hour":9}']);
  assert.equal(talk.afterCall('again').sentences, ['Hello.'], 'nothing is waiting for it');
  talk.answer(heard(null), offered);
  assert.equal(talk.afterCall('plain').sentences, ['Before.', 'At unknown, unknown.', 'All: plain']);
  assert.equal(talk.answer(heard(null), NONE).sentences, ['Before.']);
});

test('measurements are words', () => {
  assert.is(describeTurn(heard(null, 10, 0)), 'I heard you speak for zero point one seconds, at minus zero decibels.');
  assert.is(
    describeTurn(heard(null, 121_940, -127)),
    'I heard you speak for one two one point nine seconds, at minus ninety nine decibels.',
  );
  assert.is(
    describeTurn(heard(null, 40_000, -30)),
    'I heard you speak for forty point zero seconds, at minus thirty decibels.',
  );
});

test('phrases for a grammar are plain and there once; what can be spoken beforehand has no holes', () => {
  const phrases = phrasesOf(FERRY_OFFICE);
  assert.ok(phrases.every((phrase) => /^[a-z' ]+$/.test(phrase)));
  assert.is(new Set(phrases).size, phrases.length);
  assert.equal(phrasesOf({ greeting: ['x'], answers: [{ say: ['x'], phrases: ['Hi!', 'hi', '123'] }] }), ['hi']);
  assert.ok(fixedSentencesOf(FERRY_OFFICE).every((sentence) => !sentence.includes('{')));
});

test('one answer is long enough to be cut short', async () => {
  const speech = new SpeechSynthesizer();
  try {
    let longestMs = 0;
    for (const { say } of FERRY_OFFICE.answers) {
      let ms = 0;
      for (const sentence of say) {
        if (sentence.includes('{')) continue;
        const { samples, sampleRateHz } = await speech.synthesize(sentence, 'rms');
        ms += (samples.length / sampleRateHz) * 1000;
      }
      longestMs = Math.max(longestMs, ms);
    }
    assert.ok(longestMs > 8000, `${longestMs} ms`);
  } finally {
    await speech.close();
  }
});

test('anybody may bring their own, as YAML or JSON', () => {
  const yaml =
    'greeting: [Hello.]\nanswers:\n  - phrases: [one]\n    say: [Yes.]\n    call: { name: f, arguments: { n: 1 } }\n';
  const dialogue = parseDialogue(yaml);
  assert.equal(dialogue.answers[0]?.call, { name: 'f', arguments: { n: 1 } });
  assert.equal(parseDialogue(JSON.stringify(FERRY_OFFICE)), FERRY_OFFICE);
});

test('a dialogue that cannot be used is refused with its fault', () => {
  const fault = (text: string): string => {
    try {
      parseDialogue(text);
    } catch (error) {
      if (hasCode(error, 'ERR_TALKSPURT_CONFIG_INVALID')) return error.message;
      throw error;
    }
    return 'none';
  };
  assert.match(fault('a: [b'), /neither YAML nor JSON/);
  assert.match(fault(''), /the whole: /);
  assert.match(fault('greeting: []\nanswers: []'), /greeting: .*; answers: /);
  assert.match(fault('greeting: [a]\nanswers: [{ say: [b], voice: c }]'), /answers\.0: .*voice/);
  assert.match(fault('greeting: [a]\nanswers: [{ say: [b], call: { name: "a b", arguments: {} } }]'), /call\.name/);
  assert.match(fault('greeting: [a]\nanswers: [{ say: [b], byTurn: false }]'), /reached by turns/);
});

test.run();
