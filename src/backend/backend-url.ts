/** The whole address of a vendor's WebSocket, checked before anything is dialled. */
import { TalkspurtError } from '../core/errors.ts';

/** What is checked. */
export interface BackendUrl {
  /** The backend's name, for messages. */
  readonly backend: string;
  readonly url: string;
  /** An address as it should be. */
  readonly example: string;
  /** `ws://` may leave this machine. */
  readonly allowPlaintext: boolean;
}

/**
 * The address, with http and https as ws and wss. What is refused is not shown: whatever it is, it may hold a key.
 * @throws ERR_TALKSPURT_CONFIG_INVALID
 */
export function backendUrl({ backend, url: given, example, allowPlaintext }: BackendUrl): URL {
  let url: URL;
  try {
    url = new URL(given);
  } catch {
    // No cause: it quotes the text.
    throw invalid(`url of backend '${backend}' is not a URL: write it like ${example}`);
  }
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw invalid(`url of backend '${backend}' must begin with wss:// (or ws:// on this machine)`);
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid(`url of backend '${backend}' holds a user or password: give the key as apiKey or in extraHeaders`);
  }
  if (url.hash !== '') throw invalid(`url of backend '${backend}' has a # fragment: remove it`);
  if (url.protocol === 'ws:' && !allowPlaintext && !isLoopback(url.hostname)) {
    throw invalid(
      `url of backend '${backend}' is ws:// to another machine: the key and the speech would travel readable. ` +
        'Use wss://, or set allowPlaintext to true',
    );
  }
  return url;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function invalid(message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message, { details: { field: 'url' } });
}
