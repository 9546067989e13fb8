/**
 * Signals for G.722 that are the same on every machine: whole numbers only. Printed as L16 little endian (bytes for `codes`)
 * so that other codecs can be fed with them:
 *
 *   node --import tsx test/dsp/g722-signals.ts speech > speech.pcm
 */
import { argv, stdout } from 'node:process';
import { pathToFileURL } from 'node:url';

const SAMPLES = 32_000;

/** Two seconds at 16 kHz each. */
export const SIGNALS: Readonly<Record<string, () => Int16Array>> = {
  speech: () => speech(12_000),
  whisper: () => speech(150),
  shout: () => speech(90_000),
  noise: () => each(random(1), (value) => value >> 16),
  hiss: () => each(random(2), (value) => value >> 26),
  rails: () => each(random(3), (value) => (value < 0 ? -32_768 : 32_767)),
  square: () => each(count(), (n) => (n % 37 < 18 ? 32_767 : -32_768)),
  glide: () => each(count(), (n) => triangle((n * n) >> 9, 20_000)),
  steps: () => each(random(4), (value, n) => [0, -32_768, 9, value >> 16, 32_767, -1][Math.floor(n / 400) % 6] ?? 0),
  shriek: () => each(count(), (n) => (n % 37 < 18 === (n % 2 === 0) ? 32_767 : -32_768)),
  silence: () => new Int16Array(SAMPLES),
};

/** Any bytes: a decoder must take them all. Random ones, long runs of one, and turns of two. */
export function anyCodes(): Uint8Array {
  const next = random(5);
  let [one, other, left] = [0, 0, 0];
  return Uint8Array.from({ length: SAMPLES }, (_, n) => {
    const value = next();
    if (left === 0) [one, other, left] = [value >>> 24, (value >>> 16) & 255, 8 + ((value >>> 8) & 127)];
    left -= 1;
    const kind = Math.floor(n / 1000) % 3;
    return kind === 0 ? value >>> 24 : kind === 1 || left % 2 === 0 ? one : other;
  });
}

/** One sample for each band, 15 bits: single ones, runs of extremes, and ones that stay for a while. */
export function bandSamples(): Int16Array {
  const next = random(6);
  let held = 0;
  return Int16Array.from({ length: SAMPLES }, (_, n) => {
    const value = next() >> 17;
    if (n % 97 === 0) held = value;
    const kind = Math.floor(n / 1000) % 4;
    return kind === 0 ? value : kind === 1 ? (value < 0 ? -16_384 : 16_383) : kind === 2 ? held : value >> (n % 14);
  });
}

/** Pulses of a gliding pitch through two resonators, coming and going, on a little noise; cut at full scale. */
function speech(gain: number): Int16Array {
  const next = random(7);
  let [wait, a1, a2, b1, b2] = [0, 0, 0, 0, 0];
  return Int16Array.from({ length: SAMPLES }, (_, n) => {
    wait -= 1;
    const pulse = wait <= 0 ? 4096 : 0;
    if (wait <= 0) wait = 90 + (n >> 9);
    const a = pulse + ((a1 * 15_000 - a2 * 7700) >> 13);
    const b = (a >> 1) + ((b1 * 3000 - b2 * 7400) >> 13);
    [a2, a1, b2, b1] = [a1, a, b1, b];
    const envelope = Math.abs(triangle(n << 2, 256));
    const value = Math.floor((((a + b) * envelope) / 256) * (gain / 65_536)) + (next() >> 27);
    return Math.max(-32_768, Math.min(32_767, value));
  });
}

/** A period of 32,768. */
function triangle(phase: number, peak: number): number {
  const at = phase & 32_767;
  const height = at < 8192 ? at : at < 24_576 ? 16_384 - at : at - 32_768;
  return (height * peak) >> 13;
}

/** 32 bits, signed. */
function random(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0);
}

function count(): () => number {
  let n = -1;
  return () => (n += 1);
}

function each(next: () => number, sample: (value: number, n: number) => number): Int16Array {
  return Int16Array.from({ length: SAMPLES }, (_, n) => sample(next(), n));
}

if (import.meta.url === pathToFileURL(argv[1] ?? '').href) {
  const name = argv[2] ?? '';
  const data = name === 'codes' ? anyCodes() : name === 'bands' ? bandSamples() : SIGNALS[name]?.();
  if (data === undefined) throw new Error(`no such signal: ${name}`);
  stdout.write(Buffer.from(data.buffer, data.byteOffset, data.byteLength));
}
