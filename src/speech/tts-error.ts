/** What an engine's refusal means to us, whoever the vendor is. */
import { TalkspurtError } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';
import { peerText } from '../backend/peer-text.ts';
import { retryAfterMsOf } from '../backend/upgrade-refusal.ts';

/** A refusal over HTTP, in the vendor's own terms. */
export interface TtsRefusal {
  readonly engine: string;
  /** HTTP status; undefined: no answer came, or it broke off. */
  readonly status: number | undefined;
  /** The vendor's word for it. */
  readonly code?: unknown;
  readonly message?: unknown;
  /** Of the answer: its `Retry-After` is seconds, or a moment of the clock that its `Date` is of. */
  readonly headers?: Headers | undefined;
  readonly secrets: readonly string[];
  /** Of the system (`ECONNREFUSED`), where no answer came. */
  readonly systemCode?: string | undefined;
}

const QUOTA = new Set(['quota_exceeded', 'insufficient_quota', 'billing_hard_limit_reached', 'payment_required']);
const MEANING: Partial<Record<ErrorCode, string>> = {
  ERR_TALKSPURT_TTS_AUTH: 'does not accept the API key',
  ERR_TALKSPURT_TTS_QUOTA: 'has no quota left for this key',
  ERR_TALKSPURT_TTS_RATE_LIMIT: 'is asked too much at once',
  ERR_TALKSPURT_TTS_REFUSED: 'does not accept the voice, the model or the text: see peerMessage',
  ERR_TALKSPURT_TTS_TIMEOUT: 'did not answer in time',
  ERR_TALKSPURT_TTS_FAILED: 'could not speak',
};

/** `refusal` as one of ours; the vendor's own words are in its details, without secrets. */
export function ttsErrorOf(refusal: TtsRefusal): TalkspurtError {
  const { engine, status, secrets, systemCode } = refusal;
  const code = codeOf(refusal);
  const retryAfterMs = retryAfterOf(refusal.headers);
  return new TalkspurtError(code, `speech engine '${engine}' ${MEANING[code]}`, {
    details: {
      status,
      systemCode,
      apiCode: peerText(refusal.code, secrets),
      peerMessage: peerText(refusal.message, secrets),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  });
}

/** `ECONNREFUSED` and the like, however deep a client has wrapped it. */
export function systemCodeOf(error: unknown): string | undefined {
  let each: unknown = error;
  for (let depth = 0; depth < 4 && each instanceof Error; depth += 1) {
    const { code } = each as NodeJS.ErrnoException;
    if (typeof code === 'string' && /^(E[A-Z]|UND_|ERR_)/.test(code)) return code;
    each = each.cause;
  }
  return undefined;
}

/** That an engine showed no progress for `limitMs`. */
export function ttsTimeout(engine: string, limitMs: number, begun: boolean): TalkspurtError {
  const what = begun ? 'stopped in the middle of a sentence' : 'gave no audio';
  return new TalkspurtError('ERR_TALKSPURT_TTS_TIMEOUT', `speech engine '${engine}' ${what} for ${limitMs} ms`, {
    details: { limitMs, begun },
  });
}

function codeOf({ status, code }: TtsRefusal): ErrorCode {
  if (status === 402 || (typeof code === 'string' && QUOTA.has(code))) return 'ERR_TALKSPURT_TTS_QUOTA';
  if (status === 401 || status === 403) return 'ERR_TALKSPURT_TTS_AUTH';
  if (status === 429) return 'ERR_TALKSPURT_TTS_RATE_LIMIT';
  if (status === 408 || status === 504) return 'ERR_TALKSPURT_TTS_TIMEOUT';
  if (status !== undefined && status >= 400 && status < 500) return 'ERR_TALKSPURT_TTS_REFUSED';
  return 'ERR_TALKSPURT_TTS_FAILED';
}

function retryAfterOf(headers: Headers | undefined): number | undefined {
  return retryAfterMsOf(headers?.get('retry-after') ?? undefined, Date.parse(headers?.get('date') ?? ''));
}
