import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findPhrase, levelDbov, quietAfter } from '../../../src/cli/demo/audio-evidence.ts';
import { resampleSinc } from '../../../src/simulator/sinc-resample.ts';
import { SpeechSynthesizer } from '../../../src/simulator/speech.ts';

const RATE = 8000;

/** Syllable-like bursts of a seeded noise: no two seeds resemble one another. */
function phrase(seed: number, ms: number): Int16Array {
  const out = new Int16Array((RATE / 1000) * ms);
  let state = seed >>> 0;
  for (let i = 0; i < out.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const syllable = 0.55 + 0.45 * Math.sin((2 * Math.PI * (i + seed * 97)) / (RATE * (0.17 + (seed % 7) * 0.03)));
    out[i] = ((state / 2 ** 32) * 2 - 1) * 9000 * syllable;
  }
  return out;
}

test('a phrase is found to the sample where it was put, louder or softer', () => {
  const wanted = phrase(5, 900);
  const recording = new Int16Array(RATE * 6);
  recording.set(phrase(11, 1000), 3000);
  for (let i = 0; i < wanted.length; i++) recording[20_123 + i] = (wanted[i] ?? 0) * 0.4;
  const match = findPhrase(recording, wanted, RATE);
  assert.ok(match !== null);
  assert.is(Math.round((match.atMs / 1000) * RATE), 20_123);
  assert.ok(match.correlation > 0.99, String(match.correlation));
});

test('a phrase that was never said is not found', () => {
  const recording = new Int16Array(RATE * 6);
  recording.set(phrase(11, 3000), 3000);
  const match = findPhrase(recording, phrase(5, 900), RATE);
  assert.ok(match !== null && match.correlation < 0.3, String(match?.correlation));
});

/** `wanted` as a playout with pauses and a telephone with slips leave it: at each of `at` (ms) `gapMs` of silence, or less of it. */
function played(wanted: Int16Array, at: readonly number[], gapMs: number): Int16Array {
  const out: number[] = [];
  let from = 0;
  for (const ms of at) {
    out.push(...wanted.subarray(from, (RATE / 1000) * ms), ...new Int16Array((RATE / 1000) * Math.max(0, gapMs)));
    from = (RATE / 1000) * (ms + Math.max(0, -gapMs));
  }
  out.push(...wanted.subarray(from));
  return Int16Array.from(out);
}

test('a phrase that pauses in the middle and goes on is whole', () => {
  for (const gapMs of [60, 140, 600]) {
    const wanted = phrase(5, 1300);
    const recording = new Int16Array(RATE * 6);
    recording.set(phrase(11, 1000), 3000);
    recording.set(played(wanted, [240, 910], gapMs), 20_123);
    const match = findPhrase(recording, wanted, RATE);
    assert.ok(match !== null && match.correlation > 0.99, `${gapMs} ms: ${match?.correlation}`);
    assert.is(Math.round((match.atMs / 1000) * RATE), 20_123);
  }
});

test('frames that a telephone drops are forgiven, and half a phrase is none', () => {
  const wanted = phrase(5, 2000);
  const recording = new Int16Array(RATE * 6);
  recording.set(played(wanted, [330, 1_150], -20), 20_123);
  const match = findPhrase(recording, wanted, RATE);
  assert.ok(match !== null && match.correlation > 0.9, String(match?.correlation));
  recording.fill(0).set(played(wanted, [600], -1_000), 20_123);
  recording.set(phrase(11, 2000), 3000);
  const half = findPhrase(recording, wanted, RATE);
  assert.ok(half !== null && half.correlation < 0.8, String(half?.correlation));
});

test('a real voice is told from another phrase of its own', async () => {
  const speech = new SpeechSynthesizer();
  const said = await Promise.all(
    ['You are welcome.', 'Good morning to you.'].map(async (text) => {
      const { samples, sampleRateHz } = await speech.synthesize(text, 'rms');
      return resampleSinc(samples, sampleRateHz, RATE);
    }),
  );
  for (const [index, wanted] of said.entries()) {
    const others = Int16Array.from(said.flatMap((each, other) => (other === index ? [] : [...each])));
    assert.ok((findPhrase(others, wanted, RATE)?.correlation ?? 0) < 0.5);
    assert.ok((findPhrase(Int16Array.from(said.flatMap((each) => [...each])), wanted, RATE)?.correlation ?? 0) > 0.99);
  }
});

test('only places inside the window count', () => {
  const wanted = phrase(5, 900);
  const recording = new Int16Array(RATE * 6);
  recording.set(wanted, RATE);
  const match = findPhrase(recording, wanted, RATE, 3000, 5000);
  assert.ok(match === null || match.correlation < 0.3);
});

test('silence and a phrase longer than the recording give no match', () => {
  assert.is(findPhrase(new Int16Array(400), phrase(1, 500), RATE), null);
  const match = findPhrase(new Int16Array(RATE * 2), phrase(1, 500), RATE);
  assert.is(match?.correlation, 0);
});

test('levels are dBov: a full-scale square is 0, a full-scale sine −3.01, nothing −127', () => {
  const square = Int16Array.from({ length: RATE }, (_, i) => (i % 2 === 0 ? 32767 : -32768));
  assert.ok(Math.abs(levelDbov(square, RATE, 0, 1000)) < 0.01);
  const sine = Int16Array.from({ length: RATE }, (_, i) => 32767 * Math.sin((2 * Math.PI * 1000 * i) / RATE));
  assert.ok(Math.abs(levelDbov(sine, RATE, 0, 1000) + 3.01) < 0.02);
  assert.is(levelDbov(new Int16Array(RATE), RATE, 0, 1000), -127);
});

test('the moment of falling silent and its length are measured', () => {
  const recording = new Int16Array(RATE * 3);
  recording.set(phrase(3, 1000), 0);
  recording.set(phrase(4, 500), RATE * 2);
  const { silentAtMs, silentForMs } = quietAfter(recording, RATE, 500, -60);
  assert.ok(silentAtMs >= 980 && silentAtMs <= 1000, String(silentAtMs));
  assert.ok(Math.abs(silentAtMs + silentForMs - 2000) <= 20, String(silentForMs));
  const last = quietAfter(recording, RATE, 500, -60, 1_200);
  assert.ok(
    last.silentAtMs >= 2_480 && last.silentAtMs <= 2_500 && last.silentForMs <= 520,
    'a second of silence is too short',
  );
});

test.run();
