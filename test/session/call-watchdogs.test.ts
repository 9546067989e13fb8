/** The watchdogs of a call: what each waits for, and what it does. The session is the real one. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_WATCHDOGS } from '../../src/session/watch-options.ts';
import type { WatchdogOptions } from '../../src/session/watch-options.ts';
import { CallWatchdogs } from '../../src/session/call-watchdogs.ts';
import { CallRig } from '../sim/call-rig.ts';
import { FakeBackend, FakeStream } from '../sim/fake-peers.ts';

function barks(rig: CallRig): [string, string, number][] {
  return rig.events.of('watchdog').map(({ dog, action, limitMs }) => [dog, action, limitMs]);
}

const talking = (watchdogs: Partial<WatchdogOptions> = {}, options = {}): Promise<CallRig> =>
  CallRig.talking({ watchdogs: { ...DEFAULT_WATCHDOGS, ...watchdogs }, options, detectsTurns: true });

/** The backend has answered once, so that it is one that answers. */
async function lively(rig: CallRig): Promise<void> {
  rig.answer('hello', 100);
  await rig.run(400);
}

test('capture: told once after five seconds without a frame, and again after frames came in between', async () => {
  const rig = await talking();
  rig.callerSends = false;
  await rig.run(4_900);
  assert.equal(barks(rig), []);
  await rig.run(10_000);
  assert.equal(barks(rig), [['capture', 'event', 5_000]]);
  rig.callerSends = true;
  await rig.run(500);
  rig.callerSends = false;
  await rig.run(6_000);
  assert.is(barks(rig).length, 2);
  assert.is(rig.end, null);
});

test('capture: where silence is allowed, a caller of whom nothing was ever heard is told of, and one who falls silent is not', async () => {
  for (const heardFirst of [false, true]) {
    const rig = await talking();
    rig.leg.transport.expectsFrames = false;
    rig.leg.transport.owesFirstFrame = true;
    rig.callerSends = heardFirst;
    await rig.run(100);
    rig.callerSends = false;
    await rig.run(20_000);
    assert.equal(barks(rig), heardFirst ? [] : [['capture', 'event', 5_000]]);
    assert.is(rig.end, null);
  }
});

test('capture: ends the call where it is to', async () => {
  const rig = await talking({ capture: { limitMs: 2_000, action: 'end' } });
  rig.callerSends = false;
  await rig.run(2_500);
  assert.equal([rig.end?.reason, rig.end?.error?.code], ['media-failed', 'ERR_TALKSPURT_MEDIA_STALLED']);
  assert.is(rig.leg.hangups.length, 1);
});

test('engine: an answer is due and nothing at all comes: the backend counts as lost, and is sought', async () => {
  const rig = await talking();
  await lively(rig);
  const stream = rig.stream;
  rig.backend.sink?.onSpeech('started');
  rig.backend.sink?.onSpeech('stopped');
  await rig.run(29_000);
  assert.equal(barks(rig), []);
  await rig.run(1_500);
  assert.equal(barks(rig), [['engine', 'reconnect', 30_000]]);
  assert.is(rig.events.of('backend.reconnecting')[0]?.reason, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  await rig.run(1_000);
  assert.is(rig.session.state, 'talking');
  assert.is(rig.events.of('backend.reconnected').length, 1);
  assert.ok(stream.requests.length > 0, 'the answer that was due is asked for again');
});

test('engine: anything that it does is a sign; nothing is expected of one that has answered, nor of one that only listens', async () => {
  const rig = await talking();
  await lively(rig);
  rig.backend.sink?.onSpeech('started');
  rig.backend.sink?.onSpeech('stopped');
  for (let part = 0; part < 4; part += 1) {
    await rig.run(20_000);
    rig.backend.sink?.onTranscript('caller', 'well', false);
  }
  rig.answer('answer', 100);
  await rig.run(60_000);
  assert.equal(barks(rig), []);
  const silent = await talking();
  Object.assign(silent.stream, { mayOnlyListen: true });
  silent.session.sendText('is anybody there?');
  await silent.run(60_000);
  assert.equal(barks(silent), []);
});

test('engine: a function that the application has not answered is not the backend that sleeps', async () => {
  const rig = await talking();
  await lively(rig);
  rig.backend.sink?.onSpeech('stopped');
  rig.backend.sink?.onToolCall('t1', 'look_up', '{}');
  await rig.run(60_000);
  assert.equal(barks(rig), []);
});

test('engine: only told, or the end of the call, where it is to be', async () => {
  const told = await talking({ engine: { limitMs: 5_000, action: 'event' } });
  await lively(told);
  told.session.sendText('hm');
  await told.run(60_000);
  assert.equal(barks(told), [['engine', 'event', 5_000]]);
  assert.is(told.session.state, 'talking');
  const ended = await talking({ engine: { limitMs: 5_000, action: 'end' } });
  await lively(ended);
  ended.session.sendText('hm');
  await ended.run(6_000);
  assert.is(ended.end?.reason, 'backend-failed');
  const off = await talking({ engine: { limitMs: 0, action: 'end' } });
  await lively(off);
  off.session.sendText('hm');
  await off.run(60_000);
  assert.equal([barks(off), off.end], [[], null]);
});

test('session: ended at its time; with a word where there is to be one, and without when none can be said', async () => {
  const rig = await talking({}, { maxDurationMs: 3_000 });
  await rig.run(3_500);
  assert.equal(barks(rig), [['session', 'end', 3_000]]);
  assert.is(rig.end?.reason, 'expired');
  const word = await talking({ session: { action: 'announce' } }, { maxDurationMs: 3_000 });
  await word.run(4_000);
  assert.equal(barks(word), [['session', 'announce', 3_000]]);
  assert.is(word.end?.reason, 'expired', 'there is no source of sounds: it ends all the same');
  assert.is(word.events.of('backend.error')[0]?.error.code, 'ERR_TALKSPURT_SOUND');
});

test('stale: told before the call is ended', async () => {
  const rig = await talking({}, { staleMs: 2_000 });
  rig.callerSends = false;
  await rig.run(2_500);
  assert.equal(barks(rig), [['stale', 'end', 2_000]]);
  assert.is(rig.end?.reason, 'expired');
});

test('playout: what waited behind a hold is told of, and dropped when it is older than that', async () => {
  const rig = await talking({ playout: { limitMs: 3_000, dropMs: 6_000 } });
  rig.answer('long', 20_000);
  await rig.run(1_000);
  rig.session.controls.hold(null, rig.session.controls.soundFormat);
  await rig.run(2_500);
  assert.equal(barks(rig), []);
  await rig.run(1_000);
  assert.equal(barks(rig), [['playout', 'event', 3_000]]);
  assert.ok(rig.session.snapshot().playoutMs > 15_000);
  await rig.run(3_000);
  assert.equal(barks(rig).at(-1), ['playout', 'drop', 6_000]);
  assert.is(rig.session.snapshot().playoutMs, 0);
  rig.session.unhold();
  rig.answer('fresh', 500);
  await rig.run(200);
  assert.ok(rig.session.snapshot().playoutMs > 0, 'what comes then is heard');
});

test('playout: a long answer that is heard as it comes is not old', async () => {
  const rig = await talking({ playout: { limitMs: 3_000, dropMs: 6_000 } });
  rig.answer('long', 20_000);
  await rig.run(15_000);
  assert.equal(barks(rig), []);
});

test('speech: a text that waits for our own voice', () => {
  const told: unknown[] = [];
  let waitMs = 0;
  const playout = { busy: false, paused: false };
  const dogs = new CallWatchdogs({
    options: { ...DEFAULT_WATCHDOGS, speech: { limitMs: 30_000, action: 'announce' } },
    media: { playout, announcement: playout, held: false } as never,
    turns: { answer: { due: false }, breakOff: () => false },
    engine: () => null,
    speechWaitMs: () => waitMs,
    emit: (event) => told.push(event),
    act: (dog, action) => told.push([dog, action]),
  });
  dogs.look(1_000, 0);
  waitMs = 30_001;
  dogs.look(1_100, 0);
  dogs.look(1_200, 0);
  assert.equal(told, [
    { type: 'watchdog', dog: 'speech', valueMs: 30_001, limitMs: 30_000, action: 'announce' },
    ['speech', 'announce'],
  ]);
});

test('another backend is there: what the one before owed is not held against it', async () => {
  const rig = await talking();
  await lively(rig);
  rig.session.sendText('hm');
  await rig.run(20_000);
  await rig.session.switchBackend(new FakeBackend(new FakeStream({ detectsTurns: true })));
  await rig.run(20_000);
  assert.equal(barks(rig), []);
});

test.run();
