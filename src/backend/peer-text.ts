/**
 * A text from a backend (error message, close reason) made fit for an error's `details`: one line, at most 300
 * characters, without `secrets` and without anything that looks like a vendor's key. Never for an error's message.
 */
export function peerText(text: unknown, secrets: readonly string[] = []): string | undefined {
  if (typeof text !== 'string' || text === '') return undefined;
  let clean = text.slice(0, MOST_READ);
  for (const secret of secrets) if (secret.length >= SHORTEST_SECRET) clean = clean.replaceAll(secret, '[secret]');
  // Cut last: a secret that straddled an earlier cut would leave its beginning behind.
  return clean
    .replace(/\b(?:sk|ek|sess)-[\w*.-]{4,}/gi, '[secret]')
    .replace(/\p{Cc}+/gu, ' ')
    .slice(0, 300);
}

const MOST_READ = 4096;
/** What is shorter would punch holes into ordinary words. */
const SHORTEST_SECRET = 6;
