/** The grammar that SIP header field values share (RFC 3261 section 25.1). Nothing here throws: null is "not that". */

/** Parameters after `;`: names in lower case, quoted values unquoted, '' for those without a value. */
export type SipParameters = ReadonlyMap<string, string>;

/** `token`. */
export const TOKEN = /^[A-Za-z0-9\-.!%*_+`'~]+$/;

/** White space of a value that was unfolded. */
const SPACE = ' \t\r\n';

/**
 * Cuts `text` at `separator` outside of quoted strings and angle brackets; parts are trimmed. Null where a quoted string
 * or a bracket is not closed.
 */
export function splitOutsideQuotes(text: string, separator: ',' | ';'): string[] | null {
  const parts: string[] = [];
  let start = 0;
  let quoted = false;
  let bracketed = false;
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index];
    if (quoted) {
      if (character === '\\') index += 1;
      else if (character === '"') quoted = false;
    } else if (bracketed) {
      if (character === '>') bracketed = false;
    } else if (character === '"') quoted = true;
    else if (character === '<') bracketed = true;
    else if (character === separator) {
      parts.push(text.slice(start, index).trim());
      start = index + 1;
    }
  }
  if (quoted || bracketed) return null;
  parts.push(text.slice(start).trim());
  return parts;
}

/** The values of a list-valued header that is given as any number of fields; empty ones are left out. */
export function listOf(fields: readonly string[]): string[] | null {
  const values: string[] = [];
  for (const field of fields) {
    const parts = splitOutsideQuotes(field, ',');
    if (parts === null) return null;
    for (const part of parts) if (part !== '') values.push(part);
  }
  return values;
}

/** Reads `;name=value;name…` from `index` on. Null for an empty parameter, or text that is none. */
export function parseParameters(text: string): SipParameters | null {
  const parameters = new Map<string, string>();
  const rest = text.trim();
  if (rest === '') return parameters;
  if (!rest.startsWith(';')) return null;
  const parts = splitOutsideQuotes(rest.slice(1), ';');
  if (parts === null) return null;
  for (const part of parts) {
    const equals = part.indexOf('=');
    const name = (equals < 0 ? part : part.slice(0, equals)).trim();
    const value = equals < 0 ? '' : parameterValue(part.slice(equals + 1).trim());
    if (!TOKEN.test(name) || value === null || (equals >= 0 && value === '' && !part.endsWith('"'))) return null;
    if (!parameters.has(name.toLowerCase())) parameters.set(name.toLowerCase(), value);
  }
  return parameters;
}

/** A token, a host or a quoted string. */
function parameterValue(text: string): string | null {
  if (text.startsWith('"')) return unquote(text);
  return /^[^\s",;<>]*$/.test(text) ? text : null;
}

/** What a quoted string says; null unless `text` is exactly one. */
export function unquote(text: string): string | null {
  if (text.length < 2 || !text.startsWith('"')) return null;
  let out = '';
  for (let index = 1; index < text.length; index += 1) {
    const character = text[index]!;
    if (character === '"') return index === text.length - 1 ? out : null;
    if (character === '\\') index += 1;
    out += text[index] ?? '';
  }
  return null;
}

/** Where the quoted string that begins at `start` ends (one beyond its closing quote), or -1. */
export function endOfQuoted(text: string, start: number): number {
  for (let index = start + 1; index < text.length; index += 1) {
    if (text[index] === '\\') index += 1;
    else if (text[index] === '"') return index + 1;
  }
  return -1;
}

/** A decimal number up to `largest`; null for anything else. Leading zeros are allowed. */
export function parseNumber(text: string | undefined, largest: number): number | null {
  if (text === undefined || !/^\d{1,32}$/.test(text)) return null;
  const value = Number(text);
  return value <= largest ? value : null;
}

/** Replaces runs of white space by one space and trims. */
export function collapse(text: string): string {
  let out = '';
  for (const character of text) {
    if (!SPACE.includes(character)) out += character;
    else if (out !== '' && !out.endsWith(' ')) out += ' ';
  }
  return out.trimEnd();
}
