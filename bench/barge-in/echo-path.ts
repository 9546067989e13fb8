/** What comes back of the agent, sample by sample as it is heard: a hybrid, a room, a loudspeaker in it, a second codec, a delay that moves. */
import { hybrid, room } from '../../test/dsp/echo-scene.ts';
import type { Path } from '../../test/dsp/echo-scene.ts';
import type { Chance } from '../vad/chance.ts';
import { companded } from '../vad/mix.ts';

export const PATH_KINDS = ['hybrid', 'room', 'loudspeaker', 'second codec'] as const;
/** Where the echo comes from. `loudspeaker`: overdriven, in a room. `second codec`: a hybrid behind another G.711 there and back. */
export type PathKind = (typeof PATH_KINDS)[number];

/** One call's. */
export interface PathPlan {
  readonly kind: PathKind;
  /** Energy of the path, dB. */
  readonly gainDb: number;
  readonly delayMs: number;
  /** From this moment on the delay is another one; Infinity: it stays. */
  readonly slipAtMs: number;
  readonly slipMs: number;
  readonly seed: number;
}

const HZ = 8000;
/** 2 s, a power of two. */
const LINE = 16_384;
const DRIVE = 4;

/** Any path of a kind and a loss, 20 to 500 ms away; one of four slips once. */
export function planPath(chance: Chance, kind: PathKind, gainDb: number, seconds: number): PathPlan {
  const delayMs = chance.between(20, 480);
  const slips = chance.happens(0.25);
  const slipMs = chance.pick([-20, 20, 40, 80, 120]);
  return {
    kind,
    gainDb,
    delayMs,
    slipAtMs: slips ? chance.between(0.2, 0.8) * seconds * 1000 : Infinity,
    slipMs: Math.max(-delayMs + 5, slipMs),
    seed: chance.integer(1, 1 << 30),
  };
}

/** The far end's ear and mouth. */
export class EchoPath {
  readonly #plan: PathPlan;
  readonly #taps: Float64Array;
  readonly #heard = new Float64Array(LINE);
  #hears = 0;
  #said = 0;
  #excursion = 0;

  constructor(plan: PathPlan) {
    this.#plan = plan;
    const { kind, gainDb, seed } = plan;
    const path: Path = kind === 'room' || kind === 'loudspeaker' ? room(gainDb, seed) : hybrid(gainDb, seed);
    this.#taps = Float64Array.from(path);
  }

  /** What the far end is given, at 8 kHz. */
  hear(samples: Int16Array): void {
    const given = this.#plan.kind === 'second codec' ? companded(Float32Array.from(samples), true) : samples;
    for (const sample of given) {
      this.#heard[this.#hears & (LINE - 1)] = this.#plan.kind === 'loudspeaker' ? this.#drive(sample) : sample;
      this.#hears += 1;
    }
  }

  /** Adds the echo to what is said next. */
  add(said: Float32Array): void {
    const { delayMs, slipAtMs, slipMs } = this.#plan;
    const late = this.#said / 8 >= slipAtMs ? delayMs + slipMs : delayMs;
    const delay = Math.round((late * HZ) / 1000);
    const taps = this.#taps;
    for (let n = 0; n < said.length; n += 1) {
      const newest = this.#said + n - delay;
      if (newest < 0) continue;
      const count = Math.min(taps.length, newest + 1);
      let sum = 0;
      for (let k = 0; k < count; k += 1) {
        const at = newest - k;
        if (at < this.#hears) sum += taps[k]! * this.#heard[at & (LINE - 1)]!;
      }
      said[n] = said[n]! + sum;
    }
    this.#said += said.length;
  }

  /** A small loudspeaker driven hard: soft clipping, with a suspension that remembers. */
  #drive(sample: number): number {
    const x = sample / 32_768;
    this.#excursion += 0.3 * (x - this.#excursion);
    return (Math.tanh(DRIVE * (x + 0.3 * this.#excursion ** 2)) / DRIVE) * 32_768;
  }
}
