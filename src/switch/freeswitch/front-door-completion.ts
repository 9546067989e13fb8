/** The answer to `console_complete`, which fs_cli sends for Tab, with our command among the switch's. */

/** What fs_cli asked: the text up to the cursor. */
export function completionText(argument: string): string {
  const cursor = /^c=(\d+);/.exec(argument);
  if (cursor === null) return argument;
  const text = argument.slice(cursor[0].length);
  const at = Number(cursor[1]);
  return at > 0 ? text.slice(0, at) : text;
}

/** The words that a switch's own answer lists. */
export function listedWords(reply: string): string[] {
  return [...reply.matchAll(/\[ *([^\]\n]+)\]\t/g)].map((match) => match[1]!);
}

/** `[ word]` cells, four to a line, and `write=<characters to delete>:<text to insert>` where that is clear. */
export function completionReply(text: string, words: readonly string[]): string {
  const typed = text.split(' ').at(-1)!.length;
  const cells = words.map((word, index) => `[${word.padStart(20)}]\t${index % 4 === 3 ? '\n' : ''}`).join('');
  const insert = words.length === 1 ? `${words[0]!} ` : commonStart(words);
  return `\n\n${cells}\n\n${insert === '' ? '' : `write=${typed}:${insert}`}`;
}

function commonStart(words: readonly string[]): string {
  const [first = '', ...others] = words;
  let length = first.length;
  for (const word of others) {
    let same = 0;
    while (same < length && word[same] === first[same]) same += 1;
    length = same;
  }
  return first.slice(0, length);
}
