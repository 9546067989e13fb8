import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadDsp } from '../../src/dsp/library.ts';
import type { DspLibrary } from '../../src/dsp/library.ts';
import { LIMITS } from '../../src/limits.ts';
import { SentenceAudio } from '../../src/speech/sentence-audio.ts';
import { SpeechCache } from '../../src/speech/speech-cache.ts';
import { hasWords, spokenText } from '../../src/speech/spoken-text.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';
import { FakeEngine, fails, said, saying, speaksAtOnce, voiceRig } from './speech-rig.ts';

test('three failures in a row bring the fallback, five an end, and a probe after the cool-down the first one back', async () => {
  const fallback = speaksAtOnce(new FakeEngine('fallback'));
  const rig = voiceRig({ fallback });
  fails(rig.first);
  const one = await said(rig);
  // One sentence goes all the way, and is said.
  assert.equal([one.error, one.engine, one.attempts], [null, 'fallback', 4]);
  assert.equal(
    rig.changes.map(({ name, state }) => `${name} ${state}`),
    ['b:speech:first open'],
  );
  await said(rig, 'Another one.');
  assert.is(rig.first.requests.length, 3, 'it rests');
  fails(fallback);
  const lost = await said(rig, 'A third one.');
  assert.is(lost.error, 'TTS_FAILED');
  assert.ok(rig.voice.off);
  assert.is((await said(rig, 'A fourth one.')).error, 'TTS_OFF');
  rig.clock.advance(LIMITS.ttsCoolDownMs);
  speaksAtOnce(rig.first);
  const probe = await said(rig, 'A fifth one.');
  assert.equal([probe.error, probe.engine], [null, 'first']);
  assert.equal(
    rig.breaker.view().map(({ state }) => state),
    ['closed', 'closed'],
  );
  assert.is(rig.clock.pending, 0);
});

test('without a fallback five failures are the end, and a success before that begins anew', async () => {
  const rig = voiceRig();
  let failures = 4;
  rig.first.onRequest = (request) => (failures-- > 0 ? request.fail() : request.speak(100));
  assert.equal([(await said(rig)).attempts, rig.voice.off], [5, false]);
  failures = 4;
  assert.is((await said(rig, 'Once more.')).error, null);
  fails(rig.first);
  assert.is((await said(rig, 'And more.')).error, 'TTS_FAILED');
  assert.ok(rig.voice.off);
  const tone = await rig.voice.errorTone();
  assert.is(tone.length, 8 * 500);
  assert.ok(new Set(tone).size > 20, 'it is heard');
});

test('only one probes at a time', async () => {
  const rig = voiceRig();
  fails(rig.first);
  await said(rig);
  rig.clock.advance(LIMITS.ttsCoolDownMs);
  rig.first.onRequest = () => undefined;
  const probe = saying(rig.voice, 'One.');
  await settle();
  assert.is((await said(rig, 'Two.')).error, 'TTS_OFF');
  rig.first.last.speak(100);
  await settle();
  assert.is(probe.error, null);
  speaksAtOnce(rig.first);
  assert.is((await said(rig, 'Three.')).error, null);
});

test('a key that is refused is not tried again; with nobody else that is the end', async () => {
  for (const code of ['ERR_TALKSPURT_TTS_AUTH', 'ERR_TALKSPURT_TTS_QUOTA'] as const) {
    const alone = voiceRig();
    fails(alone.first, code);
    assert.is((await said(alone)).attempts, 1);
    assert.ok(alone.voice.off);
    const rig = voiceRig({ fallback: speaksAtOnce(new FakeEngine('fallback')) });
    fails(rig.first, code);
    assert.equal([(await said(rig)).engine, rig.first.requests.length], ['fallback', 1]);
  }
});

test('an engine that asks for a moment gets that moment, not more', async () => {
  const rig = voiceRig({ fallback: speaksAtOnce(new FakeEngine('fallback')) });
  fails(rig.first, 'ERR_TALKSPURT_TTS_RATE_LIMIT', { retryAfterMs: 2_000 });
  assert.is((await said(rig)).engine, 'fallback');
  speaksAtOnce(rig.first);
  assert.is((await said(rig, 'Two.')).engine, 'fallback');
  rig.clock.advance(2_000);
  assert.is((await said(rig, 'Three.')).engine, 'first');
});

test('a text that is refused says nothing of the engine', async () => {
  const rig = voiceRig();
  fails(rig.first, 'ERR_TALKSPURT_TTS_REFUSED', { status: 400 });
  for (let turn = 0; turn < 6; turn += 1) assert.is((await said(rig)).error, 'TTS_REFUSED');
  assert.is(rig.first.requests.length, 6);
  assert.equal(rig.changes, []);
});

test('what was heard of a sentence is not said twice', async () => {
  const rig = voiceRig({ fallback: new FakeEngine('fallback') });
  rig.first.onRequest = (request) => {
    request.give(300);
    request.fail();
  };
  const result = await said(rig);
  assert.equal([result.bytes, result.error, result.attempts], [2_400, 'TTS_FAILED', 1]);
});

test('an engine that gives nothing, or stops in the middle, is given up; even one that heeds no signal', async () => {
  const rig = voiceRig();
  const result = saying(rig.voice);
  await settle();
  rig.clock.advance(LIMITS.ttsFirstAudioMs - 1);
  await settle();
  assert.is(rig.first.requests.length, 1);
  rig.clock.advance(1);
  await settle();
  assert.is(rig.first.requests[0]!.signal.aborted, true);
  assert.is(rig.first.requests.length, 2, 'tried again');
  rig.first.last.give(100);
  await settle();
  rig.clock.advance(LIMITS.ttsStallMs);
  await settle();
  assert.is(result.error, 'TTS_TIMEOUT');
  assert.is(rig.clock.pending, 0);

  const deaf = voiceRig();
  deaf.first.speak = () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) });
  const stop = new AbortController();
  const hanging = saying(deaf.voice, 'Hello.', stop.signal);
  await settle();
  stop.abort(new Error('cut'));
  await settle();
  assert.equal([hanging.over, deaf.clock.pending], [true, 0]);
});

test('nobody waits twice for an engine that does not answer, and for none at all for long', async () => {
  const fallback = speaksAtOnce(new FakeEngine('fallback'));
  const rig = voiceRig({ fallback });
  const result = saying(rig.voice);
  await settle();
  rig.clock.advance(LIMITS.ttsFirstAudioMs);
  await settle();
  assert.equal([result.over, result.engine, rig.first.requests.length], [true, 'fallback', 1]);
  const alone = voiceRig();
  const lost = saying(alone.voice);
  for (let ms = 0; ms < LIMITS.ttsTriesMs; ms += 1_000) {
    await settle();
    alone.clock.advance(1_000);
  }
  await settle();
  assert.equal(
    [lost.error, alone.first.requests.length, alone.first.open, alone.clock.pending],
    ['TTS_TIMEOUT', 2, 0, 0],
  );
});

test('a caller who cuts in is no failure of the engine', async () => {
  const rig = voiceRig();
  for (let turn = 0; turn < 7; turn += 1) {
    const stop = new AbortController();
    const result = saying(rig.voice, 'Hello.', stop.signal);
    await settle();
    stop.abort(new Error('cut'));
    await settle();
    assert.is(result.over, true);
  }
  assert.equal([rig.voice.off, rig.changes.length, rig.first.open], [false, 0, 0]);
});

test('a sentence without an end is cut off', async () => {
  const rig = voiceRig();
  rig.first.onRequest = (request) => {
    for (let turn = 0; turn < 20; turn += 1) request.give(60_000);
  };
  const result = await said(rig);
  assert.is(result.error, 'TTS_FAILED');
  assert.ok(result.bytes <= LIMITS.ttsSentenceBytes);
  assert.is(rig.first.open, 0);
});

test('what was said before is not asked for again, even while nobody speaks', async () => {
  const rig = voiceRig();
  speaksAtOnce(rig.first);
  const first = await said(rig, 'Good **day**.');
  const second = await said(rig, 'Good day.');
  assert.equal([second.cached, second.bytes, rig.first.requests.length], [true, first.bytes, 1]);
  fails(rig.first);
  await said(rig, 'Something else.');
  assert.equal([rig.voice.off, (await said(rig, 'Good day.')).error], [true, null]);
  assert.is(rig.cache.stats.hits, 2);
  const cut = voiceRig();
  cut.first.onRequest = (request) => {
    request.give(100);
    request.fail();
  };
  await said(cut);
  assert.is(cut.cache.stats.entries, 0, 'half a sentence is not kept');
});

test('a cache holds what was used last, and no more than it may', () => {
  const cache = new SpeechCache(8_000);
  const audio = (length: number): Uint8Array => new Uint8Array(length);
  // An entry is its audio, its key of two bytes a character, and 200 bytes.
  for (let at = 0; at < 8; at += 1) cache.keep(`k${at}`, audio(796));
  assert.is(cache.stats.bytes, 8_000);
  assert.ok(cache.take('k0'));
  cache.keep('k8', audio(796));
  assert.is(cache.take('k1'), null, 'the least recently used went');
  assert.ok(cache.take('k0'));
  cache.keep('large', audio(1_000));
  assert.is(cache.take('large'), null);
  cache.keep('k0', audio(296));
  assert.equal(cache.stats, { hits: 2, misses: 2, bytes: 7_500, entries: 8 });
  const none = new SpeechCache(0);
  none.keep('x', audio(1));
  assert.is(none.stats.entries, 0);
});

test('many sentences of little sound are bounded as well, and none keeps more alive than it is', () => {
  const cache = new SpeechCache(1_000_000);
  for (let at = 0; at < 10_000; at += 1) cache.keep(`${at} ${'x'.repeat(300)}`, new Uint8Array(2));
  assert.ok(cache.stats.entries < 1_300, String(cache.stats.entries));
  cache.keep('view', new Uint8Array(100_000).subarray(0, 10));
  cache.keep('pooled', Buffer.from('short'));
  for (const key of ['view', 'pooled']) {
    const kept = cache.take(key)!;
    assert.is(kept.buffer.byteLength, kept.length);
  }
});

test('audio of another format is converted, and does not depend on how it came', async () => {
  const library = await loadDsp();
  const pcm = Int16Array.from({ length: 41_000 }, (_, at) => 8_000 * Math.sin((2 * Math.PI * 440 * at) / 24_000));
  const bytes = new Uint8Array(pcm.buffer);
  const from = { codec: 'l16', sampleRateHz: 24000 } as const;
  const wanted = library.encodeUlaw(library.resample(pcm, 24_000, 8_000));
  for (const step of [1, 4_801, 30_000, 82_000]) {
    const audio = new SentenceAudio(from, { codec: 'pcmu', sampleRateHz: 8000 }, library);
    const pieces: Uint8Array[] = [];
    const by = step === 1 ? 997 : step;
    for (let at = 0; at < bytes.length; at += by) {
      audio.push(bytes.subarray(at, at + by));
      pieces.push(audio.take());
    }
    audio.end();
    while (audio.ready) pieces.push(audio.take());
    const whole = Buffer.concat(pieces);
    assert.is(whole.length, Math.floor(41_000 / 3));
    assert.equal(whole, Buffer.from(wanted.subarray(0, whole.length)));
  }
  const same = new SentenceAudio(from, from, null);
  same.push(new Uint8Array(3));
  assert.is(same.take().length, 2);
  same.push(new Uint8Array(4));
  assert.is(same.take().length, 4);
  same.end();
  assert.not.ok(same.ready, 'half a sample is none');
});

test('a fallback of another format is heard in the format of the first', async () => {
  const fallback = new FakeEngine('fallback', { codec: 'l16', sampleRateHz: 16000 });
  fallback.onRequest = (request) => request.speak(1_000, 0);
  const rig = voiceRig({ fallback });
  fails(rig.first, 'ERR_TALKSPURT_TTS_AUTH');
  const result = saying(rig.voice);
  while (!result.over) await new Promise((resolve) => setImmediate(resolve));
  assert.equal([result.error, result.bytes], [null, 8_000]);
});

/** A clock that also knows of work, and a fallback of another rate that speaks for 25 s with one voice that has `msPerSlice` of it. */
function convertingRig(msPerSlice: number) {
  const work = { ms: 0, slices: 0 };
  const clock = new FakeClock();
  const fallback = new FakeEngine('fallback', { codec: 'l16', sampleRateHz: 16000 });
  fallback.onRequest = (request) => {
    for (let piece = 0; piece < 125; piece += 1) request.give(200, 0);
    request.finish();
  };
  const dspLibrary = async (): Promise<DspLibrary> => {
    const dsp = await loadDsp();
    const resample: DspLibrary['resample'] = (...given) => {
      clock.work(msPerSlice);
      work.ms += msPerSlice;
      work.slices += 1;
      return dsp.resample(...given);
    };
    return { ...dsp, encodeUlaw: (pcm) => dsp.encodeUlaw(pcm), resample };
  };
  const rig = voiceRig({ fallback, clock, dspLibrary });
  fails(rig.first, 'ERR_TALKSPURT_TTS_AUTH');
  return { rig, work };
}

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a long sentence of a fallback of another rate shares its turns of the event loop with the calls', async () => {
  const { rig, work } = convertingRig(0.6);
  const result = saying(rig.voice);
  const turns: number[] = [];
  while (!result.over) {
    const beforeMs = work.ms;
    if (turns.length > 0) rig.clock.advance(0);
    // The binary is loaded first, which takes as many turns as a busy machine lets pass.
    else while (work.ms === 0 && !result.over) await turnOfTheLoop();
    for (let turn = 0; turn < 1_000 && work.ms === beforeMs && !result.over; turn += 1) await turnOfTheLoop();
    await settle();
    turns.push(work.ms - beforeMs);
    assert.ok(turns.length < 100, 'it goes on');
    if (turns.length === 1) assert.ok(result.bytes >= 8 * 600, 'its beginning waits for nothing');
  }
  assert.equal([result.error, result.bytes], [null, 8 * 25_000]);
  assert.ok(work.slices > 40, String(work.slices));
  assert.ok(Math.max(...turns) <= LIMITS.ttsTurnMs + 0.6 + 1e-9, `${Math.max(...turns)} ms in one turn`);
});

test('a caller who cuts in ends the conversion where it is', async () => {
  const { rig, work } = convertingRig(0.6);
  const stop = new AbortController();
  const result = saying(rig.voice, 'Good day.', stop.signal);
  while (work.slices === 0) await turnOfTheLoop();
  await settle();
  const { bytes } = result;
  stop.abort(new Error('cut in'));
  await settle();
  rig.clock.advance(1_000);
  await settle();
  assert.equal([result.over, result.bytes, work.slices], [true, bytes, 2]);
  assert.is(rig.clock.pending, 0);
  assert.ok(rig.fallback?.last.left, 'the engine was left');
});

test('marks of writing are not read out', () => {
  const cases: [string, string][] = [
    ['**Yes**, _really_: `now`!', 'Yes, really: now!'],
    ['See [our page](https://x.example/a?b=c) or https://www.example.com/path.', 'See our page or example.com'],
    ['# Title', 'Title'],
    ['- one item', 'one item'],
    ['Fine 👍🏽 then', 'Fine then'],
    ['2 * 3 * 4', '2 * 3 * 4'],
    ['snake_case_name', 'snake_case_name'],
  ];
  for (const [written, spoken] of cases) assert.is(spokenText(written), spoken);
  assert.equal([hasWords('…!'), hasWords('3'), hasWords('雨')], [false, true, true]);
});

test.run();
