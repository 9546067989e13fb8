/** Reads an event from the body of a `text/event-json` frame. */
import { TalkspurtError } from '../../core/errors.ts';
import type { EslEvent } from './esl-link.ts';

/** @throws ERR_TALKSPURT_LINK_PROTOCOL when it is not a JSON object with an `Event-Name`; the text is not repeated */
export function parseEslEvent(json: string): EslEvent {
  const headers = parseJsonHeaders(json);
  const name = headers['Event-Name'];
  if (name === undefined || name === '') throw unreadable('an event without a name');
  return { name, uuid: headers['Unique-ID'] ?? '', headers, body: headers['_body'] ?? '' };
}

/** The members of a JSON object as FreeSWITCH writes headers, without a prototype. @throws ERR_TALKSPURT_LINK_PROTOCOL */
export function parseJsonHeaders(json: string): Readonly<Record<string, string | undefined>> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // The parser's own message quotes what it read, which may be personal.
    throw unreadable('JSON that cannot be read');
  }
  return eventHeadersOf(value);
}

/** The same for JSON that somebody else has read. @throws ERR_TALKSPURT_LINK_PROTOCOL when it was no object */
export function eventHeadersOf(value: unknown): Readonly<Record<string, string | undefined>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw unreadable('JSON that is not an object');
  const headers = Object.create(null) as Record<string, string>;
  for (const [name, member] of Object.entries(value)) {
    if (typeof member === 'string') headers[name] = member;
    else if (Array.isArray(member)) headers[name] = `ARRAY::${member.map(String).join('|:')}`;
    else if (typeof member === 'number' || typeof member === 'boolean') headers[name] = String(member);
  }
  return headers;
}

function unreadable(what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', `the switch sent ${what}`);
}
