/**
 * Telephone lines made of recordings: somebody speaks with pauses, noise is added, a line and its codec do their part.
 * The labels come from the speech alone, before anything was added to it.
 */
import type { Chance } from './chance.ts';
import type { Recording } from './get-data.ts';

/** Samples of a label: 10 ms at 8 kHz. */
export const HOP = 80;
const HZ = 8000;
/** A hop is speech when it is at most so far below the loud ones (95th percentile) of its excerpt. */
const LABEL_DEPTH_DB = 30;
/** Shorter pauses inside speech belong to it (stops, breath within a word), shorter sounds do not count: hops. */
const LABEL_GAP = 10;
const LABEL_ISLAND = 3;

/** Speech by itself, with its labels: one for each hop. */
export interface Talk {
  readonly pcm: Float32Array;
  readonly spoken: Uint8Array;
}

/** Mean square of each hop. */
export function hopPowers(pcm: Float32Array | Int16Array): Float32Array {
  const powers = new Float32Array(Math.floor(pcm.length / HOP));
  for (let hop = 0; hop < powers.length; hop += 1) {
    let sum = 0;
    for (let n = hop * HOP; n < hop * HOP + HOP; n += 1) sum += (pcm[n] ?? 0) ** 2;
    powers[hop] = sum / HOP;
  }
  return powers;
}

/** Which hops of clean speech are speech. */
export function label(pcm: Float32Array | Int16Array): Uint8Array {
  const powers = hopPowers(pcm);
  // −60 dBov: what is below was never said.
  const heard = Array.from(powers)
    .filter((power) => power > 1073)
    .sort((a, b) => a - b);
  const spoken = new Uint8Array(powers.length);
  if (heard.length < 5) return spoken;
  const loud = heard[Math.floor(0.95 * heard.length)] ?? 0;
  const threshold = Math.max(1073, loud * 10 ** (-LABEL_DEPTH_DB / 10));
  powers.forEach((power, hop) => (spoken[hop] = power >= threshold ? 1 : 0));
  replaceRuns(spoken, 1, LABEL_ISLAND);
  replaceRuns(spoken, 0, LABEL_GAP);
  return spoken;
}

/** Turns runs of `value` that are shorter than `least` into the other one; at the ends only islands of speech. */
function replaceRuns(spoken: Uint8Array, value: 0 | 1, least: number): void {
  for (let from = 0; from < spoken.length;) {
    let to = from;
    while (to < spoken.length && spoken[to] === spoken[from]) to += 1;
    const inside = from > 0 && to < spoken.length;
    if (spoken[from] === value && to - from < least && (inside || value === 1)) spoken.fill(1 - value, from, to);
    from = to;
  }
}

/** Mean square of the hops that are speech; 0 when none is. */
export function speechPower(talk: Talk): number {
  const powers = hopPowers(talk.pcm);
  let [sum, count] = [0, 0];
  powers.forEach((power, hop) => {
    if (talk.spoken[hop] !== 1) return;
    sum += power;
    count += 1;
  });
  return count === 0 ? 0 : sum / count;
}

export function meanPower(pcm: Float32Array): number {
  let sum = 0;
  for (const x of pcm) sum += x * x;
  return sum / Math.max(1, pcm.length);
}

/** A piece of a recording that begins and ends where it is quiet, with short fades. */
export function excerpt(chance: Chance, recording: Recording, seconds: number): Float32Array {
  const { pcm } = recording;
  const length = Math.min(pcm.length, Math.floor(seconds * HZ));
  const start = quietNear(pcm, chance.integer(0, Math.max(1, pcm.length - length)));
  const end = quietNear(pcm, Math.min(pcm.length, start + length));
  const out = Float32Array.from(pcm.subarray(start, Math.max(end, start + HOP)));
  const fade = Math.min(40, out.length >> 1);
  for (let n = 0; n < fade; n += 1) {
    out[n] = ((out[n] ?? 0) * n) / fade;
    out[out.length - 1 - n] = ((out[out.length - 1 - n] ?? 0) * n) / fade;
  }
  return out;
}

/** The quietest hop within 200 ms. */
function quietNear(pcm: Int16Array, at: number): number {
  let [best, least] = [at, Infinity];
  for (let from = Math.max(0, at - 1600); from + HOP <= Math.min(pcm.length, at + 1600); from += HOP) {
    let sum = 0;
    for (let n = from; n < from + HOP; n += 2) sum += Math.abs(pcm[n] ?? 0);
    if (sum >= least) continue;
    least = sum;
    best = from;
  }
  return best;
}

/** Excerpts of one speaker with pauses between them, `length` samples. `pauses`: shortest and longest, seconds. */
export function converse(
  chance: Chance,
  speaker: Recording,
  length: number,
  pauses: readonly [number, number],
  varyDb: number,
): Talk {
  const pcm = new Float32Array(length);
  const spoken = new Uint8Array(Math.floor(length / HOP));
  let at = Math.floor((HZ * chance.between(0.2, pauses[1])) / HOP) * HOP;
  while (at < length - HZ / 4) {
    const said = excerpt(chance, speaker, chance.between(0.6, 5));
    const gain = levelTo(said, -26 + chance.between(-varyDb, varyDb));
    for (let n = 0; n < said.length && at + n < length; n += 1) pcm[at + n] = (said[n] ?? 0) * gain;
    const marks = label(said);
    for (let hop = 0; hop < marks.length && at / HOP + hop < spoken.length; hop += 1) {
      spoken[at / HOP + hop] = marks[hop] ?? 0;
    }
    at += Math.floor((said.length + HZ * chance.between(...pauses)) / HOP) * HOP;
  }
  return { pcm, spoken };
}

/** The gain that brings the loud part of a piece of speech to `dbov`. */
function levelTo(said: Float32Array, dbov: number): number {
  const powers = hopPowers(said).sort();
  const loud = powers[Math.floor(0.85 * powers.length)] ?? 0;
  return loud < 100 ? 0 : Math.min(30, (32768 * 10 ** (dbov / 20)) / Math.sqrt(loud));
}

/** Several people at once, without pauses: what a room full of them sounds like. */
export function babble(chance: Chance, speakers: readonly Recording[], voices: number, length: number): Float32Array {
  const out = new Float32Array(length);
  for (let voice = 0; voice < voices; voice += 1) {
    const gain = 10 ** (chance.between(-6, 0) / 20);
    const speaker = chance.pick(speakers);
    for (let at = 0; at < length;) {
      const said = excerpt(chance, speaker, chance.between(2, 6));
      const level = levelTo(said, -26) * gain;
      for (let n = 0; n < said.length && at + n < length; n += 1)
        out[at + n] = (out[at + n] ?? 0) + (said[n] ?? 0) * level;
      at += Math.max(HOP, said.length);
    }
  }
  return out;
}

/** `length` samples of recordings of one kind, one after another. */
export function recorded(chance: Chance, pieces: readonly Recording[], length: number): Float32Array {
  const out = new Float32Array(length);
  for (let at = 0; at < length;) {
    const { pcm } = chance.pick(pieces);
    const start = pcm.length > 2 * length ? chance.integer(0, pcm.length - length) : 0;
    const count = Math.min(pcm.length - start, length - at);
    for (let n = 0; n < count; n += 1) out[at + n] = pcm[start + n] ?? 0;
    at += Math.max(HOP, count);
  }
  return out;
}

/** A band-pass of four biquads (Butterworth, order 4 each side), in place. */
export function bandPass(pcm: Float32Array, lowHz: number, highHz: number): void {
  for (const q of [0.5412, 1.3066]) {
    if (lowHz > 20) biquad(pcm, lowHz, q, true);
    if (highHz < 3950) biquad(pcm, highHz, q, false);
  }
}

/** One second-order section by the bilinear transform. */
function biquad(pcm: Float32Array, hz: number, q: number, high: boolean): void {
  const w = (2 * Math.PI * hz) / HZ;
  const alpha = Math.sin(w) / (2 * q);
  const cos = Math.cos(w);
  const a0 = 1 + alpha;
  const b1 = (high ? -(1 + cos) : 1 - cos) / a0;
  const b0 = Math.abs(b1) / 2;
  const [a1, a2] = [(-2 * cos) / a0, (1 - alpha) / a0];
  let [x1, x2, y1, y2] = [0, 0, 0, 0];
  for (let n = 0; n < pcm.length; n += 1) {
    const x = pcm[n] ?? 0;
    const y = b0 * x + b1 * x1 + b0 * x2 - a1 * y1 - a2 * y2;
    x2 = x1;
    x1 = x;
    y2 = y1;
    y1 = y;
    pcm[n] = y;
  }
}

/** µ-law (or A-law) and back, rounding to 16 bits first. */
export function companded(pcm: Float32Array, alaw: boolean): Int16Array {
  return Int16Array.from(
    pcm,
    (x) => (alaw ? aLaw : muLaw)[Math.max(-32768, Math.min(32767, Math.round(x))) + 32768] ?? 0,
  );
}

const muLaw = Int16Array.from({ length: 65536 }, (_, code) => {
  const x = code - 32768;
  const size = Math.min(32635, Math.abs(x)) + 132;
  const step = 2 ** (Math.floor(Math.log2(size)) - 4);
  const out = (Math.floor(size / step) + 0.5) * step - 132;
  return x < 0 ? -out : out;
});
const aLaw = Int16Array.from({ length: 65536 }, (_, code) => {
  const x = code - 32768;
  const size = Math.min(32767, Math.abs(x));
  const step = size < 512 ? 16 : 2 ** (Math.floor(Math.log2(size)) - 4);
  const out = (Math.floor(size / step) + 0.5) * step;
  return x < 0 ? -out : out;
});
