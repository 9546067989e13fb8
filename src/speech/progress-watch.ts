/** Ends a request to an engine that makes no progress, or that nobody waits for any more. */
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { bytesPerMs } from '../core/media.ts';
import type { TtsEngine } from './tts-engine.ts';
import { ttsTimeout } from './tts-error.ts';

/** What is watched, and how long it may take. */
export interface ProgressWatchOptions {
  readonly clock: Clock;
  readonly engine: Pick<TtsEngine, 'name' | 'format'>;
  /** Of whoever waits for it. */
  readonly outer: AbortSignal;
  /** To the first audio. */
  readonly firstAudioMs: number;
  /** To the next audio; and how far what has come may lag behind its own sound. */
  readonly stallMs: number;
}

/** So long, ms, a process that runs has before an engine is blamed, to read what waits in its sockets; and no more of it passes without it. */
const READING_MS = 250;
const STOOD_STILL_MS = 100;
/** So much of this, ms, one request has in all beyond its engine's time: a process that is late for ever would have it for ever. */
const READING_IN_ALL_MS = 5_000;

/** Of one request; {@link end} has to be called. */
export class ProgressWatch {
  readonly #options: ProgressWatchOptions;
  readonly #stop = new AbortController();
  readonly #onAbort = (): void => this.#stop.abort(this.#options.outer.reason);
  #timer: Timer | null = null;
  #bytes = 0;
  #begunMs = 0;
  /** Since when it is read once more, in the clock's ms; and what was read beyond the engine's time before. */
  #readSinceMs: number | null = null;
  #readMs = 0;
  /** When more is due, in the clock's ms. */
  #dueMs: number;

  constructor(options: ProgressWatchOptions) {
    const { clock, outer, firstAudioMs } = options;
    this.#options = options;
    this.#dueMs = clock.nowMs() + firstAudioMs;
    if (outer.aborted) this.#onAbort();
    outer.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** For the request. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Bytes that have come. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The next piece, in time; what is empty is no progress. @throws ERR_TALKSPURT_TTS_TIMEOUT, the outer signal's reason, or as `piece` */
  async next(piece: Promise<IteratorResult<Uint8Array, unknown>>): Promise<IteratorResult<Uint8Array, unknown>> {
    const given = await this.#within(piece);
    if (given.done !== true && given.value.length > 0) this.#came(given.value.length);
    return given;
  }

  /** Ends what still runs. */
  end(): void {
    this.#timer?.cancel();
    this.#options.outer.removeEventListener('abort', this.#onAbort);
    this.#stop.abort(new TalkspurtError('ERR_TALKSPURT_TTS_FAILED', 'the sentence is over'));
  }

  async #within<T>(work: Promise<T>): Promise<T> {
    const { clock } = this.#options;
    // It may fail after nobody waits for it any more.
    work.catch(() => undefined);
    const { signal } = this.#stop;
    let onAbort = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      onAbort = (): void => reject(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
    this.#arm(Math.max(this.#dueMs, clock.nowMs()));
    try {
      const given = await Promise.race([work, aborted]);
      // An engine that ends in good order when its request is ended has not said it all.
      signal.throwIfAborted();
      return given;
    } catch (error) {
      // An engine whose request was ended says so in words of its own.
      throw signal.aborted ? signal.reason : error;
    } finally {
      this.#timer?.cancel();
      this.#haveRead();
      signal.removeEventListener('abort', onAbort);
    }
  }

  #arm(dueMs: number): void {
    const { clock } = this.#options;
    this.#timer = clock.after(Math.max(0, dueMs - READING_MS - clock.nowMs()), () => this.#read());
  }

  /** The last moment of the engine's time, which counts where the process did not stand still in it. */
  #read(): void {
    const { clock } = this.#options;
    const sinceMs = clock.nowMs();
    const readMs = Math.max(this.#dueMs - sinceMs, Math.min(READING_MS, READING_IN_ALL_MS - this.#readMs));
    this.#readSinceMs = sinceMs;
    this.#timer = clock.after(readMs, () => {
      this.#haveRead();
      const stoodStill = clock.nowMs() - sinceMs - readMs > STOOD_STILL_MS;
      if (stoodStill && this.#readMs < READING_IN_ALL_MS) this.#read();
      else this.#stop.abort(this.#late());
    });
  }

  /** While the process stands still nothing is read. */
  #haveRead(): void {
    if (this.#readSinceMs === null) return;
    const beyondMs = this.#options.clock.nowMs() - Math.max(this.#readSinceMs, this.#dueMs);
    this.#readMs += Math.min(READING_MS, Math.max(0, beyondMs));
    this.#readSinceMs = null;
  }

  #came(bytes: number): void {
    const { clock, engine, stallMs } = this.#options;
    const nowMs = clock.nowMs();
    if (this.#bytes === 0) this.#begunMs = nowMs;
    this.#bytes += bytes;
    // One that trickles would hold up all that is behind it, although each piece comes in time.
    const heardMs = this.#begunMs + this.#bytes / bytesPerMs(engine.format);
    this.#dueMs = Math.min(nowMs, heardMs) + stallMs;
  }

  #late(): TalkspurtError {
    const { engine, firstAudioMs, stallMs } = this.#options;
    const begun = this.#bytes > 0;
    return ttsTimeout(engine.name, begun ? stallMs : firstAudioMs, begun);
  }
}
