/**
 * Operating errors: what networks, peers, operators and configurations can do. Match on `code`, never on the text.
 * Every code stands in docs/errors.md, and a test holds the two together.
 */

/** Code → whether trying the same thing again later can help. */
export const ERROR_CODES = {
  ERR_TALKSPURT_CONFIG_INVALID: false,
  ERR_TALKSPURT_CONFIG_UNREADABLE: false,
  ERR_TALKSPURT_SECRET_MISSING: false,
  ERR_TALKSPURT_COMMAND_SYNTAX: false,
  ERR_TALKSPURT_COMMAND_LIMIT: true,
  ERR_TALKSPURT_UNKNOWN_CALL: false,
  ERR_TALKSPURT_UNKNOWN_PROFILE: false,
  ERR_TALKSPURT_ALREADY_RUNNING: false,
  ERR_TALKSPURT_NOT_RUNNING: false,
  ERR_TALKSPURT_CALL_GONE: false,
  ERR_TALKSPURT_CALL_LIMIT: true,
  ERR_TALKSPURT_OVERLOADED: true,
  ERR_TALKSPURT_DRAINING: true,
  ERR_TALKSPURT_LINK_REFUSED: true,
  ERR_TALKSPURT_LINK_AUTH: false,
  ERR_TALKSPURT_LINK_DENIED: false,
  ERR_TALKSPURT_LINK_DOWN: true,
  ERR_TALKSPURT_LINK_REPLACED: true,
  ERR_TALKSPURT_LINK_TIMEOUT: true,
  ERR_TALKSPURT_LINK_PROTOCOL: true,
  ERR_TALKSPURT_SWITCH_COMMAND: false,
  ERR_TALKSPURT_ARI_REFUSED: false,
  ERR_TALKSPURT_UNICAST_GUARD: false,
  ERR_TALKSPURT_UNICAST_SILENT: true,
  ERR_TALKSPURT_MODULE_UNFIT: false,
  ERR_TALKSPURT_MODULE_SILENT: true,
  ERR_TALKSPURT_MEDIA_FORMAT: false,
  ERR_TALKSPURT_MEDIA_BIND: true,
  ERR_TALKSPURT_MEDIA_STALLED: true,
  ERR_TALKSPURT_MEDIA_CONNECTION: true,
  ERR_TALKSPURT_PORTS_EXHAUSTED: true,
  ERR_TALKSPURT_BACKEND_REFUSED: true,
  ERR_TALKSPURT_BACKEND_AUTH: false,
  ERR_TALKSPURT_BACKEND_DENIED: false,
  ERR_TALKSPURT_BACKEND_TIMEOUT: true,
  ERR_TALKSPURT_BACKEND_PROTOCOL: true,
  ERR_TALKSPURT_BACKEND_CLOSED: true,
  ERR_TALKSPURT_BACKEND_API: true,
  ERR_TALKSPURT_BACKEND_SESSION_EXPIRED: true,
  ERR_TALKSPURT_BACKEND_OVERFLOW: true,
  ERR_TALKSPURT_BACKEND_BREAKER_OPEN: true,
  ERR_TALKSPURT_DSP_TRAP: false,
  ERR_TALKSPURT_DSP_POOL_EMPTY: true,
  ERR_TALKSPURT_DSP_OPTIONS: false,
  ERR_TALKSPURT_DSP_CLOSED: false,
  ERR_TALKSPURT_WAV_INVALID: false,
  ERR_TALKSPURT_SPEECH_SYNTHESIS: true,
  ERR_TALKSPURT_SOUND: false,
  ERR_TALKSPURT_TTS_AUTH: false,
  ERR_TALKSPURT_TTS_QUOTA: false,
  ERR_TALKSPURT_TTS_RATE_LIMIT: true,
  ERR_TALKSPURT_TTS_REFUSED: false,
  ERR_TALKSPURT_TTS_TIMEOUT: true,
  ERR_TALKSPURT_TTS_FAILED: true,
  ERR_TALKSPURT_TTS_OVERFLOW: true,
  ERR_TALKSPURT_TTS_OFF: true,
  ERR_TALKSPURT_RECORDING: true,
  ERR_TALKSPURT_DEMO_SWITCH: true,
  ERR_TALKSPURT_NOT_SUPPORTED: false,
  ERR_TALKSPURT_HOST_DENIED: false,
  ERR_TALKSPURT_LISTEN: true,
  ERR_TALKSPURT_INTERNAL: false,
} as const satisfies Record<string, boolean>;

/** A stable name of a fault: API. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** Facts that go with an error, as fields: never in the message, and never a secret. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | undefined>>;

/** An operating error with a stable `code`. Messages name the field or the peer, and the fix. */
export class TalkspurtError extends Error {
  override readonly name = 'TalkspurtError';
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { cause?: unknown; details?: ErrorDetails } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.retryable = ERROR_CODES[code];
    this.details = options.details ?? {};
  }
}

/** Whether `error` is ours and carries `code`. */
export function hasCode(error: unknown, code: ErrorCode): error is TalkspurtError {
  return error instanceof TalkspurtError && error.code === code;
}

/** `error` itself when it is ours, otherwise wrapped under `code` with the original as its cause. */
export function asTalkspurtError(error: unknown, code: ErrorCode = 'ERR_TALKSPURT_INTERNAL'): TalkspurtError {
  if (error instanceof TalkspurtError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new TalkspurtError(code, message, { cause: error });
}
