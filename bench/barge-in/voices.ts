/**
 * Who speaks in the calls: recorded people where `bench/vad/get-data.ts` has brought them (nobody of the held-out calls is heard in those
 * that anything was chosen on), three synthetic voices otherwise.
 */
import { say } from '../../test/dsp/speech.ts';
import type { Voice } from '../../test/dsp/speech.ts';
import type { Chance } from '../vad/chance.ts';
import type { Recording } from '../vad/get-data.ts';
import { haveRecordings, loadRecordings } from '../vad/get-data.ts';
import { HOP, excerpt, hopPowers, label } from '../vad/mix.ts';

/** Which people: those that thresholds were chosen on, those that nothing was chosen on, or none of them. */
export type Cast = 'development' | 'held out' | 'synthetic';

const HZ = 8000;
/** Speakers of whom there is less say nothing that is long enough, s. */
const LEAST_S = 60;
const SENTENCES = [
  'Good morning, you have reached the practice of doctor Miller, how may I help you today?',
  'I can offer you an appointment on Thursday at a quarter past nine, or on Friday after lunch.',
  'The first ferry leaves at seven in the morning, and the second one at half past nine.',
  'Please tell me your date of birth, and whether you have been with us before.',
  'No, wait a moment, that is not what I have asked for at all.',
  'Thank you, that is all that I wanted to know, have a nice day.',
] as const;

/** Some people and what can be cut out of their recordings. */
export class Voices {
  readonly #people: readonly Recording[];
  readonly #words: readonly Float32Array[];

  private constructor(people: readonly Recording[]) {
    this.#people = people;
    this.#words = people.flatMap((person) => shortWords(person.pcm));
  }

  /** @throws Error where the cast's recordings are not here. */
  static of(cast: Cast): Voices {
    if (cast === 'synthetic') return new Voices((['rms', 'slt', 'awb'] as const).map(synthetic));
    const splits = [cast === 'held out' ? 'test' : 'train'] as const;
    const { speech: people } = loadRecordings(splits);
    return new Voices(people.filter(({ pcm }) => pcm.length >= LEAST_S * HZ));
  }

  /** Whether people can be had. */
  static get recorded(): boolean {
    return haveRecordings(['test']);
  }

  get names(): readonly string[] {
    return this.#people.map(({ name }) => name);
  }

  /** Two different ones: the agent, and the caller. */
  pair(chance: Chance): readonly [Recording, Recording] {
    const agent = chance.integer(0, this.#people.length);
    const caller = (agent + chance.integer(1, this.#people.length)) % this.#people.length;
    return [this.#people[agent] as Recording, this.#people[caller] as Recording];
  }

  /** A word by itself, 150 to 450 ms: what people say while they listen. */
  word(chance: Chance): Float32Array {
    return chance.pick(this.#words);
  }
}

/** Speech of about `seconds` that begins with speech: the caller's first sound is its first label. */
export function speech(chance: Chance, person: Recording, seconds: number): Float32Array {
  for (let attempt = 0; ; attempt += 1) {
    const piece = excerpt(chance, person, seconds + 1);
    const spoken = label(piece);
    const first = spoken.indexOf(1);
    if (first < 0 && attempt < 20) continue;
    const cut = piece.slice(Math.max(0, first) * HOP, Math.max(0, first) * HOP + Math.floor(seconds * HZ));
    const share = label(cut).reduce((sum, one) => sum + one, 0) / (cut.length / HOP);
    if (share > 0.6 || attempt >= 20) return fadedOut(cut);
  }
}

/** Brings the loud part of a sound to `dbov`. */
export function levelled(sound: Float32Array, dbov: number): Float32Array {
  const powers = hopPowers(sound).sort();
  const loud = powers[Math.floor(0.85 * powers.length)] ?? 0;
  const gain = loud < 1e-9 ? 0 : (32_768 * 10 ** (dbov / 20)) / Math.sqrt(loud);
  return sound.map((x) => x * gain);
}

function synthetic(voice: Voice): Recording {
  const said = SENTENCES.map((text) => say(text, voice));
  const gap = 1600;
  const pcm = new Int16Array(said.reduce((sum, { length }) => sum + length + gap, 0));
  let at = 0;
  for (const sentence of said) {
    pcm.set(sentence, at);
    at += sentence.length + gap;
  }
  return { name: voice, split: 'test', pcm };
}

/** Islands of speech with 120 ms of silence at both ends. */
function shortWords(pcm: Int16Array): Float32Array[] {
  const words: Float32Array[] = [];
  const spoken = label(pcm.subarray(0, 300 * HZ));
  let from = -1;
  let silent = 0;
  for (let hop = 0; hop < spoken.length; hop += 1) {
    if (spoken[hop] !== 1) {
      silent += 1;
      if (from >= 0 && silent === 12) {
        const hops = hop - 11 - from;
        if (hops >= 15 && hops <= 45)
          words.push(fadedOut(Float32Array.from(pcm.subarray(from * HOP, (hop - 11) * HOP))));
        from = -1;
      }
      continue;
    }
    if (from < 0 && silent >= 12) from = hop;
    silent = 0;
  }
  return words;
}

function fadedOut(pcm: Float32Array): Float32Array {
  const fade = Math.min(80, pcm.length);
  for (let n = 0; n < fade; n += 1) pcm[pcm.length - 1 - n] = ((pcm[pcm.length - 1 - n] ?? 0) * n) / fade;
  return pcm;
}
