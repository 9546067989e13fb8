/** A backend is there and gives no answer: the stream is given up, and what was asked is asked again, once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { failure } from '../sim/scripted-backend.ts';
import { FailoverRig } from './failover-rig.ts';

/** As a stream says of a response that is due and shows no sign. */
const UNANSWERED = failure('ERR_TALKSPURT_BACKEND_TIMEOUT', { unanswered: true });

test('a turn that was asked and not answered is asked again, once, also when the old stream speaks up at last', async () => {
  const rig = await FailoverRig.talking();
  await rig.callerTurn();
  rig.a.stream.sink.onTranscript('caller', 'what does it cost', true);
  // So long that the turn has been given back to the caller.
  await rig.run(LIMITS.backendResponseMs + 500);
  assert.is(rig.session.snapshot().turn, 'listening');
  const old = rig.a.stream;
  old.lose(UNANSWERED);
  await rig.run(400);
  const next = rig.a.stream;
  assert.not.ok(next === old);
  assert.equal(next.history, [{ by: 'caller', text: 'what does it cost' }]);
  assert.equal(next.requests, [undefined], 'it knows what to answer');
  old.speak('late', 200, { value: 0x41, text: 'Nothing.' });
  next.speak('now', 200, { value: 0x42, text: 'Four.' });
  await rig.run(1_000);
  assert.is(rig.said.filter((byte) => byte === 0x41).length, 0);
  assert.is(rig.said.filter((byte) => byte === 0x42).length, 10);
  assert.equal([next.requests.length, old.requests.length], [1, 0]);
  // It has been answered: the next loss owes nothing.
  next.lose();
  await rig.run(400);
  assert.equal(rig.a.stream.requests, []);
});

test('lost twice before anybody answers: each stream is asked once', async () => {
  const rig = await FailoverRig.talking();
  await rig.callerTurn();
  rig.a.stream.sink.onTranscript('caller', 'hello', true);
  rig.a.stream.lose(UNANSWERED);
  await rig.run(400);
  rig.a.stream.lose(UNANSWERED);
  await rig.run(1_000);
  assert.equal(
    rig.a.streams.map(({ requests }) => requests.length),
    [0, 1, 1],
  );
});

test('an answer that stops in the middle of a sentence is gone on with, once', async () => {
  const rig = await FailoverRig.talking();
  await rig.callerTurn();
  rig.a.stream.sink.onTranscript('caller', 'what does it cost', true);
  rig.a.stream.speak('one', 400, { text: 'It costs four euros and', whole: false });
  await rig.run(2_000);
  rig.a.stream.lose(UNANSWERED);
  await rig.run(400);
  assert.is(rig.a.stream.requests.length, 1);
  assert.match(rig.a.stream.requests[0] ?? '', /Go on from there/);
});

test('an answer that was heard to its end is not asked for again, whatever its stream still owes', async () => {
  const rig = await FailoverRig.talking();
  await rig.callerTurn();
  rig.a.stream.sink.onTranscript('caller', 'what does it cost', true);
  // Its audio is complete; the end of the response never comes.
  rig.a.stream.speak('one', 400, { text: 'Four euros.', whole: false });
  rig.a.stream.sink.onAudioDone('one');
  await rig.run(2_000);
  rig.a.stream.lose(UNANSWERED);
  await rig.run(400);
  assert.is(rig.session.state, 'talking');
  assert.equal(rig.a.stream.requests, []);
});

test('a caller who has spoken since is answered for that, and not for what was due before', async () => {
  const rig = await FailoverRig.talking();
  await rig.callerTurn();
  rig.a.stream.lose(UNANSWERED);
  rig.a.script.push(3_000);
  await rig.callerTurn(600);
  await rig.run(4_000);
  const { commits, requests } = rig.a.stream;
  assert.equal([commits.length + requests.length], [1], 'one answer is due, and one is asked for');
});

test('where there is another backend it is asked at once', async () => {
  const rig = await FailoverRig.talking({ names: ['a', 'b'] });
  await rig.callerTurn();
  rig.a.stream.sink.onTranscript('caller', 'hello', true);
  rig.a.stream.lose(UNANSWERED);
  await rig.run(100);
  assert.is(rig.session.snapshot().backend, 'b');
  assert.is(rig.a.opens, 1);
  assert.equal(rig.b.stream.requests, [undefined]);
});

test('a backend that opens and never answers is not asked for ever', async () => {
  const rig = await FailoverRig.talking({ options: { reconnect: { attempts: 2, maximumMs: 600_000 } } });
  rig.a.stream.speak('hello', 200, { text: 'Hello.' });
  await rig.callerTurn();
  for (let answers = 0; answers < 3 && rig.end === null; answers += 1) {
    rig.a.stream.lose(UNANSWERED);
    // Longer than a stream needs to be well, where it answers.
    await rig.run(LIMITS.backendResponseMs + 2_000);
  }
  assert.is(rig.end?.reason, 'backend-failed');
  assert.is(rig.events.of('backend.reconnected').length, 2);
});

test.run();
