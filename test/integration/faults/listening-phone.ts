/** A telephone that keeps what it hears, and finds in it which sentences of a counting agent were heard, and how. */
import * as alawmulaw from 'alawmulaw';
import type { SimulatedPhone } from '../../../src/simulator/phone.ts';
import { SENTENCE_MS, sentence } from './counting-agent.ts';

// Its typings describe named exports; Node finds them on the default one.
const { mulaw } = (alawmulaw as unknown as { default: typeof alawmulaw }).default;

const RATE = 8;
const FRAME_MS = 20;
/** Samples that tell a place in the noise, and how many from there on have to agree. */
const KEY_SAMPLES = 6;
const PROBE_MS = 5;
/** Louder than this (mean of a frame's magnitudes) is not silence. */
const SILENCE = 40;
/** Each sentence ends with a breath. */
const NOISE_MS = 900;

/** What was heard of the agent. */
export interface Heard {
  /** Longest silence between the first sound and the last, ms; and the first sound, ms after the phone began to listen. */
  readonly longestSilenceMs: number;
  readonly firstMs: number;
  /** Sentences of which most was heard; of which only a part was; that were heard more than once; that are missing between them. */
  readonly whole: readonly number[];
  readonly cut: readonly number[];
  readonly repeated: readonly number[];
  readonly missing: readonly number[];
}

/** See the top of the file. It sends the noise of a line. */
export class ListeningPhone implements SimulatedPhone {
  hungUp = false;
  hangupCause: number | null = null;
  readonly #frames: Int16Array[] = [];

  speak(frame: Int16Array): boolean {
    // A line that is open is never quite still.
    for (let at = 0; at < frame.length; at += 1) frame[at] = ((at * 7) % 17) - 8;
    return true;
  }

  hear(frame: Int16Array | null): void {
    this.#frames.push(frame?.slice() ?? new Int16Array(FRAME_MS * RATE));
  }

  takeDigits(): string {
    return '';
  }

  onHangup(hangupCause: number): void {
    this.hangupCause = hangupCause;
  }

  /** Heard so far, ms. */
  get heardMs(): number {
    return this.#frames.length * FRAME_MS;
  }

  /** Sound in the last `ms`. */
  hearsSince(ms: number): boolean {
    return this.#frames.slice(-Math.ceil(ms / FRAME_MS)).some(isLoud);
  }

  /** From `fromMs` on. */
  report(fromMs = 0): Heard {
    const frames = this.#frames.slice(fromMs / FRAME_MS);
    const loud = frames.map(isLoud);
    const [first, last] = [loud.indexOf(true), loud.lastIndexOf(true)];
    let [longest, run] = [0, 0];
    for (let at = first; at >= 0 && at <= last; at += 1) {
      run = loud[at] === true ? 0 : run + 1;
      longest = Math.max(longest, run);
    }
    return { longestSilenceMs: longest * FRAME_MS, firstMs: first * FRAME_MS, ...sentencesIn(frames) };
  }
}

function isLoud(frame: Int16Array): boolean {
  let sum = 0;
  for (const sample of frame) sum += Math.abs(sample);
  return sum / frame.length > SILENCE;
}

/** A path that passes G.711 through leaves every sample as it is: places are found by a few of them, and verified by more. */
function sentencesIn(frames: readonly Int16Array[]): Omit<Heard, 'longestSilenceMs' | 'firstMs'> {
  const track = new Int16Array(frames.length * FRAME_MS * RATE);
  frames.forEach((frame, index) => track.set(frame, index * FRAME_MS * RATE));
  const places = new Map<string, number[]>();
  for (let at = 0; at + KEY_SAMPLES <= track.length; at += 1) {
    if (track[at] === 0) continue;
    const key = track.subarray(at, at + KEY_SAMPLES).join();
    const known = places.get(key);
    if (known === undefined) places.set(key, [at]);
    else known.push(at);
  }
  const [whole, cut, repeated]: [number[], number[], number[]] = [[], [], []];
  const most = Math.ceil((frames.length * FRAME_MS) / SENTENCE_MS) + 3;
  for (let number = 1; number <= most; number += 1) {
    const share = shareOf(number, track, places);
    if (share.once > 0.85) whole.push(number);
    else if (share.once > 0.03) cut.push(number);
    if (share.twice > 0.05) repeated.push(number);
  }
  const all = [...whole, ...cut].toSorted((one, other) => one - other);
  const missing: number[] = [];
  for (let number = all[0] ?? 0; number < (all.at(-1) ?? 0); number += 1)
    if (!all.includes(number)) missing.push(number);
  return { whole, cut, repeated, missing };
}

function shareOf(
  number: number,
  track: Int16Array,
  places: ReadonlyMap<string, readonly number[]>,
): { readonly once: number; readonly twice: number } {
  const samples = Int16Array.from(sentence(number), (byte) => mulaw.decodeSample(byte));
  let [once, twice] = [0, 0];
  for (let ms = 0; ms < NOISE_MS; ms += FRAME_MS) {
    const from = ms * RATE;
    const found = (places.get(samples.subarray(from, from + KEY_SAMPLES).join()) ?? []).filter((at) => {
      for (let n = 0; n < PROBE_MS * RATE; n += 1) if (track[at + n] !== samples[from + n]) return false;
      return true;
    });
    if (found.length > 0) once += 1;
    if (found.length > 1) twice += 1;
  }
  const probes = NOISE_MS / FRAME_MS;
  return { once: once / probes, twice: twice / probes };
}
