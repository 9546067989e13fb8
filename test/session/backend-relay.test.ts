/** What stands between a call and its streams: order, bounds, formats, and whose phrase is whose. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fc } from '../chance.ts';
import type { BackendCall, BackendSink } from '../../src/backend/backend.ts';
import type { AudioFormat } from '../../src/core/media.ts';
import { LIMITS } from '../../src/limits.ts';
import { BackendRelay, phrasePrefix } from '../../src/session/backend-relay.ts';
import { CallerBacklog } from '../../src/session/caller-backlog.ts';
import { PCMU_LEG } from '../sim/fake-peers.ts';
import { ScriptedStream } from '../sim/scripted-backend.ts';

const CALL: BackendCall = { callId: 'c', leg: PCMU_LEG, from: '', to: '', variables: new Map() };
const stream = (format: AudioFormat = PCMU_LEG): ScriptedStream =>
  new ScriptedStream(CALL, {} as BackendSink, () => 0, { format, detectsTurns: false });
const OPTIONS = { ptimeMs: 20, bufferMs: 1_000, catchUpRate: 4 };
const frame = (number: number): Uint8Array => new Uint8Array(160).fill(number);

test('the backlog is a queue of the latest frames, whatever comes and goes', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.array(fc.constantFrom('push', 'push', 'pop', 'read', 'odd', 'clear' as const), { maxLength: 300 }),
      (capacity, steps) => {
        const backlog = new CallerBacklog(4, capacity);
        let model: number[] = [];
        let [next, dropped] = [0, 0];
        for (const step of steps) {
          if (step === 'push') {
            assert.is(backlog.push(new Uint8Array(4).fill(next)), true);
            model.push(next & 0xff);
            next += 1;
            if (model.length > capacity) {
              model.shift();
              dropped += 1;
            }
          } else if (step === 'pop') {
            const popped = backlog.pop();
            const expected = model.shift();
            assert.equal(
              popped === null ? undefined : [...popped],
              expected === undefined ? undefined : Array(4).fill(expected),
            );
          } else if (step === 'read') {
            assert.equal(
              [...backlog.read()],
              model.flatMap((number) => Array<number>(4).fill(number)),
            );
          } else if (step === 'odd') {
            assert.is(backlog.push(new Uint8Array(3)), false);
          } else {
            backlog.clear();
            model = [];
          }
          assert.equal([backlog.size, backlog.dropped], [model.length, dropped]);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test('before a loss it hands everything on as it is', () => {
  const target = stream();
  const relay = new BackendRelay(target, OPTIONS);
  assert.is(relay.sendAudio(frame(1)), false, 'and nothing where there is nobody');
  relay.attach(target, '', null);
  assert.is(relay.sendAudio(frame(2)), true);
  relay.commitTurn();
  relay.cancelResponse('item', 120);
  relay.onItemPlayed('item', 40, true);
  relay.requestResponse('x');
  relay.sendText('y');
  relay.sendToolResult('t', '1');
  assert.equal(
    [
      target.heard.length,
      target.commits,
      target.cancels,
      target.played,
      target.requests,
      target.texts,
      target.toolResults,
    ],
    [1, [1], [['item', 120]], [['item', 40, true]], ['x'], ['y'], [['t', '1']]],
  );
  assert.is(relay.keptMs, 0);
});

test('many turns that end in a gap are told at their places, as many as are remembered', () => {
  const before = stream();
  const relay = new BackendRelay(before, { ...OPTIONS, bufferMs: 10_000 });
  relay.detach();
  for (let turn = 0; turn < LIMITS.backlogTurns + 2; turn += 1) {
    for (let n = 0; n < 10; n += 1) relay.sendAudio(frame(turn));
    relay.commitTurn();
  }
  const target = stream();
  relay.attach(target, '', null);
  for (let n = 0; n < 400; n += 1) relay.sendAudio(frame(99));
  assert.equal(
    target.commits,
    Array.from({ length: LIMITS.backlogTurns }, (_, index) => (index + 3) * 10),
  );
});

test('turns whose audio made room are told before the rest', () => {
  const relay = new BackendRelay(stream(), OPTIONS);
  relay.detach();
  for (let n = 0; n < 10; n += 1) relay.sendAudio(frame(n));
  relay.commitTurn();
  for (let n = 0; n < 100; n += 1) relay.sendAudio(frame(n));
  assert.equal([relay.keptMs, relay.lostFrames], [1_000, 60]);
  const target = stream();
  relay.attach(target, '', null);
  for (let n = 0; n < 40; n += 1) relay.sendAudio(frame(n));
  assert.is(target.commits.length, 1);
  assert.ok(target.commits[0]! <= 1);
});

test('a turn that ended with nothing kept is told when there is somebody to tell', () => {
  const relay = new BackendRelay(stream(), OPTIONS);
  relay.detach();
  relay.commitTurn();
  const target = stream();
  relay.attach(target, '', null);
  relay.commitPassed();
  relay.commitPassed();
  assert.equal(target.commits, [0]);
});

test('how a stream is to be talked to is that of the one in use', () => {
  const silences: number[] = [];
  const target = Object.assign(stream(), {
    interrupts: true,
    sendAudio: (_frame: Uint8Array, silentMs = 0) => silences.push(silentMs) > 0,
  });
  const relay = new BackendRelay(stream(), OPTIONS);
  assert.is(relay.interrupts, false);
  relay.detach();
  relay.sendAudio(frame(1), 5_000);
  relay.attach(target, '', null);
  assert.is(relay.interrupts, true);
  relay.sendAudio(frame(2), 5_020);
  relay.sendAudio(frame(3), 5_040);
  // What was kept, and what came with it, goes at once.
  assert.equal(silences, [0, 0, 5_040]);
});

test('audio in a format that cannot be converted is lost, and counted', () => {
  const relay = new BackendRelay(stream(), OPTIONS);
  relay.detach();
  for (let n = 0; n < 10; n += 1) relay.sendAudio(frame(n));
  const wide = stream({ codec: 'l16', sampleRateHz: 24_000 });
  relay.attach(wide, '', null);
  assert.equal([relay.keptMs, relay.lostFrames, relay.inputFormat.sampleRateHz], [0, 10, 24_000]);
  assert.is(relay.sendAudio(new Uint8Array(960)), true);
  assert.is(wide.heard.length, 1);
});

test('a phrase is told to its own stream alone', () => {
  const [first, second, third] = [phrasePrefix(0), phrasePrefix(1), phrasePrefix(2)];
  const target = stream();
  const relay = new BackendRelay(target, OPTIONS);
  for (const [own, others] of [
    [first, [second, third]],
    [second, [first, third]],
  ] as const) {
    relay.attach(target, own, null);
    target.cancels.length = 0;
    target.played.length = 0;
    for (const other of others) {
      relay.cancelResponse(`${other}item`, 100);
      relay.onItemPlayed(`${other}item`, 100, false);
    }
    relay.cancelResponse(`${own}item`, 100);
    relay.onItemPlayed(`${own}item`, 100, false);
    assert.equal(target.cancels, [
      [null, 0],
      [null, 0],
      ['item', 100],
    ]);
    assert.equal(target.played, [['item', 100, false]]);
  }
});

test('what is heard of another stream says that nothing is heard of this one', () => {
  const [first, second] = [stream(), stream()];
  const told: unknown[] = [];
  second.cancelResponse = (...given: unknown[]) => void told.push(given);
  const relay = new BackendRelay(first, OPTIONS);
  relay.attach(second, phrasePrefix(1), null);
  const ours = `${phrasePrefix(1)}i2`;
  relay.cancelResponse('i1', 300);
  relay.cancelResponse(ours, 300);
  relay.cancelResponse(null, 0);
  relay.cancelResponse(null, 0, null);
  relay.cancelResponse(null, 0, { itemId: 'i1', playedMs: 300 });
  relay.cancelResponse(null, 0, { itemId: ours, playedMs: 300 });
  assert.equal(told, [
    [null, 0, null],
    ['i2', 300],
    [null, 0, undefined],
    [null, 0, null],
    [null, 0, null],
    [null, 0, { itemId: 'i2', playedMs: 300 }],
  ]);
});

test('the beginning of a turn is told where nothing waits', () => {
  const target = stream();
  let starts = 0;
  const relay = new BackendRelay(target, OPTIONS);
  relay.startTurn();
  relay.attach(Object.assign(target, { startTurn: () => (starts += 1) }), '', null);
  relay.startTurn();
  assert.is(starts, 1);
  relay.detach();
  relay.sendAudio(frame(1));
  relay.startTurn();
  relay.attach(target, '', null);
  relay.startTurn();
  assert.is(starts, 1, 'of one that waits its end is told');
});

test.run();
