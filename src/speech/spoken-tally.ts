/** What was spoken on one stream: counted, told, and how fast the voice is. */
import type { Clock } from '../core/clock.ts';
import type { CallEvent, EventSink } from '../core/events.ts';
import { MS_PER_CHARACTER } from './heard-text.ts';
import type { QueuedSentence, SentenceEnd } from './speech-queue.ts';

/** Counters of one stream's speech, for health. */
export interface SpokenStats {
  /** Sentences that were heard from their beginning, and those of them that were ready. */
  spoken: number;
  cached: number;
  /** Of which nothing, or not all, could be said. */
  failed: number;
}

/** Whose they are. */
export interface SpokenTallyParts {
  readonly callId: string;
  readonly clock: Clock;
  readonly events: EventSink | null;
}

/** One stream's. */
export class SpokenTally {
  readonly stats: SpokenStats = { spoken: 0, cached: 0, failed: 0 };
  readonly #parts: SpokenTallyParts;
  #msPerCharacter = MS_PER_CHARACTER;

  constructor(parts: SpokenTallyParts) {
    this.#parts = parts;
  }

  /** Of the voice, as far as it has been heard. */
  get msPerCharacter(): number {
    return this.#msPerCharacter;
  }

  /** A sentence is over, well or not. */
  count({ text }: QueuedSentence, end: SentenceEnd): void {
    const { outcome, engine, cached, attempts, audioMs, firstAudioMs, error } = end;
    const { stats } = this;
    if (audioMs > 0) stats.spoken += 1;
    if (cached && audioMs > 0) stats.cached += 1;
    if (error !== null) stats.failed += 1;
    const characters = text.length;
    // A voice has its own pace; one sentence says little of it.
    if (outcome === 'spoken' && audioMs > 0 && characters > 10) {
      this.#msPerCharacter += (audioMs / characters - this.#msPerCharacter) / 4;
    }
    const event: CallEvent = {
      type: 'speech.sentence',
      engine: engine === '' ? 'none' : engine,
      outcome,
      characters,
      cached,
      attempts,
      audioMs,
      ...(Number.isNaN(firstAudioMs) ? {} : { firstAudioMs }),
    };
    const { events, callId, clock } = this.#parts;
    events?.emit({ ...event, callId, atMs: clock.nowMs() });
  }
}
