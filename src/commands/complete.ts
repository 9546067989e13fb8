/** Tab: which words may stand next in a command line. */
import { CALL_VERBS, COMMAND_NAME, FOLLOWING_WORDS, GLOBAL_VERBS, MIXES, RATE_WORDS } from './command.ts';

/** Words that only the running process knows. */
export interface CompletionWords {
  /** Identities of live calls. */
  channels(): readonly string[];
  /** Names of profiles. */
  profiles(): readonly string[];
  /** Names of backends. */
  backends(): readonly string[];
}

/** The candidates for the last word of `text` (which is empty after a blank), in alphabetical order. */
export function completeCommand(text: string, words: CompletionWords): readonly string[] {
  const parts = text.trimStart().split(/ +/);
  const typed = parts.at(-1) ?? '';
  return candidates(parts, words)
    .filter((word) => word.startsWith(typed))
    .toSorted();
}

function candidates(parts: readonly string[], words: CompletionWords): readonly string[] {
  if (parts.length === 1) return [COMMAND_NAME];
  if (parts[0] !== COMMAND_NAME) return [];
  if (parts.length === 2) return [...GLOBAL_VERBS, ...words.channels()];
  if (GLOBAL_VERBS.some((verb) => verb === parts[1])) return [];
  if (parts.length === 3) return CALL_VERBS;
  const verb = CALL_VERBS.find((each) => each === parts[2]);
  if (verb === undefined) return [];
  if (verb === 'switch') return parts.length === 4 ? [...new Set([...words.backends(), ...words.profiles()])] : [];
  if (verb === 'transfer') return parts.length === 5 ? ['attended'] : [];
  if (verb !== 'start') return parts.length === 4 ? (FOLLOWING_WORDS[verb] ?? []) : [];
  if (parts.length === 4) return words.profiles();
  if (parts.length === 5) return MIXES;
  return parts.length === 6 ? RATE_WORDS : [];
}
