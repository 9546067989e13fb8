/** The calls of the bench: who speaks, what comes back, and what the caller does meanwhile. All of it by seed. */
import { Chance } from '../vad/chance.ts';
import type { Recording } from '../vad/get-data.ts';
import { bandPass, recorded } from '../vad/mix.ts';
import { TRAINING_NOISES, UNSEEN_NOISES } from '../vad/noise.ts';
import { PATH_KINDS, planPath } from './echo-path.ts';
import type { PathPlan } from './echo-path.ts';
import { SOUNDS } from './sounds.ts';
import type { Cast, Voices } from './voices.ts';
import { levelled, speech } from './voices.ts';

const HZ = 8000;

/** What a caller does while the agent speaks. */
export const NEAR_KINDS = ['barge-in', 'word', 'hum', 'cough', 'breath', 'door', 'keys'] as const;
export type NearKind = (typeof NEAR_KINDS)[number];

/** One thing that the caller does: `afterMs` into a phrase of the agent's. */
export interface NearPlan {
  readonly kind: NearKind;
  readonly afterMs: number;
  readonly sound: Float32Array;
}

/** One phrase of the agent's, and what happens in it. */
export interface PhrasePlan {
  readonly sound: Float32Array;
  readonly near: readonly NearPlan[];
  /** Silence before it, ms. */
  readonly pauseMs: number;
}

/** One call. */
export interface Scene {
  readonly group: string;
  readonly path: PathPlan | null;
  readonly phrases: readonly PhrasePlan[];
  /** The room of the caller, as long as the call can last. */
  readonly noise: Float32Array;
  readonly lossRate: number;
  readonly alaw: boolean;
  readonly seed: number;
}

/** How much of everything. */
export interface Amount {
  /** Calls with an echo and a silent caller, for each loss and kind of path; and seconds of each. */
  readonly echoCalls: number;
  readonly echoSeconds: number;
  /** Calls of everything else, and phrases in each. */
  readonly calls: number;
  readonly phrases: number;
  /** Calls in which the caller cuts into the very first phrase. */
  readonly earlyCalls: number;
}

export const FULL: Amount = { echoCalls: 5, echoSeconds: 60, calls: 3, phrases: 10, earlyCalls: 30 };
/** Enough to see what a change does. */
export const BRIEF: Amount = { echoCalls: 1, echoSeconds: 60, calls: 1, phrases: 8, earlyCalls: 8 };
/** Enough to see that it runs. */
export const SMALL: Amount = { echoCalls: 1, echoSeconds: 3, calls: 1, phrases: 1, earlyCalls: 1 };
/** Echoes as far below the agent, dB. */
export const LOSSES_DB: readonly number[] = [10, 16, 24];
/** The caller's street, dB below the caller's voice. */
export const STREET_SNRS_DB: readonly number[] = [20, 10, 5];

/** Calls that are held out lose that when somebody looks at why one went wrong: those from 2,000,000 on have lost it. */
const SEEDS: Readonly<Record<Cast, number>> = { development: 1_000_000, 'held out': 6_000_000, synthetic: 3_000_000 };

/** Makes the calls one after another: whoever runs them needs to keep only one. */
export function* scenes(voices: Voices, cast: Cast, amount: Amount, pieces: readonly Recording[]): Generator<Scene> {
  let seed = SEEDS[cast];
  const maker = (group: string): SceneMaker => new SceneMaker(group, new Chance((seed += 1)), voices, seed, pieces);
  for (const lossDb of LOSSES_DB) {
    for (const kind of PATH_KINDS) {
      for (let call = 0; call < amount.echoCalls; call += 1) {
        const make = maker(`echo −${lossDb} dB`);
        yield make.silent(amount.echoSeconds, planPath(make.chance, kind, -lossDb, amount.echoSeconds));
      }
    }
  }
  const echo = (make: SceneMaker): PathPlan =>
    planPath(make.chance, make.chance.pick(PATH_KINDS), -make.chance.pick(LOSSES_DB), amount.phrases * 5);
  for (let call = 0; call < amount.calls; call += 1) {
    yield maker('barge-in').talked(amount.phrases, ['barge-in'], null);
    const make = maker('barge-in over an echo');
    yield make.talked(amount.phrases, ['barge-in'], echo(make));
    for (const snrDb of STREET_SNRS_DB)
      yield maker(`barge-in, street ${snrDb} dB`).talked(amount.phrases, ['barge-in'], null, snrDb);
    for (const kind of NEAR_KINDS.slice(1)) yield maker(kind).talked(amount.phrases, [kind], null);
  }
  for (let call = 0; call < amount.earlyCalls; call += 1) {
    yield maker('barge-in, first 2 s').early(null);
    const make = maker('barge-in, first 2 s, over an echo');
    yield make.early(planPath(make.chance, make.chance.pick(PATH_KINDS), -make.chance.pick(LOSSES_DB), 0));
  }
}

class SceneMaker {
  readonly chance: Chance;
  readonly #group: string;
  readonly #voices: Voices;
  readonly #seed: number;
  readonly #agent: Recording;
  readonly #caller: Recording;
  readonly #pieces: readonly Recording[];

  constructor(group: string, chance: Chance, voices: Voices, seed: number, pieces: readonly Recording[]) {
    this.#group = group;
    this.chance = chance;
    this.#voices = voices;
    this.#seed = seed;
    [this.#agent, this.#caller] = voices.pair(chance);
    this.#pieces = pieces;
  }

  /** The agent speaks, the caller is silent. */
  silent(seconds: number, path: PathPlan): Scene {
    const phrases: PhrasePlan[] = [];
    for (let left = seconds; left > 0;) {
      const phrase = this.#phrase();
      phrases.push(phrase);
      left -= phrase.sound.length / HZ + phrase.pauseMs / 1000;
    }
    return this.#scene(phrases, path);
  }

  /** In every phrase the caller does one of `kinds`. */
  talked(count: number, kinds: readonly NearKind[], path: PathPlan | null, streetDb: number | null = null): Scene {
    const phrases = Array.from({ length: count }, () => {
      const phrase = this.#phrase();
      const ms = phrase.sound.length / 8;
      const near = { ...this.#near(this.chance.pick(kinds)), afterMs: this.chance.between(200, ms - 1200) };
      return { ...phrase, near: [near] };
    });
    return this.#scene(phrases, path, streetDb);
  }

  /** A call of one phrase, into whose first two seconds the caller speaks. */
  early(path: PathPlan | null): Scene {
    const near = { ...this.#near('barge-in'), afterMs: this.chance.between(100, 2000) };
    const phrase = this.#phrase();
    return this.#scene([{ ...phrase, near: [near] }], path);
  }

  #phrase(): PhrasePlan {
    const { chance } = this;
    const sound = speech(chance, this.#agent, chance.between(3.5, 8));
    return { sound: levelled(sound, chance.between(-24, -16)), near: [], pauseMs: chance.between(300, 2000) };
  }

  #near(kind: NearKind): { kind: NearKind; sound: Float32Array } {
    const { chance } = this;
    if (kind === 'barge-in')
      return { kind, sound: levelled(speech(chance, this.#caller, chance.between(1.2, 3)), chance.between(-32, -18)) };
    if (kind === 'word') return { kind, sound: levelled(this.#voices.word(chance), chance.between(-34, -22)) };
    const loudness = kind === 'cough' || kind === 'door' ? chance.between(-28, -14) : chance.between(-40, -26);
    return { kind, sound: levelled(SOUNDS[kind](chance), loudness) };
  }

  #scene(phrases: readonly PhrasePlan[], path: PathPlan | null, streetDb: number | null = null): Scene {
    const { chance } = this;
    const seconds = phrases.reduce((sum, one) => sum + one.sound.length / HZ + one.pauseMs / 1000 + 6, 2);
    const noise = new Float32Array(Math.ceil(seconds * HZ));
    const floor = 32_768 * 10 ** (chance.between(-78, -62) / 20);
    for (let n = 0; n < noise.length; n += 1) noise[n] = floor * chance.normal();
    if (streetDb !== null) addStreet(chance, noise, -25 - streetDb, this.#pieces);
    const lossRate = chance.happens(0.25) ? 0.01 : 0;
    return { group: this.#group, path, phrases, noise, lossRate, alaw: chance.happens(0.3), seed: this.#seed };
  }
}

/** Made and recorded noise of places where people telephone, at `dbov`. */
function addStreet(chance: Chance, noise: Float32Array, dbov: number, pieces: readonly Recording[]): void {
  const make = chance.pick([
    UNSEEN_NOISES['street'],
    UNSEEN_NOISES['street'],
    TRAINING_NOISES['car'],
    TRAINING_NOISES['wind'],
  ]);
  const isRecorded = pieces.length > 0 && chance.happens(0.25);
  const { length } = noise;
  const loud = isRecorded || make === undefined ? recorded(chance, pieces, length) : make(chance, length);
  bandPass(loud, 200, 3600);
  let power = 0;
  for (const x of loud) power += x * x;
  const gain = (32_768 * 10 ** (dbov / 20)) / Math.sqrt(power / length + 1e-9);
  for (let n = 0; n < length; n += 1) noise[n] = (noise[n] ?? 0) + gain * (loud[n] ?? 0);
}
