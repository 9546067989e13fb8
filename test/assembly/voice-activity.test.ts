/** The detector: speech found quickly, steady sounds learned, and better than energy and a well-known detector. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fvad from '@echogarden/fvad-wasm';
import type { Speech } from '../dsp/speech.ts';
import { conversation, gaussian, onTheLine, say } from '../dsp/speech.ts';
import { areaUnderRoc } from './area.ts';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const { exports } = core;

const SENTENCES = [
  'Good morning, I would like to check my order please.',
  'Yes.',
  'My number is four seven one nine two.',
  'No, that is not what I asked for.',
  'Can I speak to a human?',
];
const voices = (['rms', 'slt', 'awb'] as const).map((voice) =>
  conversation(
    SENTENCES.map((text) => say(text, voice)),
    900,
  ),
);

function detect(pcm: Int16Array, aggressiveness = 2): number[] {
  exports.voiceStart(aggressiveness);
  return Array.from({ length: Math.floor(pcm.length / 80) }, (_, hop) => {
    core.samples(core.from, 80).set(pcm.subarray(hop * 80, hop * 80 + 80));
    return exports.voiceHop(core.from);
  });
}

/** Adds white noise `snrDb` below the speech. */
function noisy(speech: Speech, snrDb: number): Int16Array {
  const noise = gaussian(99);
  const rms = 32768 * 10 ** ((-26 - snrDb) / 20);
  return onTheLine(speech.pcm.map((x) => x + rms * noise()));
}

function steady(seconds: number, sample: (n: number) => number): Int16Array {
  return onTheLine(Float64Array.from({ length: seconds * 8000 }, (_, n) => sample(n)));
}

/** ms from the first hop of each talkspurt (after 300 ms of silence) to the end of the first hop that is taken for it. */
function onsetsMs(probabilities: readonly number[], spoken: readonly boolean[]): number[] {
  const onsets: number[] = [];
  for (let hop = 31; hop < spoken.length - 10; hop += 1) {
    if (!spoken[hop] || spoken.slice(hop - 30, hop).includes(true)) continue;
    const found = probabilities.findIndex((p, at) => at >= hop - 1 && p >= 0.5);
    onsets.push((found < 0 ? Infinity : found - hop + 1) * 10);
  }
  return onsets;
}

const share = (probabilities: readonly number[]): number =>
  probabilities.filter((p) => p >= 0.5).length / probabilities.length;

test('the transform has the power of a slow one', () => {
  const noise = gaussian(5);
  const frame = Array.from({ length: 256 }, () => Math.fround(noise() * 1000));
  new Float32Array(exports.memory.buffer, core.from, 256).set(frame);
  exports.spectrum(core.from);
  for (let bin = 1; bin < 128; bin += 1) {
    let [re, im] = [0, 0];
    frame.forEach((x, n) => {
      re += x * Math.cos((2 * Math.PI * bin * n) / 256);
      im -= x * Math.sin((2 * Math.PI * bin * n) / 256);
    });
    const power = re * re + im * im;
    assert.ok(Math.abs(exports.spectrumPower(core.from, bin) - power) < 1e-4 * power + 100, `bin ${bin}`);
  }
});

test('finds every onset of clean speech and of speech 20 dB above noise, nine of ten within 60 ms', () => {
  for (const line of [(speech: Speech) => onTheLine(speech.pcm), (speech: Speech) => noisy(speech, 20)]) {
    const onsets = voices.flatMap((speech) => onsetsMs(detect(line(speech)), speech.spoken)).sort((a, b) => a - b);
    assert.ok(onsets.length >= 15);
    assert.ok((onsets[Math.floor(onsets.length * 0.9)] ?? Infinity) <= 60, onsets.join());
    assert.ok((onsets.at(-1) ?? Infinity) <= 150, onsets.join());
  }
});

test('hears most of the speech and little of the pauses, clean and at 20 dB', () => {
  for (const speech of voices) {
    for (const pcm of [onTheLine(speech.pcm), noisy(speech, 20)]) {
      const probabilities = detect(pcm);
      const heard = share(probabilities.filter((_, hop) => speech.spoken[hop]));
      assert.ok(heard > 0.85, `heard ${heard}`);
      const alarms = share(probabilities.filter((_, hop) => !speech.spoken[hop]));
      assert.ok(alarms < 0.1, `false alarms ${alarms}`);
    }
  }
});

const turn = (hz: number, n: number): number => Math.sin((2 * Math.PI * hz * n) / 8000);
const noise = gaussian(3);
const STEADY: readonly [string, (n: number) => number][] = [
  ['digital silence', () => 0],
  ['white noise at −65 dBov', () => 18 * noise()],
  ['white noise at −45 dBov', () => 184 * noise()],
  ['white noise at −25 dBov', () => 1843 * noise()],
  ['mains hum', (n) => 900 * turn(50, n) + 400 * turn(150, n) + 300 * turn(250, n) + 120 * turn(350, n)],
  ['a dial tone', (n) => 3000 * (turn(350, n) + turn(440, n))],
  ['a 1 kHz tone', (n) => 8000 * turn(1000, n)],
];
for (const [name, sample] of STEADY) {
  test(`${name} is learned within 2 s and then never taken for speech`, () => {
    for (const aggressiveness of [1, 2, 3]) {
      const later = detect(steady(10, sample), aggressiveness).slice(200);
      assert.ok(share(later) < 0.02, `${share(later)} at ${aggressiveness}`);
    }
  });
}

test('noise that becomes 20 dB louder is learned again', () => {
  const pcm = steady(12, (n) => (n < 40_000 ? 100 : 1000) * noise());
  const probabilities = detect(pcm);
  assert.ok(share(probabilities.slice(200, 500)) < 0.02);
  assert.ok(share(probabilities.slice(700)) < 0.02);
});

test('digital silence is silence from the first hop on', () => {
  assert.ok(detect(new Int16Array(8000)).every((p) => p < 0.1));
});

test('the more aggressive, the less it hears', () => {
  const pcm = noisy(voices[0] as Speech, 10);
  const shares = [0, 1, 2, 3].map((aggressiveness) => share(detect(pcm, aggressiveness)));
  for (let level = 1; level < 4; level += 1) assert.ok((shares[level] ?? 1) < (shares[level - 1] ?? 0), shares.join());
});

test('starting again forgets: the same samples give the same probabilities', () => {
  const pcm = noisy(voices[1] as Speech, 15);
  const first = detect(pcm);
  detect(steady(2, (n) => 20_000 * turn(700, n)));
  assert.equal(detect(pcm), first);
  assert.ok(first.every((p) => p >= 0 && p <= 1));
});

test('tells speech from noise better than energy above a floor, and than WebRTC’s detector', async () => {
  const peer = await fvad();
  const handle = peer._fvad_new();
  const buffer = peer._malloc(160);
  const theirs = (pcm: Int16Array, mode: number): number[] => {
    peer._fvad_reset(handle);
    peer._fvad_set_sample_rate(handle, 8000);
    peer._fvad_set_mode(handle, mode);
    return Array.from({ length: Math.floor(pcm.length / 80) }, (_, hop) => {
      peer.HEAP16.set(pcm.subarray(hop * 80, hop * 80 + 80), buffer >> 1);
      return peer._fvad_process(handle, buffer, 80);
    });
  };
  for (const snrDb of [20, 10, 5]) {
    const scores = voices.map((speech) => {
      const pcm = noisy(speech, snrDb);
      const energy = Array.from({ length: Math.floor(pcm.length / 80) }, (_, hop) =>
        pcm.subarray(hop * 80, hop * 80 + 80).reduce((sum, x) => sum + x * x, 0),
      );
      // The first second is for learning.
      const spoken = speech.spoken.slice(100);
      const of = (scored: number[]): number => areaUnderRoc(scored.slice(100), spoken);
      return {
        ours: of(detect(pcm)),
        energy: of(energy),
        theirs: Math.max(...[2, 3].map((mode) => of(theirs(pcm, mode)))),
      };
    });
    const mean = (key: 'ours' | 'energy' | 'theirs'): number => scores.reduce((sum, score) => sum + score[key], 0) / 3;
    assert.ok(mean('ours') > 0.96, `${snrDb} dB: ${mean('ours')}`);
    assert.ok(mean('ours') > mean('energy') + 0.01, `${snrDb} dB: energy ${mean('energy')}, ours ${mean('ours')}`);
    assert.ok(mean('ours') > mean('theirs') + 0.02, `${snrDb} dB: WebRTC ${mean('theirs')}, ours ${mean('ours')}`);
  }
  peer._free(buffer);
  peer._fvad_free(handle);
});

test.run();
