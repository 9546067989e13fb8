/** What Asterisk answers, made a value or an error. */
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { AriEvent, AriInfo, AriRequest } from './ari-link.ts';
import { protocolError } from './ari-link-error.ts';

/** What came back to a request, by whichever way. */
export interface AriAnswer {
  readonly status: number;
  readonly body: string;
}

/** Longest piece of Asterisk's own words in an error. */
const SAID_CHARACTERS = 200;

/**
 * The answer's JSON, or null where it has none.
 * @throws ERR_TALKSPURT_ARI_REFUSED; ERR_TALKSPURT_LINK_PROTOCOL for an answer that is not readable
 */
export function readAnswer(request: AriRequest, { status, body }: AriAnswer): unknown {
  if (status < 200 || status > 299) throw refusal(request, status, saidIn(body));
  if (body.trim() === '') return null;
  try {
    return JSON.parse(body) as unknown;
  } catch {
    throw protocolError(`an answer to ${titleOf(request)} that is not JSON`);
  }
}

/** Asterisk said no. */
export function refusal(request: AriRequest, status: number, said: string): TalkspurtError {
  const message = `Asterisk refused ${titleOf(request)} with ${status}${said === '' ? '' : `: ${said}`}`;
  return new TalkspurtError('ERR_TALKSPURT_ARI_REFUSED', message, { details: { status } });
}

/** What Asterisk says in the body of a refusal: `{"message":"Channel not found"}`. */
export function saidIn(body: string): string {
  try {
    const { message, error } = JSON.parse(body) as { message?: unknown; error?: unknown };
    const said = typeof message === 'string' ? message : error;
    return typeof said === 'string' ? said.replace(/\s+/g, ' ').slice(0, SAID_CHARACTERS) : '';
  } catch {
    // A proxy's page, or nothing: the status says enough.
    return '';
  }
}

/** One message as an object with a type. @throws ERR_TALKSPURT_LINK_PROTOCOL for anything else */
export function readMessage(text: string): AriEvent {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    throw protocolError('a message that is not JSON');
  }
  if (!isEvent(message)) throw protocolError('a message without a type');
  return message;
}

/** Whether somebody else has connected for `app`, who has its events from now on. */
export function isReplacement(event: AriEvent, app: string): boolean {
  return event.type === 'ApplicationReplaced' && event['application'] === app;
}

/** What `GET /asterisk/info` says of itself. @throws ERR_TALKSPURT_LINK_PROTOCOL for an answer of another shape */
export function readInfo(answer: unknown): AriInfo {
  const { system, status } = (answer ?? {}) as {
    system?: { version?: unknown } | null;
    status?: { startup_time?: unknown } | null;
  };
  const [version, startupTime] = [system?.version, status?.startup_time];
  if (typeof version !== 'string' || typeof startupTime !== 'string') {
    throw protocolError('information on itself that is not an Asterisk’s');
  }
  return { version, startupTime };
}

/** The question that proves a link. */
export const INFO_REQUEST: AriRequest = { method: 'GET', path: 'asterisk/info' };

/** Of a request only what holds no id and no parameter: for messages. */
export function titleOf(request: AriRequest): string {
  return `${request.method} ${request.path.split(/[/?]/, 1)[0] ?? ''}`;
}

/** The body and the query of `request`, ready to be sent. @throws ERR_TALKSPURT_COMMAND_SYNTAX when it is too long */
export function checkedLength(request: AriRequest, text: string): string {
  if (Buffer.byteLength(text) <= LIMITS.ariRequestBytes) return text;
  const message = `${titleOf(request)} is longer than the ${LIMITS.ariRequestBytes} bytes that Asterisk takes`;
  throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
}

/** Whether `value` is an object with a type. */
export function isEvent(value: unknown): value is AriEvent {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';
}
