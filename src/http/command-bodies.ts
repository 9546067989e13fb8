/**
 * Commands as JSON: each verb's fields, and the line of the `uuid_audio_stream` grammar that they come to. The line is parsed
 * like any other, so the API can order nothing that an operator could not type.
 */
import { z } from 'zod';
import { COMMAND_NAME, MIXES, MUTE_TARGETS, WHISPER_TARGETS } from '../commands/command.ts';
import type { Command } from '../commands/command.ts';
import { parseCommand } from '../commands/parse-command.ts';
import { TalkspurtError } from '../core/errors.ts';
import { SAMPLE_RATES_HZ } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import { HttpRefusal } from './http-answer.ts';

/** One verb: what its body may say, and what follows the verb in a command line then. */
interface CommandBody {
  /** Verb of the grammar. */
  readonly verb: Command['verb'];
  readonly schema: z.ZodObject;
  /** The field that is at fault when the grammar refuses what is in it. */
  readonly field?: string;
  rest(body: unknown): string;
}

function bodyOf<S extends z.ZodObject>(
  verb: Command['verb'],
  schema: S,
  rest: (body: z.infer<S>) => string,
  field?: string,
): CommandBody {
  return { verb, schema, rest: (body) => rest(body as z.infer<S>), ...(field === undefined ? {} : { field }) };
}

/** One word of a line: no blank can begin another. */
const word = z.string().min(1).max(LIMITS.commandUrlBytes).regex(/^\S+$/, 'must be one word');
const text = z.string().min(1).max(LIMITS.commandMetadataBytes);
const jsonValue = z.union([z.record(z.string(), z.unknown()), z.array(z.unknown())]);
const metadata = z.union([z.string().max(LIMITS.commandMetadataBytes), jsonValue]).optional();
const none = z.strictObject({});
const onOff = z.strictObject({ on: z.boolean().default(true) });
const muted = z.strictObject({ who: z.enum(MUTE_TARGETS).default('user') });
const textBody = z.strictObject({ text });
const json = z.strictObject({ message: jsonValue });

const sendText = bodyOf('send_text', textBody, (body) => quoted(body.text), 'text');
const sendJson = bodyOf('send_json', json, (body) => jsonLine(body.message), 'message');
const interrupt = bodyOf('break', none, () => '');

/** Verbs of `POST /api/calls/:id/:verb`. */
export const CALL_COMMANDS: Readonly<Record<string, CommandBody>> = {
  start: bodyOf(
    'start',
    z.strictObject({
      target: word,
      mix: z.enum(MIXES).default('mono'),
      rate_hz: z.literal(SAMPLE_RATES_HZ).optional(),
      metadata,
    }),
    ({ target, mix, rate_hz: rateHz, metadata: more }) => words(target, mix, rateHz, metadataLine(more)),
    'target',
  ),
  stop: bodyOf('stop', z.strictObject({ metadata }), (body) => metadataLine(body.metadata), 'metadata'),
  say: bodyOf('say', textBody, (body) => quoted(body.text), 'text'),
  text: sendText,
  send_text: sendText,
  json: sendJson,
  send_json: sendJson,
  interrupt,
  break: interrupt,
  mute: bodyOf('mute', muted, (body) => body.who),
  unmute: bodyOf('unmute', muted, (body) => body.who),
  hold: bodyOf('hold', onOff, ({ on }) => (on ? 'on' : 'off')),
  mask: bodyOf('mask', onOff, ({ on }) => (on ? 'on' : 'off')),
  record: bodyOf('record', onOff, ({ on }) => (on ? 'start' : 'stop')),
  pause: bodyOf('pause', none, () => ''),
  resume: bodyOf('resume', none, () => ''),
  play: bodyOf('play', z.strictObject({ source: text }), (body) => quoted(body.source), 'source'),
  dtmf: bodyOf('dtmf', z.strictObject({ digits: word }), (body) => body.digits, 'digits'),
  switch: bodyOf('switch', z.strictObject({ backend: word }), (body) => body.backend, 'backend'),
  transfer: bodyOf(
    'transfer',
    z.strictObject({ destination: word, context: word.optional(), attended: z.boolean().default(false) }),
    ({ destination, context, attended }) =>
      words(destination, context === undefined ? '' : `XML ${context}`, attended ? 'attended' : ''),
    'destination',
  ),
  hangup: bodyOf(
    'hangup',
    z.strictObject({ cause: z.union([z.int().min(1).max(127), word]).optional() }),
    ({ cause }) => words(cause),
    'cause',
  ),
  whisper: bodyOf('whisper', z.strictObject({ to: z.enum(WHISPER_TARGETS) }), (body) => body.to),
  'graceful-shutdown': bodyOf('graceful-shutdown', none, () => ''),
};

/** Verbs of `POST /api/:verb`. */
export const PROCESS_COMMANDS = {
  drain: bodyOf(
    'drain',
    z.strictObject({ seconds: z.int().min(0).max(86_400).optional() }),
    ({ seconds }) => words(seconds),
    'seconds',
  ),
  reload: bodyOf('reload', none, () => ''),
  originate: bodyOf(
    'originate',
    z.strictObject({ switch: word, endpoint: word, profile: word }),
    (body) => words(body.switch, body.endpoint, body.profile),
    'endpoint',
  ),
} as const satisfies Readonly<Record<string, CommandBody>>;

/**
 * The command for a call that a verb of the API and its body come to.
 * @throws HttpRefusal not-found, bad-field
 */
export function callCommand(id: string, name: string, body: unknown): Command {
  const known = Object.hasOwn(CALL_COMMANDS, name) ? CALL_COMMANDS[name] : undefined;
  if (known === undefined) {
    throw new HttpRefusal(
      'not-found',
      `there is no such command: it is one of ${Object.keys(CALL_COMMANDS).join(', ')}`,
    );
  }
  requireCallId(id);
  const command = parsedLine(known, `${id} ${known.verb}`, body);
  if (command.verb !== known.verb || !('uuid' in command) || command.uuid !== id) throw noCall();
  return command;
}

/** Neither what no line may hold, nor what means something to the grammar itself. @throws ERR_TALKSPURT_UNKNOWN_CALL */
function requireCallId(id: string): void {
  const parsed = parseCommand(words(COMMAND_NAME, id, 'pause'));
  if (!parsed.ok || !('uuid' in parsed.command) || parsed.command.uuid !== id) throw noCall();
}

/** The same of a command to the process. @throws HttpRefusal bad-field */
export function processCommand(name: keyof typeof PROCESS_COMMANDS, body: unknown): Command {
  return parsedLine(PROCESS_COMMANDS[name], PROCESS_COMMANDS[name].verb, body);
}

function parsedLine(known: CommandBody, head: string, body: unknown): Command {
  const checked = known.schema.safeParse(body);
  if (!checked.success) throw badField(checked.error);
  const parsed = parseCommand(words(COMMAND_NAME, head, known.rest(checked.data)));
  if (parsed.ok) return parsed.command;
  if (parsed.reason.startsWith('the first word')) throw noCall();
  throw new HttpRefusal('bad-field', parsed.reason, known.field === undefined ? {} : { field: known.field });
}

/** Which field, and what it has to be; never what it was. */
function badField(error: z.ZodError): HttpRefusal {
  const [issue] = error.issues;
  const unknown = issue?.code === 'unrecognized_keys' ? issue.keys[0] : undefined;
  const field = (unknown ?? issue?.path.join('.') ?? '').slice(0, 64);
  const message = unknown === undefined ? (issue?.message ?? 'is not valid') : 'is not a field of this command';
  return new HttpRefusal('bad-field', field === '' ? 'the body has to be a mapping of fields' : message, { field });
}

function noCall(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_UNKNOWN_CALL', 'this is not the id of a call');
}

function words(...parts: readonly (string | number | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join(' ');
}

/** What is said stands on one line, in the quotes that the grammar takes off again. */
function quoted(said: string): string {
  return `'${said.replaceAll(/[\p{Cc}\u2028\u2029]+/gu, ' ')}'`;
}

function metadataLine(said: string | Record<string, unknown> | unknown[] | undefined): string {
  if (said === undefined || said === '') return '';
  return typeof said === 'string' ? quoted(said) : jsonLine(said);
}

/** JSON that a line can hold: what a line may not is written as an escape, which means the same. */
function jsonLine(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\p{Cc}\u2028\u2029]|;(?=;)/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
