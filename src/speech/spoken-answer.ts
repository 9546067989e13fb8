/** One answer that a backend writes and that is spoken sentence by sentence: what of it was heard can be told afterwards. */
import { MS_PER_CHARACTER, heardText } from './heard-text.ts';
import type { QueuedSentence, SentenceEnd } from './speech-queue.ts';

/** How a response ended, in the words of the backend port. */
export type AnswerStatus = 'completed' | 'cancelled' | 'failed' | 'incomplete';

/** A sentence of an answer, and what became of it. */
interface SpokenSentence extends QueuedSentence {
  /** Where it ends in the text of the answer. */
  readonly from: number;
  readonly to: number;
  audioMs: number;
  /** When it will have been heard, by the clock. */
  heardByMs: number;
  end: SentenceEnd | null;
}

/** Text in, sentences with their place in it. */
export class SpokenAnswer {
  readonly id: string;
  /** Not the backend's: text that was to be said word for word. */
  readonly ours: boolean;
  /** How the backend ended it; null: it still writes. */
  status: AnswerStatus | null = null;
  /** The session has been told that it began. */
  announced = false;
  readonly #sentences: SpokenSentence[] = [];
  #written = '';

  constructor(id: string, ours = false) {
    this.id = id;
    this.ours = ours;
  }

  /** Everything was said, or given up, and there will be no more. */
  get over(): boolean {
    return this.status !== null && this.#sentences.every(({ end }) => end !== null);
  }

  /** All that was written. */
  get text(): string {
    return this.#written.trim();
  }

  /** The last of its items; null: it has none. */
  get lastItemId(): string | null {
    return this.#sentences.at(-1)?.itemId ?? null;
  }

  /** The backend wrote more. */
  wrote(text: string): void {
    this.#written += text;
  }

  /** A sentence of what was written, in order. */
  add(itemId: string, text: string): QueuedSentence {
    const after = this.#sentences.at(-1)?.to ?? 0;
    const found = this.#written.indexOf(text, after);
    const from = found < 0 ? after : found;
    const sentence = { itemId, text, from, to: from + text.length, audioMs: 0, heardByMs: 0, end: null };
    this.#sentences.push(sentence);
    return sentence;
  }

  has(itemId: string): boolean {
    return this.#sentences.some((sentence) => sentence.itemId === itemId);
  }

  /** `audioMs` more of the sentence were delivered, and will have been heard by `heardByMs`. */
  delivered(itemId: string, audioMs: number, heardByMs: number): void {
    const sentence = this.#find(itemId);
    if (sentence === undefined) return;
    sentence.audioMs += audioMs;
    sentence.heardByMs = heardByMs;
  }

  ended(itemId: string, end: SentenceEnd): void {
    const sentence = this.#find(itemId);
    if (sentence === undefined) return;
    sentence.end = end;
    sentence.heardByMs ||= this.#sentences[this.#sentences.indexOf(sentence) - 1]?.heardByMs ?? 0;
  }

  /**
   * The text that was heard when `playedMs` of `itemId` were, and the sentences before it. `msPerCharacter`: of the voice, for
   * a sentence that has not been delivered whole.
   */
  heardUntil(itemId: string, playedMs: number, msPerCharacter = MS_PER_CHARACTER): string {
    const present = this.#sentences.findIndex((sentence) => sentence.itemId === itemId);
    return this.#heard((sentence, index) => {
      if (index > present) return 0;
      return shareOf(sentence, index < present ? sentence.audioMs : playedMs, msPerCharacter);
    });
  }

  /** The same, by the clock: what must have been heard by `nowMs`. */
  heardBy(nowMs: number, msPerCharacter = MS_PER_CHARACTER): string {
    return this.#heard((sentence) => {
      const heard = sentence.end !== null && sentence.heardByMs <= nowMs;
      return heard ? shareOf(sentence, sentence.audioMs, msPerCharacter) : 0;
    });
  }

  /** Whether `heard` is all of it. */
  isAll(heard: string): boolean {
    return this.status !== null && heard.trim() === this.#written.trim();
  }

  #heard(share: (sentence: SpokenSentence, index: number) => number): string {
    let heard = '';
    let at = 0;
    for (const [index, sentence] of this.#sentences.entries()) {
      const part = share(sentence, index);
      if (part > 0) heard += this.#written.slice(at, sentence.from) + heardText(sentence.text, part);
      at = sentence.to;
    }
    return heard.trim();
  }

  #find(itemId: string): SpokenSentence | undefined {
    return this.#sentences.find((sentence) => sentence.itemId === itemId);
  }
}

/** How much of a sentence `playedMs` are, 0..1. */
function shareOf({ end, audioMs, text }: SpokenSentence, playedMs: number, msPerCharacter: number): number {
  // Nothing in it to say: it was heard when its turn had come.
  if (end?.outcome === 'spoken' && audioMs === 0) return 1;
  if (audioMs === 0) return 0;
  const wholeMs = end?.outcome === 'spoken' ? audioMs : Math.max(audioMs, text.length * msPerCharacter);
  // Positions are in whole milliseconds, rounded down.
  return playedMs + 1 >= wholeMs ? 1 : playedMs / wholeMs;
}
