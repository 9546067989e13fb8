/**
 * Understanding a caller, where PocketSphinx is installed (Debian: `pocketsphinx pocketsphinx-en-us`): one phrase of a small
 * grammar at a time. Not for open speech: what is outside the grammar is forced into it, so a garbage rule stands beside it.
 */
import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { normalise } from './dialogue.ts';
import { resampleSinc } from './sinc-resample.ts';
import { writeWav } from './wav.ts';

const run = promisify(execFile);
const PROGRAM = 'pocketsphinx_batch';
const MODELS = ['/usr/share/pocketsphinx/model/en-us', '/usr/local/share/pocketsphinx/model/en-us'];
const RATE_HZ = 16_000;
const TIMEOUT_MS = 8_000;

/** Hears phrases. */
export interface Hearing {
  /** The phrase that was said, or null when it was none of `phrases`. Never rejects for what was said. */
  recognise(samples: Int16Array, sampleRateHz: number, phrases: readonly string[]): Promise<string | null>;
}

/** PocketSphinx, or null where it is not installed. */
export async function findHearing(): Promise<Hearing | null> {
  const model = await firstPresent(MODELS);
  if (model === null) return null;
  try {
    await run(PROGRAM, ['-help'], { timeout: TIMEOUT_MS });
  } catch (error) {
    // It prints its usage and ends with a status of its own; only its absence counts.
    if (isMissing(error)) return null;
  }
  return { recognise: (samples, sampleRateHz, phrases) => recognise(model, samples, sampleRateHz, phrases) };
}

async function recognise(
  model: string,
  samples: Int16Array,
  rateHz: number,
  phrases: readonly string[],
): Promise<string | null> {
  const known = phrases.map(normalise).filter((phrase) => phrase !== '');
  if (known.length === 0 || samples.length < rateHz / 5) return null;
  const folder = await mkdtemp(join(tmpdir(), 'talkspurt-hearing-'));
  try {
    const audio = resampleSinc(samples, rateHz, RATE_HZ);
    await writeFile(join(folder, 'turn.wav'), writeWav({ sampleRateHz: RATE_HZ, channels: [audio] }));
    await writeFile(join(folder, 'turns.txt'), 'turn\n');
    await writeFile(
      join(folder, 'phrases.gram'),
      `#JSGF V1.0;\ngrammar phrases;\npublic <phrase> = ${known.join(' | ')};\n`,
    );
    const args = [
      '-hmm',
      join(model, 'en-us'),
      '-dict',
      join(model, 'cmudict-en-us.dict'),
      '-jsgf',
      join(folder, 'phrases.gram'),
    ];
    const files = [
      '-cepdir',
      folder,
      '-cepext',
      '.wav',
      '-adcin',
      'yes',
      '-adchdr',
      '44',
      '-ctl',
      join(folder, 'turns.txt'),
    ];
    await run(PROGRAM, [...args, ...files, '-hyp', join(folder, 'heard.txt'), '-logfn', join(folder, 'log.txt')], {
      timeout: TIMEOUT_MS,
    });
    const heard = normalise((await readFile(join(folder, 'heard.txt'), 'utf8')).replace(/\([^()]*\)\s*$/, ''));
    return known.includes(heard) ? heard : null;
  } catch (error) {
    // A decoder that crashed or ran out of time understood nothing; the dialogue goes on by turns.
    return error instanceof Error ? null : Promise.reject(new Error(String(error)));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function firstPresent(folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    if (
      await access(folder).then(
        () => true,
        () => false,
      )
    )
      return folder;
  }
  return null;
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}
