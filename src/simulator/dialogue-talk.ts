/** One conversation along a {@link Dialogue}: what the agent says next. Pure: no audio, no time. */
import type { Dialogue, DialogueAnswer, DialogueCall } from './dialogue.ts';
import { normalisePhrase } from './dialogue.ts';

/** What was measured of one turn of the caller. */
export interface HeardTurn {
  /** Speech without the silence around it. */
  readonly durationMs: number;
  /** Level of the louder half of it. */
  readonly levelDbov: number;
  /** What was understood or written, or null. */
  readonly text: string | null;
}

/** What the agent does: speak, or call a function and speak when its result is there. */
export type AgentTurn =
  | { readonly sentences: readonly string[]; readonly call?: undefined }
  | { readonly call: DialogueCall; readonly sentences?: undefined };

/** Keeps the place in the script; one for each session. */
export class DialogueTalk {
  readonly #dialogue: Dialogue;
  readonly #byTurn: readonly DialogueAnswer[];
  #turns = 0;
  #begun = false;
  /** The answer whose function is being called, and what was heard before. */
  #waiting: { readonly answer: DialogueAnswer; readonly heard: HeardTurn } | null = null;

  constructor(dialogue: Dialogue) {
    this.#dialogue = dialogue;
    this.#byTurn = dialogue.answers.filter((answer) => answer.byTurn !== false);
  }

  /** Nobody has said anything since the last answer: the greeting first, the prompt later. */
  unasked(): AgentTurn {
    const sentences = this.#begun ? (this.#dialogue.prompt ?? this.#dialogue.greeting) : this.#dialogue.greeting;
    this.#begun = true;
    return { sentences };
  }

  /** The answer to a turn of the caller; `functions` are the names that the client offers. */
  answer(heard: HeardTurn, functions: ReadonlySet<string>): AgentTurn {
    this.#begun = true;
    const answer = this.#choose(heard);
    this.#waiting = null;
    if (answer.call === undefined || !functions.has(answer.call.name)) return { sentences: fill(answer, heard, null) };
    this.#waiting = { answer, heard };
    return { call: answer.call };
  }

  /** What there is to say now that the function has given back `output` (JSON or plain text). */
  afterCall(output: string): AgentTurn {
    const waiting = this.#waiting;
    this.#waiting = null;
    return waiting === null ? this.unasked() : { sentences: fill(waiting.answer, waiting.heard, output) };
  }

  #choose(heard: HeardTurn): DialogueAnswer {
    const said = heard.text === null ? null : normalisePhrase(heard.text);
    const understood = this.#dialogue.answers.find((answer) =>
      (answer.phrases ?? []).some((phrase) => normalisePhrase(phrase) === said),
    );
    if (understood !== undefined) {
      this.#turns = Math.max(this.#turns, this.#byTurn.indexOf(understood) + 1);
      return understood;
    }
    const next = this.#byTurn[Math.min(this.#turns, this.#byTurn.length - 1)];
    this.#turns += 1;
    return next ?? { say: ['{measured}'] };
  }
}

/** `I heard you speak for two point three seconds, at minus twenty five decibels.` */
export function describeTurn(heard: HeardTurn): string {
  const tenths = Math.max(1, Math.round(heard.durationMs / 100));
  const seconds = `${words(Math.floor(tenths / 10))} point ${words(tenths % 10)}`;
  const level = words(Math.min(99, Math.round(Math.abs(heard.levelDbov))));
  return `I heard you speak for ${seconds} seconds, at minus ${level} decibels.`;
}

function fill(answer: DialogueAnswer, heard: HeardTurn, output: string | null): string[] {
  const sentences = answer.say.flatMap((sentence) => {
    if (sentence.includes('{measured}')) {
      return heard.text === null && heard.durationMs > 0
        ? [sentence.replaceAll('{measured}', describeTurn(heard))]
        : [];
    }
    if (!sentence.includes('{result')) return [sentence];
    // Without a result there is nothing to fill in, and a sentence with a hole in it is not said.
    return output === null ? [] : [sentence.replace(/\{result(?:\.(\w+))?\}/g, (_, name) => pick(output, name))];
  });
  if (sentences.length > 0) return sentences;
  return [heard.durationMs > 0 ? describeTurn(heard) : 'I am sorry, I do not know that.'];
}

function pick(output: string, name: unknown): string {
  if (typeof name !== 'string') return output;
  try {
    const value: unknown = JSON.parse(output);
    const field = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    return typeof field === 'string' || typeof field === 'number' ? String(field) : 'unknown';
  } catch (error) {
    if (error instanceof SyntaxError) return 'unknown';
    throw error;
  }
}

const UNITS =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  );
const TENS = 'zero ten twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');

/** 0..99 in words; digit by digit above. */
function words(value: number): string {
  if (value < 20) return UNITS[value] ?? 'zero';
  if (value > 99) return Array.from(String(value), (digit) => UNITS[Number(digit)]).join(' ');
  const tens = TENS[Math.floor(value / 10)] ?? '';
  return value % 10 === 0 ? tens : `${tens} ${UNITS[value % 10]}`;
}
