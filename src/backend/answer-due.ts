/** Whether an answer is due from a service that names none of its answers, and until when there must be a sign of it. */
import { TalkspurtError } from '../core/errors.ts';

/** A sign that did not come. */
export interface MissedAnswer {
  readonly error: TalkspurtError;
  /** It was asked for, or had begun: whoever waits for it is to ask another session. */
  readonly awaited: boolean;
}

/** One session's; time is handed to it. */
export class AnswerDue {
  readonly #backend: string;
  readonly #limitMs: number;
  #untilMs: number | null = null;
  #isAsked = false;

  /** `limitMs`: how long a sign of it may take. */
  constructor(backend: string, limitMs: number) {
    this.#backend = backend;
    this.#limitMs = limitMs;
  }

  get isDue(): boolean {
    return this.#untilMs !== null;
  }

  /** It was asked for: it is not only what a caller's words let us expect. */
  get isAsked(): boolean {
    return this.#isAsked;
  }

  /** It is due, and there was a sign of it, or reason to expect one. */
  expect(nowMs: number): void {
    this.#untilMs = nowMs + this.#limitMs;
  }

  ask(nowMs: number): void {
    this.#isAsked = true;
    this.expect(nowMs);
  }

  stop(): void {
    this.#untilMs = null;
    this.#isAsked = false;
  }

  /** What has not come by now, told once; null: nothing is missing. `answer`: the one that has begun. */
  missed(nowMs: number, answer: { readonly calledOff: boolean } | null): MissedAnswer | null {
    if (this.#untilMs === null || nowMs < this.#untilMs) return null;
    const awaited = answer === null ? this.#isAsked : !answer.calledOff;
    this.stop();
    const limitMs = this.#limitMs;
    const message = `backend '${this.#backend}' showed no sign of a due response for ${limitMs} ms`;
    const details = { limitMs, begun: answer !== null, unanswered: true };
    return { awaited, error: new TalkspurtError('ERR_TALKSPURT_BACKEND_TIMEOUT', message, { details }) };
  }
}
