/** One answer that a backend writes and that is spoken sentence by sentence: what of it was heard can be told afterwards. */
import type { BackendStream, UnsaidText } from '../backend/backend.ts';
import { MS_PER_CHARACTER, heardText } from './heard-text.ts';
import { LIMITS } from '../limits.ts';
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
  /** The agent's own words, of this stream or of one before it. */
  readonly written: boolean;
  /** How the backend ended it; null: it still writes. */
  status: AnswerStatus | null = null;
  /** The session has been told that it began. */
  announced = false;
  /** An overflow of it has been told. */
  overflowTold = false;
  readonly #sentences: SpokenSentence[] = [];
  readonly #indices = new Map<string, number>();
  /** Sentences that are not over. */
  #open = 0;
  #lastSounded: string | null = null;
  #lossy = false;
  #full = false;
  #written = '';

  constructor(id: string, ours = false, written = !ours) {
    this.id = id;
    this.ours = ours;
    this.written = written;
  }

  /** Everything was said, or given up, and there will be no more. */
  get over(): boolean {
    return this.status !== null && this.#open === 0;
  }

  /** All that was written. */
  get text(): string {
    return this.#written.trim();
  }

  /** Something of it could not be said. */
  get lossy(): boolean {
    return this.#lossy;
  }

  /** The text of the sentences whose turn has not come. */
  get unsaid(): string {
    const next = this.#sentences.find(({ end, audioMs }) => end === null && audioMs === 0);
    return next === undefined ? '' : this.#written.slice(next.from).trim();
  }

  /** It was written to its end, and no sentence of it has been delivered in part: what is unsaid is all that is missing. */
  get canGoOn(): boolean {
    return this.status === 'completed' && !this.#sentences.some(({ end, audioMs }) => end === null && audioMs > 0);
  }

  /** The last of its items that was delivered; null: none was. */
  get lastItemId(): string | null {
    return this.#lastSounded;
  }

  /** Whether `text` has room in it; once it has not, no more has. */
  takes(text: string): boolean {
    this.#full ||= this.#written.length + text.length > LIMITS.ttsAnswerCharacters;
    this.#lossy ||= this.#full;
    return !this.#full;
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
    const to = from + text.length;
    const sentence = { itemId, text, from, to, audioMs: 0, heardByMs: 0, end: null };
    this.#indices.set(itemId, this.#sentences.length);
    this.#sentences.push(sentence);
    this.#open += 1;
    return sentence;
  }

  has(itemId: string): boolean {
    return this.#indices.has(itemId);
  }

  /** `audioMs` more of the sentence were delivered (0: a tone in its place), and will have been heard by `heardByMs`. */
  delivered(itemId: string, audioMs: number, heardByMs: number): void {
    const sentence = this.#find(itemId);
    if (sentence === undefined) return;
    sentence.audioMs += audioMs;
    sentence.heardByMs = heardByMs;
    this.#lastSounded = itemId;
  }

  ended(itemId: string, end: SentenceEnd): void {
    const sentence = this.#find(itemId);
    if (sentence === undefined || sentence.end !== null) return;
    sentence.end = end;
    this.#open -= 1;
    this.#lossy ||= end.outcome === 'failed' || end.outcome === 'dropped';
    sentence.heardByMs ||= this.#sentences[(this.#indices.get(itemId) ?? 0) - 1]?.heardByMs ?? 0;
  }

  /**
   * The text that was heard when `playedMs` of `itemId` were, and the sentences before it. `msPerCharacter`: of the voice, for
   * a sentence that has not been delivered whole.
   */
  heardUntil(itemId: string, playedMs: number, msPerCharacter = MS_PER_CHARACTER): string {
    const present = this.#indices.get(itemId) ?? -1;
    return this.#heard((sentence, index) => {
      if (index > present) return 0;
      return shareOf(sentence, index < present ? sentence.audioMs : playedMs, msPerCharacter);
    });
  }

  /** What of a sentence's words was delivered; undefined: all of them. */
  wordsOf(itemId: string, msPerCharacter = MS_PER_CHARACTER): string | undefined {
    const sentence = this.#find(itemId);
    if (sentence === undefined) return '';
    const share = shareOf(sentence, sentence.audioMs, msPerCharacter);
    return share >= 1 ? undefined : heardText(sentence.text, share);
  }

  /** All that will have been heard of it; null: all of it. */
  get heardAtLast(): string | null {
    return this.#lossy ? this.heardBy(Number.POSITIVE_INFINITY) : null;
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
    return this.status !== null && !this.#full && heard.trim() === this.#written.trim();
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
    const index = this.#indices.get(itemId);
    return index === undefined ? undefined : this.#sentences[index];
  }
}

/** As {@link BackendStream.unsaid}. */
export type Unsaid = NonNullable<BackendStream['unsaid']>;

/**
 * Of `answers`, which are not over, and the texts behind them, whatever was to be said word for word; and what the agent wrote, where that
 * is all that it owes. `asked`: it owes an answer more. Half an answer, or a sentence from its middle on, only the agent can go on with.
 */
export function unsaidOf(answers: readonly SpokenAnswer[], toSay: readonly UnsaidText[], asked: boolean): Unsaid {
  const whole = !asked && answers.every(({ written, canGoOn }) => !written || canGoOn);
  const rests = answers.map(({ unsaid, written }) => ({ text: unsaid, written }));
  const texts = [...rests, ...toSay].filter(({ text, written }) => text !== '' && (whole || !written));
  return { texts, alone: whole || answers.every(({ written }) => !written) };
}

/** How much of a sentence `playedMs` are, 0..1. */
function shareOf({ end, audioMs, text }: SpokenSentence, playedMs: number, msPerCharacter: number): number {
  // Nothing in it to say: it was heard when its turn had come.
  if (end?.outcome === 'spoken' && audioMs === 0) return 1;
  if (audioMs === 0) return 0;
  const wholeMs = end?.outcome === 'spoken' ? audioMs : Math.max(audioMs, text.length * msPerCharacter);
  // Positions are in whole milliseconds, rounded down. A tone that took the place of the rest is none of the words.
  const wordsMs = Math.min(playedMs + 1, audioMs);
  const share = Math.min(1, wordsMs / wholeMs);
  // Whatever the pace says: of one that never came whole the last word is missing.
  return end?.outcome === 'spoken' ? share : Math.min(share, 1 - 1 / text.length);
}
