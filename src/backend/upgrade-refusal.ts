/** What a backend means when it answers a WebSocket upgrade with an HTTP status. */
import type { IncomingMessage } from 'node:http';
import { TalkspurtError } from '../core/errors.ts';
import type { ErrorCode, ErrorDetails } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { peerText } from './peer-text.ts';

/** Where the operator of a backend has to look, by the keys that its configuration has. */
export interface BackendHints {
  /** The key of its address. */
  readonly address: string;
  /** The keys that its dialling is made of. */
  readonly dialled: string;
  /** What lets us in. */
  readonly access: string;
  /** The keys that say what is asked for. */
  readonly asked: string;
}

/**
 * 401, 403 → _BACKEND_AUTH; 408, 425, 429 and 5xx → _BACKEND_REFUSED, which is worth another try; every other status →
 * _BACKEND_DENIED, which is not: the URL, the model or a header is wrong.
 */
export function refusalByStatus(
  backend: string,
  status: number,
  hints: BackendHints,
  details: ErrorDetails = {},
): TalkspurtError {
  const [code, fix] = verdict(status, hints);
  return new TalkspurtError(code, `backend '${backend}' refused the connection with HTTP status ${status}: ${fix}`, {
    details: { ...details, status },
  });
}

/** What `Retry-After` asks for (RFC 9110 §10.2.3), ms from `wallTimeMs`; undefined: nothing that can be understood. */
export function retryAfterMsOf(header: string | undefined, wallTimeMs: number): number | undefined {
  if (header === undefined) return undefined;
  const ms = /^\s*\d{1,9}\s*$/.test(header) ? Number(header) * 1000 : Date.parse(header) - wallTimeMs;
  return Number.isFinite(ms) && ms > 0 ? Math.round(ms) : undefined;
}

/** Reads the body of a refusal as far as it may go, then hands over what JSON error it holds; at most once. */
export function readRefusal(
  response: IncomingMessage,
  secrets: readonly string[],
  done: (details: ErrorDetails) => void,
): void {
  const parts: Buffer[] = [];
  let bytes = 0;
  let finished = false;
  const finish = (): void => {
    if (finished) return;
    finished = true;
    done(refusalDetails(Buffer.concat(parts).toString('utf8'), secrets));
  };
  response.on('data', (part: Buffer) => {
    if (finished) return;
    bytes += part.length;
    if (bytes <= LIMITS.backendRefusalBytes) parts.push(part);
    else finish();
  });
  response.on('end', finish);
  response.on('error', finish);
  response.on('close', finish);
}

function verdict(status: number, { access, asked }: BackendHints): [ErrorCode, string] {
  if (status === 401 || status === 403) return ['ERR_TALKSPURT_BACKEND_AUTH', `check ${access}`];
  if (status === 402) return ['ERR_TALKSPURT_BACKEND_DENIED', 'no credit is left for this key'];
  if (status === 429) return ['ERR_TALKSPURT_BACKEND_REFUSED', 'too many requests or no quota left; try again later'];
  if (status >= 500 || status === 408 || status === 425) {
    return ['ERR_TALKSPURT_BACKEND_REFUSED', 'it is in trouble; try again later'];
  }
  return ['ERR_TALKSPURT_BACKEND_DENIED', `check ${asked}`];
}

/** What a refusal's body says of its cause, in the ways of the vendors; nothing where it is no JSON. */
function refusalDetails(body: string, secrets: readonly string[]): ErrorDetails {
  let json: unknown;
  try {
    json = JSON.parse(body);
  } catch {
    // Proxies answer in HTML: the status says enough.
    return {};
  }
  if (typeof json !== 'object' || json === null) return {};
  const { error, err_code, err_msg } = json as Record<string, unknown>;
  if (typeof err_code === 'string') {
    return { apiCode: peerText(err_code, secrets), peerMessage: peerText(err_msg, secrets) };
  }
  if (typeof error !== 'object' || error === null) return {};
  const { code, type, message, status } = error as Record<string, unknown>;
  return {
    // Google's code is the status once more, and its status the word for it.
    apiCode: peerText(code, secrets) ?? peerText(status, secrets),
    apiType: peerText(type, secrets),
    peerMessage: peerText(message, secrets),
  };
}
