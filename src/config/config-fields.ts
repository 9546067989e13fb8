/** Values that several keys of the configuration are made of. */
import { z } from 'zod';

/** An address or a host name. */
export const host = z.string().min(1).max(255);
/** A port that is dialled. */
export const port = z.number().int().min(1).max(65_535);
/** A port that is listened on; 0: any free one. */
export const listenPort = z.number().int().min(0).max(65_535);
/** A path of the file system. */
export const filePath = z.string().min(1).max(4_096);
/** What is never shown. */
export const secret = z.string().min(1).max(16_384);
/** A deadline, ms. */
export const timeoutMs = z.number().int().min(100).max(600_000);
/** Hosts that commands may name. */
export const hostList = z.array(z.string().min(1).max(255)).max(256).default(['*']);
/** A share of the whole. */
export const share = z.number().min(0).max(1);

/** What the pattern of a key stands for, in words that go on from "must be". */
export const PATTERN_WORDS = new Map<string, string>();

/** A text that fits `pattern`; `words` say which those are. */
export function patterned(pattern: RegExp, words: string): z.ZodString {
  PATTERN_WORDS.set(pattern.source, words);
  return z.string().regex(pattern);
}

/** Names of switches, backends and profiles: usable as a word of a command and in a variable's name. */
export const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_-]{0,63}$/;
PATTERN_WORDS.set(NAME_PATTERN.source, 'a name of letters, digits, _ and -, at most 64 and a letter first');

/** A word of a switch's own configuration: a section, an application. */
export const sectionName = patterned(
  /^[A-Za-z0-9_.-]{1,64}$/,
  'a word of letters, digits, dots, dashes and underscores, at most 64',
);
