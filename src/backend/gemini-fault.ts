/**
 * What the end of a connection to Gemini Live means to us. The wire has no message for an error: a session that cannot begin, or
 * cannot go on, is closed with a code and some words, and it is the words that tell a wrong key from a wrong model.
 */
import { TalkspurtError } from '../core/errors.ts';
import type { ErrorCode, ErrorDetails } from '../core/errors.ts';

/** Where it came up: in the set-up every one means that the session never began. */
export type GeminiPlace = 'session set-up' | 'session';

/** How a connection ended, and what we know of why. */
export interface GeminiEnding {
  readonly backend: string;
  readonly place: GeminiPlace;
  /** The end was announced (`goAway`). */
  readonly announced: boolean;
}

/** `error` of a closed connection as what it means; any other as it is. Null (closed in good order) stays so, unless announced. */
export function geminiEnd(error: TalkspurtError | null, ending: GeminiEnding): TalkspurtError | null {
  if (error === null) return ending.announced ? expired(ending, '') : null;
  if (isKeyRefusal(error)) return ended(ending, KEY, error.details);
  if (error.code !== 'ERR_TALKSPURT_BACKEND_CLOSED') return error;
  const { closeCode, closeReason } = error.details;
  const words = typeof closeReason === 'string' ? closeReason : '';
  const refusal = refusalOf(closeCode, words, ending.announced);
  if (refusal !== null) return ended(ending, refusal, { closeCode, closeReason });
  // Such a code would say that nothing may be tried again: it is the words that mean the age.
  if (ending.announced || TOO_OLD.test(words)) return expired(ending, words);
  const { backend, place } = ending;
  if (place === 'session') return error;
  return new TalkspurtError(
    'ERR_TALKSPURT_BACKEND_REFUSED',
    `backend '${backend}' is in trouble: try again later (${place})`,
    {
      details: { place, closeCode, closeReason },
    },
  );
}

type Refusal = readonly [code: ErrorCode, meaning: string, apiCode?: string];

const KEY: Refusal = ['ERR_TALKSPURT_BACKEND_AUTH', 'does not accept the API key: check it and what it may use'];
const QUOTA: Refusal = [
  'ERR_TALKSPURT_BACKEND_REFUSED',
  'has no quota left for this key, or too many sessions',
  'RESOURCE_EXHAUSTED',
];
const SETTING: Refusal = [
  'ERR_TALKSPURT_BACKEND_DENIED',
  'does not accept a message or a setting: check the model and setup',
];

/** Words of the service, whatever the code: it is not of one mind about codes. */
const MEANINGS: readonly (readonly [RegExp, Refusal])[] = [
  [/quota|resource.?exhausted|rate.?limit|too many|billing|credits/i, QUOTA],
  [/api.?key|unregistered caller|unauthenticated|credential|access token|permission.?denied/i, KEY],
];
const TOO_OLD = /deadline expired|session (duration|has expired|expired)|maximum session/i;
/** RFC 6455 §7.4.1: data, content or extensions that are not accepted, or a policy against it. */
const SETTING_CODES: ReadonlySet<unknown> = new Set([1003, 1007, 1008, 1010]);

/** By its words; or by its code alone, unless the end was to come anyway. */
function refusalOf(closeCode: unknown, words: string, announced: boolean): Refusal | null {
  const said = MEANINGS.find(([pattern]) => pattern.test(words));
  if (said !== undefined) return said[1];
  return SETTING_CODES.has(closeCode) && !announced && !TOO_OLD.test(words) ? SETTING : null;
}

function ended(
  { backend, place }: GeminiEnding,
  [code, meaning, apiCode]: Refusal,
  about: ErrorDetails,
): TalkspurtError {
  const details = { ...about, place, ...(apiCode !== undefined && { apiCode }) };
  return new TalkspurtError(code, `backend '${backend}' ${meaning} (${place})`, { details });
}

/** A key that is none is a wrong argument there, where it is told by HTTP. */
function isKeyRefusal({ code, details: { status, peerMessage } }: TalkspurtError): boolean {
  return code === 'ERR_TALKSPURT_BACKEND_DENIED' && status === 400 && /api.?key/i.test(String(peerMessage));
}

function expired({ backend, place }: GeminiEnding, closeReason: string): TalkspurtError {
  const message = `backend '${backend}' ended the connection because it reached its maximum age (${place})`;
  return new TalkspurtError('ERR_TALKSPURT_BACKEND_SESSION_EXPIRED', message, { details: { place, closeReason } });
}

/** What keeps a session that was to go on from doing so by its handle: nothing of that, not now, or not at all. */
export function handleRefusal({ code, details }: TalkspurtError): 'none' | 'for now' | 'for good' {
  if (code === 'ERR_TALKSPURT_BACKEND_PROTOCOL') return 'for good';
  if (details['closeCode'] === undefined || details['apiCode'] !== undefined) return 'none';
  if (code === 'ERR_TALKSPURT_BACKEND_DENIED') return 'for good';
  // As long as the service has not missed the connection before.
  return code === 'ERR_TALKSPURT_BACKEND_REFUSED' ? 'for now' : 'none';
}
