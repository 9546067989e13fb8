/** Sounds and speech of our own, whole and in the format of a call: WAV files, WAV over http(s), the built-in voice. */
import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, normalize, sep } from 'node:path';
import type { SoundSource } from './call-orders.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError, asTalkspurtError } from './core/errors.ts';
import type { AudioFormat, SampleRateHz } from './core/media.ts';
import { isSampleRateHz } from './core/media.ts';
import type { DspLibrary } from './dsp/library.ts';
import { loadDsp } from './dsp/library.ts';
import { LIMITS } from './limits.ts';
import type { SpeechSource } from './simulator/speech.ts';
import { readWav, readWavFile, toMono } from './simulator/wav.ts';

/** Where sounds come from. */
export interface SoundSourceOptions {
  readonly clock: Clock;
  /** Files are taken from here and from nowhere else; null: none are. */
  readonly directory: string | null;
  /** Whether http(s) URLs are fetched. */
  readonly urls: boolean;
  readonly speech: SpeechSource;
}

/** One process's sounds. The converted audio of the last ones is kept, up to `LIMITS.soundCacheBytes`. */
export class OwnSounds implements SoundSource {
  readonly #options: SoundSourceOptions;
  /** Least recently used first. */
  readonly #kept = new Map<string, Uint8Array>();
  #keptBytes = 0;
  #fetching = 0;
  #library: Promise<DspLibrary> | null = null;

  constructor(options: SoundSourceOptions) {
    this.#options = options;
  }

  async sound(source: string, format: AudioFormat): Promise<Uint8Array> {
    const { channels, sampleRateHz } = /^https?:\/\//i.test(source)
      ? readWav(await this.#fetch(source))
      : await readWavFile(await this.#path(source));
    const samples = toMono({ channels, sampleRateHz });
    return await this.#converted(samples, sampleRateHz, format);
  }

  async speech(text: string, format: AudioFormat, keep: boolean): Promise<Uint8Array> {
    const key = `${format.codec}/${format.sampleRateHz} ${text}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
      return kept;
    }
    const { samples, sampleRateHz } = await this.#options.speech.synthesize(text, 'slt');
    const audio = await this.#converted(samples, sampleRateHz, format);
    if (keep) this.#keep(key, audio);
    return audio;
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

  /** The file's own path; whatever it is called, it lies in the directory. */
  async #path(source: string): Promise<string> {
    const { directory } = this.#options;
    if (directory === null) {
      throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'no files are played here: set sounds.directory');
    }
    if (isAbsolute(source) || normalize(source).startsWith('..')) {
      throw soundError('name a file inside sounds.directory, without a leading slash and without ..');
    }
    try {
      const root = await realpath(directory);
      const path = await realpath(join(root, source));
      if (!path.startsWith(root + sep)) throw soundError('the file is a link to outside of sounds.directory');
      const stats = await stat(path);
      // A pipe would never end, and would hold up every other file meanwhile.
      if (!stats.isFile()) throw soundError('it is no regular file');
      if (stats.size > LIMITS.soundBytes) throw soundError(`it is larger than ${LIMITS.soundBytes} bytes`);
      return path;
    } catch (error) {
      if (error instanceof TalkspurtError) throw error;
      throw soundError('there is no such file in sounds.directory', error);
    }
  }

  async #fetch(url: string): Promise<Uint8Array> {
    if (!this.#options.urls) {
      throw new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', 'no URLs are played here: set sounds.urls to true');
    }
    if (this.#fetching >= LIMITS.soundFetches) throw soundError('too many sounds are being fetched: wait for some');
    this.#fetching += 1;
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
      this.#fetching -= 1;
    }
  }

  async #converted(samples: Int16Array, fromHz: number, format: AudioFormat): Promise<Uint8Array> {
    if (samples.length / fromHz > LIMITS.soundMs / 1000)
      throw soundError(`it is longer than ${LIMITS.soundMs / 1000} s`);
    this.#library ??= loadDsp();
    const dsp = await this.#library;
    let pcm = samples;
    if (fromHz !== format.sampleRateHz) {
      if (!isSampleRateHz(fromHz)) {
        throw soundError(
          `a rate of ${fromHz} Hz is not 8000, 16000, 24000 or 48000: convert it (sox in.wav -r 8000 out.wav)`,
        );
      }
      pcm = dsp.resample(samples, fromHz satisfies SampleRateHz, format.sampleRateHz);
    }
    if (format.codec === 'pcmu') return dsp.encodeUlaw(pcm);
    if (format.codec === 'pcma') return dsp.encodeAlaw(pcm);
    return new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  }
}

async function bounded(body: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > LIMITS.soundBytes) throw soundError(`it is larger than ${LIMITS.soundBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts, bytes);
}

function soundError(message: string, cause?: unknown): TalkspurtError {
  const because = cause === undefined ? {} : { cause: asTalkspurtError(cause) };
  return new TalkspurtError('ERR_TALKSPURT_SOUND', `the sound cannot be played: ${message}`, because);
}
