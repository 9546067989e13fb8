/** Backends that write without end, and what becomes of answers that cannot be spoken whole. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import type { SpeechRequest } from './speech-rig.ts';
import { spokenRig, speaksAtOnce } from './speech-rig.ts';
import { settle } from '../sim/fake-clock.ts';

type Rig = Awaited<ReturnType<typeof spokenRig>>;

/** Refuses sentences that begin with `begin`, speaks the others for 500 ms each. */
function refusing(begin: string) {
  return (request: SpeechRequest): void => {
    if (request.text.startsWith(begin)) request.fail('ERR_TALKSPURT_TTS_REFUSED', { status: 400 });
    else request.speak(500);
  };
}

async function play(rig: Rig, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 250) {
    await settle();
    rig.clock.advance(250);
  }
  await settle();
}

const overflows = (rig: Rig): number => rig.story.filter((line) => line === 'ERR_TALKSPURT_TTS_OVERFLOW').length;

test('an answer without end is told of once, holds no more than it may, and costs no more the longer it is', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine, 1);
  rig.writer.onResponseStarted('r1');
  const sentence = 'This goes on and on. ';
  let whole = '';
  for (let written = 0; written < 4 * LIMITS.ttsAnswerCharacters; written += sentence.length) {
    rig.writer.onTranscript('agent', sentence, false);
    whole += sentence;
    if (written % (100 * sentence.length) === 0) await play(rig, 500);
  }
  rig.writer.onTranscript('agent', whole, true);
  rig.writer.onResponseDone('r1', 'completed');
  await play(rig, 10_000);
  assert.is(overflows(rig), 1);
  const characters = rig.engine.texts.length + rig.stream.speech!.cached;
  assert.ok(characters * sentence.length <= LIMITS.ttsAnswerCharacters + sentence.length);
  assert.is(rig.story.at(-1), 'completed r1');
  const last = rig.story.findLast((line) => line.endsWith(' done'))!;
  rig.stream.onItemPlayed?.(last.slice(0, -5), 21, true);
  assert.is(rig.notes.length, 1, 'the model learns that not all of it was heard');
  assert.ok(rig.notes[0]![1].length <= LIMITS.ttsAnswerCharacters);
  // The next answer has all the room again.
  rig.write('r2', 'Something new.');
  await play(rig, 1_000);
  assert.is(rig.story.at(-1), 'completed r2');
});

test('answers that pile up behind one that is not spoken are bounded, and the backend learns which were not heard', async () => {
  const rig = await spokenRig();
  for (let at = 0; at < LIMITS.ttsAnswers + 3; at += 1) rig.write(`r${at}`, 'Hello there.');
  await settle();
  assert.equal(rig.story, ['start r0', ...Array.from({ length: 3 }, () => 'ERR_TALKSPURT_TTS_OVERFLOW')]);
  assert.equal(
    rig.notes,
    [0, 1, 2].map((at) => [`r${LIMITS.ttsAnswers + at}`, '']),
  );
  speaksAtOnce(rig.engine, 1);
  rig.engine.last.speak(10);
  await play(rig, 5_000);
  assert.is(rig.story.at(-1), `completed r${LIMITS.ttsAnswers - 1}`);
  rig.write('again', 'Hello there.');
  await play(rig, 1_000);
  assert.is(rig.story.at(-1), 'completed again');
});

test('a server that says of no response that it begins is heard again after the caller cut in', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine);
  const { writer } = rig;
  writer.onTranscript('agent', 'One two. Three', false);
  await settle();
  rig.stream.cancelResponse('speech-1', 100);
  writer.onTranscript('agent', ' four.', false);
  writer.onTranscript('agent', 'One two. Three four.', true);
  writer.onTranscript('agent', 'Five six.', true);
  await settle();
  // Cut between two of its items, the next one is not the one that was cut.
  rig.stream.cancelResponse('speech-2', 100);
  writer.onTranscript('agent', 'Seven', false);
  writer.onTranscript('agent', 'Seven eight.', true);
  await settle();
  assert.equal(rig.engine.texts, ['One two.', 'Five six.', 'Seven eight.']);
});

test('the model learns of a sentence that nobody heard, when the answer has been heard', async () => {
  const rig = await spokenRig();
  rig.engine.onRequest = refusing('Two');
  rig.write('r1', 'One is here. Two is lost. Three is here.');
  await play(rig, 3_000);
  rig.stream.onItemPlayed?.('speech-1', 500, true);
  assert.equal(rig.notes, []);
  rig.stream.onItemPlayed?.('speech-3', 500, true);
  assert.equal(rig.notes, [['r1', 'One is here. Three is here.']]);
});

test('…also of its last one, and of an answer of which nothing could be said', async () => {
  const rig = await spokenRig();
  rig.engine.onRequest = refusing('Two');
  rig.write('r1', 'One is here. Two is lost.');
  await play(rig, 2_000);
  rig.stream.onItemPlayed?.('speech-1', 500, true);
  rig.write('r2', 'Two is nothing.');
  await play(rig, 1_000);
  assert.equal(rig.notes, [
    ['r1', 'One is here.'],
    ['r2', ''],
  ]);
  // And when the caller cuts in before it was known to be heard.
  rig.write('r3', 'One is here. Two is lost.');
  rig.write('r4', 'Four is cut.');
  await play(rig, 1_000);
  rig.stream.cancelResponse('speech-6', 10);
  assert.equal(rig.notes.slice(2), [
    ['r3', 'One is here.'],
    ['r4', ''],
  ]);
});

test('what a stream can do besides is passed on, and only that', async () => {
  const plain = await spokenRig();
  assert.is(plain.stream.letDrain, undefined);
  const rig = await spokenRig({}, { letDrain: () => 250 });
  assert.is(rig.stream.letDrain?.(), 250);
});

test('how long a text has been due is known', async () => {
  const rig = await spokenRig();
  const waitMs = (): number => rig.stream.speech!.waitMs;
  rig.write('r1', 'One two. Three four.');
  await settle();
  rig.clock.advance(4_000);
  assert.is(waitMs(), 4_000);
  rig.engine.last.give(5_000);
  await settle();
  assert.is(waitMs(), 0);
  rig.engine.requests[0]!.finish();
  await settle();
  rig.clock.advance(4_000);
  assert.equal([rig.engine.requests.length, waitMs()], [2, 0], 'the first one is heard still');
  rig.clock.advance(3_000);
  assert.is(waitMs(), 2_000);
  rig.engine.last.speak(100);
  await settle();
  rig.clock.advance(60_000);
  assert.is(waitMs(), 0, 'nothing is due');
});

test('a tone that takes the place of words is none of them', async () => {
  const rig = await spokenRig();
  const text = 'Good morning to you and welcome to the shop that has it all.';
  rig.engine.onRequest = (request) => {
    request.give(500);
    request.fail();
  };
  for (let at = 0; at < LIMITS.ttsOffFailures; at += 1) rig.write(`r${at}`, text);
  while (!rig.story.includes(`failed r4`) && !rig.story.includes('completed r4')) {
    await play(rig, 250);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const item = `speech-${LIMITS.ttsOffFailures}`;
  assert.ok(rig.story.filter((line) => line.startsWith(`${item} `)).length >= 3, 'words, a tone and the end');
  // 500 ms of words and 500 ms of a tone.
  rig.stream.cancelResponse(item, 1_000);
  const [, heard] = rig.notes.at(-1)!;
  assert.is(heard, 'Good');
});

test.run();
