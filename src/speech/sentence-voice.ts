/**
 * The voice of a backend: says one sentence with whichever engine is to speak, tries again where nothing of it was heard yet,
 * watches for progress, and remembers what was said. Shared by the calls of a process.
 */
import type { Clock } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError, hasCode } from '../core/errors.ts';
import type { AudioFormat } from '../core/media.ts';
import { describeAudio, sameAudio } from '../core/media.ts';
import type { DspLibrary } from '../dsp/library.ts';
import { LIMITS } from '../limits.ts';
import { ProgressWatch } from './progress-watch.ts';
import { SentenceAudio } from './sentence-audio.ts';
import type { SpeechCache } from './speech-cache.ts';
import { hasWords, spokenText } from './spoken-text.ts';
import type { TtsBreaker, TtsFault } from './tts-breaker.ts';
import type { TtsEngine } from './tts-engine.ts';
import type { TurnBudget } from './turn-budget.ts';

/** What a voice is made of. */
export interface SentenceVoiceOptions {
  readonly clock: Clock;
  readonly first: TtsEngine;
  readonly fallback: TtsEngine | null;
  readonly breaker: TtsBreaker;
  readonly cache: SpeechCache;
  /** For a fallback of another format, and the error tone. */
  readonly dspLibrary: () => Promise<DspLibrary>;
  /** For the conversion of that fallback; shared with the voices of other calls. */
  readonly turns: TurnBudget;
  readonly firstAudioMs?: number;
  readonly stallMs?: number;
}

/** What became of a sentence; filled in while it is spoken. */
export interface SentenceReport {
  engine: string;
  cached: boolean;
  attempts: number;
}

/** Failures that say nothing of the next sentence: the text itself was refused. */
const TEXT_FAULTS: ReadonlySet<unknown> = new Set([400, 413, 422]);
const LEAST_PAUSE_MS = 250;
const MOST_PAUSE_MS = 3_000;
const PROBE_LOOK_MS = 50;
const FATAL = new Set(['ERR_TALKSPURT_TTS_AUTH', 'ERR_TALKSPURT_TTS_QUOTA', 'ERR_TALKSPURT_TTS_REFUSED']);

/** Says sentences in one format; see the top of the file. */
export class SentenceVoice {
  /** Of everything that {@link say} gives. */
  readonly format: AudioFormat;
  readonly #options: SentenceVoiceOptions;

  constructor(options: SentenceVoiceOptions) {
    this.#options = options;
    this.format = options.first.format;
  }

  /** Nobody speaks for now: a tone stands for what would be said. */
  get off(): boolean {
    return this.#options.breaker.off;
  }

  /**
   * Audio of `text` in {@link format}, in whole samples, not to be changed. Nothing is given after `signal` has aborted.
   * @throws the codes of {@link TtsEngine.speak}, ERR_TALKSPURT_TTS_OFF, or the signal's reason
   */
  async *say(text: string, signal: AbortSignal, report: SentenceReport): AsyncGenerator<Uint8Array, void> {
    const words = spokenText(text);
    if (!hasWords(words)) return;
    const { clock, first, fallback, breaker, cache } = this.#options;
    const sinceMs = clock.nowMs();
    let hurried = false;
    let refused = false;
    // Also while nobody speaks: it costs nobody anything.
    const kept = this.#kept(words, report);
    if (kept !== null) {
      yield kept;
      return;
    }
    for (;;) {
      signal.throwIfAborted();
      if (breaker.probing) await this.#probed(signal);
      const attempt = breaker.admit(hurried || refused);
      if (attempt === null) throw speechOff();
      report.attempts += 1;
      const engine = attempt.rank === 'fallback' && fallback !== null ? fallback : first;
      report.engine = engine.name;
      let heard = false;
      try {
        const pieces: Uint8Array[] = [];
        for await (const piece of this.#watched(engine, words, signal)) {
          if (piece.length === 0) continue;
          heard = true;
          pieces.push(piece);
          yield piece;
        }
        if (!heard) throw empty(engine.name);
        attempt.succeeded();
        cache.keep(this.#key(engine, words), pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces));
        return;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const failure = asTalkspurtError(error, 'ERR_TALKSPURT_TTS_FAILED');
        if (isTextFault(failure)) {
          attempt.abandoned();
          if (heard || fallback === null || engine === fallback) throw failure;
          // Another one may take it: to some vendors a voice that they do not have is a wrong text, too.
          refused = true;
          continue;
        }
        attempt.failed(faultOf(failure));
        // What was heard is not said twice; and somebody is waiting.
        const late = report.attempts >= LIMITS.ttsAttempts || clock.nowMs() - sinceMs >= LIMITS.ttsTriesMs;
        if (heard || late || !this.#another(failure)) throw failure;
        // Whoever waited for one that does not answer is not made to wait for it again.
        hurried = failure.code === 'ERR_TALKSPURT_TTS_TIMEOUT';
        const waitMs = !hurried && breaker.next === attempt.rank ? pauseMs(failure, report.attempts) : 0;
        if (waitMs > 0) await delay(clock, waitMs, signal);
      } finally {
        // A caller who cut in: the generator is left where it stood.
        attempt.abandoned();
      }
    }
  }

  /** Two short low notes, for when nobody can speak. */
  async errorTone(): Promise<Uint8Array> {
    const library = await this.#options.dspLibrary();
    const { sampleRateHz, codec } = this.format;
    const note = library.tone({ firstHz: 480, secondHz: 620, levelDbov: -24, durationMs: 200, sampleRateHz });
    const pcm = new Int16Array(note.length * 2 + sampleRateHz / 10);
    pcm.set(note);
    pcm.set(note, note.length + sampleRateHz / 10);
    if (codec === 'pcmu') return library.encodeUlaw(pcm);
    if (codec === 'pcma') return library.encodeAlaw(pcm);
    return new Uint8Array(pcm.buffer);
  }

  /** The sentence behind the one that finds out that an engine speaks again is not lost for coming too early; nor are other calls'. */
  async #probed(signal: AbortSignal): Promise<void> {
    const { clock, breaker } = this.#options;
    const untilMs = clock.nowMs() + LIMITS.ttsProbeWaitMs;
    while (breaker.probing && clock.nowMs() < untilMs) await delay(clock, PROBE_LOOK_MS, signal);
  }

  /** What was spoken before by the first engine, or by the other one where that is not asked now. */
  #kept(words: string, report: SentenceReport): Uint8Array | null {
    const { first, fallback, breaker, cache } = this.#options;
    for (const engine of fallback === null || breaker.next === 'first' ? [first] : [first, fallback]) {
      const kept = cache.take(this.#key(engine, words));
      if (kept === null) continue;
      Object.assign(report, { engine: engine.name, cached: true });
      return kept;
    }
    return null;
  }

  #key({ name, voice }: TtsEngine, words: string): string {
    return `${name} ${voice} ${describeAudio(this.format)} ${words}`;
  }

  /** A failure that another try, or another engine, may mend. */
  #another({ code }: TalkspurtError): boolean {
    return this.#options.fallback !== null || !FATAL.has(code);
  }

  /** The engine's audio in our format; ends with an error when it makes no progress, even if it heeds no signal. */
  async *#watched(engine: TtsEngine, words: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { dspLibrary, clock, turns } = this.#options;
    const { firstAudioMs = LIMITS.ttsFirstAudioMs, stallMs = LIMITS.ttsStallMs } = this.#options;
    // Its beginning is waited for; the rest is ahead of what is heard.
    let urgent = true;
    const audio = new SentenceAudio(
      engine.format,
      this.format,
      sameAudio(engine.format, this.format) ? null : await dspLibrary(),
    );
    const watch = new ProgressWatch({ clock, engine, outer: signal, firstAudioMs, stallMs });
    let pieces: AsyncIterator<Uint8Array> | null = null;
    try {
      pieces = engine.speak(words, watch.signal)[Symbol.asyncIterator]();
      for (;;) {
        const next = await watch.next(pieces.next());
        if (next.done === true) audio.end();
        else audio.push(next.value);
        if (watch.bytes > LIMITS.ttsSentenceBytes) throw tooLong(engine.name);
        while (audio.ready) {
          const take = (): Uint8Array => audio.take();
          yield audio.converts ? await turns.run(take, { urgent, signal: watch.signal }) : take();
          urgent = false;
        }
        if (next.done === true) return;
      }
    } finally {
      watch.end();
      // Not waited for: one that heeds no signal would never be done.
      leave(pieces).catch(() => undefined);
    }
  }
}

/** Tells whoever gives `pieces` that no more are wanted. */
async function leave(pieces: AsyncIterator<Uint8Array> | null): Promise<void> {
  await pieces?.return?.();
}

function isTextFault(error: TalkspurtError): boolean {
  return hasCode(error, 'ERR_TALKSPURT_TTS_REFUSED') && TEXT_FAULTS.has(error.details['status']);
}

function faultOf({ code, details }: TalkspurtError): TtsFault {
  const retryAfterMs = details['retryAfterMs'];
  return { fatal: FATAL.has(code), reason: code, ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}) };
}

/** Between two tries of the same engine, ms: the second one is made at once. */
function pauseMs({ code, details }: TalkspurtError, attempts: number): number {
  const wished = details['retryAfterMs'];
  const asked = typeof wished === 'number' ? wished : LEAST_PAUSE_MS;
  if (code === 'ERR_TALKSPURT_TTS_RATE_LIMIT') return Math.min(MOST_PAUSE_MS, Math.max(LEAST_PAUSE_MS, asked));
  return (attempts - 1) * LEAST_PAUSE_MS;
}

function speechOff(): TalkspurtError {
  return new TalkspurtError(
    'ERR_TALKSPURT_TTS_OFF',
    'no speech engine speaks: too many have failed, and it is not time to try again',
  );
}

function empty(engine: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_TTS_FAILED', `speech engine '${engine}' gave no audio`);
}

function tooLong(engine: string): TalkspurtError {
  const limit = LIMITS.ttsSentenceBytes;
  return new TalkspurtError('ERR_TALKSPURT_TTS_FAILED', `speech engine '${engine}' gave more than ${limit} bytes`);
}
