/** A backend that breaks its own answer off when it hears the caller: the session follows it, and only where the caller may cut in. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CallRig } from '../sim/call-rig.ts';

const SPEECH = 0.9;

async function interrupting(options: Record<string, unknown> = {}): Promise<CallRig> {
  const rig = await CallRig.talking({ detectsTurns: true, options });
  rig.stream.interrupts = true;
  return rig;
}

test('what only the backend heard cuts the agent off, as a barge-in of its own moment', async () => {
  const rig = await interrupting();
  rig.answer('a', 2000);
  await rig.run(1000);
  rig.backend.sink?.onSpeech('started');
  await rig.run(40);
  assert.is(rig.session.snapshot().turn, 'caller-speaking');
  assert.is(rig.session.snapshot().playoutBytes, 0);
  assert.is(rig.session.snapshot().bargeIns, 1);
  assert.is(rig.stream.cancels.length, 1);
  assert.is(rig.stream.cancels[0]?.[0], 'a');
  const [bargeIn] = rig.events.of('barge-in');
  // Our endpointer has heard nobody: counted from the word of the backend, a tick ago.
  assert.ok(bargeIn !== undefined && bargeIn.stopMs <= 20 && bargeIn.verdictMs <= 20, JSON.stringify(bargeIn));
  assert.ok(bargeIn.droppedMs > 900);
  // What still comes of that phrase is not wanted.
  rig.say('a', 500);
  assert.is(rig.session.snapshot().playoutBytes, 0);
});

test('an onset of ours that is not decided yet is the mark, and it is one barge-in', async () => {
  const rig = await interrupting();
  rig.answer('a', 2000);
  await rig.run(1000);
  await rig.run(60, SPEECH);
  assert.is(rig.session.snapshot().turn, 'yielding');
  rig.backend.sink?.onSpeech('started');
  await rig.run(200, SPEECH);
  const [bargeIn, ...others] = rig.events.of('barge-in');
  assert.is(others.length, 0);
  assert.ok(bargeIn !== undefined && bargeIn.verdictMs >= 60 && bargeIn.verdictMs <= 100, JSON.stringify(bargeIn));
});

test('a caller who may not cut in hears what there is to its end', async () => {
  const rig = await interrupting({ bargeIn: false });
  rig.answer('a', 2000);
  await rig.run(1000);
  rig.backend.sink?.onSpeech('started');
  await rig.run(200);
  assert.is(rig.session.snapshot().turn, 'agent-speaking');
  assert.is(rig.session.snapshot().bargeIns, 0);
  assert.equal(rig.stream.cancels, []);
});

test('an answer of which nothing was heard yet is called off', async () => {
  const rig = await interrupting({ prebufferMs: 500 });
  rig.backend.sink?.onResponseStarted('r');
  rig.say('a', 100);
  rig.backend.sink?.onSpeech('started');
  assert.is(rig.session.snapshot().playoutBytes, 0);
  assert.equal(rig.stream.cancels, [[null, 0]]);
  await rig.run(100);
  assert.is(rig.session.snapshot().turn, 'caller-speaking');
});

test('a backend that does not say that it interrupts is not followed', async () => {
  const rig = await CallRig.talking({ detectsTurns: true });
  rig.answer('a', 2000);
  await rig.run(1000);
  rig.backend.sink?.onSpeech('started');
  await rig.run(200);
  assert.is(rig.session.snapshot().turn, 'agent-speaking');
  assert.equal(rig.stream.cancels, []);
});

test.run();
