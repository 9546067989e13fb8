/** Why a call got no voice, as a word that a dialplan can compare (docs/asterisk.md). */
import { TalkspurtError } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';

/** One word each. */
export type RefusalReason =
  | 'bad-arguments'
  | 'no-profile'
  | 'unknown-profile'
  | 'busy'
  | 'overloaded'
  | 'draining'
  | 'already-running'
  | 'not-allowed'
  | 'media-unavailable'
  | 'backend-unavailable'
  | 'link-lost'
  | 'stopped'
  | 'error';

const REASONS: Readonly<Partial<Record<ErrorCode, RefusalReason>>> = {
  ERR_TALKSPURT_UNKNOWN_PROFILE: 'unknown-profile',
  ERR_TALKSPURT_CALL_LIMIT: 'busy',
  ERR_TALKSPURT_OVERLOADED: 'overloaded',
  ERR_TALKSPURT_DSP_POOL_EMPTY: 'busy',
  ERR_TALKSPURT_DRAINING: 'draining',
  ERR_TALKSPURT_ALREADY_RUNNING: 'already-running',
  ERR_TALKSPURT_HOST_DENIED: 'not-allowed',
  ERR_TALKSPURT_NOT_SUPPORTED: 'not-allowed',
  ERR_TALKSPURT_PORTS_EXHAUSTED: 'media-unavailable',
  ERR_TALKSPURT_SECRET_MISSING: 'backend-unavailable',
  ERR_TALKSPURT_CALL_GONE: 'stopped',
};
const FAMILIES: readonly (readonly [string, RefusalReason])[] = [
  ['ERR_TALKSPURT_MEDIA_', 'media-unavailable'],
  ['ERR_TALKSPURT_BACKEND_', 'backend-unavailable'],
  ['ERR_TALKSPURT_LINK_', 'link-lost'],
];

/** The word for an error that stood against the call; `error` for what nobody expects there. */
export function refusalOf(error: unknown): RefusalReason {
  if (!(error instanceof TalkspurtError)) return 'error';
  return REASONS[error.code] ?? FAMILIES.find(([start]) => error.code.startsWith(start))?.[1] ?? 'error';
}
