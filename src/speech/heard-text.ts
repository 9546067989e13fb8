/** How much of a text was heard, from how much of its audio was. */

/** A sentence that is estimated before it has been spoken whole, ms a character: ordinary English speech. */
export const MS_PER_CHARACTER = 65;

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' });

/** The beginning of `text` that takes `share` (0..1) of the time of the whole: whole words, or characters where there are no blanks. */
export function heardText(text: string, share: number): string {
  if (share >= 1) return text;
  if (!(share > 0)) return '';
  const at = Math.floor(text.length * share);
  if (!/\s/u.test(text)) return wholeCharacters(text, at);
  // A word counts once it has been heard to its end.
  if (/\s/u.test(text[at] ?? '')) return text.slice(0, at);
  const cut = text.slice(0, at).search(/\s\S*$/u);
  return cut <= 0 ? '' : text.slice(0, cut);
}

function wholeCharacters(text: string, at: number): string {
  let end = 0;
  for (const { segment } of graphemes.segment(text)) {
    if (end + segment.length > at) break;
    end += segment.length;
  }
  return text.slice(0, end);
}
