/** What the agents of one call have said, millisecond by millisecond in one count, and what the caller heard of it. */
import { agentAudio, agentNumbers } from './marked-audio.ts';

/** One call's. */
export class AgentVoice {
  #next = 1;
  #heard = 0;
  /** What was said by somebody who was to be heard no more: cancelled, or gone. In order, in pairs: from, to. */
  readonly #forbidden: [number, number][] = [];
  /** What was written, and is to be spoken by somebody else. */
  readonly #written: { readonly first: number; readonly ms: number; heardMs: number }[] = [];
  /** What is wrong with what was heard; null: nothing. */
  wrong: string | null = null;
  heardMs = 0;
  /** Something was dropped, or muted, on its way to the caller, and that was told. */
  lossy = false;

  /** What was written and heard, as a whole. */
  get heardWhole(): readonly { readonly first: number; readonly ms: number }[] {
    return this.#written.filter(({ ms, heardMs }) => heardMs === ms);
  }

  /** How much of what was written was heard, ms. */
  heardOf(first: number, ms: number): number {
    return this.#written.find((each) => each.first === first && each.ms === ms)?.heardMs ?? 0;
  }

  /** `ms` more of it that somebody else will speak; gives the number of the first. `forbidden` as below. */
  write(ms: number, forbidden = false): number {
    const first = this.#next;
    this.#next += ms;
    this.#written.push({ first, ms, heardMs: 0 });
    if (forbidden) this.#forbidden.push([first, first + ms - 1]);
    return first;
  }

  /** `ms` more of it. `forbidden`: whoever says it must not be heard any more. */
  say(ms: number, forbidden = false): Uint8Array {
    const first = this.#next;
    this.#next += ms;
    if (forbidden) this.#forbidden.push([first, first + ms - 1]);
    return agentAudio(first, ms);
  }

  /** What left for the caller. */
  hear(frame: Uint8Array): void {
    agentNumbers(frame, (number) => {
      this.heardMs += 1;
      if (number < 0) this.wrong ??= 'what the caller hears is not what the agent said';
      else if (number >= this.#next) this.wrong ??= `millisecond ${number} was never said`;
      else if (number === this.#heard) this.wrong ??= `millisecond ${number} was heard twice`;
      else if (number < this.#heard) this.wrong ??= `millisecond ${number} was heard after ${this.#heard}`;
      else if (this.#forbidden.some(([from, to]) => number >= from && number <= to))
        this.wrong ??= `millisecond ${number} was heard of a voice that had been silenced`;
      this.#heard = Math.max(this.#heard, number);
      const written = this.#written.findLast(({ first }) => first <= number);
      if (written !== undefined && number < written.first + written.ms) written.heardMs += 1;
    });
  }
}
