/** Whose fault a silence is: the engine's, or that of a process that stood still. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { ProgressWatch } from '../../src/speech/progress-watch.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';

type Piece = IteratorResult<Uint8Array, unknown>;

/** A request whose next piece comes when the test says so. */
function watched() {
  const clock = new FakeClock();
  const engine = { name: 'e', format: { codec: 'pcmu', sampleRateHz: 8000 } } as const;
  const outer = new AbortController().signal;
  const watch = new ProgressWatch({ clock, engine, outer, firstAudioMs: 10_000, stallMs: 1_500 });
  let come: (piece: Piece) => void = () => undefined;
  const next = watch.next(new Promise<Piece>((resolve) => (come = resolve))).then(
    (piece) => (piece.done === true ? 'done' : 'piece'),
    (error: unknown) => (hasCode(error, 'ERR_TALKSPURT_TTS_TIMEOUT') ? 'late' : String(error)),
  );
  return { clock, watch, next, come: (piece: Piece) => come(piece) };
}

test('an engine that gives nothing is ended at its time', async () => {
  const { clock, watch, next } = watched();
  clock.advance(9_999);
  await settle();
  assert.is(watch.signal.aborted, false);
  clock.advance(1);
  assert.is(await next, 'late');
  watch.end();
  assert.is(clock.pending, 0);
});

test('after a process stood still, what had come meanwhile is read before the engine is blamed', async () => {
  const { clock, watch, next, come } = watched();
  clock.stall(12_000);
  await settle();
  assert.is(watch.signal.aborted, false);
  come({ done: false, value: new Uint8Array(160) });
  assert.is(await next, 'piece');
  watch.end();
  assert.is(clock.pending, 0);
});

test('…and where nothing had come, it is ended a moment later', async () => {
  const { clock, watch, next } = watched();
  clock.stall(12_000);
  await settle();
  assert.is(watch.signal.aborted, false);
  clock.advance(250);
  assert.is(await next, 'late');
  watch.end();
  assert.is(clock.pending, 0);
});

test('…and where it stood still at the end of its time, by however little the time is over', async () => {
  for (const overMs of [1, 99, 101, 499, 900]) {
    const { clock, watch, next, come } = watched();
    clock.advance(8_000);
    clock.stall(2_000 + overMs);
    await settle();
    assert.is(watch.signal.aborted, false, `${overMs} ms`);
    come({ done: false, value: new Uint8Array(160) });
    assert.is(await next, 'piece');
    watch.end();
  }
});

test('a process that is late at every look has so many of them and no more', async () => {
  const { clock, watch, next } = watched();
  clock.stall(12_000);
  let looks = 0;
  for (; looks < 200 && !watch.signal.aborted; looks += 1) {
    await settle();
    clock.stall(450);
  }
  assert.ok(looks >= 10 && looks <= 30, `${looks} looks`);
  assert.is(await next, 'late');
  watch.end();
  assert.is(clock.pending, 0);
});

test('…and so it is where something without sound comes at every look', async () => {
  const { clock, watch, next, come } = watched();
  const sinceMs = clock.nowMs();
  clock.advance(9_900);
  come({ done: false, value: new Uint8Array(0) });
  assert.is(await next, 'piece');
  while (!watch.signal.aborted && clock.nowMs() - sinceMs < 60_000) {
    let empty: (piece: Piece) => void = () => undefined;
    const piece = watch.next(new Promise<Piece>((resolve) => (empty = resolve))).catch(() => undefined);
    clock.advance(200);
    empty({ done: false, value: new Uint8Array(0) });
    await piece;
  }
  assert.is(watch.signal.aborted, true);
  assert.ok(clock.nowMs() - sinceMs <= 10_000 + 6_000, `${clock.nowMs() - sinceMs} ms`);
  watch.end();
});

test.run();
