/** Marks: a server asks to be told when the caller has heard everything that it sent before. */
import { LIMITS } from '../limits.ts';

/** How a mark ended: its moment came, or what it waited for was dropped. */
export type MarkEvent = 'playout' | 'cleared';

interface Phrase {
  bytes: number;
  done: boolean;
  marks: string[];
}

/** One stream's phrases that have not been heard, oldest first, and the marks behind each. */
export class StreamMarks {
  readonly #bytesPerMs: number;
  readonly #answer: (name: string, event: MarkEvent) => void;
  readonly #phrases = new Map<string, Phrase>();
  #waiting = 0;

  /** `answer` tells the server, at most once for each mark. */
  constructor(bytesPerMs: number, answer: (name: string, event: MarkEvent) => void) {
    this.#bytesPerMs = bytesPerMs;
    this.#answer = answer;
  }

  /** Whether anything has been sent of which nobody has said that it was heard. */
  get unheard(): boolean {
    return this.#phrases.size > 0;
  }

  /** `bytes` more of a phrase went to the caller. The oldest one is taken for heard at `LIMITS.ledgerItems`. */
  received(itemId: string, bytes: number): void {
    const known = this.#phrases.get(itemId);
    if (known !== undefined) {
      known.bytes += bytes;
      return;
    }
    if (this.#phrases.size >= LIMITS.ledgerItems) {
      const [oldest] = this.#phrases.keys();
      if (oldest !== undefined) this.#settle(oldest, 'playout');
    }
    this.#phrases.set(itemId, { bytes, done: false, marks: [] });
  }

  /** Nothing more of this phrase will come. */
  done(itemId: string): void {
    const phrase = this.#phrases.get(itemId);
    if (phrase !== undefined) phrase.done = true;
  }

  /** A mark behind all that was received; answered at once where nothing waits, or too many marks do. */
  add(name: string): void {
    let last: Phrase | undefined;
    for (const phrase of this.#phrases.values()) last = phrase;
    if (last === undefined) this.#answer(name, 'playout');
    else if (this.#waiting >= LIMITS.streamMarks) this.#answer(name, 'cleared');
    else {
      last.marks.push(name);
      this.#waiting += 1;
    }
  }

  /** A phrase, and so all before it, was heard: to its end (`whole`), or not. */
  heard(itemId: string, whole: boolean): void {
    if (!this.#phrases.has(itemId)) return;
    for (const id of this.#phrases.keys()) {
      if (id === itemId) break;
      this.#settle(id, 'playout');
    }
    this.#settle(itemId, whole ? 'playout' : 'cleared');
  }

  /** All that was not heard is dropped; the caller was at `playedMs` of `itemId`, or heard nothing (null). */
  cutOff(itemId: string | null, playedMs: number): void {
    const phrase = itemId === null ? undefined : this.#phrases.get(itemId);
    if (itemId !== null && phrase !== undefined) {
      this.heard(itemId, phrase.done && playedMs >= Math.floor(phrase.bytes / this.#bytesPerMs));
    }
    for (const id of this.#phrases.keys()) this.#settle(id, 'cleared');
  }

  /** Answers every mark that waits as cleared; the phrases stay. */
  clearMarks(): void {
    for (const phrase of this.#phrases.values()) this.#answerAll(phrase, 'cleared');
  }

  /** Forgets everything and answers nothing: whoever asked is gone. */
  forget(): void {
    this.#phrases.clear();
    this.#waiting = 0;
  }

  #settle(itemId: string, event: MarkEvent): void {
    const phrase = this.#phrases.get(itemId);
    this.#phrases.delete(itemId);
    if (phrase !== undefined) this.#answerAll(phrase, event);
  }

  #answerAll(phrase: Phrase, event: MarkEvent): void {
    const names = phrase.marks;
    phrase.marks = [];
    this.#waiting -= names.length;
    for (const name of names) this.#answer(name, event);
  }
}
