/**
 * Understanding a caller, where PocketSphinx is installed (Debian: `pocketsphinx pocketsphinx-en-us`): one phrase of a small
 * closed grammar at a time. Not for open speech, digits or names.
 *
 * The decoder forces whatever it hears into the grammar. Two checks keep strangers out: the decoder's own score for each
 * 10 ms of speech, and the pace: a long sentence is not a short phrase spoken very slowly. Measured with 120 sentences in
 * four synthesised voices over µ-law: phrases of the grammar score −38 and better, at 10 to 24 characters a second; other
 * sentences score −39 and worse, or come at less than 8 characters a second.
 */
import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { normalisePhrase } from './dialogue.ts';
import { resampleSinc } from './sinc-resample.ts';
import { toMono, writeWav } from './wav.ts';
import type { WavAudio } from './wav.ts';

/** Hears phrases. */
export interface Hearing {
  /**
   * The one of `phrases` that was said, in lower case without punctuation, or null when it was none of them or could not be
   * found out in time. Never rejects.
   */
  recognise(samples: Int16Array, sampleRateHz: number, phrases: readonly string[]): Promise<string | null>;
}

const run = promisify(execFile);
const PROGRAM = 'pocketsphinx_batch';
const MODELS = ['/usr/share/pocketsphinx/model/en-us', '/usr/local/share/pocketsphinx/model/en-us'];
const RATE_HZ = 16_000;
/** A decoder that takes longer is killed; one phrase takes about 0.3 s. */
const TIMEOUT_MS = 8_000;
/** Decoders at once; a turn beyond that is not understood. */
const DECODERS = 4;
const SHORTEST_MS = 200;
const LONGEST_MS = 15_000;

const LEAST_SCORE_PER_FRAME = -38.5;
const LEAST_CHARACTERS_PER_S = 8;
const MOST_CHARACTERS_PER_S = 40;

/** PocketSphinx, or null where it or its English model is not installed. */
export async function findHearing(): Promise<Hearing | null> {
  const model = await firstPresent(MODELS);
  if (model === null || !(await isInstalled())) return null;
  let decoders = 0;
  return {
    async recognise(samples, sampleRateHz, phrases) {
      const speech = trimSilence(samples, sampleRateHz);
      const speechMs = (speech.length / sampleRateHz) * 1000;
      const known = [...new Set(phrases.map(normalisePhrase))].filter((phrase) => phrase !== '');
      if (known.length === 0 || speechMs < SHORTEST_MS || speechMs > LONGEST_MS || decoders >= DECODERS) return null;
      decoders += 1;
      try {
        const heard = await decode(model, resampleSinc(speech, sampleRateHz, RATE_HZ), known);
        return heard !== null && isPlausible(heard, speechMs) && known.includes(heard.text) ? heard.text : null;
      } finally {
        decoders -= 1;
      }
    },
  };
}

/** What is said in a recording, or in a stretch of it (ms): for self-checks of a media path. As `Hearing.recognise`. */
export function recogniseWav(
  hearing: Hearing,
  audio: WavAudio,
  phrases: readonly string[],
  fromMs = 0,
  toMs = Number.POSITIVE_INFINITY,
): Promise<string | null> {
  const at = (ms: number): number => Math.round((Math.min(ms, 1e9) * audio.sampleRateHz) / 1000);
  return hearing.recognise(toMono(audio).subarray(at(fromMs), at(toMs)), audio.sampleRateHz, phrases);
}

interface Decoded {
  readonly text: string;
  readonly score: number;
}

/** One run of the decoder in a folder of its own. Null when it fails: who does not hear has not understood. */
async function decode(model: string, speech: Int16Array, phrases: readonly string[]): Promise<Decoded | null> {
  const folder = await mkdtemp(join(tmpdir(), 'talkspurt-hearing-'));
  const file = (name: string): string => join(folder, name);
  try {
    // A little silence on both sides: the decoder takes its bearings there.
    const padded = new Int16Array(speech.length + RATE_HZ / 2);
    padded.set(speech, RATE_HZ / 4);
    await writeFile(file('turn.wav'), writeWav({ sampleRateHz: RATE_HZ, channels: [padded] }), { mode: 0o600 });
    await writeFile(file('turns.txt'), 'turn\n');
    const grammar = `#JSGF V1.0;\ngrammar phrases;\npublic <phrase> = ${phrases.join(' | ')};\n`;
    await writeFile(file('phrases.gram'), grammar);
    const options = {
      hmm: join(model, 'en-us'),
      dict: join(model, 'cmudict-en-us.dict'),
      jsgf: file('phrases.gram'),
      bestpath: 'no',
      cepdir: folder,
      cepext: '.wav',
      adcin: 'yes',
      adchdr: '44',
      ctl: file('turns.txt'),
      hyp: file('heard.txt'),
      logfn: file('log.txt'),
    };
    const args = Object.entries(options).flatMap(([name, value]) => [`-${name}`, value]);
    await run(PROGRAM, args, { timeout: TIMEOUT_MS, killSignal: 'SIGKILL', maxBuffer: 1 << 20 });
    const [, text = '', score = ''] = /^(.*)\(\S+ (-?\d+)\)\s*$/m.exec(await readFile(file('heard.txt'), 'utf8')) ?? [];
    return text.trim() === '' ? null : { text: normalisePhrase(text), score: Number(score) };
  } catch (error) {
    // A word that is not in the dictionary, a crash, a time-out: nothing was understood, and the dialogue goes by turns.
    return error instanceof Error ? null : Promise.reject(new Error(String(error)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function isPlausible({ text, score }: Decoded, speechMs: number): boolean {
  const charactersPerS = text.length / (speechMs / 1000);
  if (charactersPerS < LEAST_CHARACTERS_PER_S || charactersPerS > MOST_CHARACTERS_PER_S) return false;
  return score / (speechMs / 10) >= LEAST_SCORE_PER_FRAME;
}

/** From the first to the last 20 ms that are within 35 dB of the loudest. */
function trimSilence(samples: Int16Array, sampleRateHz: number): Int16Array {
  const step = Math.max(1, Math.round(sampleRateHz / 50));
  const powers: number[] = [];
  for (let at = 0; at < samples.length; at += step) {
    let sum = 0;
    for (let i = at; i < Math.min(samples.length, at + step); i++) sum += (samples[i] ?? 0) ** 2;
    powers.push(sum);
  }
  const floor = Math.max(...powers, 0) / 10 ** 3.5;
  const first = powers.findIndex((power) => power > floor);
  const last = powers.findLastIndex((power) => power > floor);
  return first < 0 ? samples.subarray(0, 0) : samples.subarray(first * step, (last + 1) * step);
}

async function firstPresent(folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    const present = await access(folder).then(
      () => true,
      () => false,
    );
    if (present) return folder;
  }
  return null;
}

async function isInstalled(): Promise<boolean> {
  try {
    await run(PROGRAM, ['-help'], { timeout: TIMEOUT_MS, maxBuffer: 1 << 20 });
  } catch (error) {
    // It ends with a status of its own after printing its usage; only its absence counts.
    return !(error instanceof Error && 'code' in error && error.code === 'ENOENT');
  }
  return true;
}
