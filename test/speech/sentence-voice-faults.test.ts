/** Engines that do not behave. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { settle } from '../sim/fake-clock.ts';
import { FakeEngine, fails, said, saying, speaksAtOnce, voiceRig } from './speech-rig.ts';

type Pieces = Omit<AsyncIterator<Uint8Array>, 'return'> & { return?(): unknown };

/** Whatever `pieces` are, as an engine. */
function engineOf(pieces: (signal: AbortSignal) => Pieces): FakeEngine {
  const engine = new FakeEngine();
  engine.speak = (_text, signal) => ({ [Symbol.asyncIterator]: () => pieces(signal) as AsyncIterator<Uint8Array> });
  return engine;
}

test('an engine that ends in good order when its request is ended has not spoken the sentence', async () => {
  for (const how of ['stall', 'barge-in'] as const) {
    let given = 0;
    const first = engineOf((signal) => ({
      next: () => {
        given += 1;
        if (given === 1) return Promise.resolve({ value: new Uint8Array(800) });
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve({ done: true, value: undefined }), { once: true });
        });
      },
    }));
    const rig = voiceRig({ first });
    const stop = new AbortController();
    const result = saying(rig.voice, 'Good day.', stop.signal);
    await settle();
    if (how === 'stall') rig.clock.advance(LIMITS.ttsStallMs);
    else stop.abort(new Error('cut'));
    await settle();
    assert.equal([result.over, result.error], [true, how === 'stall' ? 'TTS_TIMEOUT' : 'Error: cut']);
    assert.is(rig.cache.stats.entries, 0, 'half a sentence is not kept');
  }
});

test('pieces with nothing in them are no progress', async () => {
  const first = new FakeEngine();
  const rig = voiceRig({ first });
  first.onRequest = (request) => request.give(0);
  const result = saying(rig.voice);
  for (let ms = 0; ms < LIMITS.ttsFirstAudioMs; ms += 1_000) {
    await settle();
    first.last.give(0);
    await settle();
    rig.clock.advance(1_000);
  }
  await settle();
  assert.is(first.requests.length, 2, 'tried again');
  first.last.give(100);
  for (let ms = 0; ms < LIMITS.ttsStallMs; ms += 1_000) {
    await settle();
    first.last.give(0);
    await settle();
    rig.clock.advance(1_000);
  }
  await settle();
  assert.equal([result.error, result.bytes], ['TTS_TIMEOUT', 800]);
});

test('an engine that trickles holds nothing up for long', async () => {
  const rig = voiceRig();
  const result = saying(rig.voice);
  let ms = 0;
  for (; ms < 10 * LIMITS.ttsStallMs && !result.over; ms += 10_000) {
    await settle();
    rig.first.last.give(10);
    await settle();
    rig.clock.advance(10_000);
  }
  await settle();
  assert.equal([result.error, rig.first.open, rig.clock.pending], ['TTS_TIMEOUT', 0, 0]);
  assert.ok(ms <= LIMITS.ttsStallMs + 20_000);
  // One that is a little slower than what it says is not taken for one.
  const slow = voiceRig();
  const whole = saying(slow.voice);
  for (let second = 0; second < 40; second += 1) {
    await settle();
    slow.first.last.give(500);
    await settle();
    slow.clock.advance(1_000);
  }
  slow.first.last.finish();
  await settle();
  assert.equal([whole.error, whole.bytes], [null, 40 * 4_000]);
});

test('an engine that fails in its very call, or does not know how to be left, leaves nothing behind', async () => {
  const stop = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = stop.signal;
  stop.signal.addEventListener = (...given: unknown[]): void => {
    listeners += 1;
    Reflect.apply(addEventListener, stop.signal, given);
  };
  stop.signal.removeEventListener = (...given: unknown[]): void => {
    listeners -= 1;
    Reflect.apply(removeEventListener, stop.signal, given);
  };
  const first = new FakeEngine();
  first.speak = () => {
    throw new Error('no');
  };
  const rig = voiceRig({ first });
  const result = saying(rig.voice, 'Hello.', stop.signal);
  for (let turn = 0; turn < 20 && !result.over; turn += 1) {
    await settle();
    rig.clock.advance(1_000);
  }
  assert.is(result.error, 'TTS_FAILED');
  // A pause that was waited out takes its listener off as well.
  assert.equal([listeners, rig.clock.pending], [0, 0]);

  let given = 0;
  const odd = engineOf(() => ({
    next: () => Promise.resolve(given++ === 0 ? { value: new Uint8Array(80) } : { done: true, value: undefined }),
    return: () => undefined,
  }));
  assert.is((await said(voiceRig({ first: odd }))).error, null);
  const rude = engineOf(() => ({
    next: () => Promise.reject(new Error('no')),
    return: () => {
      throw new Error('nor this');
    },
  }));
  assert.is((await said(voiceRig({ first: rude }))).error, 'TTS_FAILED');
});

test('a text that the first engine refuses is spoken by the fallback', async () => {
  const fallback = speaksAtOnce(new FakeEngine('fallback'));
  const rig = voiceRig({ fallback });
  fails(rig.first, 'ERR_TALKSPURT_TTS_REFUSED', { status: 400 });
  for (const text of ['One.', 'Two.', 'Three.', 'Four.']) {
    const result = await said(rig, text);
    assert.equal([result.error, result.engine, result.attempts], [null, 'fallback', 2]);
  }
  assert.equal([rig.first.requests.length, rig.changes.length], [4, 0], 'it says nothing of the engine');
  fails(fallback, 'ERR_TALKSPURT_TTS_REFUSED', { status: 422 });
  assert.equal([(await said(rig, 'Five.')).error, rig.voice.off], ['TTS_REFUSED', false]);
  fails(fallback);
  assert.is((await said(rig, 'Six.')).error, 'TTS_FAILED');
  assert.is(rig.first.requests.length, 6, 'asked once for each');
});

test('what the fallback said is not asked for again while it speaks, nor while nobody does', async () => {
  const fallback = speaksAtOnce(new FakeEngine('fallback'));
  const rig = voiceRig({ fallback });
  fails(rig.first, 'ERR_TALKSPURT_TTS_AUTH');
  assert.is((await said(rig, 'Good day.')).cached, false);
  const again = await said(rig, 'Good day.');
  assert.equal([again.cached, again.engine, fallback.requests.length], [true, 'fallback', 1]);
  fails(fallback, 'ERR_TALKSPURT_TTS_AUTH');
  await said(rig, 'Something else.');
  assert.equal([rig.voice.off, (await said(rig, 'Good day.')).error], [true, null]);
  // The first one has its own voice again when it is its turn.
  rig.clock.advance(LIMITS.ttsCoolDownMs);
  speaksAtOnce(rig.first);
  assert.is((await said(rig, 'Good day.')).engine, 'first');
});

test('sentences of other calls wait for the one that finds out that an engine speaks again, and not for ever', async () => {
  const rig = voiceRig();
  fails(rig.first, 'ERR_TALKSPURT_TTS_AUTH');
  await said(rig, 'One.');
  assert.is(rig.voice.off, true);
  rig.clock.advance(LIMITS.ttsCoolDownMs);
  rig.first.onRequest = () => undefined;
  const probe = saying(rig.voice, 'Two.');
  const [next, other] = [saying(rig.voice, 'Three.'), saying(rig.voice, 'Four.')];
  await settle();
  assert.is(rig.first.texts.at(-1), 'Two.');
  assert.equal([next.over, other.over], [false, false]);
  rig.first.last.speak(200);
  speaksAtOnce(rig.first);
  await settle();
  rig.clock.advance(100);
  await settle();
  assert.equal(
    [probe, next, other].map(({ error, over }) => [error, over]),
    [
      [null, true],
      [null, true],
      [null, true],
    ],
  );
  // One that hangs does not hold up the others for as long as it may itself.
  fails(rig.first, 'ERR_TALKSPURT_TTS_AUTH');
  await said(rig, 'Five.');
  rig.clock.advance(LIMITS.ttsCoolDownMs);
  rig.first.onRequest = () => undefined;
  const stop = new AbortController();
  saying(rig.voice, 'Six.', stop.signal);
  const late = saying(rig.voice, 'Seven.');
  const gone = new AbortController();
  const left = saying(rig.voice, 'Eight.', gone.signal);
  await settle();
  gone.abort(new Error('the caller has cut in'));
  for (let ms = 0; ms <= LIMITS.ttsProbeWaitMs; ms += 50) {
    await settle();
    rig.clock.advance(50);
  }
  await settle();
  assert.equal([late.error, left.over], ['TTS_OFF', true]);
  stop.abort(new Error('over'));
  await settle();
  assert.is(rig.clock.pending, 0);
});

test.run();
