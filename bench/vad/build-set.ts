/**
 * Makes the training and the tuning material of the neural detector: ten-second telephone lines by a fixed seed, through
 * the feature extractor of the shipped binary itself. Writes i16 features (1/1024) and u8 labels for `train.py`.
 *
 *   node --import tsx bench/vad/build-set.ts [hours of training, default 12] [shard, default 0]
 *
 * Shards are parts of the training material by seeds of their own, which can be made beside each other; 0 also makes the
 * tuning material.
 */
import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { DspModule } from '../../src/dsp/dsp-module.ts';
import { Chance } from './chance.ts';
import type { Recording } from './get-data.ts';
import { VAD_CACHE, loadRecordings } from './get-data.ts';
import type { Talk } from './mix.ts';
import { HOP, babble, bandPass, companded, converse, meanPower, recorded, speechPower } from './mix.ts';
import { TRAINING_NOISES } from './noise.ts';
import type { Split } from './sources.ts';

const HZ = 8000;
const ITEM_SAMPLES = 10 * HZ;
const ITEM_HOPS = ITEM_SAMPLES / HOP;
const SEEDS: Readonly<Record<'train' | 'tune', number>> = { train: 11, tune: 12 };

/** Speakers and noises of one split. */
class Studio {
  readonly #chance: Chance;
  readonly #speakers: readonly Recording[];
  readonly #pieces: ReadonlyMap<string, readonly Recording[]>;
  readonly #weights: readonly number[];

  constructor(split: Split, seed: number) {
    this.#chance = new Chance(seed);
    const { speech, noise } = loadRecordings([split]);
    this.#speakers = speech;
    // Long recordings count more, but not as much more as they are longer.
    this.#weights = speech.map(({ pcm }) => Math.min(4, Math.sqrt(pcm.length / HZ / 60)) + 0.3);
    const pieces = new Map<string, Recording[]>();
    for (const recording of noise) pieces.set(recording.name, [...(pieces.get(recording.name) ?? []), recording]);
    this.#pieces = pieces;
  }

  /** One line: samples behind the codec, and which hops are speech. */
  line(): { pcm: Int16Array; spoken: Uint8Array } {
    const chance = this.#chance;
    const talk = this.#talk();
    const level = 32768 * 10 ** (chance.between(-45, -15) / 20);
    const power = speechPower(talk);
    const out = new Float32Array(ITEM_SAMPLES);
    if (power > 0) {
      if (chance.happens(0.2)) addEchoes(chance, talk.pcm);
      if (chance.happens(0.25)) drift(chance, talk.pcm);
      add(out, talk.pcm, level / Math.sqrt(power));
    }
    const sources = chance.pick([0, 1, 1, 1, 1, 1, 2, 2]);
    for (let source = 0; source < sources; source += 1) {
      const noise = this.#noise();
      const noisePower = meanPower(noise);
      if (noisePower === 0) continue;
      const snrDb = chance.between(-3, 25) + (source > 0 ? 5 : 0);
      const loudness = power > 0 ? level * 10 ** (-snrDb / 20) : 32768 * 10 ** (chance.between(-65, -15) / 20);
      if (chance.happens(0.25)) comeAndGo(chance, noise);
      if (chance.happens(0.15)) drift(chance, noise);
      add(out, noise, loudness / Math.sqrt(noisePower));
    }
    if (chance.happens(0.7)) {
      const floor = 32768 * 10 ** (chance.between(-80, -50) / 20);
      for (let n = 0; n < out.length; n += 1) out[n] = (out[n] ?? 0) + floor * chance.normal();
    }
    return { pcm: this.#send(out), spoken: talk.spoken };
  }

  #talk(): Talk {
    const chance = this.#chance;
    const silent = { pcm: new Float32Array(ITEM_SAMPLES), spoken: new Uint8Array(ITEM_HOPS) };
    if (chance.happens(0.1)) return silent;
    let at = chance.uniform() * this.#weights.reduce((sum, weight) => sum + weight, 0);
    const index = this.#weights.findIndex((weight) => (at -= weight) <= 0);
    const speaker = this.#speakers[Math.max(0, index)] as Recording;
    return converse(
      chance,
      speaker,
      ITEM_SAMPLES,
      chance.pick([
        [0.1, 0.8],
        [0.3, 2.5],
        [0.5, 4],
      ] as const),
      5,
    );
  }

  #noise(): Float32Array {
    const chance = this.#chance;
    const kind = chance.pick([
      ...Object.keys(TRAINING_NOISES),
      'babble',
      'babble',
      'babble',
      ...MUSIC,
      ...this.#pieces.keys(),
    ]);
    if (kind === 'babble') return babble(chance, this.#speakers, chance.integer(3, 9), ITEM_SAMPLES);
    const pieces = this.#pieces.get(kind);
    if (pieces !== undefined) return recorded(chance, pieces, ITEM_SAMPLES);
    const make = TRAINING_NOISES[kind];
    return make === undefined ? new Float32Array(ITEM_SAMPLES) : make(chance, ITEM_SAMPLES);
  }

  /** What the network does: filters, a lossy codec, lost packets, companding. */
  #send(pcm: Float32Array): Int16Array {
    const chance = this.#chance;
    if (chance.happens(0.7)) bandPass(pcm, chance.between(180, 350), chance.between(3000, 3700));
    else if (chance.happens(0.5)) bandPass(pcm, chance.between(40, 150), 3950);
    if (chance.happens(0.15)) roughen(chance, pcm);
    if (chance.happens(0.1)) losePackets(chance, pcm);
    const how = chance.uniform();
    if (how < 0.25) return Int16Array.from(pcm, (x) => Math.max(-32768, Math.min(32767, Math.round(x))));
    return companded(pcm, how < 0.5);
  }
}

const MUSIC = ['music', 'music', 'music', 'music'];

function add(out: Float32Array, pcm: Float32Array, gain: number): void {
  for (let n = 0; n < out.length; n += 1) out[n] = (out[n] ?? 0) + (pcm[n] ?? 0) * gain;
}

/** A few early reflections of a room. */
function addEchoes(chance: Chance, pcm: Float32Array): void {
  const dry = pcm.slice();
  for (let echo = 0; echo < 6; echo += 1) {
    const delay = chance.integer(40, 640);
    const gain = chance.between(-0.5, 0.5) * Math.exp(-delay / 400);
    for (let n = delay; n < pcm.length; n += 1) pcm[n] = (pcm[n] ?? 0) + gain * (dry[n - delay] ?? 0);
  }
}

/** A level that wanders by a few dB, as an automatic gain makes it. */
function drift(chance: Chance, pcm: Float32Array): void {
  const [depth, rate, start] = [chance.between(0.1, 0.7), chance.between(0.05, 0.5), chance.between(0, 6)];
  for (let n = 0; n < pcm.length; n += 1)
    pcm[n] = (pcm[n] ?? 0) * Math.exp(depth * Math.sin(start + (6.2832 * rate * n) / HZ));
}

/** Noise that begins, or ends, in the middle. */
function comeAndGo(chance: Chance, pcm: Float32Array): void {
  const at = chance.integer(0, pcm.length);
  const rest = chance.between(0, 0.1);
  const begins = chance.happens(0.6);
  for (let n = 0; n < pcm.length; n += 1) if (n < at === begins) pcm[n] = (pcm[n] ?? 0) * rest;
}

/** Noise that goes with the signal, as a codec of few bits adds. */
function roughen(chance: Chance, pcm: Float32Array): void {
  const share = chance.between(0.03, 0.2);
  let envelope = 0;
  for (let n = 0; n < pcm.length; n += 1) {
    const x = pcm[n] ?? 0;
    envelope += (Math.abs(x) - envelope) * 0.02;
    pcm[n] = x + share * envelope * chance.normal();
  }
}

/** Lost packets of 20 ms: silence, or the last one again. */
function losePackets(chance: Chance, pcm: Float32Array): void {
  const [rate, again] = [chance.between(0.005, 0.05), chance.happens(0.5)];
  for (let at = 160; at + 160 <= pcm.length; at += 160) {
    if (!chance.happens(rate)) continue;
    if (again) pcm.copyWithin(at, at - 160, at);
    else pcm.fill(0, at, at + 160);
  }
}

async function build(split: 'train' | 'tune', shard: number, items: number): Promise<void> {
  const core = (await DspModule.load()).instantiate();
  const count = core.NEURAL_FEATURE_COUNT.value;
  const source = core.SCRATCH_PCM.value;
  const samples = new Int16Array(core.memory.buffer, source, HOP);
  const features = new Float32Array(core.memory.buffer, core.NEURAL_FEATURES.value, count);
  const folder = join(VAD_CACHE, 'set');
  mkdirSync(folder, { recursive: true });
  const name = shard === 0 ? split : `${split}-${shard}`;
  const file = openSync(join(folder, `${name}-features.i16`), 'w');
  const labels = new Uint8Array(items * ITEM_HOPS);
  const hash = createHash('sha256');
  const studio = new Studio(split, SEEDS[split] + 1000 * shard);
  const written = new Int16Array(ITEM_HOPS * count);
  for (let item = 0; item < items; item += 1) {
    const { pcm, spoken } = studio.line();
    core.featuresStart();
    for (let hop = 0; hop < ITEM_HOPS; hop += 1) {
      samples.set(pcm.subarray(hop * HOP, hop * HOP + HOP));
      core.featuresHop(source);
      for (let k = 0; k < count; k += 1) {
        written[hop * count + k] = Math.max(-32768, Math.min(32767, Math.round((features[k] ?? 0) * 1024)));
      }
    }
    labels.set(spoken, item * ITEM_HOPS);
    hash.update(written);
    writeSync(file, written);
    if (item % 500 === 499) process.stdout.write(`${name}: ${item + 1} of ${items}\n`);
  }
  closeSync(file);
  writeFileSync(join(folder, `${name}-labels.u8`), labels);
  hash.update(labels);
  const share = hopShare(labels);
  process.stdout.write(`${name}: ${items} lines of 10 s, ${share} % speech, ${hash.digest('hex').slice(0, 16)}\n`);
}

function hopShare(labels: Uint8Array): string {
  return ((100 * labels.reduce((sum, spoken) => sum + spoken, 0)) / labels.length).toFixed(1);
}

const [hours, shard] = [Number(process.argv[2] ?? 12), Number(process.argv[3] ?? 0)];
if (shard === 0) await build('tune', 0, Math.ceil(hours * 9));
await build('train', shard, Math.ceil(hours * 360));
