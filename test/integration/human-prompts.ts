/** Recorded human speech for tests: Debian's prompts of Asterisk, brought into .cache/ and never part of the repository. */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Where the scripts of this folder put Asterisk. */
export const ASTERISK = join(root, '.cache', 'asterisk');

/**
 * Brings Asterisk and its prompts; null (and a line that says so) where this machine cannot have them: another system
 * than Debian on x86-64, or no archive within reach.
 */
export function bringAsterisk(): string | null {
  const script = join(root, 'test/integration/asterisk/get-asterisk.sh');
  const { status, stderr, error } = spawnSync('bash', [script, ASTERISK], { encoding: 'utf8', timeout: 180_000 });
  if (status === 0) return ASTERISK;
  const why = error?.message ?? stderr.trim().split('\n').at(-1) ?? 'unknown';
  process.stdout.write(`skipped: Asterisk and its recorded prompts could not be brought (${why})\n`);
  return null;
}

/** The WAV file (8 kHz, 16 bit, mono) of the prompt `name`. */
export function promptFile(name: string): string {
  const sounds = join(ASTERISK, 'root/usr/share/asterisk/sounds');
  const voice = readdirSync(sounds).find((each) => existsSync(join(sounds, each, `${name}.wav`)));
  if (voice === undefined) throw new Error(`there is no prompt ${name} under ${sounds}`);
  return join(sounds, voice, `${name}.wav`);
}
