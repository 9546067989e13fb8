/** The YAML of a configuration, with the line and column of everything in it. */
import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, ErrorCode, Node } from 'yaml';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import type { ConfigPath } from './schema-walk.ts';

/** A parsed file. */
export interface ConfigText {
  /** Plain values; an empty file is an empty mapping. */
  readonly value: unknown;
  /** `line:column`, from 1, of the value at `path` (or of its key); of its nearest parent where it is not there. */
  placeOf(path: ConfigPath, atKey: boolean): string;
}

/** Faults of the YAML itself that one error names. */
const MOST_FAULTS = 10;

/** The parser's codes in our words: its own messages quote the text, which may be a secret. */
const TEXTS: Partial<Record<ErrorCode, string>> = {
  BAD_ALIAS: 'an alias (*) has no name, or a forbidden one: put text that begins with * in quotes',
  BAD_DQ_ESCAPE: 'an unknown escape (\\) in double quotes: double it, or use single quotes',
  BAD_INDENT: 'is indented differently from its neighbours',
  BAD_SCALAR_START: 'begins with a character that YAML keeps for itself: put the text in quotes',
  BLOCK_AS_IMPLICIT_KEY: 'a second colon on one line: put the text in quotes',
  DUPLICATE_KEY: 'the key is given twice: keep one of them',
  MISSING_CHAR: 'a colon, comma, quote or bracket is missing here or before',
  MULTILINE_IMPLICIT_KEY: 'a key goes over more than one line: a colon may be missing',
  MULTIPLE_DOCS: 'a second document (---) begins: the configuration is one',
  NON_STRING_KEY: 'the key is not text: put it in quotes',
  TAB_AS_INDENT: 'is indented with a tab: use spaces',
  TAG_RESOLVE_FAILED: 'an unknown tag (!): put text that begins with ! in quotes',
  UNEXPECTED_TOKEN: 'does not belong here: put text with special characters in quotes',
};

/** Copies of anchored parts that one file may ask for: more is a bomb, not a configuration. */
const MOST_ALIASES = 100;

/**
 * Parses `text`.
 * @param name how the file is called in messages
 * @throws ERR_TALKSPURT_CONFIG_INVALID when it is not YAML, ERR_TALKSPURT_CONFIG_UNREADABLE when it is too long
 */
export function parseConfigText(text: string, name: string): ConfigText {
  if (Buffer.byteLength(text) > LIMITS.configBytes) {
    throw new TalkspurtError(
      'ERR_TALKSPURT_CONFIG_UNREADABLE',
      `${name} is longer than ${LIMITS.configBytes} bytes: is it the configuration?`,
    );
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, stringKeys: true });
  const faults = [...document.errors, ...document.warnings];
  if (faults.length > 0) {
    const listed = faults
      .slice(0, MOST_FAULTS)
      .map(({ pos, code }) => `  ${name}:${placeAt(lines, pos[0])}  ${TEXTS[code] ?? code}`);
    throw new TalkspurtError(
      'ERR_TALKSPURT_CONFIG_INVALID',
      `the configuration is not valid YAML:\n${listed.join('\n')}`,
    );
  }
  return {
    value: valueOf(document, name),
    placeOf: (path, atKey) => placeAt(lines, offsetOf(document, path, atKey)),
  };
}

function valueOf(document: Document, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: MOST_ALIASES }) ?? {};
  } catch {
    // The parser reports these two only here: an alias without its anchor, and too many copies. Its own text quotes the
    // alias, and a password that begins with * is one.
    const what = 'an alias (*) without its anchor (&), or too many of them: put text that begins with * in quotes';
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `${name} uses ${what}`);
  }
}

function placeAt(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${Math.max(1, line)}:${Math.max(1, col)}`;
}

/** Where in the text `path` stands, as far as it goes. */
function offsetOf(document: Document, path: ConfigPath, atKey: boolean): number {
  let node: unknown = document.contents;
  let offset = startOf(node, 0);
  for (const [index, step] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(step));
      if (pair === undefined) return offset;
      offset = startOf(pair.key, offset);
      node = pair.value;
      if (index === path.length - 1 && atKey) return offset;
    } else if (isSeq(node) && typeof step === 'number') {
      node = node.items[step];
    } else return offset;
    offset = startOf(node, offset);
  }
  return offset;
}

function startOf(node: unknown, otherwise: number): number {
  return (node as Node | null | undefined)?.range?.[0] ?? otherwise;
}
