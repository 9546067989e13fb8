/** Where an engine is asked: an address that cannot give its key away. */
import { TalkspurtError } from '../core/errors.ts';

/**
 * `baseUrl` without a slash at its end.
 * @throws ERR_TALKSPURT_CONFIG_INVALID for one that is no http(s) URL, holds a password or query, or leaves this machine readable
 */
export function engineUrl(engine: string, baseUrl: string, allowPlaintext: boolean): string {
  let url: URL;
  try {
    url = new URL(baseUrl);
  } catch {
    // Not shown and no cause: whatever it is, it may hold a key.
    throw invalid(engine, 'is not a URL: write it like https://host/v1');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw invalid(engine, 'must begin with https://');
  if (url.username !== '' || url.password !== '')
    throw invalid(engine, 'holds a user or password: give the key as apiKey');
  if (url.search !== '' || url.hash !== '') throw invalid(engine, 'has a query or a # fragment: remove it');
  const own = url.hostname === 'localhost' || url.hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(url.hostname);
  if (url.protocol === 'http:' && !own && !allowPlaintext) {
    throw invalid(engine, 'is http:// to another machine: use https://, or set allowPlaintext to true');
  }
  return url.href.replace(/\/+$/, '');
}

/**
 * The vendor itself asks for a key; a server of one's own, named by `baseUrl`, may not. `variable`: where it is taken from.
 * @throws ERR_TALKSPURT_SECRET_MISSING
 */
export function requireKey(
  engine: string,
  { apiKey, baseUrl }: { readonly apiKey: string; readonly baseUrl?: string | undefined },
  variable: string,
): void {
  if (apiKey !== '' || baseUrl !== undefined) return;
  throw new TalkspurtError(
    'ERR_TALKSPURT_SECRET_MISSING',
    `speech engine '${engine}' has no API key: set ${variable}, or ${variable}_FILE to a file that holds it`,
  );
}

function invalid(engine: string, what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `baseUrl of speech engine '${engine}' ${what}`);
}
