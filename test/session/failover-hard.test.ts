/** What goes wrong around a lost or changed backend at the wrong moment: phrases, held audio, functions, orders, and many calls at once. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AudioFormat } from '../../src/core/media.ts';
import { loadDsp } from '../../src/dsp/library.ts';
import { BreakerBoard, DEFAULT_BREAKER_POLICIES } from '../../src/resilience/breaker-board.ts';
import { GuardedBackend } from '../../src/resilience/guarded-backend.ts';
import type { SessionSounds } from '../../src/session/session-parts.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';
import { failure } from '../sim/scripted-backend.ts';
import type { Opening, ScriptedStream } from '../sim/scripted-backend.ts';
import { FailoverRig } from './failover-rig.ts';

const NOTHING_LEFT = { timers: 0, streams: 0, chains: 0 };
const G711: AudioFormat = { codec: 'pcmu', sampleRateHz: 8_000 };
const WIDE: AudioFormat = { codec: 'l16', sampleRateHz: 24_000 };
const library = await loadDsp();
const sounds: SessionSounds = {
  sound: () => Promise.resolve({ audio: new Uint8Array(8_000).fill(0x55) }),
  hold: () => Promise.resolve({ audio: new Uint8Array(8_000).fill(0x66) }),
  dspLibrary: () => Promise.resolve(library),
};

async function over(rig: FailoverRig): Promise<void> {
  await rig.session.stop('stopped');
  assert.equal(rig.leftovers(), NOTHING_LEFT);
}

test('a phrase of the backend that a call began on in place of the first is cut off by its own name', async () => {
  const rig = new FailoverRig({ names: ['a', 'b'] });
  rig.a.script.push(failure('ERR_TALKSPURT_BACKEND_REFUSED'));
  await rig.session.start();
  rig.b.stream.speak('one', 3_000);
  await rig.run(600);
  await rig.run(400, 0.9);
  assert.is(rig.b.stream.cancels[0]?.[0], 'one');
  assert.is(rig.b.stream.played[0]?.[0], 'one');
  await over(rig);
});

test('what is held back for fear of an echo reaches a backend of another format, in that format', async () => {
  const rig = await FailoverRig.talking({ names: ['a', 'b'], formats: [G711, WIDE], sounds });
  rig.pool.dsp.echoSettled = false;
  await rig.run(100);
  rig.a.refused = failure('ERR_TALKSPURT_BACKEND_BREAKER_OPEN', { retryInMs: 30_000 });
  rig.a.stream.lose();
  await rig.run(300);
  const from = rig.captured;
  await rig.run(800, 0.9);
  const { stream } = rig.b;
  assert.ok(stream.heard.every(({ frame }) => frame.length === 960));
  const spoken = FailoverRig.numbers(stream).filter((number) => number >= from);
  assert.equal(
    spoken,
    Array.from({ length: rig.captured - from }, (_, index) => from + index),
  );
  await over(rig);
});

test('what was held back before a pause is not sent after it', async () => {
  const rig = await FailoverRig.talking();
  rig.pool.dsp.echoSettled = false;
  await rig.run(400);
  const before = rig.captured;
  rig.session.controls.pause(true);
  await rig.run(200);
  rig.session.controls.pause(false);
  await rig.run(320, 0.9);
  await rig.run(100, 0.9);
  const sent = FailoverRig.numbers(rig.a.stream).filter((number) => number > 0);
  assert.ok(sent.length > 0 && sent.every((number) => number >= before), sent.join(' '));
  await over(rig);
});

test('a result that was sent into a stream that died of it is sent again, with its call', async () => {
  const rig = await FailoverRig.talking();
  await rig.callerTurn();
  const { sink } = rig.a.stream;
  sink.onTranscript('caller', 'Book it.', true);
  sink.onResponseStarted('r1');
  sink.onToolCall('t1', 'book', '{}');
  sink.onResponseDone('r1', 'completed');
  rig.session.sendToolResult('t1', '"done"');
  await rig.run(40);
  rig.a.stream.lose();
  await rig.run(1_000);
  assert.equal([rig.a.stream.toolCalls, rig.a.stream.toolResults], [['t1'], [['t1', '"done"']]]);
  rig.a.stream.speak('two', 200, { text: 'It is booked.' });
  await rig.run(400);
  rig.a.stream.lose();
  await rig.run(1_000);
  assert.equal([rig.a.stream.toolCalls, rig.a.stream.toolResults], [[], []], 'and not once it was heard of');
  await over(rig);
});

test('switched between a result and its answer: the other one is told what came of the function', async () => {
  const rig = await FailoverRig.talking({ names: ['a', 'b'] });
  await rig.callerTurn();
  const { sink } = rig.a.stream;
  sink.onResponseStarted('r1');
  sink.onToolCall('t1', 'book', '{"seats":2}');
  sink.onResponseDone('r1', 'completed');
  rig.session.sendToolResult('t1', '"row 5"');
  await rig.session.switchBackend(rig.b);
  assert.match(rig.b.stream.requests[0] ?? '', 'book({"seats":2}): "row 5"');
  await over(rig);
});

for (const order of ['mask', 'mute', 'hold', 'pause'] as const) {
  test(`${order} while the backend is lost: nothing of that time is sent later`, async () => {
    const rig = await FailoverRig.talking({ sounds });
    const set = (on: boolean): void => {
      const { controls } = rig.session;
      if (order === 'mask') controls.mask(on);
      else if (order === 'mute') controls.mute('user', on);
      else if (order === 'pause') controls.pause(on);
      else if (on) controls.hold(null, controls.soundFormat);
      else controls.unhold();
    };
    rig.a.always = 1_500;
    rig.a.stream.lose();
    await rig.run(200);
    const from = rig.captured;
    set(true);
    await rig.run(400, 0.9);
    const to = rig.captured;
    set(false);
    await rig.run(3_000);
    const sent = FailoverRig.numbers(rig.a.stream);
    assert.equal(
      sent.filter((number) => number >= from && number < to),
      [],
    );
    assert.ok(sent.some((number) => number >= to));
    await over(rig);
  });
}

test('a call that was given up and is switched while it is told so goes on', async () => {
  const rig = await FailoverRig.talking({
    names: ['a', 'b'],
    options: { reconnect: { lastResort: 'announce' } },
    sounds,
    guard: (backend) => backend,
  });
  rig.a.always = failure('ERR_TALKSPURT_BACKEND_AUTH');
  rig.b.always = failure('ERR_TALKSPURT_BACKEND_AUTH');
  rig.a.stream.lose();
  await rig.run(400);
  assert.is(rig.events.of('backend.failed').length, 1);
  rig.b.always = 'ok';
  await rig.session.switchBackend(rig.b, library);
  await rig.run(10_000);
  assert.equal([rig.session.state, rig.session.snapshot().backend], ['talking', 'b']);
  await over(rig);
});

for (const what of ['requestResponse', 'commitTurn', 'sendToolResult'] as const) {
  test(`a stream that ends within its first ${what} is lost like any other`, async () => {
    const rig = await FailoverRig.talking();
    await rig.callerTurn();
    const { sink } = rig.a.stream;
    sink.onTranscript('caller', 'Hello.', true);
    if (what === 'sendToolResult') {
      sink.onResponseStarted('r');
      sink.onToolCall('t', 'f', '{}');
      rig.session.sendToolResult('t', '1');
    }
    const open = rig.a.open.bind(rig.a);
    let deaths = 2;
    rig.a.open = async (...given) => {
      const stream = (await open(...given)) as ScriptedStream;
      deaths -= 1;
      if (deaths >= 0) stream[what] = () => stream.lose();
      return stream;
    };
    rig.a.stream.lose();
    await rig.run(6_000);
    await rig.callerTurn();
    await rig.run(6_000);
    assert.is(rig.session.state, 'talking');
    assert.is(deaths, what === 'commitTurn' ? 0 : -1);
    assert.is(rig.open.length, 1);
    await over(rig);
  });
}

/** Fifty calls on one backend, behind the breakers of one process, which all lose their streams; and what follows until each has a stream or its end. */
async function allLost(
  board: BreakerBoard,
  clock: FakeClock,
  openingAt: (ms: number) => Opening,
): Promise<FailoverRig[]> {
  const rigs: FailoverRig[] = [];
  for (let count = 0; count < 50; count += 1) {
    const rig = new FailoverRig({ clock, guard: (backend) => new GuardedBackend({ backend, board }) });
    await rig.session.start();
    rigs.push(rig);
  }
  for (const { a } of rigs) a.always = openingAt(0);
  for (const { a } of rigs) a.stream.lose();
  for (let ms = 0; ms < 25_000 && rigs.some(({ session }) => session.state === 'reconnecting'); ms += 20) {
    for (const { a } of rigs) a.always = openingAt(ms);
    clock.advance(20);
    await settle();
  }
  return rigs;
}

async function allBack(rigs: FailoverRig[]): Promise<void> {
  assert.is(rigs.filter(({ session }) => session.state === 'talking').length, rigs.length);
  for (const { session } of rigs) await session.stop('stopped');
}

for (const downMs of [0, 3_000]) {
  test(`a backend that drops fifty calls at once and is back after ${downMs} ms has all of them back`, async () => {
    const clock = new FakeClock();
    const board = new BreakerBoard({ clock });
    const down = failure('ERR_TALKSPURT_BACKEND_REFUSED');
    const rigs = await allLost(board, clock, (ms) => (ms < downMs ? down : 'ok'));
    const dials = rigs.reduce((sum, { a }) => sum + a.opens - 2, 0);
    // Four before it opens, and one a second: what a breaker is for is kept.
    assert.ok(dials <= 4 + 1 + downMs / 1_000, `${dials} dials too many`);
    await allBack(rigs);
  });
}

test('fifty calls wait for the one probe of a half-open breaker, however long that takes', async () => {
  const clock = new FakeClock();
  const policy = { ...DEFAULT_BREAKER_POLICIES.connection, probes: 1, coolDownMs: 3_000 };
  const board = new BreakerBoard({ clock, policies: { connection: policy, provider: policy } });
  await allBack(await allLost(board, clock, () => 4_000));
});

test('what a provider has refused is not asked for early: no call outlives its key', async () => {
  const clock = new FakeClock();
  const board = new BreakerBoard({ clock });
  const rigs = await allLost(board, clock, () => failure('ERR_TALKSPURT_BACKEND_AUTH'));
  assert.ok(rigs.every(({ session }) => session.state === 'ended'));
  assert.is(
    rigs.reduce((sum, { a }) => sum + a.opens - 1, 0),
    1,
  );
});

test.run();
