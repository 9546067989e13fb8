/**
 * Text of others, made fit for a terminal: what moves its cursor, changes its state or turns the direction of writing is written
 * as an escape. In a string of JSON the escape is the character that it stands for.
 */

/** Control characters, ends of lines other than a line feed's among them, and marks of direction. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** One line of it. */
export function printable(text: string): string {
  return text.replaceAll(UNPRINTABLE, escaped);
}

/** Several lines, which may be indented. */
export function printableLines(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(UNPRINTABLE, (character) =>
      character === '\n' || character === '\t' ? character : escaped(character),
    );
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
