/** Speech made at run time by Flite (CMU, permissive licence) in a worker: the voices of the embedded agent and caller. */
import { Worker } from 'node:worker_threads';
import { SystemClock } from '../core/clock.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import type { SpeechReply, SpeechRequest } from './speech-worker.ts';
import { readWav, toMono } from './wav.ts';

/** Voices of Flite: `rms` and `awb` are male, `slt` is female (16 kHz); `kal16` and `kal` (8 kHz) are the plain ones. */
export type Voice = 'rms' | 'slt' | 'awb' | 'kal' | 'kal16';

/** Every voice there is. */
export const VOICES: readonly Voice[] = ['rms', 'slt', 'awb', 'kal', 'kal16'];

/** A mono recording. Shared through the cache: not to be changed. */
export interface Speech {
  readonly samples: Int16Array;
  readonly sampleRateHz: number;
}

/** Whoever can say a text; {@link SpeechSynthesizer} is one. */
export interface SpeechSource {
  /** `speed` is times the ordinary one. What is returned is not changed by either side. */
  synthesize(text: string, voice: Voice, speed?: number): Promise<Speech>;
}

/** What it is made with; for tests. */
export interface SpeechSynthesizerOptions {
  /** Default: the machine's own. */
  readonly clock?: Clock;
  /** Starts whatever takes a {@link SpeechRequest} and posts a {@link SpeechReply}. Default: Flite's worker. */
  readonly startWorker?: () => Worker;
}

interface Waiting {
  readonly request: SpeechRequest;
  readonly resolve: (speech: Speech) => void;
  readonly reject: (error: TalkspurtError) => void;
}

/** Owns one worker, started by the first text. It keeps the process up only while a text is being spoken. */
export class SpeechSynthesizer implements SpeechSource {
  readonly #waiting = new Map<number, Waiting>();
  /** Least recently used first. */
  readonly #cache = new Map<string, Promise<Speech>>();
  #worker: Worker | null = null;
  readonly #clock: Clock;
  readonly #startWorker: () => Worker;
  /** Until the one that is being said has taken too long. */
  #watch: Timer | null = null;
  #nextId = 1;
  #closed = false;

  constructor({ clock = new SystemClock(), startWorker = startFlite }: SpeechSynthesizerOptions = {}) {
    this.#clock = clock;
    this.#startWorker = startWorker;
  }

  /**
   * Says `text`; the same text, voice and speed give the same samples. `speed` is 0.25..1.5 times the ordinary one.
   * @throws ERR_TALKSPURT_SPEECH_SYNTHESIS for a text that is empty or too long, too many at once, or after `close`
   */
  async synthesize(text: string, voice: Voice, speed = 1): Promise<Speech> {
    if (this.#closed) throw failure('the synthesiser is closed');
    if (!VOICES.includes(voice)) throw failure(`there is no voice ${voice}: use ${VOICES.join(', ')}`);
    if (!(speed >= 0.25 && speed <= 1.5)) throw failure(`a speed of ${speed} is not 0.25 to 1.5`);
    if (text.length > LIMITS.speechCharacters) {
      throw failure(`a text has at most ${LIMITS.speechCharacters} characters: split it into sentences`);
    }
    const plain = toPlainText(text);
    if (!/[A-Za-z0-9]/.test(plain)) throw failure('there is nothing in it to say: give words or digits');
    const key = `${voice} ${speed} ${plain}`;
    const known = this.#cache.get(key);
    if (known !== undefined) {
      this.#cache.delete(key);
      this.#cache.set(key, known);
      return known;
    }
    if (this.#waiting.size >= LIMITS.speechRequests) throw failure('too many texts wait to be said: wait for some');
    const speech = this.#ask(plain, voice, 1 / speed);
    this.#remember(key, speech);
    return speech;
  }

  /** Ends the worker; what waits is rejected. Twice is harmless. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = null;
    this.#failAll('the synthesiser was closed');
    this.#cache.clear();
    await worker?.terminate();
  }

  #remember(key: string, speech: Promise<Speech>): void {
    this.#cache.set(key, speech);
    // What failed is said anew next time; the one who asked gets the rejection from `speech` itself.
    speech.catch(() => {
      if (this.#cache.get(key) === speech) this.#cache.delete(key);
    });
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= LIMITS.speechCache) break;
      this.#cache.delete(oldest);
    }
  }

  #ask(text: string, voice: Voice, stretch: number): Promise<Speech> {
    const id = this.#nextId++;
    const request: SpeechRequest = { id, text, voice, stretch };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { request, resolve, reject });
      this.#post(request);
      if (this.#waiting.size === 1) this.#rearm();
    });
  }

  #post(request: SpeechRequest): void {
    const worker = this.#start();
    worker.ref();
    worker.postMessage(request);
  }

  /** The next one is being said, if there is one. */
  #rearm(): void {
    this.#watch?.cancel();
    this.#watch = this.#waiting.size === 0 ? null : this.#clock.after(LIMITS.speechStuckMs, () => this.#stuck());
  }

  /** The worker hangs: the text that it hangs with has failed, the others are said by another one. */
  #stuck(): void {
    const worker = this.#worker;
    this.#worker = null;
    worker?.terminate().catch(() => undefined);
    const [[id, present] = []] = this.#waiting;
    if (id !== undefined) this.#waiting.delete(id);
    for (const { request } of this.#waiting.values()) this.#post(request);
    this.#rearm();
    present?.reject(failure(`its worker did nothing for ${LIMITS.speechStuckMs} ms`));
  }

  #start(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = this.#startWorker();
    worker.on('message', (reply: SpeechReply) => this.#answer(reply));
    const lost = (reason: string): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#failAll(`its worker ended: ${reason}`);
    };
    worker.on('error', (error: unknown) => lost(error instanceof Error ? error.message : String(error)));
    worker.on('exit', (status) => lost(`status ${status}`));
    this.#worker = worker;
    return worker;
  }

  #answer(reply: SpeechReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (waiting !== undefined) this.#rearm();
    // An idle worker does not keep the process up.
    if (this.#waiting.size === 0) this.#worker?.unref();
    if (waiting === undefined) return;
    if (reply.fault !== undefined) {
      waiting.reject(failure(reply.fault));
      return;
    }
    try {
      const audio = readWav(reply.wav);
      waiting.resolve({ samples: toMono(audio), sampleRateHz: audio.sampleRateHz });
    } catch (error) {
      waiting.reject(failure('what was made is not a WAV file', error));
    }
  }

  #failAll(fault: string): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    this.#rearm();
    for (const { reject } of waiting) reject(failure(fault));
  }
}

/** Beside this file stands the worker's source, or what it was compiled to. */
function startFlite(): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./speech-worker.js', import.meta.url), { execArgv: [] });
  }
  // A worker's first file is not passed through the loaders of its parent: it has to register them for itself.
  const loader = JSON.stringify(import.meta.resolve('tsx/esm/api'));
  const source = JSON.stringify(new URL('./speech-worker.ts', import.meta.url).href);
  const begin = `import(${loader}).then((tsx) => { tsx.register(); return import(${source}); });`;
  return new Worker(begin, { eval: true, execArgv: [] });
}

/** The voices read ASCII: accents are taken off, typographic quotes and dashes become plain, the rest becomes blank. */
function toPlainText(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}+/gu, '')
    .replace(/[‘’]/g, "'")
    .replace(/[‐-―]/g, '-')
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim();
}

function failure(fault: string, cause?: unknown): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_SPEECH_SYNTHESIS', `the text could not be spoken: ${fault}`, { cause });
}
