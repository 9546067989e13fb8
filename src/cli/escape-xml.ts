/** Text as it may stand in XML. Control characters are not XML at all; everything else is escaped. */
export function escapeXml(content: string): string {
  const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  return Array.from(content, (character) => (character < ' ' ? ' ' : (entities[character] ?? character))).join('');
}
