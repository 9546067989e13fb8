/** What the embedded agent says: a short script that goes by what was understood, or else by turns. */

/** One answer of the agent. */
export interface DialogueAnswer {
  /** What the caller may say to get it, in lower case without punctuation; none: reached by turns only. */
  readonly phrases: readonly string[];
  /** Sentences, spoken one after another. `{measured}` becomes what was measured of the caller. */
  readonly say: readonly string[];
  /** A function that the agent calls before it answers: its name and arguments. */
  readonly call?: { readonly name: string; readonly arguments: Readonly<Record<string, string | number>> };
}

export interface Dialogue {
  readonly greeting: readonly string[];
  /** In the order in which they come when nothing is understood; the last one repeats. */
  readonly answers: readonly DialogueAnswer[];
}

/** What was measured of one turn of the caller. */
export interface HeardTurn {
  readonly durationMs: number;
  readonly levelDbov: number;
  /** What was understood, or null. */
  readonly text: string | null;
}

/** A ferry office: a greeting, an answer long enough to be cut short, a goodbye. */
export const FERRY_OFFICE: Dialogue = {
  greeting: ['Good morning, this is the ferry office.', 'How can I help you?'],
  answers: [
    {
      phrases: ['when do the ferries leave today', 'i would like to know when the ferries leave today please'],
      say: [
        'Of course. {measured}',
        'The first ferry leaves at seven in the morning, and the second one at half past nine.',
        'After that there is one every two hours until six in the evening.',
        'On Sundays the first two do not run, and in winter the last one leaves an hour earlier.',
        'Bicycles travel free of charge, and dogs need a ticket of their own.',
      ],
    },
    {
      phrases: ['thank you that is all i wanted to know', 'thank you very much goodbye'],
      say: ['You are welcome.', 'Have a pleasant crossing, and goodbye.'],
    },
  ],
};

/** The answer to the caller's turn number `turn` (from 0). */
export function chooseAnswer(dialogue: Dialogue, turn: number, heard: HeardTurn): DialogueAnswer {
  const understood =
    heard.text === null
      ? undefined
      : dialogue.answers.find((answer) => answer.phrases.includes(normalise(heard.text ?? '')));
  const byTurn = dialogue.answers[Math.min(turn, dialogue.answers.length - 1)];
  return understood ?? byTurn ?? { phrases: [], say: ['{measured}'] };
}

/** The sentences of an answer with what was measured put in. */
export function sentencesOf(say: readonly string[], heard: HeardTurn): string[] {
  return say.map((sentence) => sentence.replace('{measured}', describeTurn(heard)));
}

/** `You spoke for two point three seconds, at minus twenty one decibels.` */
export function describeTurn(heard: HeardTurn): string {
  const tenths = Math.max(1, Math.round(heard.durationMs / 100));
  const seconds = `${words(Math.floor(tenths / 10))} point ${words(tenths % 10)}`;
  return `You spoke for ${seconds} seconds, at minus ${words(Math.min(99, Math.round(Math.abs(heard.levelDbov))))} decibels.`;
}

/** Lower case, letters and single blanks. */
export function normalise(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z' ]+/g, ' ')
    .replace(/ +/g, ' ')
    .trim();
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
