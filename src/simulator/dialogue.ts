/** What the embedded agent says, as data: a short script that goes by what was understood, or else by turns. */
import { parse } from 'yaml';
import { z } from 'zod';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';

/** One answer of the agent. */
export interface DialogueAnswer {
  /** What the caller may say to get it, in any case, punctuation ignored; none: reached by turns only. */
  readonly phrases?: readonly string[] | undefined;
  /**
   * Sentences, spoken one after another. One with `{measured}` is only said when nothing was understood: it then tells how
   * long and how loud the caller spoke. `{result}`, or `{result.name}`, becomes what the function gave back.
   */
  readonly say: readonly string[];
  /** A function that the agent calls before it answers, if the client offers it. */
  readonly call?: DialogueCall | undefined;
  /** False: only for what was understood, left out when answers go by turns. Default true. */
  readonly byTurn?: boolean | undefined;
}

/** A call of a function of the client's. */
export interface DialogueCall {
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
}

/** All that an agent has to say. */
export interface Dialogue {
  /** Said when the client asks for an answer before anybody has spoken. */
  readonly greeting: readonly string[];
  /** In the order in which they come when nothing is understood; the last one repeats. */
  readonly answers: readonly DialogueAnswer[];
  /** Said when an answer is asked for and the caller has said nothing since the last one. */
  readonly prompt?: readonly string[] | undefined;
}

/** A ferry office: a greeting, an answer of half a minute that invites a barge-in, a goodbye; more for those who ask. */
export const FERRY_OFFICE: Dialogue = {
  greeting: ['Good morning, this is the ferry office.', 'How can I help you?'],
  answers: [
    {
      phrases: [
        'when do the ferries leave today',
        'i would like to know when the ferries leave today please',
        'what time is the next ferry',
      ],
      call: { name: 'look_up_departures', arguments: { day: 'today' } },
      say: [
        'Of course.',
        '{measured}',
        'The first ferry leaves at seven in the morning, and the second one at half past nine.',
        'After that there is one every two hours until six in the evening.',
        'On Sundays the first two do not run, and in winter the last one leaves an hour earlier.',
        'Bicycles travel free of charge, and dogs need a ticket of their own.',
      ],
    },
    {
      phrases: ['how much is a ticket', 'what does the crossing cost'],
      byTurn: false,
      say: ['A single ticket is four pounds, and a return ticket is seven.', 'Children under twelve pay half.'],
    },
    {
      phrases: ['thank you that is all i wanted to know', 'thank you very much goodbye', 'goodbye'],
      say: ['You are welcome.', 'Have a pleasant crossing, and goodbye.'],
    },
  ],
  prompt: ['I am still here.', 'What would you like to know?'],
};

/** Faults of a dialogue that are named. */
const FAULTS = 20;

const Sentences = z.array(z.string().min(1).max(LIMITS.speechCharacters)).min(1).max(100);

const DialogueSchema = z.strictObject({
  greeting: Sentences,
  answers: z
    .array(
      z.strictObject({
        phrases: z.array(z.string().min(1).max(200)).max(50).optional(),
        say: Sentences,
        call: z
          .strictObject({
            name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, _ and - only, at most 64'),
            arguments: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
          })
          .optional(),
        byTurn: z.boolean().optional(),
      }),
    )
    .min(1)
    .max(100)
    .refine((answers) => answers.some((answer) => answer.byTurn !== false), 'one answer must be reached by turns'),
  prompt: Sentences.optional(),
});

/** A dialogue of anybody's own, as YAML or JSON. @throws ERR_TALKSPURT_CONFIG_INVALID, naming each field and its fault */
export function parseDialogue(text: string): Dialogue {
  let value: unknown;
  try {
    value = text.length > LIMITS.configBytes ? undefined : parse(text, { maxAliasCount: 10 });
  } catch (cause) {
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', 'the dialogue is neither YAML nor JSON: mend its syntax', {
      cause,
    });
  }
  const result = DialogueSchema.safeParse(value);
  if (result.success) return result.data;
  const faults = result.error.issues.slice(0, FAULTS).map((issue) => {
    const place = issue.path.map(String).join('.');
    return `${place === '' ? 'the whole' : place}: ${issue.message}`;
  });
  throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `the dialogue cannot be used: ${faults.join('; ')}`);
}

/** Every phrase that the caller may say, ready for a grammar. */
export function phrasesOf(dialogue: Dialogue): string[] {
  const all = dialogue.answers.flatMap((answer) => answer.phrases ?? []).map(normalisePhrase);
  return [...new Set(all)].filter((phrase) => phrase !== '');
}

/** Every sentence that does not depend on the call: what can be synthesised beforehand. */
export function fixedSentencesOf(dialogue: Dialogue): string[] {
  const all = [...dialogue.greeting, ...dialogue.answers.flatMap((answer) => answer.say), ...(dialogue.prompt ?? [])];
  return [...new Set(all)].filter((sentence) => !/\{(measured|result)/.test(sentence));
}

/** Lower case, letters and single blanks. */
export function normalisePhrase(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z']+/g, ' ')
    .trim();
}
