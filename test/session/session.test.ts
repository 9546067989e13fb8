/** A whole call between fake edges. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { CallRig } from '../sim/call-rig.ts';
import { settle } from '../sim/fake-clock.ts';
import { Gate } from '../sim/fake-peers.ts';
import type { BackendStream } from '../../src/backend/backend.ts';

const SPEECH = 0.9;

test('a whole life: states, events, and what the peers were told', async () => {
  const rig = await CallRig.talking({ options: { greeting: 'Say hello.' } });
  assert.equal(
    rig.events.of('call.state').map(({ state }) => state),
    ['answering', 'opening', 'talking'],
  );
  assert.equal(rig.stream.requests, ['Say hello.']);
  assert.is(rig.backend.call?.callId, 'call-1');
  const opened = rig.events.of('media.opened')[0];
  assert.is(opened?.transport, 'fake');
  assert.is(opened?.passThrough, true);

  rig.answer('hello', 200);
  await rig.run(400);
  assert.equal(rig.turnStates, ['agent-speaking', 'listening']);
  await rig.run(400, SPEECH);
  await rig.run(800);
  assert.is(rig.stream.commits, 1);
  rig.answer('reply', 100);
  await rig.run(300);
  assert.equal(rig.turnStates.slice(2), ['caller-speaking', 'thinking', 'agent-speaking', 'listening']);

  const snapshot = rig.session.snapshot();
  assert.is(snapshot.state, 'talking');
  assert.is(snapshot.turns, 1);
  assert.is(snapshot.ticks, rig.leg.transport.sent.length);
  assert.is(snapshot.backendConnected, true);
  assert.is(rig.stream.heardFrames, snapshot.ticks);

  await rig.session.stop('stopped');
  assert.is(rig.session.snapshot().backendConnected, false);
  assert.equal(
    rig.events.of('call.state').map(({ state }) => state),
    ['answering', 'opening', 'talking', 'ending', 'ended'],
  );
  assert.is(rig.events.of('call.ended')[0]?.durationMs, 1900);
});

test('without a greeting nobody is asked to speak', async () => {
  const rig = await CallRig.talking();
  assert.equal(rig.stream.requests, []);
});

test('text, tool results, digits and transcripts go their ways; not when the call does not talk', async () => {
  const rig = new CallRig();
  for (const attempt of [() => rig.session.sendText('a'), () => rig.session.sendToolResult('t', '{}')])
    assert.throws(attempt, (error: unknown) => hasCode(error, 'ERR_TALKSPURT_NOT_RUNNING'));
  await rig.session.start();
  rig.session.sendText('good day');
  rig.session.sendToolResult('t', '{}');
  assert.equal(rig.stream.texts, ['good day']);
  assert.equal(rig.stream.toolResults, [['t', '{}']]);
  rig.leg.listener?.onDigit('5', 120);
  assert.is(rig.events.of('dtmf')[0]?.digit, '5');
  rig.backend.sink?.onTranscript('caller', 'good day', true);
  assert.is(rig.events.of('transcript').length, 1);
  await rig.session.stop('stopped');
  assert.throws(
    () => rig.session.sendText('a'),
    (error: unknown) => hasCode(error, 'ERR_TALKSPURT_NOT_RUNNING'),
  );
});

test('the channel is told what the call came to, once, before it is let go', async () => {
  const rig = await CallRig.talking();
  await rig.run(300, SPEECH);
  await rig.run(700);
  rig.backend.sink?.onResponseStarted('r');
  rig.say('a', 100);
  rig.backend.sink?.onAudioDone('a');
  await rig.run(300);
  rig.backend.sink?.onResponseDone('r', 'completed');
  await rig.session.stop('stopped');
  assert.equal(rig.leg.outcomes, [{ reason: 'stopped', turns: 1, bargeIns: 0 }]);
});

test('a second start is refused and harms nothing', async () => {
  const rig = await CallRig.talking();
  try {
    await rig.session.start();
    assert.unreachable();
  } catch (error) {
    assert.ok(hasCode(error, 'ERR_TALKSPURT_ALREADY_RUNNING'));
  }
  assert.is(rig.session.state, 'talking');
});

test('barge-in: cut off within a frame, told exactly, late audio dropped, the next phrase heard', async () => {
  const rig = await CallRig.talking();
  rig.backend.sink?.onResponseStarted('r1');
  rig.say('first', 2000, 0x11);
  await rig.run(1000);
  const heard = (value: number): number =>
    rig.leg.transport.sent.reduce((sum, { payload }) => sum + payload.filter((byte) => byte === value).length, 0);
  // A confirmed onset takes bargeInMs = 120: the 6th frame of speech. The agent waits from the first one on, whose own frame is
  // faded, and would have been said again.
  await rig.run(120, SPEECH);
  const playedMs = heard(0x11) / 8 - 20;
  assert.equal(rig.stream.cancels, [['first', playedMs]]);
  assert.is(playedMs, 1000);
  const event = rig.events.of('barge-in')[0];
  assert.is(event?.playedMs, playedMs);
  assert.is(event?.droppedMs, 2000 - playedMs);
  assert.is(event?.stopMs, 20, 'from the start of the first frame of speech');
  assert.is(event?.verdictMs, 120);
  assert.equal(rig.pool.dsp.ramps, [
    [0, 10],
    [0, 20],
    [1, 0],
  ]);
  assert.is(rig.pool.dsp.gain, 1, 'restored');

  // What is still under way of it.
  rig.say('first', 500, 0x11);
  rig.backend.sink?.onAudioDone('first');
  rig.backend.sink?.onResponseDone('r1', 'cancelled');
  await rig.run(400, SPEECH);
  assert.is(heard(0x11) / 8 - 20, playedMs, 'nothing more of it is heard');
  await rig.run(700);
  rig.answer('second', 300, 0x22);
  await rig.run(600);
  assert.is(heard(0x22) / 8, 300);
  assert.equal(rig.turnStates, [
    'agent-speaking',
    'yielding',
    'caller-speaking',
    'thinking',
    'agent-speaking',
    'listening',
  ]);
  assert.is(rig.session.snapshot().bargeIns, 1);
  const agent = rig.events.all.filter(
    (e) => (e.type === 'speech.started' || e.type === 'speech.stopped') && e.by === 'agent',
  );
  assert.equal(
    agent.map(({ type }) => type),
    ['speech.started', 'speech.stopped', 'speech.started', 'speech.stopped'],
  );
});

test('barge-in into the second of several phrases names that one and its own time', async () => {
  const rig = await CallRig.talking();
  for (const [item, ms] of [
    ['a', 305],
    ['b', 1000],
    ['c', 1000],
  ] as const) {
    rig.say(item, ms);
    rig.backend.sink?.onAudioDone(item);
  }
  await rig.run(600);
  await rig.run(140, SPEECH);
  assert.equal(rig.stream.cancels, [['b', 600 - 305]]);
  for (const item of ['b', 'c']) rig.say(item, 100);
  assert.is(rig.session.snapshot().playoutBytes, 0, 'what waited is cut off with it');
  rig.say('d', 100);
  assert.is(rig.session.snapshot().playoutBytes, 800);
});

test('what the switch says it still holds was not heard, and is dropped there', async () => {
  const rig = await CallRig.talking();
  rig.leg.transport.heldFrames = 5;
  rig.answer('long', 2000);
  await rig.run(600);
  await rig.run(140, SPEECH);
  // Of the five frames that it holds all are silence by now.
  assert.equal(rig.stream.cancels, [['long', 600]]);
  assert.is(rig.leg.transport.flushes, 1);
});

test("what the caller said before the backend was there is nobody's to answer", async () => {
  const rig = new CallRig();
  const gate = new Gate<BackendStream>();
  rig.backend.onOpen = () => gate.promise;
  const started = rig.session.start();
  await settle();
  await rig.run(300, SPEECH);
  await rig.run(700);
  assert.is(rig.session.snapshot().turn, 'thinking');
  assert.is(rig.leg.transport.sent.length, 50, 'the switch gets its frames all the same');
  gate.open(rig.stream);
  await started;
  assert.is(rig.session.snapshot().turn, 'listening');
  assert.is(rig.stream.commits, 0);
});

test('a cough makes the agent wait and lets it go on', async () => {
  const rig = await CallRig.talking();
  rig.answer('long', 2000);
  await rig.run(400);
  await rig.run(40, SPEECH);
  assert.is(rig.pool.dsp.gain, 0);
  await rig.run(100);
  assert.is(rig.pool.dsp.gain, 1);
  assert.equal(rig.turnStates, ['agent-speaking', 'yielding', 'agent-speaking']);
  assert.equal(rig.stream.cancels, []);
  assert.equal(
    rig.events.of('barge-in.withdrawn').map(({ pausedMs }) => pausedMs),
    [80],
  );
});

test('barge-in that falls on the very end of the phrase ends it once', async () => {
  const rig = await CallRig.talking();
  rig.answer('short', 320);
  // 16 frames; the endpointer confirms in the 17th tick, in which the playout says that it has ended.
  await rig.run(320 - 120);
  await rig.run(140, SPEECH);
  const stops = rig.events.of('speech.stopped').filter(({ by }) => by === 'agent');
  assert.is(stops.length, 1);
  assert.is(rig.session.snapshot().turn, 'caller-speaking');
  assert.is(rig.pool.dsp.gain, 1);
});

test('without barge-in the agent finishes, and the caller who still speaks has the turn then', async () => {
  const rig = await CallRig.talking({ options: { bargeIn: false } });
  rig.answer('long', 600);
  await rig.run(200);
  await rig.run(600, SPEECH);
  assert.equal(rig.stream.cancels, []);
  assert.equal(rig.turnStates, ['agent-speaking', 'listening', 'caller-speaking']);
});

test('the caller goes on before the answer is heard: the answer is called off', async () => {
  const rig = await CallRig.talking();
  await rig.run(300, SPEECH);
  await rig.run(700);
  assert.is(rig.stream.commits, 1);
  rig.backend.sink?.onResponseStarted('r');
  rig.say('unheard', 20);
  await rig.run(100, SPEECH);
  assert.equal(rig.stream.cancels, [[null, 0]]);
  rig.say('unheard', 400);
  assert.is(rig.session.snapshot().playoutBytes, 0);
  assert.is(rig.session.snapshot().turn, 'caller-speaking');
});

test('an answer that does not come gives the turn back, and the call goes on', async () => {
  const rig = await CallRig.talking();
  await rig.run(300, SPEECH);
  await rig.run(LIMITS.backendResponseMs + 1_000);
  assert.is(rig.session.snapshot().turn, 'listening');
  // The stream reports what is overdue: it alone knows what it asked for.
  assert.is(rig.events.of('backend.error').length, 0);
  rig.answer('late', 100);
  await rig.run(200);
  assert.is(rig.session.snapshot().turn, 'listening');
  assert.is(rig.events.of('turn.response-latency').length, 0);
});

test('an answer without a sound gives the turn back; one that calls a tool does not', async () => {
  for (const tool of [false, true]) {
    const rig = await CallRig.talking();
    await rig.run(300, SPEECH);
    await rig.run(700);
    rig.backend.sink?.onResponseStarted('r');
    if (tool) rig.backend.sink?.onToolCall('t', 'weather', '{}');
    rig.backend.sink?.onResponseDone('r', 'completed');
    assert.is(rig.session.snapshot().turn, tool ? 'thinking' : 'listening');
    assert.is(rig.events.of('tool.call').length, tool ? 1 : 0);
  }
});

test('response latency runs from the endpoint, and from the last speech', async () => {
  const rig = await CallRig.talking();
  await rig.run(300, SPEECH);
  await rig.run(600);
  await rig.run(200);
  rig.answer('reply', 100);
  await rig.run(20);
  const latency = rig.events.of('turn.response-latency')[0];
  assert.is(latency?.latencyMs, 220);
  assert.is(latency?.sinceSpeechMs, 820);
  assert.equal(rig.session.snapshot().responseLatencyMs, [220]);
});

test('the backend owns the end of the turn: ours is not committed', async () => {
  const rig = await CallRig.talking({ detectsTurns: true });
  await rig.run(300, SPEECH);
  rig.backend.sink?.onSpeech('started');
  await rig.run(100);
  rig.backend.sink?.onSpeech('stopped');
  assert.is(rig.session.snapshot().turn, 'thinking');
  await rig.run(100);
  rig.answer('reply', 100);
  await rig.run(40);
  assert.is(rig.stream.commits, 0);
  assert.is(rig.events.of('turn.response-latency')[0]?.latencyMs, 120);
  // The endpointer had not seen the end of the speech; it is told all the same.
  const own = rig.events.of('speech.stopped').filter(({ source, by }) => by === 'caller' && source === 'endpointer');
  assert.equal(
    own.map(({ durationMs }) => durationMs),
    [300],
  );
  await rig.run(1000);
  assert.is(rig.session.snapshot().turn, 'listening');
});

test('the endpointer owns the end of the turn although the backend could', async () => {
  const rig = await CallRig.talking({ detectsTurns: true, options: { turnOwner: 'endpointer' } });
  await rig.run(300, SPEECH);
  rig.backend.sink?.onSpeech('stopped');
  assert.is(rig.session.snapshot().turn, 'caller-speaking', 'only measured');
  await rig.run(700);
  assert.is(rig.stream.commits, 1);
});

test('a call ends when it has lasted too long, and is hung up', async () => {
  const rig = await CallRig.talking({ options: { maxDurationMs: 1_000 } });
  await rig.run(1_000);
  assert.is(rig.end, null);
  await rig.run(200);
  assert.is(rig.end?.reason, 'expired');
  assert.equal(rig.leg.hangups, [16]);
});

test('a call on which nobody is heard and nothing is said is ended; whoever speaks keeps it', async () => {
  const rig = await CallRig.talking({ options: { staleMs: 2_000 } });
  rig.leg.transport.expectsFrames = false;
  await rig.run(3_000);
  assert.is(rig.end, null, 'frames come');
  rig.callerSends = false;
  rig.say('a', 2_500);
  rig.backend.sink?.onAudioDone('a');
  await rig.run(2_400);
  assert.is(rig.end, null, 'the agent speaks');
  await rig.run(1_800);
  assert.is(rig.end, null);
  await rig.run(500);
  assert.is(rig.end?.reason, 'expired');
  assert.equal(rig.leg.hangups, [16]);
});

test('an agent that runs dry in the middle of a phrase is reported with what was missing', async () => {
  const rig = await CallRig.talking();
  rig.say('a', 100);
  await rig.run(200);
  rig.say('a', 100);
  rig.backend.sink?.onAudioDone('a');
  await rig.run(400);
  const missingMs = rig.events.of('media.underrun').reduce((sum, event) => sum + event.missingMs, 0);
  assert.is(missingMs, 100);
  assert.is(rig.session.snapshot().underrunTicks, 5);
});

test('a caller who is not heard any more, or never was, is reported once each time', async () => {
  const rig = await CallRig.talking();
  rig.callerSends = false;
  await rig.run(LIMITS.mediaStalledMs + 1_000);
  assert.is(rig.events.of('media.stalled').length, 1, 'never heard');
  rig.callerSends = true;
  await rig.run(500);
  rig.callerSends = false;
  await rig.run(LIMITS.mediaStalledMs + 1_000);
  assert.is(rig.events.of('media.stalled').length, 2);
  assert.is(rig.session.state, 'talking');
});

test('a far end that need not send until something else is gone: from then on its silence counts', async () => {
  const rig = await CallRig.talking();
  rig.leg.transport.expectsFrames = false;
  rig.callerSends = false;
  await rig.run(LIMITS.mediaLostMs * 2);
  assert.equal([rig.session.state, rig.events.of('media.stalled').length], ['talking', 0]);
  // The link goes down: what was silence before is no sign.
  rig.leg.transport.expectsFrames = true;
  await rig.run(LIMITS.mediaLostMs - 1_000);
  assert.is(rig.session.state, 'talking');
  // …and is back in time, twice.
  rig.leg.transport.expectsFrames = false;
  await rig.run(1_000);
  rig.leg.transport.expectsFrames = true;
  await rig.run(LIMITS.mediaLostMs - 1_000);
  assert.is(rig.session.state, 'talking');
  // While packets come it is there.
  rig.callerSends = true;
  await rig.run(LIMITS.mediaLostMs * 2);
  assert.is(rig.session.state, 'talking');
  rig.callerSends = false;
  await rig.run(LIMITS.mediaLostMs + 1_000);
  const end = await rig.session.ended;
  assert.equal([end.reason, end.error?.code], ['media-failed', 'ERR_TALKSPURT_MEDIA_STALLED']);
  assert.is(rig.leg.transport.closes, 1);
});

test('a switch that has gone silent for good ends the call', async () => {
  const rig = await CallRig.talking();
  rig.callerSends = false;
  await rig.run(LIMITS.mediaLostMs - 1_000);
  assert.is(rig.session.state, 'talking');
  await rig.run(2_000);
  const end = await rig.session.ended;
  assert.is(end.reason, 'media-failed');
  assert.is(end.error?.code, 'ERR_TALKSPURT_MEDIA_STALLED');
});

test('phrases that are too long are reported once a second, with all that was dropped since', async () => {
  const rig = await CallRig.talking();
  for (const item of ['a', 'b']) {
    rig.say(item, LIMITS.playoutMs);
    rig.say(item, 1000);
    rig.say(item, 1000);
  }
  await rig.run(100);
  const dropped = (): number[] => rig.events.of('media.overflow').map(({ droppedBytes }) => droppedBytes);
  const second = 8 * 1_000;
  // Of the second phrase nothing fitted: its audio, and one second more of each phrase, twice.
  const playout = LIMITS.playoutMs * 8;
  assert.equal(dropped(), [playout + 4 * second]);
  assert.is(rig.session.snapshot().overflows, 5);
  rig.say('c', 1000);
  await rig.run(LIMITS.overflowReportMs / 2);
  assert.is(dropped().length, 1, 'once a second');
  await rig.run(LIMITS.overflowReportMs);
  assert.is(dropped().length, 2);
  assert.ok(dropped()[1]! > 0 && dropped()[1]! <= second, 'what was dropped since, less what was said meanwhile');
});

test('every frame of a talkspurt is sent, its first one marked', async () => {
  const rig = await CallRig.talking();
  rig.answer('a', 90);
  await rig.run(300);
  rig.answer('b', 60);
  await rig.run(300);
  const marks = rig.leg.transport.sent.flatMap(({ startsTalkspurt }, index) => (startsTalkspurt ? [index] : []));
  assert.is(marks.length, 2);
  assert.is(rig.leg.transport.sent.length, 30, 'one a ptime, silence in between');
});

test.run();
