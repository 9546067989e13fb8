/** The backend is lost in every state of a call: what the caller says and hears, what the next stream is told, what is left. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { settle } from '../sim/fake-clock.ts';
import { CUT_OFF, failure } from '../sim/scripted-backend.ts';
import { FailoverRig } from './failover-rig.ts';

const NOTHING_LEFT = { timers: 0, streams: 0, chains: 0 };
/** The pause before the first attempt: the fake clock's chance is a half. */
const FIRST_PAUSE_MS = LIMITS.reconnectBackoffBaseMs / 2;

const rising = (from: number, length: number): number[] => Array.from({ length }, (_, index) => from + index);

test('a lost backend is had back: nothing that the caller says is lost, and it comes in order', async () => {
  const rig = await FailoverRig.talking();
  rig.a.script.push(500);
  await rig.run(400);
  const before = FailoverRig.numbers(rig.a.stream).length;
  rig.a.stream.lose();
  assert.is(rig.session.state, 'reconnecting');
  assert.is(rig.session.snapshot().backendConnected, false);
  await rig.run(1_000);
  assert.is(rig.session.state, 'talking');
  await rig.run(2_000);
  const [first, second] = rig.a.streams;
  const heard = [...FailoverRig.numbers(first!), ...FailoverRig.numbers(second!)];
  assert.equal(heard, rising(0, heard.length));
  assert.is(heard.length, rig.captured, 'live again');
  assert.ok(before > 0 && rig.open.length === 1);
  const told = rig.events.of('backend.reconnected')[0]!;
  assert.is(told.attempts, 1);
  assert.is(told.droppedMs, 0);
  assert.ok(Math.abs(told.gapMs - (FIRST_PAUSE_MS + 500)) <= 40, `${told.gapMs}`);
  assert.ok(Math.abs(told.keptMs - told.gapMs) <= 40);
  assert.equal(
    rig.events.of('call.state').map(({ state }) => state),
    ['answering', 'opening', 'talking', 'reconnecting', 'talking'],
  );
  assert.is(rig.session.snapshot().reconnects, 1);
});

test('what was kept is handed on at the rate that is set, and no faster', async () => {
  const rig = await FailoverRig.talking({ options: { reconnect: { catchUpRate: 4 } } });
  rig.a.script.push(1_800);
  rig.a.stream.lose();
  await rig.run(4_000);
  const { heard } = rig.a.stream;
  const perTick = new Map<number, number>();
  for (const { atMs } of heard) perTick.set(atMs, (perTick.get(atMs) ?? 0) + 1);
  const counts = [...perTick.values()];
  assert.is(Math.max(...counts), 4);
  // Three frames less each tick: a third of the gap, and then one a tick.
  const caughtUp = counts.findIndex((count) => count === 1);
  assert.ok(caughtUp * 20 >= 1_900 / 3 - 60 && caughtUp * 20 <= 1_960 / 3 + 60, `${caughtUp * 20} ms`);
  assert.equal(FailoverRig.numbers(rig.a.stream), rising(0, heard.length));
});

test('a gap longer than the ring: the oldest is dropped and counted, the latest is whole', async () => {
  const rig = await FailoverRig.talking({ options: { reconnect: { bufferMs: 1_000, maximumMs: 60_000 } } });
  rig.a.script.push(3_000);
  rig.a.stream.lose();
  await rig.run(3_400);
  const told = rig.events.of('backend.reconnected')[0]!;
  assert.is(told.keptMs, 1_000);
  assert.ok(told.droppedMs >= 2_000 && Math.abs(told.gapMs - told.droppedMs - 1_000) <= 40, JSON.stringify(told));
  await rig.run(1_000);
  const numbers = FailoverRig.numbers(rig.a.stream);
  assert.equal(numbers, rising(numbers[0]!, numbers.length));
  assert.is(rig.session.snapshot().droppedToBackend, told.droppedMs / 20);
});

test('lost while the agent speaks: what waits is heard to its end, and told as far as it was heard', async () => {
  const rig = await FailoverRig.talking();
  rig.a.stream.sink.onTranscript('caller', 'what does it cost', true);
  const { stream } = rig.a;
  stream.speak('one', 400, { text: 'It costs nothing at all.' });
  // As fast as the sentence before: 24 characters in 400 ms.
  stream.speak('two', 400, { value: 0x30, text: 'And it is delivered tomorrow morning by the post', whole: false });
  await rig.run(200);
  stream.lose();
  await rig.run(1_500);
  const heard = rig.said.filter((byte) => byte === 0x20 || byte === 0x30);
  assert.equal(heard, [...Array<number>(20).fill(0x20), ...Array<number>(20).fill(0x30)], 'both to their end');
  const next = rig.a.stream;
  assert.not.ok(next === stream);
  assert.equal(next.history.slice(0, 2), [
    { by: 'caller', text: 'what does it cost' },
    { by: 'agent', text: 'It costs nothing at all.' },
  ]);
  assert.is(next.history[2]?.text, 'And it is delivered…', 'words of 24 characters');
  assert.is(next.requests.length, 1, 'it is asked to go on');
  assert.match(next.requests[0] ?? '', /Do not repeat/);
});

test('an agent who was cut in on is told as far as it was heard', async () => {
  const rig = await FailoverRig.talking();
  rig.a.stream.speak('one', 2_000, { text: 'one two three four five six seven eight nine ten' });
  await rig.run(1_000);
  await rig.run(300, 0.9);
  assert.is(rig.events.of('barge-in').length, 1);
  rig.a.stream.lose();
  await rig.run(400, 0);
  const { playedMs } = rig.events.of('barge-in')[0]!;
  const whole = 'one two three four five six seven eight nine ten';
  const said = rig.a.stream.history[0]!;
  assert.ok(said.text.endsWith('…') && whole.startsWith(said.text.slice(0, -1)), said.text);
  const share = (said.text.length - 1) / whole.length;
  assert.ok(share <= playedMs / 2_000 && share > playedMs / 2_000 - 0.15, `${share} of ${playedMs} ms`);
});

test('lost while the caller waits for an answer: it is asked for again', async () => {
  const rig = await FailoverRig.talking();
  await rig.callerTurn();
  assert.is(rig.session.snapshot().turn, 'thinking');
  rig.a.stream.sink.onTranscript('caller', 'hello', true);
  rig.a.stream.lose();
  await rig.run(400);
  assert.equal(rig.a.stream.history, [{ by: 'caller', text: 'hello' }]);
  assert.equal(rig.a.stream.requests, [undefined], 'it knows what to answer');
  assert.is(rig.session.snapshot().turn, 'thinking');
  // Whose words nobody has written down is asked to say them again.
  const unknown = await FailoverRig.talking();
  await unknown.callerTurn();
  unknown.a.stream.lose();
  await unknown.run(400);
  assert.match(unknown.a.stream.requests[0] ?? '', /repeat them/);
});

test('lost before the greeting was heard: it is greeted by the next stream', async () => {
  const rig = await FailoverRig.talking({ options: { greeting: 'Say hello.' } });
  rig.a.stream.lose();
  await rig.run(400);
  assert.equal(rig.a.stream.requests, ['Say hello.']);
});

test('lost while nobody speaks: nothing is asked for', async () => {
  const rig = await FailoverRig.talking();
  rig.a.stream.speak('one', 200, { text: 'hello' });
  await rig.run(600);
  rig.a.stream.lose();
  await rig.run(400);
  assert.equal(rig.a.stream.requests, []);
  assert.is(rig.session.snapshot().turn, 'listening');
});

test('a turn of the caller that ends while there is no stream is told behind its audio', async () => {
  const rig = await FailoverRig.talking();
  rig.a.script.push(2_500);
  rig.a.stream.lose();
  await rig.callerTurn(600);
  assert.is(rig.session.snapshot().turn, 'thinking');
  const spoken = rig.captured;
  await rig.run(4_000);
  const { commits, requests } = rig.a.stream;
  assert.is(commits.length, 1);
  assert.ok(commits[0]! >= spoken - 40 && commits[0]! <= spoken, `${commits[0]} of ${spoken}`);
  assert.equal(requests, [], 'nothing but that');
});

test('a function of the agent is answered by the next stream, with what it was called with', async () => {
  const rig = await FailoverRig.talking();
  rig.a.stream.sink.onToolCall('call-7', 'price', '{"of":"tea"}');
  rig.a.stream.sink.onToolCall('call-8', 'stock', '{}');
  rig.session.sendToolResult('call-8', '3');
  rig.a.stream.lose();
  rig.session.sendToolResult('call-7', '"4.20"');
  await rig.run(400);
  const { call, toolCalls, toolResults } = rig.a.stream;
  // Nothing had come of the result of call-8 either.
  assert.equal(toolCalls, ['call-8', 'call-7']);
  assert.is(call.toolCalls?.length, 0, 'answered');
  assert.equal(toolResults, [
    ['call-8', '3'],
    ['call-7', '"4.20"'],
  ]);
  assert.equal(rig.a.streams[0]?.toolResults, [['call-8', '3']]);
});

test('phrases of two streams with one name are two phrases', async () => {
  const rig = await FailoverRig.talking();
  rig.a.stream.speak('item', 1_000);
  await rig.run(100);
  await rig.run(300, 0.9);
  assert.is(rig.events.of('barge-in').length, 1, 'cut off');
  await rig.run(800);
  rig.a.stream.lose();
  await rig.run(400);
  rig.a.stream.speak('item', 200, { value: 0x41 });
  await rig.run(500);
  assert.is(rig.said.filter((byte) => byte === 0x41).length, 10);
  assert.equal(rig.a.stream.played, [['item', 200, true]], 'by its own name');
});

test('a barge-in into what the lost stream left names no phrase to the next', async () => {
  const rig = await FailoverRig.talking();
  rig.a.stream.speak('old', 5_000);
  await rig.run(100);
  rig.a.stream.lose();
  await rig.run(400);
  await rig.run(300, 0.9);
  assert.equal(rig.a.stream.cancels, [[null, 0]]);
});

test('pauses grow, at random, and attempts and time are bounded', async () => {
  const rig = await FailoverRig.talking({ options: { reconnect: { attempts: 4 } } });
  rig.a.always = failure('ERR_TALKSPURT_BACKEND_REFUSED');
  rig.a.stream.lose();
  await rig.run(4_000);
  assert.equal(
    rig.events.of('backend.reconnecting').map(({ attempt, delayMs, reason }) => [attempt, delayMs, reason]),
    [125, 250, 500, 1_000].map((delayMs, index) => [
      index + 1,
      delayMs,
      index === 0 ? 'ERR_TALKSPURT_BACKEND_CLOSED' : 'ERR_TALKSPURT_BACKEND_REFUSED',
    ]),
  );
  assert.is(rig.end?.reason, 'backend-failed');
  const [failed] = rig.events.of('backend.failed');
  assert.equal([failed?.attempts, failed?.action, failed?.error.code], [4, 'release', 'ERR_TALKSPURT_BACKEND_REFUSED']);
  assert.equal(rig.leftovers(), NOTHING_LEFT);
  // However many attempts there are: the time is over.
  const long = await FailoverRig.talking({ options: { reconnect: { attempts: 100, maximumMs: 3_000 } } });
  long.a.always = failure('ERR_TALKSPURT_BACKEND_REFUSED');
  long.a.stream.lose();
  await long.run(2_900);
  assert.is(long.end, null);
  await long.run(200);
  assert.is(long.end?.reason, 'backend-failed');
});

test('a backend that hangs in its opening is given up in time, and what comes of it late is closed', async () => {
  for (const opening of ['hang', 'deaf', 7_000] as const) {
    const rig = await FailoverRig.talking();
    rig.a.script.push(opening);
    rig.a.stream.lose();
    await rig.run(LIMITS.reconnectAttemptMs + 1_000);
    assert.is(rig.session.state, 'talking', String(opening));
    assert.is(rig.events.of('backend.reconnecting')[1]?.reason, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
    await rig.run(2_000);
    assert.is(rig.open.length, 1);
    await rig.session.stop('stopped');
    assert.equal(rig.leftovers(), NOTHING_LEFT);
  }
});

test('what is lost again at once continues the attempts; after a while it begins anew', async () => {
  const rig = await FailoverRig.talking({ options: { reconnect: { attempts: 3 } } });
  for (let round = 0; round < 3; round += 1) {
    rig.a.stream.lose();
    await rig.run(1_500);
    assert.is(rig.session.state, 'talking');
  }
  rig.a.stream.lose();
  assert.is(rig.session.state === 'ending' || rig.end !== null, true, 'three attempts are three');
  const stable = await FailoverRig.talking({ options: { reconnect: { attempts: 1 } } });
  for (let round = 0; round < 3; round += 1) {
    stable.a.stream.lose();
    await stable.run(LIMITS.reconnectStableMs + 1_000);
    assert.is(stable.session.state, 'talking');
  }
});

test('lost again while it catches up: what is left waits for the next', async () => {
  const rig = await FailoverRig.talking();
  rig.a.script.push(1_500);
  rig.a.stream.lose();
  await rig.run(1_760);
  assert.ok(rig.session.snapshot().keptMs! > 0, 'it catches up');
  rig.a.stream.lose();
  await rig.run(3_000);
  const heard = rig.a.streams.flatMap((stream) => FailoverRig.numbers(stream));
  assert.equal(heard, rising(0, heard.length));
  assert.is(heard.length, rig.captured);
});

test('a goodbye, a key that is refused, a close that is meant: nothing is sought', async () => {
  const bye = await FailoverRig.talking();
  bye.a.stream.lose(null);
  assert.is(bye.a.opens, 1);
  await settle();
  assert.is(bye.end?.reason, 'backend-ended');
  for (const error of [
    failure('ERR_TALKSPURT_BACKEND_AUTH'),
    failure('ERR_TALKSPURT_BACKEND_CLOSED', { closeCode: 1008 }),
  ]) {
    const rig = await FailoverRig.talking();
    rig.a.stream.lose(error);
    await settle();
    assert.equal([rig.end?.reason, rig.a.opens], ['backend-failed', 1]);
    assert.equal(rig.leftovers(), NOTHING_LEFT);
  }
});

test('an open breaker: it is waited for where it opens in time, and not dialled before', async () => {
  const rig = await FailoverRig.talking();
  rig.a.refused = failure('ERR_TALKSPURT_BACKEND_BREAKER_OPEN', { retryInMs: 3_000 });
  rig.a.stream.lose();
  await rig.run(2_900);
  assert.is(rig.a.opens, 1);
  rig.a.refused = null;
  await rig.run(400);
  assert.is(rig.session.state, 'talking');
  const hopeless = await FailoverRig.talking();
  hopeless.a.refused = failure('ERR_TALKSPURT_BACKEND_BREAKER_OPEN', { retryInMs: 30_000 });
  hopeless.a.stream.lose();
  await settle();
  assert.equal([hopeless.end?.reason, hopeless.a.opens], ['backend-failed', 1]);
});

test('whatever ends the call while its backend is sought: no timer, no socket is left', async () => {
  const ends: Record<string, (rig: FailoverRig) => unknown> = {
    hangup: (rig) => rig.leg.listener?.onHangup(16),
    stopped: (rig) => rig.session.stop('stopped'),
    drained: (rig) => rig.session.stop('drained', { hangup: true }),
    transferred: (rig) => rig.session.transfer('1000'),
    'media-failed': (rig) => rig.leg.transport.sink?.onLost(failure('ERR_TALKSPURT_MEDIA_STALLED')),
  };
  for (const [reason, end] of Object.entries(ends)) {
    // In the pause, in an opening that heeds, in one that does not, and with the hold sound on.
    for (const [opening, afterMs] of [
      ['ok', 60],
      ['hang', 1_000],
      [1_500, 1_000],
    ] as const) {
      const rig = await FailoverRig.talking();
      rig.a.script.push(opening);
      rig.a.stream.lose();
      await rig.run(afterMs);
      assert.is(rig.session.state, 'reconnecting');
      await end(rig);
      await settle();
      assert.is(rig.end?.reason, reason);
      await rig.run(2_000);
      assert.equal(rig.leftovers(), NOTHING_LEFT, `${reason} in ${opening}`);
      assert.is(rig.events.all.at(-1)?.type, 'call.ended');
    }
  }
});

test('the media go on while the backend is sought: keys, orders, the frame of every tick', async () => {
  const rig = await FailoverRig.talking();
  rig.a.script.push('hang');
  rig.a.stream.lose();
  const sent = rig.leg.transport.sent.length;
  rig.leg.listener?.onDigit('5', 100);
  rig.session.controls.mute('user', true);
  await rig.run(1_000);
  assert.is(rig.leg.transport.sent.length - sent, 50);
  assert.is(rig.events.of('dtmf').length, 1);
  assert.equal(rig.session.snapshot().orders, ['mute-user']);
  assert.throws(() => rig.session.sendText('hello'), /being sought/);
});

test('a late word of the stream that was lost is nobody’s', async () => {
  const rig = await FailoverRig.talking();
  const { sink } = rig.a.stream;
  rig.a.stream.lose();
  sink.onAudio(new Uint8Array(1_600).fill(0x44), 'late');
  sink.onTranscript('agent', 'late', true);
  sink.onToolCall('late', 'x', '{}');
  sink.onClosed(CUT_OFF);
  await rig.run(1_000);
  assert.not.ok(rig.said.includes(0x44));
  assert.equal(rig.a.stream.history, []);
  assert.is(rig.events.of('tool.call').length, 0);
  assert.is(rig.session.state, 'talking');
  assert.is(rig.a.opens, 2);
});

test.run();
