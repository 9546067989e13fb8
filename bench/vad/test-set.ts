/**
 * The lines that detectors are measured on. Speakers nobody was trained or chosen on, through a 300–3,400 Hz line and
 * µ-law; clean, and in nine kinds of noise (five seen in training, four not) at 20, 10, 5 and 0 dB. Nothing here may be looked at to change a detector.
 */
import { createHash } from 'node:crypto';
import { Chance } from './chance.ts';
import type { Recording, Recordings } from './get-data.ts';
import { babble, bandPass, companded, converse, meanPower, recorded, speechPower } from './mix.ts';
import { TRAINING_NOISES, UNSEEN_NOISES } from './noise.ts';

/** One line of the set. */
export interface TestLine {
  /** `white 10`: kind of noise and dB; or `clean`. */
  readonly condition: string;
  readonly pcm: Int16Array;
  readonly spoken: Uint8Array;
}

/** Kinds that a detector may have been trained in (by other recordings and other chances), and kinds that ours was not. */
export const SEEN_KINDS: readonly string[] = ['white', 'pink', 'babble', 'car', 'music'];
export const UNSEEN_KINDS: readonly string[] = ['nature', 'workshop', 'street', 'typing'];
export const SNRS_DB: readonly number[] = [20, 10, 5, 0];

const HZ = 8000;
const SEED = 20;
const PAUSES = [0.3, 2.5] as const;

/** Makes the set: `seconds` of each voice in each condition, and a hash that names it. */
export function makeTestSet(recordings: Recordings, seconds: number): { lines: TestLine[]; hash: string } {
  const speakers = recordings.speech.filter(({ split }) => split === 'test');
  const others = recordings.speech.filter(({ split }) => split === 'tune');
  const pieces = recordings.noise.filter(({ split }) => split === 'test');
  const conditions: (readonly [string, number])[] = [['clean', Infinity]];
  for (const kind of [...SEEN_KINDS, ...UNSEEN_KINDS]) for (const snrDb of SNRS_DB) conditions.push([kind, snrDb]);
  const hash = createHash('sha256');
  const lines = conditions.flatMap(([kind, snrDb], index) =>
    speakers.map((speaker, voice) => {
      const chance = new Chance(SEED + 100 * index + voice);
      const talk = converse(chance, speaker, seconds * HZ, PAUSES, 2);
      bandPass(talk.pcm, 300, 3400);
      const gain = (32768 * 10 ** (chance.between(-35, -20) / 20)) / Math.sqrt(speechPower(talk));
      const noise = noiseOf(kind, chance, talk.pcm.length, pieces, others, speaker, speakers);
      bandPass(noise, 300, 3400);
      const level = Number.isFinite(snrDb) ? Math.sqrt(speechPower(talk) / meanPower(noise)) * 10 ** (-snrDb / 20) : 0;
      const mixed = talk.pcm.map((x, n) => gain * (x + level * (noise[n] ?? 0)));
      const pcm = companded(mixed, false);
      hash.update(pcm).update(talk.spoken);
      return { condition: kind === 'clean' ? kind : `${kind} ${snrDb}`, pcm, spoken: talk.spoken };
    }),
  );
  return { lines, hash: hash.digest('hex').slice(0, 16) };
}

function noiseOf(
  kind: string,
  chance: Chance,
  length: number,
  pieces: readonly Recording[],
  others: readonly Recording[],
  speaker: Recording,
  speakers: readonly Recording[],
): Float32Array {
  if (kind === 'clean') return new Float32Array(length);
  if (kind === 'babble') return babble(chance, [...others, ...speakers.filter((one) => one !== speaker)], 6, length);
  const make = TRAINING_NOISES[kind] ?? UNSEEN_NOISES[kind];
  if (make !== undefined) return make(chance, length);
  return recorded(
    chance,
    pieces.filter(({ name }) => name === kind),
    length,
  );
}
