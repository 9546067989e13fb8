/** What an error or a warning of a Voice Agent means to us. Every `Error` ends its session; a `Warning` never does. */
import { TalkspurtError } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';
import type { DeepgramFault } from './deepgram-event.ts';
import { peerText } from './peer-text.ts';

/** Where a fault came up: in the set-up every one means that the session never began. */
export type DeepgramPlace = 'session set-up' | 'session';

/** `fault` as one of ours; Deepgram's own words are in its details: `apiCode`, `peerMessage`. */
export function deepgramError(
  backend: string,
  place: DeepgramPlace,
  { code, text }: DeepgramFault,
  secrets: readonly string[],
): TalkspurtError {
  const ours = CODES.get(code) ?? 'ERR_TALKSPURT_BACKEND_API';
  const details = { place, apiCode: peerText(code, secrets), peerMessage: peerText(text, secrets) };
  return new TalkspurtError(ours, `backend '${backend}' ${MEANING[ours] ?? 'reported an error'} (${place})`, {
    details,
  });
}

/** `fault` as something that the session survives. */
export function deepgramWarning(
  backend: string,
  { code, text }: DeepgramFault,
  secrets: readonly string[],
): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_BACKEND_API', `backend '${backend}' warns of something: see apiCode`, {
    details: { place: 'warning', apiCode: peerText(code, secrets), peerMessage: peerText(text, secrets) },
  });
}

/** Five minutes before the end of a session: Deepgram's own notice. */
export const APPROACHING_CODE = 'MAXIMUM_SESSION_LENGTH_APPROACHING';

/** Deepgram's codes that mean something else than "the agent failed". */
const CODES: ReadonlyMap<string, ErrorCode> = new Map<string, ErrorCode>([
  ['INVALID_SETTINGS', 'ERR_TALKSPURT_BACKEND_DENIED'],
  ['UNPARSABLE_CLIENT_MESSAGE', 'ERR_TALKSPURT_BACKEND_DENIED'],
  ['INVALID_AGENT_ID', 'ERR_TALKSPURT_BACKEND_DENIED'],
  ['AGENT_ID_NOT_SUPPORTED', 'ERR_TALKSPURT_BACKEND_DENIED'],
  ['NON_EXISTENT_FUNCTION_CALLED', 'ERR_TALKSPURT_BACKEND_DENIED'],
  ['CLIENT_MESSAGE_TIMEOUT', 'ERR_TALKSPURT_BACKEND_TIMEOUT'],
  ['SERVER_GOING_AWAY', 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ['INTERNAL_SERVER_ERROR', 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ['FAILED_TO_START_LISTENING', 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ['ASR_CONNECTION_CLOSED', 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ['MAXIMUM_SESSION_LENGTH_REACHED', 'ERR_TALKSPURT_BACKEND_SESSION_EXPIRED'],
]);

const MEANING: Partial<Record<ErrorCode, string>> = {
  ERR_TALKSPURT_BACKEND_DENIED: 'does not accept a message or a setting: see apiCode',
  ERR_TALKSPURT_BACKEND_REFUSED: 'is in trouble: try again later',
  ERR_TALKSPURT_BACKEND_TIMEOUT: 'heard nothing from us for too long',
  ERR_TALKSPURT_BACKEND_SESSION_EXPIRED: 'ended the session because it reached its maximum age',
};
