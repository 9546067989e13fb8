/** What a line did to the test signal, from what was heard at one of its ends. Pure. */
import { levelDbov } from '../../demo/audio-evidence.ts';
import { bestMatch, tonePhase, topTone } from './correlation.ts';
import type { Hearing } from './run-line.ts';
import {
  KEYPAD,
  KEY_COLUMNS_HZ,
  KEY_MS,
  KEY_ROWS_HZ,
  SIGNAL_KEYS,
  SIGNAL_RATE_HZ,
  STEP_MS,
  STEP_TONES_HZ,
  TONE_HZ,
  chirpSamples,
  perMs,
  stepSymbols,
} from './test-signal.ts';
import type { TestSignal } from './test-signal.ts';
import { decode, readingsOf, toSignalRate } from './wire-audio.ts';
import type { Reading } from './wire-audio.ts';

/** Figures of a line. */
export interface LineMeasure {
  readonly framesHeard: number;
  /** Of those that came between the first and the last one, by their numbers, the share that is missing, per cent. */
  readonly wireLossPct: number;
  /** How irregularly frames came: mean and worst, ms. */
  readonly jitterMs: number;
  readonly jitterWorstMs: number;
  /** The loudest 100 ms that came, dBov. */
  readonly loudestDbov: number;
  /** How surely the chirp was found, 0..1; what follows is null where it was not. */
  readonly chirpMatch: number;
  /** How the bytes had to be read for it. */
  readonly reading: Reading | null;
  /** What came for each Hz that was sent: 1, 2 where the rate is declared half of what it is … */
  readonly rateRatio: number | null;
  readonly delayMs: number | null;
  /** Level of the tone against what was sent, dB. */
  readonly gainDb: number | null;
  /** Steps of the row of tones that did not come, per cent. */
  readonly lossPct: number | null;
  /** Keys that were made out. */
  readonly keys: string | null;
  /** Correlation of the speech with what was said, 0..1. */
  readonly speechMatch: number | null;
}

/** The chirp is taken to be there from here on. Noise comes to about 0.1. */
const FOUND = 0.4;
/** From here on nothing else is tried: at other rates, and at all. Loss costs as much of it as it takes of the sound. */
const PLAIN = 0.6;
const CERTAIN = 0.97;
/** Ratios of rates that happen: 8, 16, 24 and 48 kHz for one another, 44.1 for 48. */
const RATIOS: readonly number[] = [1, 2, 0.5, 3, 1 / 3, 1.5, 2 / 3, 48 / 44.1, 44.1 / 48];
const SEARCH_MS = 3_000;
/** Keys are looked for so many times 20 ms off their place, either way. */
const KEY_STEPS = 10;
/** Speech is compared in pieces of this, each so far off its place at most. */
const PIECE_MS = 400;
const SLIP_MS = 1_000;

/** What was heard at the far end of a line that leads out, or back here. */
export function measureLine(hearing: Hearing, signal: TestSignal): LineMeasure {
  const { frames, format } = hearing;
  const arrivals = arrivalsOf(hearing);
  const nothing: LineMeasure = {
    framesHeard: frames.length,
    wireLossPct: arrivals.lossPct,
    jitterMs: arrivals.jitterMs,
    jitterWorstMs: arrivals.worstMs,
    loudestDbov: -127,
    chirpMatch: 0,
    reading: null,
    rateRatio: null,
    delayMs: null,
    gainDb: null,
    lossPct: null,
    keys: null,
    speechMatch: null,
  };
  if (frames.length === 0) return nothing;
  const read = (reading: Reading): Int16Array =>
    toSignalRate(recordingOf(hearing, arrivals.slots, reading), format.sampleRateHz);
  const declared = read(format.codec);
  const loudestDbov = loudest(declared);
  const found = findChirp(format.codec, read);
  if (found === null) return { ...nothing, loudestDbov };
  const { samples, at, match, reading, ratio } = found;
  const heard = { ...nothing, loudestDbov, chirpMatch: match, reading };
  // At another rate, or misread, nothing else means anything.
  if (ratio !== 1 || reading !== format.codec) return { ...heard, rateRatio: ratio };
  const shift = at - perMs(signal.chirp.fromMs);
  const delayMs = arrivals.firstMs + (shift / SIGNAL_RATE_HZ) * 1000 - hearing.startedMs;
  const tone = samples.subarray(perMs(signal.tone.fromMs) + shift, perMs(signal.tone.toMs) + shift);
  return {
    ...heard,
    rateRatio: toneRatio(tone),
    delayMs,
    gainDb: levelOf(tone) - levelOf(signal.samples.subarray(perMs(signal.tone.fromMs), perMs(signal.tone.toMs))),
    lossPct: stepLossPct(samples, perMs(signal.steps.fromMs) + shift),
    keys: keysIn(samples, perMs(signal.keys.fromMs) + shift),
    speechMatch: speechIn(samples, signal, shift),
  };
}

interface Arrivals {
  /** Slot of each frame on the time line, by its number. */
  readonly slots: readonly number[];
  /** When a frame in slot 0 was due, as the middle one of all says. */
  readonly firstMs: number;
  readonly lossPct: number;
  readonly jitterMs: number;
  readonly worstMs: number;
}

function arrivalsOf({ frames, format }: Hearing): Arrivals {
  const slots: number[] = [];
  let last = frames[0]?.sequenceNumber ?? 0;
  let slot = 0;
  for (const { sequenceNumber } of frames) {
    const step = ((sequenceNumber - last + 32_768) & 0xffff) - 32_768;
    // A sender that starts over goes on where it was.
    slot += Math.abs(step) > 500 ? 1 : step;
    last = sequenceNumber;
    slots.push(slot);
  }
  const lowest = Math.min(0, ...slots);
  const moved = slots.map((each) => each - lowest);
  const dues = frames.map(({ atMs }, index) => atMs - (moved[index] ?? 0) * format.ptimeMs).sort((a, b) => a - b);
  const firstMs = dues[dues.length >> 1] ?? 0;
  // From one frame to the next (RFC 3550 §6.4.1): a path that has once become longer is not irregular for ever.
  const off = frames.slice(1).map(({ atMs }, index) => {
    const slotsBetween = (moved[index + 1] ?? 0) - (moved[index] ?? 0);
    return Math.abs(atMs - (frames[index]?.atMs ?? 0) - slotsBetween * format.ptimeMs);
  });
  const span = Math.max(0, ...moved) + 1;
  return {
    slots: moved,
    firstMs,
    lossPct: frames.length === 0 ? 0 : 100 * (1 - new Set(moved).size / span),
    jitterMs: off.length === 0 ? 0 : off.reduce((sum, each) => sum + each, 0) / off.length,
    worstMs: Math.max(0, ...off),
  };
}

/** Every frame in its slot; what is missing is silence. */
function recordingOf({ frames, format }: Hearing, slots: readonly number[], reading: Reading): Int16Array {
  const count = (format.sampleRateHz / 1000) * format.ptimeMs;
  const samples = new Int16Array((Math.max(0, ...slots) + 1) * count);
  for (const [index, { payload }] of frames.entries()) {
    const read = decode(payload, reading);
    // Read as two bytes a sample, or as one, there are fewer or more of them: each is stretched over its frame.
    const from = (slots[index] ?? 0) * count;
    for (let n = 0; n < count; n += 1) samples[from + n] = read[Math.floor((n * read.length) / count)] ?? 0;
  }
  return samples;
}

interface Chirp {
  readonly samples: Int16Array;
  readonly at: number;
  readonly match: number;
  readonly reading: Reading;
  readonly ratio: number;
}

/** At the declared rate first, however the bytes are read; then at others. What is declared is believed where it fits as well. */
function findChirp(codec: Hearing['format']['codec'], read: (reading: Reading) => Int16Array): Chirp | null {
  const recordings = readingsOf(codec).map((reading) => ({ reading, samples: read(reading) }));
  for (const ratios of [[1], RATIOS]) {
    let best: Chirp | null = null;
    for (const { reading, samples } of recordings) {
      for (const ratio of ratios) {
        const wanted = chirpSamples(1 / ratio);
        const { at, match } = bestMatch(samples.subarray(0, perMs(SEARCH_MS) + wanted.length), wanted);
        if (match > (best?.match ?? FOUND) + 0.05) best = { samples, at, match, reading, ratio };
        // Nothing else can be so much alike.
        if (match > CERTAIN) return best;
      }
    }
    if (best !== null && best.match >= (ratios.length === 1 ? PLAIN : FOUND)) return best;
  }
  return null;
}

function loudest(samples: Int16Array): number {
  let most = -127;
  for (let ms = 0; ms < samples.length / perMs(1); ms += 100)
    most = Math.max(most, levelDbov(samples, SIGNAL_RATE_HZ, ms, ms + 100));
  return most;
}

/** Of the middle one of its pieces: what was lost does not count. */
function levelOf(tone: Int16Array): number {
  const levels: number[] = [];
  for (let ms = 20; ms + 40 <= tone.length / perMs(1); ms += 20)
    levels.push(levelDbov(tone, SIGNAL_RATE_HZ, ms, ms + 20));
  return levels.sort((a, b) => a - b)[levels.length >> 1] ?? -127;
}

/** By how far its phase moves from one 20 ms to the next, the middle one of all. */
function toneRatio(tone: Int16Array): number {
  const window = perMs(20);
  const moves: number[] = [];
  for (let from = window; from + 2 * window <= tone.length; from += window) {
    const move = tonePhase(tone, from + window, window, TONE_HZ) - tonePhase(tone, from, window, TONE_HZ);
    moves.push(Math.atan2(Math.sin(move), Math.cos(move)));
  }
  const middle = moves.sort((a, b) => a - b)[moves.length >> 1] ?? 0;
  return 1 + middle / (2 * Math.PI * 0.02 * TONE_HZ);
}

/** Longest common subsequence of what was sent and what came, near the diagonal: a line may skip, or wait. */
function stepLossPct(samples: Int16Array, from: number): number {
  const sent = stepSymbols();
  const step = perMs(STEP_MS);
  const slack = 10;
  const heard: number[] = [];
  for (let index = -slack; index < sent.length + slack; index += 1) {
    const at = from + index * step;
    const symbol = at < 0 ? -1 : topTone(samples, at + perMs(2), step - perMs(4), STEP_TONES_HZ, 0.5);
    if (symbol >= 0) heard.push(symbol);
  }
  let row = Array.from({ length: heard.length + 1 }, () => 0);
  for (const symbol of sent) {
    const next = Array.from({ length: heard.length + 1 }, () => 0);
    for (const [index, other] of heard.entries()) {
      next[index + 1] = symbol === other ? (row[index] ?? 0) + 1 : Math.max(row[index + 1] ?? 0, next[index] ?? 0);
    }
    row = next;
  }
  return 100 * (1 - (row.at(-1) ?? 0) / sent.length);
}

/** Where they were sent, or a little before or behind it: a line may skip, or wait. */
function keysIn(samples: Int16Array, from: number): string {
  let best = '';
  for (let step = 0; step <= 2 * KEY_STEPS; step += 1) {
    const offMs = (step % 2 === 0 ? 1 : -1) * Math.ceil(step / 2) * 20;
    const found = keysAt(samples, from + perMs(offMs));
    if (found.length > best.length) best = found;
    if (best === SIGNAL_KEYS) break;
  }
  return best;
}

function keysAt(samples: Int16Array, from: number): string {
  return Array.from({ length: SIGNAL_KEYS.length }, (_, index) => {
    const at = from + perMs(index * 2 * KEY_MS) + perMs(15);
    const row = topTone(samples, at, perMs(KEY_MS - 30), KEY_ROWS_HZ, 0.25);
    const column = topTone(samples, at, perMs(KEY_MS - 30), KEY_COLUMNS_HZ, 0.25);
    return row < 0 || column < 0 ? '' : (KEYPAD[row]?.[column] ?? '');
  }).join('');
}

/** Piece by piece, each where it fits best within a second of its place, and weighted by its energy: a line may skip, or wait. */
function speechIn(samples: Int16Array, { samples: sent, speech }: TestSignal, shift: number): number {
  let [alike, energy] = [0, 0];
  for (let ms = speech.fromMs; ms + PIECE_MS <= speech.toMs; ms += PIECE_MS) {
    const piece = sent.subarray(perMs(ms), perMs(ms + PIECE_MS));
    const weight = piece.reduce((sum, sample) => sum + sample * sample, 0);
    const around = samples.subarray(
      Math.max(0, perMs(ms - SLIP_MS) + shift),
      Math.max(0, perMs(ms + PIECE_MS + SLIP_MS) + shift),
    );
    alike += weight * bestMatch(around, piece).match;
    energy += weight;
  }
  return energy === 0 ? 0 : alike / energy;
}
