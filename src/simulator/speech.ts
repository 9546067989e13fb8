/** Speech made at run time by Flite (CMU, permissive licence) in a worker: the voices of the embedded agent and caller. */
import { Worker } from 'node:worker_threads';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import type { SpeechReply, SpeechRequest } from './speech-worker.ts';
import { readWav, toMono } from './wav.ts';

/** Voices of Flite: `rms` and `awb` are male, `slt` is female (16 kHz); `kal` is the plain one (8 kHz). */
export type Voice = 'rms' | 'slt' | 'awb' | 'kal' | 'kal16';

export const VOICES: readonly Voice[] = ['rms', 'slt', 'awb', 'kal', 'kal16'];

/** A mono recording. Shared through the cache: not to be changed. */
export interface Speech {
  readonly samples: Int16Array;
  readonly sampleRateHz: number;
}

interface Waiting {
  readonly resolve: (speech: Speech) => void;
  readonly reject: (error: TalkspurtError) => void;
}

export class SpeechSynthesizer {
  readonly #waiting = new Map<number, Waiting>();
  /** Least recently used first. */
  readonly #cache = new Map<string, Promise<Speech>>();
  #worker: Worker | null = null;
  #nextId = 1;
  #closed = false;

  /**
   * Says `text`; the same text and voice give the same samples.
   * @throws ERR_TALKSPURT_SPEECH_SYNTHESIS for empty or over-long text, too many at once, or after `close`
   */
  async synthesize(text: string, voice: Voice): Promise<Speech> {
    if (this.#closed) throw failure('the synthesiser is closed');
    if (text.trim() === '' || text.length > LIMITS.speechCharacters) {
      throw failure(`a text must have 1 to ${LIMITS.speechCharacters} characters: split it into sentences`);
    }
    if (!VOICES.includes(voice)) throw failure(`there is no voice ${String(voice)}: use ${VOICES.join(', ')}`);
    const key = `${voice}\u0000${text}`;
    const known = this.#cache.get(key);
    if (known !== undefined) {
      this.#cache.delete(key);
      this.#cache.set(key, known);
      return known;
    }
    if (this.#waiting.size >= LIMITS.speechRequests) throw failure('too many texts wait to be said: wait for some');
    const speech = this.#ask(text, voice);
    this.#cache.set(key, speech);
    // What failed is not remembered; the caller gets the rejection from `speech` itself.
    speech.catch(() => this.#cache.delete(key));
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= LIMITS.speechCache) break;
      this.#cache.delete(oldest);
    }
    return speech;
  }

  /** Ends the worker; what waits is rejected. Twice is harmless. */
  async close(): Promise<void> {
    this.#closed = true;
    const worker = this.#worker;
    this.#worker = null;
    this.#failAll('the synthesiser was closed');
    await worker?.terminate();
  }

  #ask(text: string, voice: Voice): Promise<Speech> {
    const id = this.#nextId++;
    const request: SpeechRequest = { id, text, voice };
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      const worker = this.#start();
      worker.ref();
      worker.postMessage(request);
    });
  }

  #start(): Worker {
    if (this.#worker !== null) return this.#worker;
    // Beside this file stands the worker's source, or what it was compiled to.
    const isSource = import.meta.url.endsWith('.ts');
    const file = new URL(isSource ? './speech-worker.ts' : './speech-worker.js', import.meta.url);
    const worker = new Worker(file, isSource ? { execArgv: ['--import', 'tsx'] } : { execArgv: [] });
    worker.on('message', (reply: SpeechReply) => this.#answer(reply));
    const lost = (error?: unknown): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#failAll(`the synthesiser's worker ended: ${error instanceof Error ? error.message : 'no reason given'}`);
    };
    worker.on('error', lost);
    worker.on('exit', () => lost());
    this.#worker = worker;
    return worker;
  }

  #answer(reply: SpeechReply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
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
      waiting.reject(failure('what it wrote is not a WAV file', error));
    }
  }

  #failAll(fault: string): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of waiting) reject(failure(fault));
  }
}

function failure(fault: string, cause?: unknown): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_SPEECH_SYNTHESIS', `the text could not be spoken: ${fault}`, { cause });
}
