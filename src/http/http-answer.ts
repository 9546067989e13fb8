/** What is answered to a request: a whole body, or a stream that stays open. Refusals are thrown. */
import type { ServerResponse } from 'node:http';
import { TalkspurtError } from '../core/errors.ts';
import type { ErrorCode } from '../core/errors.ts';

/** A whole answer. */
export interface WholeAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An answer that goes on: `open` is given the response once its head is written, and ends it some day. */
export interface StreamAnswer {
  readonly status: 200;
  readonly contentType: string;
  open(response: ServerResponse): void;
}

/** Either. */
export type HttpAnswer = WholeAnswer | StreamAnswer;

/** What a refusal that has no error code of ours is called; docs/http-api.md says what each means. */
export type RefusalCode =
  | 'bad-request'
  | 'bad-field'
  | 'unauthorized'
  | 'forbidden'
  | 'api-off'
  | 'host-denied'
  | 'origin-denied'
  | 'not-found'
  | 'method-not-allowed'
  | 'not-acceptable'
  | 'body-too-large'
  | 'unsupported-media-type'
  | 'too-many-requests'
  | 'too-many-streams';

/** Status of each {@link RefusalCode}. */
export const REFUSAL_STATUS: Readonly<Record<RefusalCode, number>> = {
  'bad-request': 400,
  'bad-field': 400,
  unauthorized: 401,
  forbidden: 403,
  'api-off': 403,
  'host-denied': 403,
  'origin-denied': 403,
  'not-found': 404,
  'method-not-allowed': 405,
  'not-acceptable': 406,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  'too-many-requests': 429,
  'too-many-streams': 503,
};

/** A request that is not granted. The message is for whoever asked: it never repeats what they sent. */
export class HttpRefusal extends Error {
  override readonly name = 'HttpRefusal';
  readonly code: RefusalCode;
  /** Key of the body or the query that is at fault. */
  readonly field: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    code: RefusalCode,
    message: string,
    more: { field?: string; headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(message);
    this.code = code;
    this.field = more.field;
    this.headers = more.headers ?? {};
  }
}

const JSON_TYPE = 'application/json; charset=utf-8';

/** `{ok: true, …facts}`. */
export function ok(facts: Readonly<Record<string, unknown>> = {}, status = 200): WholeAnswer {
  return json(status, { ok: true, ...facts });
}

/** Any JSON. */
export function json(status: number, value: unknown): WholeAnswer {
  return { status, contentType: JSON_TYPE, body: `${JSON.stringify(value)}\n` };
}

/** `{ok: false, error: {code, message, field?}}` for whatever was thrown. A defect of ours keeps its text to itself. */
export function refusalAnswer(thrown: unknown): WholeAnswer {
  if (thrown instanceof HttpRefusal) {
    const { code, message, field, headers } = thrown;
    return { ...failure(REFUSAL_STATUS[code], { code, message, ...(field === undefined ? {} : { field }) }), headers };
  }
  if (!(thrown instanceof TalkspurtError) || thrown.code === 'ERR_TALKSPURT_INTERNAL') {
    return failure(500, { code: 'ERR_TALKSPURT_INTERNAL', message: 'internal error: please report it' });
  }
  const status = statusOf(thrown);
  const answer = failure(status, { code: thrown.code, message: thrown.message });
  return status === 503 ? { ...answer, headers: { 'retry-after': String(RETRY_SECONDS) } } : answer;
}

/** When it is worth trying again what a full or stopping process refused. */
const RETRY_SECONDS = 5;

/** Codes whose status does not follow from whether trying again can help. */
const STATUS_OF_CODE: Readonly<Partial<Record<ErrorCode, number>>> = {
  ERR_TALKSPURT_COMMAND_SYNTAX: 400,
  ERR_TALKSPURT_CONFIG_INVALID: 400,
  ERR_TALKSPURT_CONFIG_UNREADABLE: 400,
  ERR_TALKSPURT_SECRET_MISSING: 400,
  ERR_TALKSPURT_UNKNOWN_PROFILE: 400,
  ERR_TALKSPURT_SOUND: 400,
  ERR_TALKSPURT_HOST_DENIED: 403,
  ERR_TALKSPURT_UNKNOWN_CALL: 404,
  ERR_TALKSPURT_NOT_RUNNING: 404,
  ERR_TALKSPURT_ALREADY_RUNNING: 409,
  ERR_TALKSPURT_CALL_GONE: 409,
  ERR_TALKSPURT_NOT_SUPPORTED: 409,
  ERR_TALKSPURT_RECORDING: 409,
};

/** 503: later; 502: what stands behind us refused. */
function statusOf({ code, retryable }: TalkspurtError): number {
  return STATUS_OF_CODE[code] ?? (retryable ? 503 : 502);
}

function failure(status: number, error: Readonly<Record<string, unknown>>): WholeAnswer {
  return json(status, { ok: false, error });
}
