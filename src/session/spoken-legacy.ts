/** What the streams of a call whose text is spoken leave behind when they go: how much was said, and what was to be said and was not. */
import type { BackendStream, UnsaidText } from '../backend/backend.ts';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';

/** One call's. */
export class SpokenLegacy {
  #spoken = 0;
  #cached = 0;
  /** The one that went last: what it was in the middle of is counted when it is closed. */
  #last: BackendStream | null = null;
  #texts: readonly UnsaidText[] = [];
  #alone = false;

  /** Sentences of streams that are gone, and those of them that were ready. */
  get spoken(): number {
    return this.#spoken + (this.#last?.speech?.spoken ?? 0);
  }

  get cached(): number {
    return this.#cached + (this.#last?.speech?.cached ?? 0);
  }

  /** `stream` is used no more. */
  leave(stream: BackendStream | null): void {
    if (stream?.speech === undefined) return;
    const { spoken, cached } = this;
    this.#last = stream;
    this.#spoken = spoken;
    this.#cached = cached;
    const { texts, alone } = stream.unsaid ?? { texts: [], alone: false };
    this.#alone = texts.length > 0 && alone;
    this.#texts = [...this.#texts, ...texts].slice(-LIMITS.ttsAnswers);
  }

  /** Texts wait that were to be said, and nothing else was under way. */
  get alone(): boolean {
    return this.#alone && this.#texts.length > 0;
  }

  /** Among the texts is what an agent has written. */
  get hasWritten(): boolean {
    return this.#texts.some(({ written }) => written);
  }

  /** The next text that was to be said, and of which the rest was never heard; each is given once. */
  takeText(): UnsaidText | undefined {
    const [text, ...others] = this.#texts;
    this.#texts = others;
    return text;
  }

  /** What an agent has written is not to be said any more, or the agent is asked for it. */
  forgetWritten(): void {
    if (!this.hasWritten) return;
    this.#texts = this.#texts.filter(({ written }) => !written);
    this.#alone = false;
  }

  /** None of them is to be said any more. */
  forget(): void {
    this.#texts = [];
  }
}

/** A text was to be said word for word, and there is no voice for it. */
export function neverSaid(): TalkspurtError {
  const message = 'a text that was to be said was lost with its backend, and nobody here can speak it';
  return new TalkspurtError('ERR_TALKSPURT_NOT_SUPPORTED', message);
}
