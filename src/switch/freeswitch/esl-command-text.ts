/** What may be written on an Event Socket: no line that is not ours, and no unicast without a permit. */
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';

/** A UUID of FreeSWITCH, or what an operator gave with `origination_uuid`. */
const CHANNEL_ID = /^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$/;
const HEADER_NAME = /^[A-Za-z0-9_-]{1,128}$/;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const LINE_BREAK = /[\r\n\u0000]/;

/** Whether `id` can be a channel's identity and goes into a command as one word. */
export function isChannelId(id: string): boolean {
  return CHANNEL_ID.test(id);
}

/** A subclass of a CUSTOM event, `module::what`: one word, so that it cannot become two of them, or a pattern of a filter. */
const SUBCLASS = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;
/** Headers of an event that are ours to say. */
const OWN_EVENT_HEADERS = new Set(['event-name', 'event-subclass', 'content-length', 'content-type']);

/** `subclass` itself. @throws ERR_TALKSPURT_COMMAND_SYNTAX when it cannot be one word of a command */
export function eventSubclass(subclass: string): string {
  if (SUBCLASS.test(subclass)) return subclass;
  throw refused('a subclass of events that is not one');
}

/**
 * What an event is published with: `headers`, fit to be written, after its subclass.
 * @throws as {@link checkedHeaders}, and ERR_TALKSPURT_COMMAND_SYNTAX for a header that says what the event is
 */
export function eventHeaders(
  subclass: string,
  headers: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  for (const name of Object.keys(headers)) {
    if (OWN_EVENT_HEADERS.has(name.toLowerCase())) throw refused('an event header that is not for callers to set');
  }
  return { 'Event-Subclass': eventSubclass(subclass), ...checkedHeaders(headers) };
}

/** `body` itself. @throws ERR_TALKSPURT_COMMAND_SYNTAX when it is too long, or would end early on the switch */
export function eventBody(body: string): string {
  if (Buffer.byteLength(body) > LIMITS.eslEventBodyBytes) {
    throw refused(`an event body of more than ${LIMITS.eslEventBodyBytes} bytes`);
  }
  if (body.includes('\0')) throw refused('an event body with a NUL character');
  return body;
}

/** `line` itself. @throws ERR_TALKSPURT_COMMAND_SYNTAX when it is empty, too long or more than one line */
export function commandLine(line: string): string {
  if (line.trim() === '') throw refused('an empty command');
  if (LINE_BREAK.test(line)) throw refused('a command with a line break');
  if (Buffer.byteLength(line) > LIMITS.commandBytes)
    throw refused(`a command of more than ${LIMITS.commandBytes} bytes`);
  return line;
}

/**
 * `headers` themselves, fit to be written.
 * @throws ERR_TALKSPURT_COMMAND_SYNTAX for what would end a line, ERR_TALKSPURT_UNICAST_GUARD for unicast
 */
export function checkedHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    if (!HEADER_NAME.test(name)) throw refused('a header name that is not one');
    if (LINE_BREAK.test(value)) throw refused('a header value with a line break');
    if (Buffer.byteLength(value) > LIMITS.commandBytes) throw refused('a header value that is too long');
    if (name.toLowerCase() === 'call-command' && value.trim().toLowerCase() === 'unicast') throw unguarded();
  }
  return headers;
}

/** A request as it is written: what goes into it has been tested to be one line each. */
export function requestText(line: string, headers: Readonly<Record<string, string>>): string {
  let text = `${line}\n`;
  for (const [name, value] of Object.entries(headers)) text += `${name}: ${value}\n`;
  return `${text}\n`;
}

/** Words that begin a line of the Event Socket itself, or reach a channel's own thread. */
const NOT_FOR_OPERATORS = /^\s*(?:bgapi\s+|api\s+)*(?:sendmsg|sendevent)\b/i;

/** An operator's line for `api`. @throws as {@link commandLine}, and ERR_TALKSPURT_UNICAST_GUARD for what bypasses the guard */
export function operatorLine(line: string): string {
  const checked = commandLine(line.trim());
  if (NOT_FOR_OPERATORS.test(checked) || /call-command/i.test(checked)) throw unguarded();
  return checked;
}

function refused(what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', `not sent to the switch: ${what}`);
}

function unguarded(): TalkspurtError {
  return new TalkspurtError(
    'ERR_TALKSPURT_UNICAST_GUARD',
    'not sent to the switch: unicast started without its guard can end the whole FreeSWITCH; open the media of a leg instead',
  );
}
