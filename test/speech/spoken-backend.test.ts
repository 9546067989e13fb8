import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { settle } from '../sim/fake-clock.ts';
import { speaksAtOnce, spokenRig } from './speech-rig.ts';

test('an answer is spoken sentence by sentence, and is over when its last one has been delivered', async () => {
  const rig = await spokenRig();
  rig.write('r1', 'One two. Three four.');
  await settle();
  assert.equal(rig.engine.texts, ['One two.']);
  rig.engine.last.give(300);
  await settle();
  assert.equal(rig.story, ['start r1', 'speech-1 300']);
  // The next one is made while the present one plays.
  assert.equal(rig.engine.texts, ['One two.', 'Three four.']);
  rig.engine.last.give(100);
  await settle();
  assert.equal(rig.story, ['start r1', 'speech-1 300'], 'not before its turn');
  rig.engine.requests[0]!.finish();
  await settle();
  assert.equal(rig.story.slice(2), ['speech-1 done', 'speech-2 100']);
  rig.engine.last.speak(200);
  await settle();
  assert.equal(rig.story.slice(4), ['speech-2 200', 'speech-2 done', 'completed r1']);
  assert.is(rig.clock.pending, 0);
  assert.is(rig.engine.open, 0);
});

test("the agent's text is passed once, sentence by sentence, with the sound of each", async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine);
  rig.write('r1', 'One two. Three.');
  await settle();
  const said = rig.sink.all.flatMap((each) => {
    if (each.kind === 'audio') return [each.itemId];
    return each.kind === 'transcript' ? [`${each.text}${each.final ? '' : '…'}`] : [];
  });
  assert.equal(said, ['One two.', 'speech-1', 'Three.', 'speech-2']);
});

test('text that comes only when it is complete is spoken too, and not twice', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine);
  rig.writer.onResponseStarted('r1');
  rig.writer.onTranscript('agent', 'Only at the end.', true);
  rig.writer.onResponseDone('r1', 'completed');
  await settle();
  assert.equal(rig.engine.texts, ['Only at the end.']);
});

test('text outside of a response is not spoken, unless the backend never says that one begins', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine);
  rig.writer.onTranscript('agent', 'Of a server that does not say.', true);
  await settle();
  assert.equal(rig.engine.texts, ['Of a server that does not say.']);
  assert.equal(
    rig.story.map((line) => line.split(' ')[0]),
    ['start', 'speech-1', 'speech-1', 'completed'],
  );
  rig.write('r1', 'One.');
  rig.writer.onTranscript('agent', 'One.', true);
  await settle();
  rig.clock.advance(5_000);
  await settle();
  assert.equal(rig.engine.texts.slice(1), ['One.'], 'not twice');
});

test('more to be said word for word than may wait is told of', async () => {
  const rig = await spokenRig();
  rig.writer.onResponseStarted('r1');
  for (let at = 0; at <= LIMITS.ttsAnswers; at += 1) rig.stream.say?.('Once more.');
  assert.equal(rig.story, ['start r1', 'ERR_TALKSPURT_TTS_OVERFLOW']);
  await rig.stream.close();
});

test('not more than the next sentence is made ahead', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine, 1_000);
  rig.write('r1', 'One two. Three four. Five six. Seven eight.');
  await settle();
  assert.equal(rig.engine.texts, ['One two.', 'Three four.'], '8 s play, 11 s wait');
  rig.clock.advance(7_900);
  await settle();
  assert.is(rig.engine.requests.length, 2);
  rig.clock.advance(200);
  await settle();
  assert.equal(rig.engine.texts.slice(2), ['Five six.'], 'the second one plays');
  rig.stream.cancelResponse('speech-1', 100);
  assert.is(rig.clock.pending, 0);
});

test('a caller who cuts in ends it at once, and the backend is told what was heard', async () => {
  const rig = await spokenRig();
  rig.write('r1', 'Good morning to you. Your parcel has left the depot. It will come tomorrow.');
  await settle();
  rig.engine.last.speak(1_000);
  await settle();
  rig.engine.last.give(500);
  await settle();
  rig.engine.last.speak(500);
  await settle();
  const before = rig.story.length;
  // Half of the second sentence: 1,000 ms long.
  rig.stream.cancelResponse('speech-2', 500);
  await settle();
  assert.equal(rig.inner.cancels, [[null, 0]]);
  assert.equal(rig.notes, [['r1', 'Good morning to you. Your parcel has']]);
  assert.equal(rig.story.slice(before), ['cancelled r1']);
  assert.is(rig.engine.open, 0, 'requests are ended');
  assert.equal(
    rig.events.of('speech.sentence').map(({ outcome }) => outcome),
    ['spoken', 'spoken', 'cut'],
  );
  // A straggler of the engine's is heard by nobody.
  rig.engine.last.give(100);
  await settle();
  assert.is(rig.story.length, before + 1);
});

test('an answer that is cancelled while it is written goes on for nobody, and the next one is heard', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine);
  rig.writer.onResponseStarted('r1');
  rig.writer.onTranscript('agent', 'One two. Three', false);
  await settle();
  rig.stream.cancelResponse('speech-1', 400);
  rig.writer.onTranscript('agent', ' four.', false);
  rig.writer.onTranscript('agent', 'One two. Three four.', true);
  rig.writer.onResponseDone('r1', 'cancelled');
  rig.write('r2', 'Another.');
  await settle();
  assert.equal(rig.engine.texts, ['One two.', 'Another.']);
  assert.equal(rig.story.slice(-5), ['cancelled r1', 'start r2', 'speech-2 400', 'speech-2 done', 'completed r2']);
  assert.equal(rig.notes, [['r1', 'One two.']]);
});

test('an answer that is cancelled before a word of it came is never heard of', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine);
  rig.stream.requestResponse('Greet');
  rig.stream.cancelResponse(null, 0);
  assert.equal(rig.inner.cancels, [[null, 0]]);
  assert.equal([rig.story, rig.notes], [[], []]);
  rig.write('r1', 'Hello.');
  await settle();
  assert.equal(rig.story, ['start r1', 'speech-1 300', 'speech-1 done', 'completed r1']);
});

test('two answers in a row are told one after the other, and a cut ends both', async () => {
  const rig = await spokenRig();
  rig.write('r1', 'First answer.');
  rig.write('r2', 'Second answer.');
  await settle();
  assert.equal(rig.story, ['start r1']);
  rig.engine.last.speak(600);
  await settle();
  assert.equal(rig.story, ['start r1', 'speech-1 600', 'speech-1 done', 'completed r1', 'start r2']);
  rig.engine.last.give(200);
  await settle();
  rig.stream.cancelResponse('speech-1', 300);
  assert.equal(rig.notes, [
    ['r1', 'First'],
    ['r2', ''],
  ]);
});

test('what was heard to its end is not put right when a later answer is called off', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine);
  rig.write('r1', 'First answer.');
  await settle();
  rig.stream.onItemPlayed?.('speech-1', 650, true);
  rig.write('r2', 'Second answer.');
  await settle();
  rig.stream.cancelResponse(null, 0);
  assert.equal(rig.notes, [['r2', '']]);
});

test('by the clock, where the session does not know what was heard', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine);
  rig.write('r1', 'First one. Second one.');
  await settle();
  rig.clock.advance(600);
  rig.stream.cancelResponse(null, 0);
  assert.equal(rig.notes, [['r1', 'First one.']]);
});

test('tool calls, errors, speech edges, expiry and the end pass through', async () => {
  const rig = await spokenRig();
  rig.writer.onSpeech('started');
  rig.writer.onToolCall('t1', 'weather', '{}');
  rig.writer.onError(new TalkspurtError('ERR_TALKSPURT_BACKEND_API', 'x'));
  rig.writer.onExpiring?.(5);
  rig.writer.onTranscript('caller', 'Hi.', true);
  rig.writer.onClosed(null);
  assert.equal(
    rig.sink.all.map(({ kind }) => kind),
    ['speech', 'tool', 'error', 'expiring', 'transcript', 'closed'],
  );
  assert.is(rig.engine.requests.length, 0);
});

test('a backend that speaks itself is told so, once', async () => {
  const rig = await spokenRig();
  rig.writer.onAudio(new Uint8Array(8), 'i');
  rig.writer.onAudio(new Uint8Array(8), 'i');
  assert.equal(rig.story, ['ERR_TALKSPURT_BACKEND_PROTOCOL']);
});

test('what is to be said word for word is, behind what is being written, and the backend learns of it', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine);
  rig.writer.onResponseStarted('r1');
  rig.writer.onTranscript('agent', 'One two. Three', false);
  rig.stream.say?.('We close soon.');
  rig.writer.onTranscript('agent', ' four.', false);
  rig.writer.onTranscript('agent', 'One two. Three four.', true);
  rig.writer.onResponseDone('r1', 'completed');
  await settle();
  rig.clock.advance(5_000);
  await settle();
  assert.equal(rig.engine.texts, ['One two.', 'Three four.', 'We close soon.']);
  assert.equal(rig.inner.texts, []);
  rig.stream.onItemPlayed?.('speech-3', 700, true);
  assert.equal(rig.notes, [[null, 'We close soon.']]);
});

test('a session that ends leaves nothing', async () => {
  const rig = await spokenRig();
  rig.write('r1', 'One two. Three four. Five.');
  await settle();
  rig.engine.last.give(100);
  await settle();
  await rig.stream.close();
  await settle();
  const told = rig.story.length;
  assert.is(rig.engine.open, 0);
  assert.is(rig.clock.pending, 0);
  assert.is(rig.inner.closes, 1);
  rig.writer.onTranscript('agent', 'More. And more.', false);
  rig.writer.onResponseStarted('r2');
  await settle();
  assert.is(rig.story.length, told);
});

test('an item that is said to be whole twice is said once, also by a server that announces nothing', async () => {
  for (const announces of [true, false]) {
    const rig = await spokenRig();
    speaksAtOnce(rig.engine);
    if (announces) rig.writer.onResponseStarted('r1');
    rig.writer.onTranscript('agent', 'One two. ', false, 'i1');
    rig.writer.onTranscript('agent', 'One two. Three', true, 'i1');
    rig.writer.onTranscript('agent', 'One two. Three', true, 'i1');
    rig.writer.onTranscript('agent', 'One two. Three', true, 'i2');
    if (announces) rig.writer.onResponseDone('r1', 'completed');
    await settle();
    rig.clock.advance(5_000);
    await settle();
    rig.clock.advance(5_000);
    await settle();
    assert.equal(
      rig.sink.of('transcript').map(({ text }) => text),
      ['One two.', 'Three', 'One two.', 'Three'],
    );
    await rig.stream.close();
  }
});

test('what was heard is what whoever hears says, not what the clock says', async () => {
  const rig = await spokenRig();
  speaksAtOnce(rig.engine);
  rig.write('r1', 'First one. Second one.');
  await settle();
  rig.clock.advance(10_000);
  rig.stream.cancelResponse(null, 0, null);
  assert.equal(rig.notes, [['r1', '']]);
  rig.write('r2', 'Third one. Fourth one.');
  await settle();
  rig.stream.cancelResponse(null, 0, { itemId: 'speech-3', playedMs: 500 });
  assert.equal(rig.notes.slice(1), [['r2', 'Third one.']]);
  rig.write('r3', 'Fifth one.');
  await settle();
  rig.clock.advance(10_000);
  // Of an answer that is over and forgotten: these come behind it.
  rig.stream.cancelResponse(null, 0, { itemId: 'speech-3', playedMs: 500 });
  assert.equal(rig.notes.slice(2), [['r3', '']]);
});

test.run();
