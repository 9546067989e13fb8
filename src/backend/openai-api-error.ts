/** What an error of the OpenAI API means to us. */
import { TalkspurtError } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { ApiError } from './openai-event.ts';
import { peerText } from './peer-text.ts';

/** Where an error came up, for its message. */
export type ApiErrorPlace = 'session set-up' | 'session' | 'response' | 'transcription';

/** `error` as one of ours; the API's own words are in its details: `apiCode`, `apiType`, `param`, `peerMessage`. */
export function apiErrorOf(
  backend: string,
  place: ApiErrorPlace,
  error: ApiError,
  secrets: readonly string[],
): TalkspurtError {
  const code = codeOf(place, error);
  const details = {
    place,
    apiCode: peerText(error.code, secrets),
    apiType: peerText(error.type, secrets),
    param: peerText(error.param, secrets),
    peerMessage: peerText(error.message, secrets),
  };
  return new TalkspurtError(code, `backend '${backend}' ${MEANING[code] ?? 'reported an error'} (${place})`, {
    details,
  });
}

/** Whether the session cannot go on after this one. */
export function endsSession(error: ApiError): boolean {
  return error.code === 'session_expired' || AUTH_CODES.has(error.code ?? '') || error.type === 'authentication_error';
}

const AUTH_CODES: ReadonlySet<string> = new Set(['invalid_api_key', 'account_deactivated', 'permission_denied']);
const LATER_CODES: ReadonlySet<string> = new Set(['rate_limit_exceeded', 'insufficient_quota', 'server_overloaded']);

const MEANING: Partial<Record<ErrorCode, string>> = {
  ERR_TALKSPURT_BACKEND_AUTH: 'does not accept the API key',
  ERR_TALKSPURT_BACKEND_REFUSED: 'has no capacity or quota left for this key',
  ERR_TALKSPURT_BACKEND_DENIED: 'does not accept the model or a session setting: see param',
  ERR_TALKSPURT_BACKEND_SESSION_EXPIRED: 'ended the session because it reached its maximum age',
};

function codeOf(place: ApiErrorPlace, error: ApiError): ErrorCode {
  const { code = '', type = '' } = error;
  if (code === 'session_expired') return 'ERR_TALKSPURT_BACKEND_SESSION_EXPIRED';
  if (AUTH_CODES.has(code) || type === 'authentication_error') return 'ERR_TALKSPURT_BACKEND_AUTH';
  if (LATER_CODES.has(code) || type === 'insufficient_quota') return 'ERR_TALKSPURT_BACKEND_REFUSED';
  // Later in a session the same type only means that one event was wrong.
  if (place === 'session set-up' && type === 'invalid_request_error') return 'ERR_TALKSPURT_BACKEND_DENIED';
  return 'ERR_TALKSPURT_BACKEND_API';
}
