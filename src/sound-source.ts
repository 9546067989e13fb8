/** Sounds and speech of our own, whole and in the format of a call: WAV files, WAV over http(s), the built-in voice. */
import { open, realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, normalize, sep } from 'node:path';
import type { Sound, SoundSource } from './call-orders.ts';
import type { Clock } from './core/clock.ts';
import { delay } from './core/clock.ts';
import { TalkspurtError, asTalkspurtError } from './core/errors.ts';
import type { AudioFormat } from './core/media.ts';
import { describeAudio, isSampleRateHz } from './core/media.ts';
import type { DspLibrary } from './dsp/library.ts';
import { loadDsp } from './dsp/library.ts';
import type { HostList } from './core/host-list.ts';
import { holdPattern } from './sound-hold.ts';
import { LIMITS } from './limits.ts';
import type { SpeechSource } from './simulator/speech.ts';
import { convertSound } from './dsp/sound-slices.ts';
import type { OurPcmSource, PcmSource } from './dsp/sound-slices.ts';
import { WavSlices } from './sound-wav.ts';

/** Where sounds come from. */
export interface SoundSourceOptions {
  readonly clock: Clock;
  /** Files are taken from here and from nowhere else; null: none are. */
  readonly directory: string | null;
  /** Whether http(s) URLs are fetched. */
  readonly urls: boolean;
  /** …and from which hosts; absent: from any. */
  readonly hosts?: HostList;
  /** File that callers on hold hear; default: two quiet notes. */
  readonly hold?: string | null;
  readonly speech: SpeechSource;
  /** The signal chain's stages; the package's own unless given. */
  readonly loadLibrary?: () => Promise<DspLibrary>;
}

interface SoundFile {
  readonly path: string;
  readonly bytes: number;
  /** What it is known by; a file that was written anew is another one. */
  readonly key: string;
}

/**
 * One process's sounds. They are decoded and converted one at a time and in slices, so that calls have their ticks in
 * between. The converted audio of the last ones is kept, up to `LIMITS.soundCacheBytes`.
 */
export class OwnSounds implements SoundSource {
  readonly #options: SoundSourceOptions;
  /** Least recently used first. */
  readonly #kept = new Map<string, Uint8Array>();
  #keptBytes = 0;
  /** What is being made and will be kept: whoever wants the same waits for it. */
  readonly #making = new Map<string, Promise<Uint8Array>>();
  #fetching = 0;
  #library: Promise<DspLibrary> | null = null;
  #waiting = 0;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: SoundSourceOptions) {
    this.#options = options;
  }

  async sound(source: string, format: AudioFormat): Promise<Sound> {
    if (/^https?:\/\//i.test(source)) return { audio: await this.#fetched(source, format), cached: false };
    const file = await this.#file(source);
    return await this.#once(`file ${describeAudio(format)} ${file.key}`, () =>
      // Read only when its turn has come: what waits holds no audio.
      this.#inTurn(async () => await this.#converted(new WavSlices(await readFrom(file)), format)),
    );
  }

  async hold(format: AudioFormat): Promise<Sound> {
    const { hold = null } = this.#options;
    if (hold !== null) return await this.sound(hold, format);
    return await this.#once(`hold ${describeAudio(format)}`, () =>
      this.#inTurn(() => this.#converted(holdPattern(), format)),
    );
  }

  async speech(text: string, format: AudioFormat, keep: boolean): Promise<Sound> {
    const make = async (): Promise<Uint8Array> => {
      const { samples, sampleRateHz } = await this.#options.speech.synthesize(text, 'slt');
      const source: PcmSource = {
        sampleRateHz,
        length: samples.length,
        read: (from, to) => samples.slice(from, to),
      };
      return await this.#inTurn(() => this.#converted(source, format));
    };
    if (!keep) return { audio: await make(), cached: false };
    return await this.#once(`speech ${describeAudio(format)} ${text}`, make);
  }

  async dspLibrary(): Promise<DspLibrary> {
    const load = this.#options.loadLibrary ?? loadDsp;
    // A failure is not kept: the binary may be there the next time.
    this.#library ??= load().catch((error: unknown) => {
      this.#library = null;
      throw error;
    });
    return await this.#library;
  }

  /** What is kept under `key`, or what `make` makes of it, once for all who ask meanwhile. */
  async #once(key: string, make: () => Promise<Uint8Array>): Promise<Sound> {
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return { audio: kept, cached: true };
    }
    const begun = this.#making.get(key);
    if (begun !== undefined) return { audio: await begun, cached: true };
    const making = make();
    this.#making.set(key, making);
    try {
      const audio = await making;
      this.#keep(key, audio);
      return { audio, cached: false };
    } finally {
      this.#making.delete(key);
    }
  }

  #keep(key: string, audio: Uint8Array): void {
    if (audio.length > LIMITS.soundCacheBytes || this.#kept.has(key)) return;
    this.#kept.set(key, audio);
    this.#keptBytes += audio.length;
    for (const [oldest, { length }] of this.#kept) {
      if (this.#keptBytes <= LIMITS.soundCacheBytes) break;
      this.#kept.delete(oldest);
      this.#keptBytes -= length;
    }
  }

  /** Runs `work` when everything before it is done. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting >= LIMITS.soundConversions) throw soundError('too many sounds wait for theirs: try it again');
    const behindAnother = this.#waiting > 0;
    this.#waiting += 1;
    const done = this.#last.then(async () => {
      if (behindAnother) await delay(this.#options.clock, 0);
      return await work();
    });
    this.#last = Promise.allSettled([done]);
    try {
      return await done;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** The file itself; whatever it is called, it lies in the directory. */
  async #file(source: string): Promise<SoundFile> {
    const { directory } = this.#options;
    if (directory === null) {
      throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'no files are played here: set sounds.directory');
    }
    const inside = normalize(source);
    if (isAbsolute(source) || inside === '..' || inside.startsWith(`..${sep}`)) {
      throw soundError('name a file inside sounds.directory, without a leading slash and without ../');
    }
    try {
      const root = await realpath(directory);
      const path = await realpath(join(root, source));
      if (!path.startsWith(root + sep)) throw soundError('the file is a link to outside of sounds.directory');
      const stats = await stat(path);
      // A pipe would never end, and would hold up every other file meanwhile.
      if (!stats.isFile()) throw soundError('it is no regular file');
      if (stats.size > LIMITS.soundBytes) throw soundError(`it is larger than ${LIMITS.soundBytes} bytes`);
      return { path, bytes: stats.size, key: `${stats.size} ${stats.mtimeMs} ${stats.ino} ${path}` };
    } catch (error) {
      if (error instanceof TalkspurtError) throw error;
      throw soundError('there is no such file in sounds.directory', error);
    }
  }

  async #fetched(url: string, format: AudioFormat): Promise<Uint8Array> {
    if (!this.#options.urls) {
      throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'no URLs are played here: set sounds.urls to true');
    }
    this.#options.hosts?.check(url);
    if (this.#fetching >= LIMITS.soundFetches) throw soundError('too many sounds are being fetched: wait for some');
    this.#fetching += 1;
    try {
      const bytes = await this.#fetch(url);
      return await this.#inTurn(() => this.#converted(new WavSlices(bytes), format));
    } finally {
      this.#fetching -= 1;
    }
  }

  async #fetch(url: string): Promise<Uint8Array> {
    const cancel = new AbortController();
    const timer = this.#options.clock.after(LIMITS.soundFetchMs, () => {
      cancel.abort(soundError(`the sound did not come within ${LIMITS.soundFetchMs} ms`));
    });
    try {
      const response = await fetch(url, { signal: cancel.signal, redirect: 'error' });
      if (!response.ok || response.body === null) throw soundError(`the server answered ${response.status}`);
      return await bounded(response.body);
    } catch (error) {
      cancel.abort();
      // The URL may hold a secret, and so may what `fetch` says of it.
      throw error instanceof TalkspurtError ? error : soundError('the sound could not be fetched');
    } finally {
      timer.cancel();
    }
  }

  async #converted(source: PcmSource, format: AudioFormat): Promise<Uint8Array> {
    if (source.length / source.sampleRateHz > LIMITS.soundMs / 1000) {
      throw soundError(`it is longer than ${LIMITS.soundMs / 1000} s`);
    }
    if (!hasOurRate(source)) {
      throw soundError(
        `a rate of ${source.sampleRateHz} Hz is not 8000, 16000, 24000 or 48000: convert it (sox in.wav -r 8000 out.wav)`,
      );
    }
    return await convertSound(source, format, await this.dspLibrary(), this.#options.clock);
  }
}

function hasOurRate(source: PcmSource): source is OurPcmSource {
  return isSampleRateHz(source.sampleRateHz);
}

/** What the file held when it was looked at, and nothing behind it. */
async function readFrom({ path, bytes }: SoundFile): Promise<Uint8Array> {
  try {
    const file = await open(path);
    try {
      const buffer = Buffer.allocUnsafeSlow(bytes);
      let read = 0;
      while (read < bytes) {
        const { bytesRead } = await file.read(buffer, read, bytes - read, read);
        if (bytesRead === 0) break;
        read += bytesRead;
      }
      return buffer.subarray(0, read);
    } finally {
      await file.close();
    }
  } catch (error) {
    throw soundError('the file cannot be read: check its permissions', error);
  }
}

/** The body, put together where it comes: a copy of the whole at its end would hold everybody up. */
async function bounded(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  // Only what is written to is really taken from the system.
  const room = Buffer.allocUnsafeSlow(LIMITS.soundBytes);
  let bytes = 0;
  for await (const part of body) {
    if (bytes + part.length > room.length) throw soundError(`it is larger than ${LIMITS.soundBytes} bytes`);
    room.set(part, bytes);
    bytes += part.length;
  }
  return room.subarray(0, bytes);
}

function soundError(message: string, cause?: unknown): TalkspurtError {
  const because = cause === undefined ? {} : { cause: asTalkspurtError(cause) };
  return new TalkspurtError('ERR_TALKSPURT_SOUND', `the sound cannot be played: ${message}`, because);
}
