/** The YAML of a configuration, with the line and column of everything in it. */
import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';
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
    const listed = faults.slice(0, 10).map((fault) => `  ${name}:${placeAt(lines, fault.pos[0])}  ${fault.message}`);
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
  } catch (error) {
    // The parser reports these two only here: an alias without its anchor, and too many copies.
    throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `${name} uses anchors and aliases that do not resolve`, {
      cause: error,
    });
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
