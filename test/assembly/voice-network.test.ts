/** The neural detector: its arithmetic against a slow reference, its answers on speech, on silence and on anything at all. */
import { readFile } from 'node:fs/promises';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import fvad from '@echogarden/fvad-wasm';
import type { Speech } from '../dsp/speech.ts';
import { conversation, gaussian, onTheLine, say } from '../dsp/speech.ts';
import { CoreInstance } from './core-instance.ts';
import { areaUnderRoc } from './area.ts';

const core = new CoreInstance();
const { exports } = core;
const FEATURES = exports.NEURAL_FEATURE_COUNT.value;
const [DENSE, UNITS] = [32, 64];
const features = new Float32Array(exports.memory.buffer, exports.NEURAL_FEATURES.value, FEATURES);

function detect(pcm: Int16Array, aggressiveness = 2): number[] {
  exports.neuralStart(aggressiveness);
  return Array.from({ length: Math.floor(pcm.length / 80) }, (_, hop) => {
    core.samples(core.from, 80).set(pcm.subarray(hop * 80, hop * 80 + 80));
    return exports.neuralHop(core.from);
  });
}

/** The weights as their files state them. */
const text = (
  await Promise.all(
    ['voice-weights.ts', 'voice-gate-weights.ts'].map((name) =>
      readFile(new URL(`../../assembly/${name}`, import.meta.url), 'utf8'),
    ),
  )
).join('');

function literals(name: string): string[] {
  const [, list] = new RegExp(`${name}: usize = memory\\.data<\\w+>\\(\\[([^\\]]*)`).exec(text) ?? [];
  return (list ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

const floats = (name: string): number[] => literals(name).map(Number);

/** Row by row, out of the order of the kernel: 8 bytes are 4 rows × 2 columns, 64 are 32 rows. */
function rows(name: string, columns: number): number[][] {
  const bytes = literals(name).flatMap((word) =>
    Array.from({ length: 8 }, (_, k) => Number(BigInt.asIntN(8, BigInt(word) >> BigInt(8 * k)))),
  );
  const count = bytes.length / columns;
  const matrix = Array.from({ length: count }, () => Array.from({ length: columns }, () => 0));
  bytes.forEach((byte, index) => {
    const block = Math.floor(index / (32 * columns));
    const within = index % (32 * columns);
    const column = 2 * Math.floor(within / 64) + (within % 2);
    const row = 32 * block + Math.floor((within % 64) / 2);
    (matrix[row] as number[])[column] = byte;
  });
  return matrix;
}

const net = {
  mean: floats('FEATURE_MEAN'),
  scale: floats('FEATURE_SCALE'),
  dense: rows('DENSE_WEIGHTS', FEATURES),
  denseScale: floats('DENSE_SCALE'),
  denseBias: floats('DENSE_BIAS'),
  gates: rows('GATE_WEIGHTS', DENSE + UNITS),
  gateScale: floats('GATE_SCALE'),
  gateBias: floats('GATE_BIAS'),
  out: floats('OUT_WEIGHTS'),
  outBias: floats('OUT_BIAS')[0] ?? NaN,
  thresholds: floats('THRESHOLDS'),
};

const logistic = (x: number): number => 1 / (1 + Math.exp(-x));
const product = (row: readonly number[], values: readonly number[]): number =>
  row.reduce((sum, weight, k) => sum + weight * (values[k] ?? 0), 0);

/** The net in double precision, with the same weights and nothing rounded. */
class Reference {
  #state = Array.from({ length: UNITS }, () => 0);

  think(heard: readonly number[], aggressiveness: number): number {
    const input = heard.map((x, k) => Math.max(-8, Math.min(8, (x - (net.mean[k] ?? 0)) * (net.scale[k] ?? 0))));
    // The scales of the files are those of whole numbers: 2048 is one deviation, 32767 a value of one.
    const dense = net.dense.map((row, k) =>
      Math.tanh(product(row, input) * 2048 * (net.denseScale[k] ?? 0) + (net.denseBias[k] ?? 0)),
    );
    const values = [...dense, ...this.#state];
    const sums = net.gates.map(
      (row, k) => product(row, values) * 32767 * (net.gateScale[k] ?? 0) + (net.gateBias[k] ?? 0),
    );
    this.#state = this.#state.map((before, unit) => {
      const keep = logistic(sums[unit] ?? 0);
      return keep * before + (1 - keep) * Math.tanh(sums[UNITS + unit] ?? 0);
    });
    return logistic(product(net.out, this.#state) + net.outBias - (net.thresholds[aggressiveness] ?? 0));
  }
}

test('the weight files hold what the kernel reads', () => {
  assert.equal(
    [net.mean.length, net.dense.length, net.gates.length, net.out.length],
    [FEATURES, DENSE, 2 * UNITS, UNITS],
  );
  assert.equal([net.thresholds.length, net.gateScale.length, net.denseBias.length], [4, 2 * UNITS, DENSE]);
  // Rows use their 8 bits.
  for (const row of [...net.dense, ...net.gates]) assert.is(Math.max(...row.map(Math.abs)), 127);
});

test('200 steps on random features agree with the net in double precision within 0.01', () => {
  const random = gaussian(8);
  for (const [aggressiveness, spread] of [
    [0, 1],
    [2, 1],
    [3, 3],
  ] as const) {
    exports.neuralStart(aggressiveness);
    const reference = new Reference();
    for (let step = 0; step < 200; step += 1) {
      const heard = net.mean.map((mean, k) => Math.fround(mean + (spread * random()) / (net.scale[k] ?? 1)));
      features.set(heard);
      const [ours, theirs] = [exports.neuralThink(), reference.think(heard, aggressiveness)];
      assert.ok(Math.abs(ours - theirs) < 0.01, `step ${step}: ${ours}, ${theirs}`);
    }
  }
});

const SENTENCES = [
  'Good morning, I would like to check my order please.',
  'Yes.',
  'My number is four seven one nine two.',
  'No, that is not what I asked for.',
  'Can I speak to a human?',
];
const voices = (['rms', 'slt', 'awb'] as const).map((voice) =>
  conversation(
    SENTENCES.map((sentence) => say(sentence, voice)),
    900,
  ),
);

function noisy(speech: Speech, snrDb: number): Int16Array {
  const noise = gaussian(99);
  const rms = 32768 * 10 ** ((-26 - snrDb) / 20);
  return onTheLine(speech.pcm.map((x) => x + rms * noise()));
}

function steady(seconds: number, sample: (n: number) => number): Int16Array {
  return onTheLine(Float64Array.from({ length: seconds * 8000 }, (_, n) => sample(n)));
}

const share = (probabilities: readonly number[]): number =>
  probabilities.filter((p) => p >= 0.5).length / probabilities.length;

test('a voice that it was never trained on: most of the speech and little of the pauses, clean and at 20 dB', () => {
  for (const speech of voices) {
    for (const pcm of [onTheLine(speech.pcm), noisy(speech, 20)]) {
      const probabilities = detect(pcm);
      const heard = share(probabilities.filter((_, hop) => speech.spoken[hop]));
      assert.ok(heard > 0.85, `heard ${heard}`);
      // Up to 100 ms behind a word it may go on: pauses shorter than that belong to speech, and nobody knows yet.
      const quiet = probabilities.filter(
        (_, hop) => !speech.spoken.slice(Math.max(0, hop - 12), hop + 1).includes(true),
      );
      // The third voice's sentences begin with breath 30 to 40 dB below the words, on a line that is silent otherwise.
      assert.ok(share(quiet) < (speech === voices[2] ? 0.15 : 0.05), `false alarms ${share(quiet)}`);
    }
  }
});

const turn = (hz: number, n: number): number => Math.sin((2 * Math.PI * hz * n) / 8000);
const noise = gaussian(3);
const STEADY: readonly [string, (n: number) => number][] = [
  ['white noise at −65 dBov', () => 18 * noise()],
  ['white noise at −45 dBov', () => 184 * noise()],
  ['white noise at −25 dBov', () => 1843 * noise()],
  ['mains hum', (n) => 900 * turn(50, n) + 400 * turn(150, n) + 300 * turn(250, n) + 120 * turn(350, n)],
  ['a dial tone', (n) => 3000 * (turn(350, n) + turn(440, n))],
  ['a ringing tone', (n) => (n % 48_000 < 16_000 ? 2000 * (turn(440, n) + turn(480, n)) : 0)],
  ['a 1 kHz tone', (n) => 8000 * turn(1000, n)],
];
for (const [name, sample] of STEADY) {
  test(`${name} is not speech, from the first second on`, () => {
    for (const aggressiveness of [1, 2, 3]) {
      const later = detect(steady(20, sample), aggressiveness).slice(100);
      assert.ok(share(later) < 0.02, `${share(later)} at ${aggressiveness}`);
    }
  });
}

test('silence is silence: from the first hop, for a minute, and after speech', () => {
  assert.ok(detect(new Int16Array(480_000)).every((p) => p < 0.3));
  const after = detect(Int16Array.from([...onTheLine((voices[0] as Speech).pcm), ...new Int16Array(16_000)])).slice(
    -100,
  );
  assert.ok(
    after.every((p) => p < 0.3),
    String(Math.max(...after)),
  );
});

test('the more aggressive, the less it hears', () => {
  const pcm = noisy(voices[0] as Speech, 5);
  const shares = [0, 1, 2, 3].map((aggressiveness) => share(detect(pcm, aggressiveness)));
  for (let level = 1; level < 4; level += 1) assert.ok((shares[level] ?? 1) < (shares[level - 1] ?? 0), shares.join());
});

test('starting again forgets: the same samples give the same probabilities', () => {
  const pcm = noisy(voices[1] as Speech, 15);
  const first = detect(pcm);
  detect(steady(2, (n) => 20_000 * turn(700, n)));
  assert.equal(detect(pcm), first);
});

test('any samples and any features give a probability', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 160 * 8, maxLength: 160 * 8 }),
      fc.integer({ min: 0, max: 3 }),
      (bytes, level) => {
        const pcm = new Int16Array(Uint8Array.from(bytes).buffer);
        assert.ok(detect(pcm, level).every((p) => p >= 0 && p <= 1));
        assert.ok(features.every(Number.isFinite));
      },
    ),
    { numRuns: 50 },
  );
  for (const extreme of [32767, -32768]) {
    const square = Int16Array.from({ length: 16_000 }, (_, n) => (n % 53 < 20 ? extreme : -1 - extreme));
    assert.ok(detect(square).every((p) => p >= 0 && p <= 1));
  }
  exports.neuralStart(2);
  for (const poison of [NaN, Infinity, -Infinity, 3e38]) {
    features.fill(poison);
    const p = exports.neuralThink();
    assert.ok(p >= 0 && p <= 1, String(p));
  }
  features.set(net.mean);
  assert.ok(Number.isFinite(exports.neuralThink()), 'nothing of it is kept');
});

test('tells speech from noise better than the statistical detector, and than WebRTC’s', async () => {
  const peer = await fvad();
  const handle = peer._fvad_new();
  const buffer = peer._malloc(160);
  const webrtc = (pcm: Int16Array, mode: number): number[] => {
    peer._fvad_reset(handle);
    peer._fvad_set_sample_rate(handle, 8000);
    peer._fvad_set_mode(handle, mode);
    return Array.from({ length: Math.floor(pcm.length / 80) }, (_, hop) => {
      peer.HEAP16.set(pcm.subarray(hop * 80, hop * 80 + 80), buffer >> 1);
      return peer._fvad_process(handle, buffer, 80);
    });
  };
  const statistical = (pcm: Int16Array): number[] => {
    exports.voiceStart(2);
    return Array.from({ length: Math.floor(pcm.length / 80) }, (_, hop) => {
      core.samples(core.from, 80).set(pcm.subarray(hop * 80, hop * 80 + 80));
      return exports.voiceHop(core.from);
    });
  };
  for (const snrDb of [10, 0]) {
    const scores = voices.map((speech) => {
      const pcm = noisy(speech, snrDb);
      const of = (scored: number[]): number => areaUnderRoc(scored, speech.spoken);
      const theirs = Math.max(...[2, 3].map((mode) => of(webrtc(pcm, mode))));
      return { ours: of(detect(pcm)), simple: of(statistical(pcm)), theirs };
    });
    const mean = (key: 'ours' | 'simple' | 'theirs'): number => scores.reduce((sum, score) => sum + score[key], 0) / 3;
    const said = `${snrDb} dB: ours ${mean('ours')}, statistical ${mean('simple')}, WebRTC ${mean('theirs')}`;
    assert.ok(mean('ours') > mean('simple'), said);
    assert.ok(mean('ours') > mean('theirs') + 0.05, said);
  }
  peer._free(buffer);
  peer._fvad_free(handle);
});

test.run();
