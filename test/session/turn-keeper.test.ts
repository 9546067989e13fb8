/** The turn table carried out: what reaches the chain, the playout and the backend in the rarer cases. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { CallRig } from '../sim/call-rig.ts';

const SPEECH = 0.9;

test('what the switch still holds was not heard: told to the backend, and flushed', async () => {
  const rig = await CallRig.talking();
  rig.say('a', 2000);
  await rig.run(1000);
  rig.leg.transport.heldFrames = 4;
  await rig.run(140, SPEECH);
  const [itemId, playedMs] = rig.stream.cancels[0] ?? [];
  assert.is(itemId, 'a');
  // The agent waits since 1000 ms. The switch holds 80 ms, all of them silence by now.
  assert.is(playedMs, 1000);
  assert.is(rig.leg.transport.flushes, 1);
});

test('barge-in while the agent has run dry: cut off all the same, once', async () => {
  const rig = await CallRig.talking();
  rig.say('a', 200);
  await rig.run(300);
  assert.is(rig.session.snapshot().turn, 'agent-speaking');
  await rig.run(140, SPEECH);
  assert.equal(rig.stream.cancels, [['a', 200]]);
  assert.is(rig.session.snapshot().turn, 'caller-speaking');
  rig.say('a', 1000);
  assert.is(rig.session.snapshot().playoutBytes, 0);
});

test('the agent ends while it is lowered: its level comes back, and the speech confirms by the shorter time', async () => {
  const rig = await CallRig.talking({ options: { duckGain: 0.35 } });
  rig.answer('a', 200);
  await rig.run(140);
  await rig.run(100, SPEECH);
  assert.is(rig.pool.dsp.gain, 1);
  assert.equal(rig.turnStates, ['agent-speaking', 'yielding', 'listening', 'caller-speaking']);
  assert.equal(rig.stream.cancels, []);
});

test('the agent begins while the caller speaks: the caller has to speak on to cut in', async () => {
  const rig = await CallRig.talking({ detectsTurns: true });
  await rig.run(200, SPEECH);
  rig.answer('a', 2000);
  await rig.run(20, SPEECH);
  assert.is(rig.session.snapshot().turn, 'agent-speaking');
  await rig.run(100, SPEECH);
  assert.is(rig.session.snapshot().bargeIns, 0);
  await rig.run(20, SPEECH);
  assert.is(rig.session.snapshot().bargeIns, 1);
  const caller = rig.events.all.flatMap((event) =>
    (event.type === 'speech.started' || event.type === 'speech.stopped') && event.by === 'caller' ? [event.type] : [],
  );
  assert.equal(caller, ['speech.started', 'speech.stopped', 'speech.started']);
});

test('two phrases with a pause between them are one turn of the agent, and one latency', async () => {
  const rig = await CallRig.talking();
  await rig.run(300, SPEECH);
  await rig.run(700);
  rig.backend.sink?.onResponseStarted('r');
  for (const item of ['a', 'b']) {
    rig.say(item, 100);
    rig.backend.sink?.onAudioDone(item);
    await rig.run(300);
  }
  rig.backend.sink?.onResponseDone('r', 'completed');
  assert.is(rig.events.of('turn.response-latency').length, 1);
  assert.is(rig.session.snapshot().turns, 1);
});

test('the latencies that are remembered, and the phrases that were cut off, are bounded', async () => {
  const rig = await CallRig.talking();
  for (let n = 0; n < 70; n += 1) {
    await rig.run(80, SPEECH);
    await rig.run(620);
    rig.answer(`item-${n}`, 40);
    await rig.run(100);
  }
  assert.is(rig.session.snapshot().turns, 70);
  assert.is(rig.session.snapshot().responseLatencyMs.length, 64);
  for (let n = 0; n < LIMITS.ledgerItems + 10; n += 1) rig.say(`cut-${n}`, 20);
  await rig.run(140);
  await rig.run(140, SPEECH);
  assert.is(rig.session.snapshot().bargeIns, 1);
  rig.say(`cut-${LIMITS.ledgerItems + 9}`, 100);
  assert.is(rig.session.snapshot().playoutBytes, 0);
});

test('an edge of the backend is measured even where it decides nothing', async () => {
  const rig = await CallRig.talking();
  rig.backend.sink?.onSpeech('started');
  rig.backend.sink?.onSpeech('stopped');
  assert.equal(
    rig.events.all.flatMap((event) => (event.type.startsWith('speech.') ? [event.type] : [])),
    ['speech.started', 'speech.stopped'],
  );
  assert.is(rig.session.snapshot().turn, 'listening');
});

test('the caller goes on between our commit and the answer: it is called off before it begins', async () => {
  const rig = await CallRig.talking({ options: { turnOwner: 'endpointer' } });
  await rig.run(200, SPEECH);
  await rig.run(640);
  assert.is(rig.stream.commits, 1);
  await rig.run(100, SPEECH);
  assert.equal(rig.stream.cancels, [[null, 0]]);
  await rig.run(640);
  assert.is(rig.stream.commits, 2, 'and the whole turn is committed when it ends');
  assert.is(rig.stream.cancels.length, 1);
});

test('an early hello goes before the greeting, and no latency is made up', async () => {
  const rig = await CallRig.talking({ options: { turnOwner: 'endpointer', greeting: 'greet' } });
  assert.equal(rig.stream.requests, ['greet']);
  await rig.run(100, SPEECH);
  assert.equal(rig.stream.cancels, [[null, 0]], 'the greeting is called off');
  await rig.run(640);
  assert.is(rig.stream.commits, 1);
  assert.is(rig.session.snapshot().turns, 0);
  rig.answer('a', 100);
  await rig.run(60);
  assert.is(rig.session.snapshot().turns, 1);
});

test('where the backend owns turns a noise does not call the greeting off', async () => {
  const rig = await CallRig.talking({ detectsTurns: true, options: { greeting: 'greet' } });
  await rig.run(100, SPEECH);
  assert.equal(rig.stream.cancels, []);
});

test('the end of a response that was called off does not end the thinking about the next turn', async () => {
  const rig = await CallRig.talking({ options: { turnOwner: 'endpointer' } });
  await rig.run(200, SPEECH);
  await rig.run(640);
  rig.backend.sink?.onResponseStarted('first');
  await rig.run(100, SPEECH);
  await rig.run(640);
  assert.is(rig.session.snapshot().turn, 'thinking');
  rig.backend.sink?.onResponseDone('first', 'cancelled');
  assert.is(rig.session.snapshot().turn, 'thinking');
  rig.backend.sink?.onResponseStarted('second');
  rig.backend.sink?.onResponseDone('second', 'failed');
  assert.is(rig.session.snapshot().turn, 'listening');
});

test('a phrase that was heard to its end is told to a backend that asks for it, one cut off with what was heard', async () => {
  const rig = await CallRig.talking();
  const played: unknown[] = [];
  rig.stream.onItemPlayed = (...told) => played.push(told);
  rig.answer('a', 200);
  await rig.run(400);
  assert.equal(played, [['a', 200, true]]);
  rig.say('b', 1_000);
  await rig.run(200);
  await rig.run(160, SPEECH);
  assert.is(played.length, 2);
  assert.equal(played[1], ['b', 200, false]);
});

test('the beginning of a turn is told where turns are ours, and not of a noise that is withdrawn', async () => {
  for (const detectsTurns of [false, true]) {
    const rig = await CallRig.talking({ detectsTurns });
    await rig.run(40, SPEECH);
    await rig.run(400);
    assert.is(rig.stream.starts, 0);
    await rig.run(400, SPEECH);
    assert.is(rig.stream.starts, detectsTurns ? 0 : 1);
    await rig.run(1_500);
    assert.is(rig.stream.commits, detectsTurns ? 0 : 1);
  }
});

test('a caller who cuts in begins a turn; one who may not cut in does not', async () => {
  for (const bargeIn of [true, false]) {
    const rig = await CallRig.talking({ options: { bargeIn } });
    rig.say('a', 2_000);
    await rig.run(400);
    await rig.run(300, SPEECH);
    assert.is(rig.stream.starts, bargeIn ? 1 : 0);
  }
});

test.run();
