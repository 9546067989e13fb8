/** Concealment: what is heard in place of frames that never came. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { barkDistance } from '../../bench/jitter/bark-distance.ts';
import { lostFrames, withAppendixOne, withOurs, withRepetition, withSilence } from '../../bench/jitter/loss.ts';
import type { Conceal } from '../../bench/jitter/loss.ts';
import { conversation, onTheLine, say } from '../dsp/speech.ts';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const { exports } = core;

/** Like a vowel: eight harmonics of `pitchHz`. */
function vowel(pitchHz: number, rate: number, from: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    let sum = 0;
    for (let k = 1; k <= 8; k += 1) sum += Math.sin((2 * Math.PI * pitchHz * k * (from + i)) / rate + k * k) / k;
    return Math.round(4000 * sum);
  });
}

function accept(pcm: readonly number[]): { out: number[]; changed: boolean } {
  core.samples(core.from, pcm.length).set(pcm);
  const changed = exports.concealAccept(core.from, pcm.length) === 1;
  return { out: [...core.samples(core.from, pcm.length)], changed };
}

function fill(count: number): number[] {
  exports.concealFill(core.from, count);
  return [...core.samples(core.from, count)];
}

const energy = (pcm: readonly number[]): number => pcm.reduce((sum, x) => sum + x * x, 0);

for (const rate of [8000, 16000, 48000]) {
  const frame = rate / 50;

  test(`${rate} Hz: goes on with the pitch of a vowel: the first 10 ms are nearly what was lost`, () => {
    for (const pitch of [80, 125, 190]) {
      exports.concealStart(rate);
      for (let n = 0; n < 5; n += 1) accept(vowel(pitch, rate, n * frame, frame));
      const lost = vowel(pitch, rate, 5 * frame, frame / 2);
      const error = fill(frame)
        .slice(0, frame / 2)
        .map((x, n) => x - (lost[n] ?? 0));
      const snr = 10 * Math.log10(energy(lost) / energy(error));
      assert.ok(snr > 8, `${pitch} Hz: ${snr} dB`);
    }
  });

  test(`${rate} Hz: fades to the floor of the line within 60 ms`, () => {
    exports.concealStart(rate);
    accept(Array.from({ length: frame }, () => 0));
    for (let n = 0; n < 5; n += 1) accept(vowel(125, rate, n * frame, frame));
    const before = energy(vowel(125, rate, 0, frame));
    const first = energy(fill(frame));
    const second = energy(fill(frame));
    const third = energy(fill(frame));
    assert.ok(first > 0.5 * before && first < 1.5 * before);
    assert.ok(second < first && third < second);
    assert.ok(energy(fill(frame)) < before * 1e-5, 'silence, or noise at the floor');
  });

  test(`${rate} Hz: the first frame after a loss is blended in over 4 ms and then itself`, () => {
    exports.concealStart(rate);
    for (let n = 0; n < 5; n += 1) assert.not(accept(vowel(125, rate, n * frame, frame)).changed);
    fill(frame);
    const came = vowel(125, rate, 6 * frame, frame);
    const { out, changed } = accept(came);
    assert.ok(changed);
    assert.equal(out.slice(rate / 250), came.slice(rate / 250));
    assert.not.equal(out.slice(0, rate / 250), came.slice(0, rate / 250));
    assert.not(accept(came).changed);
  });
}

test('no step at a seam is steeper than the voice itself, wherever the line breaks off', () => {
  const steepest = (pcm: readonly number[]): number =>
    pcm.reduce((most, x, n) => (n === 0 ? 0 : Math.max(most, Math.abs(x - (pcm[n - 1] ?? 0)))), 0);
  for (const pitch of [83, 111, 147, 190]) {
    for (let shift = 0; shift < 160; shift += 13) {
      exports.concealStart(8000);
      const heard: number[] = [];
      for (let n = 0; n < 5; n += 1) heard.push(...accept(vowel(pitch, 8000, n * 160 + shift, 160)).out);
      heard.push(...fill(160), ...fill(160));
      heard.push(...accept(vowel(pitch, 8000, 7 * 160 + shift, 160)).out);
      const own = steepest(vowel(pitch, 8000, 0, 1_000));
      assert.ok(steepest(heard) <= 1.15 * own, `${pitch} Hz, ${shift}: ${steepest(heard)} against ${own}`);
    }
  }
});

const pcm = onTheLine(conversation([say('I would like a table for four on Friday evening, please.', 'rms')], 200).pcm);

test('on speech it is nearer to what was said than silence, repetition and Appendix I, for single losses and runs', () => {
  for (const burst of [false, true]) {
    for (const share of [0.05, 0.1, 0.2]) {
      const patterns = [1, 2, 3, 4, 5, 6].map((seed) => lostFrames(Math.floor(pcm.length / 160), share, burst, seed));
      const score = (conceal: Conceal): number =>
        patterns.reduce(
          (sum, lost) =>
            sum + barkDistance(pcm, conceal(pcm, lost), (n) => lost[n] === true || lost[n - 1] === true) / 6,
          0,
        );
      const ours = score(withOurs(exports));
      const [silence, repetition, appendix] = [withSilence, withRepetition, withAppendixOne].map(score);
      const said = `${share}: ${ours} against ${silence}, ${repetition}, ${appendix}`;
      assert.ok(ours < 0.75 * (silence ?? 0) && ours < 0.95 * (repetition ?? 0) && ours < (appendix ?? 0), said);
    }
  }
});

test('a call that begins with a loss is silent', () => {
  exports.concealStart(8000);
  assert.ok(fill(160).every((x) => x === 0));
  assert.ok(fill(480).every((x) => x === 0));
});

test('a long loss on a noisy line stays noisy, and never louder than −50 dBov', () => {
  for (const amplitude of [60, 3000]) {
    exports.concealStart(8000);
    exports.noiseStart(42);
    for (let n = 0; n < 20; n += 1) {
      exports.noiseWrite(core.from, 160, amplitude);
      exports.concealAccept(core.from, 160);
    }
    for (let n = 0; n < 4; n += 1) fill(160);
    core.samples(core.from, 160).set(fill(160));
    const level = exports.levelDbov(core.from, 160);
    const floor = Math.min(-50, 20 * Math.log10(amplitude / Math.sqrt(3) / 32768));
    assert.ok(Math.abs(level - floor) < 1.5, `${level} dBov, floor ${floor}`);
  }
});

test('the floor is that of the pauses: a second of speech hardly raises it', () => {
  exports.concealStart(8000);
  exports.noiseStart(7);
  for (let n = 0; n < 20; n += 1) {
    exports.noiseWrite(core.from, 160, 30);
    exports.concealAccept(core.from, 160);
  }
  for (let n = 0; n < 50; n += 1) accept(vowel(125, 8000, n * 160, 160));
  for (let n = 0; n < 4; n += 1) fill(160);
  core.samples(core.from, 160).set(fill(160));
  const floor = 20 * Math.log10(30 / Math.sqrt(3) / 32768);
  const level = exports.levelDbov(core.from, 160);
  assert.ok(level > floor - 2 && level < floor + 7, `${level} dBov, floor ${floor}`);
});

test.run();
