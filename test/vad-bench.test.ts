/** What the bench of the detectors judges by: labels, measures, mixtures, and that its sources are named in the documentation. */
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Chance } from '../bench/vad/chance.ts';
import { bandPass, companded, converse, label, meanPower, speechPower } from '../bench/vad/mix.ts';
import { TRAINING_NOISES, UNSEEN_NOISES } from '../bench/vad/noise.ts';
import { measure, onsetsMs, roc } from '../bench/vad/scores.ts';
import { NOISES, PACKAGES, SPEAKERS } from '../bench/vad/sources.ts';
import { makeTestSet } from '../bench/vad/test-set.ts';
import { loadDsp } from '../src/dsp/library.ts';

const line = (scores: readonly number[], spoken: readonly number[], frameMs = 10) => ({
  scores: Float32Array.from(scores),
  spoken: Uint8Array.from(spoken),
  frameMs,
});

const times = (count: number, value: number): number[] => Array.from({ length: count }, () => value);

test('measures of a case that can be counted by hand', () => {
  // Pairs of speech and not: 0.9 > all; 0.6 > 0.5, 0.1; 0.4 > 0.1: 3 + 2 + 1 of 9, and 0.7 is above two of the speech.
  const { auc, bestF1 } = measure([line([0.9, 0.6, 0.4, 0.7, 0.5, 0.1], [1, 1, 1, 0, 0, 0])]);
  assert.ok(Math.abs(auc - 6 / 9) < 1e-9, String(auc));
  // At 0.4 all speech and two others: 2·3 / (3 + 2 + 3).
  assert.ok(Math.abs(bestF1 - 6 / 8) < 1e-9, String(bestF1));
  const tied = measure([line([1, 1, 1, 1], [1, 0, 1, 0])]);
  assert.ok(Math.abs(tied.auc - 0.5) < 1e-9);
  const ends = roc([line([0.9, 0.1], [1, 0])]);
  assert.equal(ends[0], { falseAlarms: 0, heard: 0 });
  assert.equal(ends.at(-1), { falseAlarms: 1, heard: 1 });
});

test('an onset counts from the first hop of speech behind a pause to the end of the frame that finds it', () => {
  const spoken = [...times(40, 0), ...times(20, 1), ...times(10, 0)];
  const scores = spoken.map((_, hop) => (hop >= 43 ? 1 : 0));
  assert.equal(onsetsMs(line(scores, spoken), 0.5), [40]);
  // In frames of 32 ms hop 43 is known at 448 ms.
  assert.equal(onsetsMs(line(scores, spoken, 32), 0.5), [48]);
  assert.equal(onsetsMs(line(times(70, 0), spoken), 0.5), [Infinity]);
  // A pause of less than 300 ms makes no new talkspurt.
  assert.equal(onsetsMs(line(scores, [...spoken.slice(20), ...times(20, 0)]), 0.5), []);
});

test('labels: loud is speech, 31 dB below is not, short gaps belong to it and short sounds do not', () => {
  const levels = [
    ...times(20, 0),
    ...times(30, 4000),
    ...times(8, 0),
    ...times(30, 4000),
    ...times(20, 4000 * 10 ** (-31 / 20)),
    4000,
    4000,
    ...times(20, 0),
  ];
  const pcm = Float32Array.from(
    levels.flatMap((level) => Array.from({ length: 80 }, (_, n) => (n % 2 ? level : -level))),
  );
  const expected = levels.map((_, hop) => (hop >= 20 && hop < 88 ? 1 : 0));
  assert.equal([...label(pcm)], expected);
  assert.ok(label(new Float32Array(800)).every((spoken) => spoken === 0));
});

test('companding is G.711', async () => {
  const dsp = await loadDsp();
  const pcm = Int16Array.from({ length: 4096 }, (_, n) => n * 16 - 32768);
  const through = (alaw: boolean): Int16Array =>
    alaw ? dsp.decodeAlaw(dsp.encodeAlaw(pcm)) : dsp.decodeUlaw(dsp.encodeUlaw(pcm));
  for (const alaw of [false, true]) {
    // On decision values the two may choose differently: by one step of the code at most.
    const [ours, theirs] = [companded(Float32Array.from(pcm), alaw), through(alaw)];
    const far = ours.filter((x, n) => Math.abs(x - (theirs[n] ?? 0)) > Math.max(16, Math.abs(x) / 16 + 16)).length;
    const same = ours.filter((x, n) => x === theirs[n]).length;
    assert.is(far, 0);
    assert.ok(same > 0.9 * pcm.length, `${same} of ${pcm.length}`);
  }
});

test('the line passes 300 to 3,400 Hz', () => {
  const gain = (hz: number): number => {
    const tone = Float32Array.from({ length: 16_000 }, (_, n) => Math.sin((2 * Math.PI * hz * n) / 8000));
    const power = meanPower(tone.slice(8000));
    bandPass(tone, 300, 3400);
    return 10 * Math.log10(meanPower(tone.slice(8000)) / power);
  };
  assert.ok(Math.abs(gain(1000)) < 0.1);
  assert.ok(Math.abs(gain(300) + 3) < 0.3);
  assert.ok(gain(150) < -20 && gain(3900) < -20);
});

const voice = (split: 'tune' | 'test', name: string, hz: number) => ({
  name,
  split,
  pcm: Int16Array.from({ length: 80_000 }, (_, n) =>
    n % 12_000 < 8000 ? 6000 * Math.sin((2 * Math.PI * hz * n) / 8000) : 0,
  ),
});

test('a test set is the same every time, and has the noise that it says', () => {
  const rustle = Int16Array.from({ length: 20_000 }, (_, n) => (n * 7919) % 2000);
  const recordings = {
    speech: [voice('test', 'a', 400), voice('test', 'b', 700), voice('tune', 'c', 900)],
    noise: ['music', 'nature', 'workshop'].map((name) => ({ name, split: 'test' as const, pcm: rustle })),
    hash: '',
  };
  const { lines, hash } = makeTestSet(recordings, 6);
  assert.is(makeTestSet(recordings, 6).hash, hash);
  assert.is(lines.length, 37 * 2);
  for (const { condition, pcm, spoken } of lines.filter(({ condition: name }) => name.startsWith('white'))) {
    const powerOf = (which: number): number => {
      const chosen = pcm.filter((_, n) => spoken[Math.floor(n / 80)] === which);
      return meanPower(Float32Array.from(chosen));
    };
    const snrDb = 10 * Math.log10((powerOf(1) - powerOf(0)) / powerOf(0));
    assert.ok(Math.abs(snrDb - Number(condition.split(' ')[1])) < 1.5, `${condition}: ${snrDb}`);
  }
});

test('speech keeps its labels where it is put, and every noise is finite and there', () => {
  const talk = converse(new Chance(3), voice('test', 'a', 400), 48_000, [0.3, 1], 0);
  assert.ok(talk.spoken.includes(1) && talk.spoken.includes(0) && speechPower(talk) > 0);
  for (const [name, make] of Object.entries({ ...TRAINING_NOISES, ...UNSEEN_NOISES })) {
    const noise = make(new Chance(5), 40_000);
    assert.ok(noise.length === 40_000 && noise.every(Number.isFinite), name);
    assert.ok(meanPower(noise) > 0, name);
  }
});

test('nobody speaks in two splits, and every package is in the documentation with its licence', () => {
  const page = readFileSync(new URL('../docs/vad.md', import.meta.url), 'utf8');
  for (const [name, licence] of Object.entries(PACKAGES)) {
    const row = page.split('\n').find((text) => text.startsWith(`| \`${name}\``)) ?? '';
    assert.ok(row.includes(licence), `${name}: ${licence}`);
  }
  const splits = new Map(SPEAKERS.map(({ name, split }) => [name, split]));
  assert.is(splits.size, SPEAKERS.length);
  for (const source of [...SPEAKERS, ...NOISES]) assert.ok(PACKAGES[source.package] !== undefined, source.package);
  const unseen = NOISES.filter(({ name }) => name === 'nature' || name === 'workshop');
  assert.ok(unseen.every(({ split }) => split === 'test'));
  assert.ok(Object.keys(UNSEEN_NOISES).every((kind) => TRAINING_NOISES[kind] === undefined));
});

test.run();
