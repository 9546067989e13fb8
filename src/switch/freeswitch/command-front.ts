/**
 * Commands by event: whoever can fire a CUSTOM event on the switch (a Lua script, a program over ESL) sends
 * `audio_stream::command`, and reads `audio_stream::reply`. docs/events.md says what is in them.
 */
import { randomUUID } from 'node:crypto';
import { CALL_VERBS, COMMAND_NAME } from '../../commands/command.ts';
import { errorReply } from '../../commands/dispatch.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { isChannelId } from './esl-command-text.ts';
import type { EslEvent, EslLink } from './esl-link.ts';

/** Subclass of an event whose body is one line of the grammar. */
export const COMMAND_SUBCLASS = 'audio_stream::command';
/** Subclass of the event that answers it. */
export const REPLY_SUBCLASS = 'audio_stream::reply';

/** Which link, and who carries commands out. */
export interface CommandFrontOptions {
  readonly link: Pick<EslLink, 'subscribe' | 'sendEvent'>;
  /** One line of the grammar in, one reply out. Never rejects (`Gateway.command`). */
  dispatch(line: string, front: string): Promise<string>;
  /** An answer that could not be sent. */
  onFault?(error: TalkspurtError): void;
}

/** What a front has seen. */
export interface CommandFrontStats {
  readonly commands: number;
  /** Refused because too many were running, or their `Request-ID` was none. */
  readonly refused: number;
  /** Answers that were not sent: the link was down, or there were too many refusals. */
  readonly unanswered: number;
}

/** Name of this front in `command` events. */
const FRONT = 'event';
/** Marks what we sent ourselves, so that no forwarder of events can make a circle of us. */
const ORIGIN_HEADER = 'Talkspurt-Origin';
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const VERBS: ReadonlySet<string> = new Set(CALL_VERBS);

/** The front of one switch. Give it every event of the link; it picks its own. */
export class CommandFront {
  readonly #options: CommandFrontOptions;
  readonly #origin = randomUUID();
  readonly #running = new Set<Promise<void>>();
  #refusing = 0;
  #commands = 0;
  #refused = 0;
  #unanswered = 0;
  #state: 'idle' | 'open' | 'closed' = 'idle';

  constructor(options: CommandFrontOptions) {
    this.#options = options;
  }

  get stats(): CommandFrontStats {
    return { commands: this.#commands, refused: this.#refused, unanswered: this.#unanswered };
  }

  /** Asks the link for its events. @throws as `EslLink.subscribe` */
  async open(): Promise<void> {
    this.#state = 'open';
    await this.#options.link.subscribe(COMMAND_SUBCLASS);
  }

  /** Takes no more commands; resolves when those that run are answered. Twice is harmless. */
  async close(): Promise<void> {
    this.#state = 'closed';
    await Promise.all(this.#running);
  }

  /** Takes one event of the link; never throws. Returns whether it was a command. */
  onEvent(event: EslEvent): boolean {
    if (event.name !== 'CUSTOM' || event.headers['Event-Subclass'] !== COMMAND_SUBCLASS) return false;
    if (this.#state !== 'open' || event.headers[ORIGIN_HEADER] === this.#origin) return true;
    const requestId = event.headers['Request-ID'];
    if (requestId !== undefined && !REQUEST_ID.test(requestId)) {
      this.#refuse(undefined, badRequestId());
    } else if (this.#running.size >= LIMITS.commandFrontCommands) {
      this.#refuse(requestId, limited('too many commands at once: try again'));
    } else {
      this.#commands += 1;
      const answered = this.#carryOut(commandOf(event), requestId);
      this.#running.add(answered);
      void answered.then(() => this.#running.delete(answered));
    }
    return true;
  }

  async #carryOut(line: string, requestId: string | undefined): Promise<void> {
    let reply: string;
    try {
      reply = await this.#options.dispatch(line, FRONT);
    } catch (error) {
      this.#options.onFault?.(asTalkspurtError(error));
      reply = errorReply(error);
    }
    await this.#reply(requestId, reply);
  }

  #refuse(requestId: string | undefined, why: TalkspurtError): void {
    this.#refused += 1;
    if (this.#refusing >= LIMITS.commandFrontRefusals) {
      this.#unanswered += 1;
      return;
    }
    this.#refusing += 1;
    void this.#reply(requestId, errorReply(why)).then(() => {
      this.#refusing -= 1;
    });
  }

  /** Never rejects. */
  async #reply(requestId: string | undefined, reply: string): Promise<void> {
    const tooLong = Buffer.byteLength(reply) > LIMITS.eslEventBodyBytes;
    const body = tooLong ? errorReply(limited('the reply is too long for an event')) : reply;
    const headers: Record<string, string> = { [ORIGIN_HEADER]: this.#origin };
    if (requestId !== undefined) headers['Request-ID'] = requestId;
    try {
      await this.#options.link.sendEvent(REPLY_SUBCLASS, headers, body.replaceAll('\0', ' '));
    } catch (error) {
      this.#unanswered += 1;
      this.#options.onFault?.(asTalkspurtError(error));
    }
  }
}

/** The line that an event asks for: its body or `Command`; a verb alone is about the event's own channel. */
function commandOf(event: EslEvent): string {
  const text = event.body.trim() === '' ? commandHeader(event) : event.body;
  // The line end behind it is a habit; one inside it is refused by the grammar.
  const line = text.replace(/\r?\n$/, '');
  const { uuid } = event;
  if (!isChannelId(uuid)) return line;
  const words = line.trimStart();
  const [first = ''] = words.split(' ', 1);
  const rest = first.toLowerCase() === COMMAND_NAME ? words.slice(first.length).trimStart() : words;
  const [verb = ''] = rest.split(' ', 1);
  return VERBS.has(verb) ? `${uuid} ${rest}` : line;
}

/** Of an event that came by `sendevent` FreeSWITCH says so in a header of the same name; a client's own is behind it. */
function commandHeader(event: EslEvent): string {
  const value = event.headers['Command'] ?? '';
  return /^sendevent\b/i.test(value) ? '' : value;
}

function badRequestId(): TalkspurtError {
  const message = 'Request-ID is longer than 128, or not of letters, digits and ._:-';
  return new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
}

function limited(message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_COMMAND_LIMIT', message);
}
