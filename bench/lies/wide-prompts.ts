/**
 * Asterisk's prompts at 16 kHz, for a wrong rate that is told with real wide-band speech: the English and the Spanish ones, of one speaker whom
 * no weight has heard. They are there where bench/vad/get-data.ts has fetched them; where not, there are none.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { G722Pool } from '../../src/dsp/g722.ts';
import { VAD_CACHE } from '../vad/get-data.ts';
import type { VoicePiece } from './told-rates.ts';

const PACKAGES = /^asterisk-core-sounds-(en|es)-g722_.*\.deb$/;
const SPOKEN = /_Allison[/](?!silence|beep|.*(tone|monkeys)).*\.g722$/;
/** 20 ms: bytes of G.722, and of samples. */
const [CODES, BYTES] = [160, 640];

export async function widePrompts(): Promise<VoicePiece[]> {
  const folder = join(VAD_CACHE, 'debs');
  const debs = existsSync(folder) ? readdirSync(folder).filter((name) => PACKAGES.test(name)) : [];
  if (debs.length === 0) {
    console.log('  wide-band prompts are not there (bench/vad/get-data.ts fetches them): left out');
    return [];
  }
  const pool = await G722Pool.create({ size: 1 });
  return debs.flatMap((deb) => {
    const place = mkdtempSync(join(tmpdir(), 'talkspurt-prompts-'));
    execFileSync('dpkg-deb', ['-x', join(folder, deb), place]);
    const names = readdirSync(place, { recursive: true, encoding: 'utf8' }).filter((name) => SPOKEN.test(name));
    const pieces = names.sort().map((name) => {
      const codec = pool.acquire();
      const codes = readFileSync(join(place, name));
      const frames = Math.floor(codes.length / CODES);
      const bytes = new Uint8Array(frames * BYTES);
      for (let n = 0; n < frames; n += 1) {
        codec.decode(codes.subarray(n * CODES, (n + 1) * CODES), bytes.subarray(n * BYTES, (n + 1) * BYTES));
      }
      codec.release();
      return { voice: deb, rateHz: 16_000 as const, pcm: new Int16Array(bytes.buffer) };
    });
    rmSync(place, { recursive: true, force: true });
    return pieces;
  });
}
