/** PEM files that a configuration names. */
import { readFile } from 'node:fs/promises';
import { TalkspurtError } from './core/errors.ts';

/** Its text. `field` is the configuration's name of it. @throws ERR_TALKSPURT_CONFIG_INVALID */
export async function readPem(field: string, path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `${field} cannot be read from ${path} (${why})`, {
      cause,
    });
  }
}
