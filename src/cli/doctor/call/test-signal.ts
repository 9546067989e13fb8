/**
 * What the doctor plays through a call: a chirp (when did it come back), a tone (how loud, at which rate), a row of short tones
 * in an order that tells each from its neighbours (which were lost), keys, and speech (is it still speech).
 */

/** Everything is made and measured at this rate; legs of another one are converted. */
export const SIGNAL_RATE_HZ = 8_000;
/** Peak of the chirp and the tone: −12 dBov is loud, and leaves a compressor alone. */
export const SIGNAL_PEAK = 8_231;
/** The tone, Hz. */
export const TONE_HZ = 1_000;
/** Length of one of the short tones, ms. */
export const STEP_MS = 20;
/** Frequencies of the short tones, Hz: whole numbers of periods in {@link STEP_MS}, and inside any telephone's band. */
export const STEP_TONES_HZ: readonly number[] = [600, 850, 1_100, 1_350, 1_600, 1_850, 2_100, 2_350];
/** Keys that are sent in the audio. */
export const SIGNAL_KEYS = '159#';
/** Length of a key and of the pause behind it, ms. */
export const KEY_MS = 80;

const STEPS = 150;
const GAP_MS = 200;
const LEAD_MS = 300;
const CHIRP_MS = 200;
const TONE_MS = 1_000;
const CHIRP_FROM_HZ = 400;
const CHIRP_TO_HZ = 3_000;
/** Hz by row and column of the keypad (ITU-T Q.23). */
export const KEY_ROWS_HZ: readonly number[] = [697, 770, 852, 941];
/** …and by column. */
export const KEY_COLUMNS_HZ: readonly number[] = [1_209, 1_336, 1_477, 1_633];
/** Keys by row. */
export const KEYPAD: readonly string[] = ['123A', '456B', '789C', '*0#D'];

/** A part of the signal, ms from its beginning. */
export interface Part {
  readonly fromMs: number;
  readonly toMs: number;
}

/** The signal and where its parts are. */
export interface TestSignal {
  /** At {@link SIGNAL_RATE_HZ}. */
  readonly samples: Int16Array;
  readonly chirp: Part;
  readonly tone: Part;
  readonly steps: Part;
  readonly keys: Part;
  readonly speech: Part;
  readonly durationMs: number;
}

/** `speech` is at {@link SIGNAL_RATE_HZ}; at most three seconds of it are taken. */
export function makeTestSignal(speech: Int16Array): TestSignal {
  const spoken = speech.subarray(0, 3 * SIGNAL_RATE_HZ);
  let atMs = LEAD_MS;
  const part = (lengthMs: number): Part => {
    const made = { fromMs: atMs, toMs: atMs + lengthMs };
    atMs += lengthMs + GAP_MS;
    return made;
  };
  const chirp = part(CHIRP_MS);
  const tone = part(TONE_MS);
  const steps = part(STEPS * STEP_MS);
  const keys = part(SIGNAL_KEYS.length * 2 * KEY_MS);
  const said = part(Math.ceil(spoken.length / perMs(1)));
  const durationMs = Math.ceil(atMs / 20) * 20;
  const samples = new Int16Array(perMs(durationMs));
  samples.set(chirpSamples(1), perMs(chirp.fromMs));
  samples.set(faded(sine([TONE_HZ], TONE_MS, SIGNAL_PEAK)), perMs(tone.fromMs));
  for (const [index, symbol] of stepSymbols().entries()) {
    const step = sine([STEP_TONES_HZ[symbol] ?? TONE_HZ], STEP_MS, SIGNAL_PEAK);
    samples.set(step, perMs(steps.fromMs + index * STEP_MS));
  }
  for (const [index, key] of Array.from(SIGNAL_KEYS).entries()) {
    samples.set(sine(keyTones(key), KEY_MS, SIGNAL_PEAK / 2), perMs(keys.fromMs + index * 2 * KEY_MS));
  }
  samples.set(spoken, perMs(said.fromMs));
  return { samples, chirp, tone, steps, keys, speech: said, durationMs };
}

/** The chirp, `scale` times as long and as low: what a line that runs at another rate makes of it. */
export function chirpSamples(scale: number): Int16Array {
  const count = Math.round(perMs(CHIRP_MS) * scale);
  const slope = (CHIRP_TO_HZ - CHIRP_FROM_HZ) / (CHIRP_MS / 1000);
  const samples = Int16Array.from({ length: count }, (_, n) => {
    const seconds = n / scale / SIGNAL_RATE_HZ;
    return SIGNAL_PEAK * Math.sin(2 * Math.PI * (CHIRP_FROM_HZ * seconds + (slope * seconds * seconds) / 2));
  });
  return faded(samples);
}

/** Which tone each step has, as indices. The same every time: a maximal sequence over GF(2), three bits a step. */
export function stepSymbols(): number[] {
  let state = 0x1ab;
  const bit = (): number => {
    // x⁹ + x⁵ + 1: a period of 511 bits.
    const next = ((state >> 8) ^ (state >> 4)) & 1;
    state = ((state << 1) | next) & 0x1ff;
    return next;
  };
  const symbols: number[] = [];
  while (symbols.length < STEPS) {
    const symbol = (bit() << 2) | (bit() << 1) | bit();
    // Two alike in a row could not be told from one that was repeated.
    symbols.push(symbol === symbols.at(-1) ? (symbol + 3) % STEP_TONES_HZ.length : symbol);
  }
  return symbols;
}

/** The two frequencies of a key, Hz. */
export function keyTones(key: string): [number, number] {
  const row = KEYPAD.findIndex((keys) => keys.includes(key));
  const column = KEYPAD[row]?.indexOf(key) ?? 0;
  return [KEY_ROWS_HZ[row] ?? 0, KEY_COLUMNS_HZ[column] ?? 0];
}

/** Samples of that many ms. */
export function perMs(ms: number): number {
  return Math.round((ms * SIGNAL_RATE_HZ) / 1000);
}

function sine(frequenciesHz: readonly number[], ms: number, peak: number): Int16Array {
  return Int16Array.from({ length: perMs(ms) }, (_, n) =>
    frequenciesHz.reduce((sum, hz) => sum + peak * Math.sin((2 * Math.PI * hz * n) / SIGNAL_RATE_HZ), 0),
  );
}

/** Without a click at either end: 5 ms of a raised cosine. */
function faded(samples: Int16Array): Int16Array {
  const length = Math.min(perMs(5), samples.length >> 1);
  for (let n = 0; n < length; n += 1) {
    const gain = 0.5 - 0.5 * Math.cos((Math.PI * n) / length);
    const last = samples.length - 1 - n;
    samples[n] = (samples[n] ?? 0) * gain;
    samples[last] = (samples[last] ?? 0) * gain;
  }
  return samples;
}
