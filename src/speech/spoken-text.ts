/** Written text as it is to be read out: without the marks of Markdown, and addresses by their name. */

/** `text` for an engine; one line. */
export function spokenText(text: string): string {
  return text
    .replace(/!?\[([^\]]*)\]\([^)\s]*\)/g, '$1')
    .replace(/https?:\/\/(?:www\.)?([^\s/?#]+)[^\s]*/gi, '$1')
    .replace(/(^|\s)[#>]+\s+/g, '$1')
    .replace(/(^|\n)\s*[-*•]\s+/g, '$1')
    .replace(/(\*\*|__|~~|`+)(?=\S)([^*_~`]*?)\1/g, '$2')
    .replace(/(^|[\s(])[*_](?=\S)([^*_]*\S)[*_](?=$|[\s).,;:!?])/g, '$1$2')
    .replace(/\p{Extended_Pictographic}(?:\p{Emoji_Modifier}|\u200D|\uFE0F|\p{Extended_Pictographic})*/gu, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** Whether there is anything in `text` to say. */
export function hasWords(text: string): boolean {
  return /[\p{L}\p{N}]/u.test(text);
}
