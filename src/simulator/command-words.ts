/** Splits command arguments as FreeSWITCH's `switch_separate_string` does for a blank. */

/**
 * At most `limit` words; the last one takes the rest. Single quotes group and vanish, `\s` is a blank, `\n`, `\"`, `\'` and
 * `\\` are unescaped.
 */
export function commandWords(text: string, limit: number): string[] {
  const words: string[] = [];
  let at = 0;
  while (at < text.length && text[at] === ' ') at += 1;
  while (at < text.length) {
    if (words.length === limit - 1) {
      words.push(cleanWord(text.slice(at).trimEnd()));
      break;
    }
    const start = at;
    let quoted = false;
    while (at < text.length && (quoted || text[at] !== ' ')) {
      if (text[at] === '\\' && at + 1 < text.length) at += 1;
      else if (text[at] === "'" && (quoted || text.includes("'", at + 1))) quoted = !quoted;
      at += 1;
    }
    words.push(cleanWord(text.slice(start, at)));
    while (at < text.length && text[at] === ' ') at += 1;
  }
  return words;
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', s: ' ', "'": "'", '"': '"', '\\': '\\' };

function cleanWord(word: string): string {
  let clean = '';
  for (let at = 0; at < word.length; at += 1) {
    const char = word[at]!;
    const escaped = char === '\\' ? ESCAPES[word[at + 1] ?? ''] : undefined;
    if (escaped !== undefined) {
      clean += escaped;
      at += 1;
    } else if (char !== "'") clean += char;
  }
  return clean;
}
