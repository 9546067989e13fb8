/** A backend that writes, made one that speaks: its text is said sentence by sentence by an engine of its own. */
import type { Backend, BackendCall, BackendSink, BackendStream } from '../backend/backend.ts';
import { SystemClock } from '../core/clock.ts';
import type { Clock } from '../core/clock.ts';
import type { TalkspurtError } from '../core/errors.ts';
import type { EventSink } from '../core/events.ts';
import type { AudioFormat } from '../core/media.ts';
import { loadDsp } from '../dsp/library.ts';
import type { DspLibrary } from '../dsp/library.ts';
import { LIMITS } from '../limits.ts';
import type { SentenceSplitterOptions } from './sentence-splitter.ts';
import { SentenceVoice } from './sentence-voice.ts';
import { SpeechCache } from './speech-cache.ts';
import { SpokenConversation } from './spoken-conversation.ts';
import { SpokenStream } from './spoken-stream.ts';
import { TtsBreaker } from './tts-breaker.ts';
import type { TtsEngineMaker } from './tts-engine.ts';
import { TurnBudget } from './turn-budget.ts';

/** How a backend's text is spoken. */
export interface SpokenBackendOptions {
  readonly engine: TtsEngineMaker;
  /** Speaks when the first one has failed too often. */
  readonly fallback?: TtsEngineMaker | null;
  /** Default: the machine's own. */
  readonly clock?: Clock;
  /** Default: one of its own, of `LIMITS.ttsCacheBytes`. */
  readonly cache?: SpeechCache;
  /** Default: one of its own, of the backend's name. */
  readonly breaker?: TtsBreaker;
  /** For the conversion of a fallback's audio; shared where several backends speak with the same engines. Default: its own. */
  readonly turns?: TurnBudget;
  readonly events?: EventSink | null;
  readonly loadDspLibrary?: () => Promise<DspLibrary>;
  readonly splitter?: SentenceSplitterOptions;
  readonly firstAudioMs?: number;
  readonly stallMs?: number;
}

/** Wraps `inner`, which writes. */
export function spokenBackend(inner: Backend, options: SpokenBackendOptions): Backend {
  return new SpokenBackend(inner, options);
}

class SpokenBackend implements Backend {
  readonly reconnectMax?: number;
  readonly name: string;
  readonly #inner: Backend;
  readonly #options: SpokenBackendOptions;
  readonly #clock: Clock;
  readonly #cache: SpeechCache;
  readonly #breaker: TtsBreaker;
  readonly #turns: TurnBudget;
  #library: Promise<DspLibrary> | null = null;

  constructor(inner: Backend, options: SpokenBackendOptions) {
    this.name = inner.name;
    if (inner.reconnectMax !== undefined) this.reconnectMax = inner.reconnectMax;
    this.#inner = inner;
    this.#options = options;
    this.#clock = options.clock ?? new SystemClock();
    this.#cache = options.cache ?? new SpeechCache(LIMITS.ttsCacheBytes);
    const hasFallback = (options.fallback ?? null) !== null;
    this.#turns = options.turns ?? new TurnBudget(this.#clock, LIMITS.ttsTurnMs);
    this.#breaker = options.breaker ?? new TtsBreaker({ name: inner.name, clock: this.#clock, hasFallback });
  }

  refusal(underWay?: boolean): TalkspurtError | null {
    return this.#inner.refusal?.(underWay) ?? null;
  }

  gaveUp(error: TalkspurtError): void {
    this.#inner.gaveUp?.(error);
  }

  async open(call: BackendCall, sink: BackendSink, signal: AbortSignal): Promise<BackendStream> {
    const voice = this.#voice(call.leg);
    const { splitter = {}, events = null } = this.#options;
    const conversation = new SpokenConversation({
      callId: call.callId,
      backend: this.name,
      clock: this.#clock,
      voice,
      sink,
      events,
      splitter,
    });
    try {
      const inner = await this.#inner.open(call, conversation, signal);
      conversation.attach(inner);
      return new SpokenStream(inner, conversation, voice.format);
    } catch (error) {
      conversation.close();
      throw error;
    }
  }

  #voice(leg: AudioFormat): SentenceVoice {
    const { engine, fallback = null, firstAudioMs, stallMs } = this.#options;
    const first = engine(leg);
    return new SentenceVoice({
      clock: this.#clock,
      first,
      fallback: fallback?.(first.format) ?? null,
      breaker: this.#breaker,
      cache: this.#cache,
      dspLibrary: () => this.#loaded(),
      turns: this.#turns,
      ...(firstAudioMs === undefined ? {} : { firstAudioMs }),
      ...(stallMs === undefined ? {} : { stallMs }),
    });
  }

  async #loaded(): Promise<DspLibrary> {
    const load = this.#options.loadDspLibrary ?? loadDsp;
    // A failure is not kept: the binary may be there the next time.
    this.#library ??= load().catch((error: unknown) => {
      this.#library = null;
      throw error;
    });
    return await this.#library;
  }
}
