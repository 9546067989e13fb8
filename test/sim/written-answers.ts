/** What an agent that writes has written: sentences that say which milliseconds of its voice they are, and what a conversation holds of them. */
import type { AgentVoice } from './marked-voice.ts';

/** A sentence in a text. */
export interface MarkedSentence {
  readonly first: number;
  readonly ms: number;
}

const SENTENCE = /Part (\d+) is (\d+) long\./g;

/** The sentence that stands for these milliseconds. */
export function sentenceOf({ first, ms }: MarkedSentence): string {
  return `Part ${first} is ${ms} long.`;
}

/** The whole sentences in `text`. */
export function sentencesIn(text: string): MarkedSentence[] {
  return [...text.matchAll(SENTENCE)].map(([, first, ms]) => ({ first: Number(first), ms: Number(ms) }));
}

/** A position is in whole frames, and so is what is told of it, ms. */
const SLACK_MS = 60;

/** What a provider's conversation holds of what its agent wrote. */
export class WrittenAnswers {
  readonly #voice: AgentVoice;
  /** By item. */
  readonly #items = new Map<string, string>();
  readonly #whole = new Set<string>();
  #claimed = '';

  constructor(voice: AgentVoice) {
    this.#voice = voice;
  }

  /** The agent writes more; returns all of the item. */
  write(itemId: string, text: string): string {
    const whole = `${this.#items.get(itemId) ?? ''}${text}`;
    this.#items.set(itemId, whole);
    return whole;
  }

  /** The answer that the item is of was written to its end. */
  complete(itemId: string): void {
    if (this.#items.has(itemId)) this.#whole.add(itemId);
  }

  /** What the conversation holds as said and nobody has heard, or null. */
  get unheard(): string | null {
    if (this.#voice.lossy) return null;
    for (const itemId of this.#whole) {
      const sentences = sentencesIn(this.#items.get(itemId) ?? '');
      const lost = sentences.find(({ first, ms }) => this.#voice.heardOf(first, ms) < ms - SLACK_MS);
      if (lost !== undefined) return `'${sentenceOf(lost)}' was written, and never heard`;
    }
    return null;
  }

  /** The client puts `text` in the place of something. What is wrong with that, or null. */
  claim(text: string): string | null {
    this.#claimed += ` ${text}`;
    if (this.#voice.lossy) return null;
    const wrong = sentencesIn(text).find(({ first, ms }) => this.#voice.heardOf(first, ms) < ms - SLACK_MS);
    return wrong === undefined ? null : `'${sentenceOf(wrong)}' was not heard, and is said to have been`;
  }

  /** The client takes an item away. What is wrong with that, or null. */
  forget(itemId: string): string | null {
    const text = this.#items.get(itemId);
    if (text === undefined) return null;
    this.#items.delete(itemId);
    const kept = new Set(sentencesIn(this.#claimed).map(({ first }) => first));
    const lost = sentencesIn(text).find(({ first, ms }) => this.#voice.heardOf(first, ms) === ms && !kept.has(first));
    return lost === undefined ? null : `'${sentenceOf(lost)}' was heard, and is said not to have been`;
  }
}
