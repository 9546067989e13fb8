/**
 * Commands by user event: whoever can send an ARI user event `audio_stream` to our application, or run `UserEvent(audio_stream,…)`
 * in the dialplan of a channel that we hold, gives one line of the grammar. docs/asterisk.md says what is in them.
 *
 *     { command: "health", id: "7", reply: "my-app" }   →   user event audio_stream_reply { id: "7", reply: "{…}" } to my-app
 */
import { CALL_VERBS, COMMAND_NAME } from '../../commands/command.ts';
import { errorReply } from '../../commands/dispatch.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { AriEvent, AriLink } from './ari-link.ts';

/** Name of a user event whose `command` is one line of the grammar. */
export const COMMAND_EVENT = 'audio_stream';
/** Name of the user event that answers it. */
export const REPLY_EVENT = 'audio_stream_reply';
/** Channel variable that is set to the answer, where the command came with a channel. */
export const REPLY_VARIABLE = 'AUDIO_STREAM_REPLY';

/** Which link, and who carries commands out. */
export interface StasisCommandFrontOptions {
  readonly link: Pick<AriLink, 'request'>;
  /** One line of the grammar in, one reply out. Never rejects (`Gateway.command`). */
  dispatch(line: string, front: string): Promise<string>;
  /** An answer that could not be sent, or a command that cannot be answered. */
  onFault?(error: TalkspurtError): void;
}

/** What a front has seen. */
export interface StasisCommandFrontStats {
  readonly commands: number;
  /** Refused because too many were running, or because their fields were none. */
  readonly refused: number;
}

/** What a command says besides itself. */
interface Asker {
  readonly id: string | null;
  /** The application that is to have the answer. */
  readonly app: string | null;
  readonly channelId: string | null;
}

const FRONT = 'user-event';
const WORD = /^[A-Za-z0-9._:-]{1,128}$/;
const VERBS: ReadonlySet<string> = new Set(CALL_VERBS);
const GONE = 404;

/** The front of one Asterisk. Give it every event of the link; it picks its own. */
export class StasisCommandFront {
  readonly #options: StasisCommandFrontOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #refusing = new Set<Promise<void>>();
  #commands = 0;
  #refused = 0;
  #closed = false;

  constructor(options: StasisCommandFrontOptions) {
    this.#options = options;
  }

  get stats(): StasisCommandFrontStats {
    return { commands: this.#commands, refused: this.#refused };
  }

  /** Takes no more commands; resolves when those that run are answered. Twice is harmless. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#running, ...this.#refusing]);
  }

  /** Takes one event of the link; never throws. Returns whether it was a command. */
  onEvent(event: AriEvent): boolean {
    if (event.type !== 'ChannelUserevent' || event['eventname'] !== COMMAND_EVENT) return false;
    if (this.#closed) return true;
    const fields = record(event['userevent']);
    const channelId = text(record(event['channel'])['id']);
    const [id, app] = [text(fields['id']), text(fields['reply'])];
    const asker = { id, app, channelId };
    if ([id, app].some((word) => word !== null && !WORD.test(word))) {
      // Whoever cannot even be answered rightly is not.
      this.#refused += 1;
      this.#options.onFault?.(unfit());
    } else if (this.#running.size >= LIMITS.commandFrontCommands) this.#refuse(asker);
    else this.#run(this.#carryOut(lineOf(text(fields['command']) ?? '', channelId), asker), this.#running);
    return true;
  }

  /** One too many: it is told so, as far as there is room for telling. */
  #refuse(asker: Asker): void {
    this.#refused += 1;
    if (this.#refusing.size >= LIMITS.commandFrontRefusals) return;
    const message = 'too many commands at once: try again';
    const reply = errorReply(new TalkspurtError('ERR_TALKSPURT_COMMAND_LIMIT', message));
    this.#run(this.#answer(asker, reply), this.#refusing);
  }

  /** Until it is over it is among those. */
  #run(doing: Promise<void>, among: Set<Promise<void>>): void {
    if (among === this.#running) this.#commands += 1;
    among.add(doing);
    void doing.then(() => among.delete(doing));
  }

  /** Never rejects. */
  async #carryOut(line: string, asker: Asker): Promise<void> {
    let reply: string;
    try {
      reply = await this.#options.dispatch(line, FRONT);
    } catch (error) {
      this.#options.onFault?.(asTalkspurtError(error));
      reply = errorReply(error);
    }
    await this.#answer(asker, reply);
  }

  /** Never rejects. */
  async #answer(asker: Asker, reply: string): Promise<void> {
    if (asker.app !== null) await this.#tell(asker.app, asker.id, reply);
    if (asker.channelId !== null) await this.#leave(asker.channelId, reply);
  }

  async #tell(app: string, id: string | null, reply: string): Promise<void> {
    const variables = { reply: reply.trimEnd(), ...(id === null ? {} : { id }) };
    await this.#send(`events/user/${REPLY_EVENT}`, { application: app }, { variables });
  }

  async #leave(channelId: string, reply: string): Promise<void> {
    const value = reply.trimEnd().slice(0, LIMITS.commandMetadataBytes);
    await this.#send(`channels/${encodeURIComponent(channelId)}/variable`, {}, { variable: REPLY_VARIABLE, value });
  }

  async #send(path: string, query: Record<string, string>, body: Record<string, unknown>): Promise<void> {
    try {
      await this.#options.link.request({ method: 'POST', path, query, body });
    } catch (error) {
      const fault = asTalkspurtError(error);
      // The channel, or the application, has left: there is nobody to answer.
      if (fault.details['status'] !== GONE) this.#options.onFault?.(fault);
    }
  }
}

function unfit(): TalkspurtError {
  const message = 'id or reply of a user event is longer than 128, or not of letters, digits and ._:-';
  return new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
}

/** A verb alone is about the event's own channel. */
function lineOf(command: string, channelId: string | null): string {
  const line = command.replace(/\r?\n$/, '');
  if (channelId === null) return line;
  const words = line.trimStart();
  const [first = ''] = words.split(' ', 1);
  const rest = first.toLowerCase() === COMMAND_NAME ? words.slice(first.length).trimStart() : words;
  const [verb = ''] = rest.split(' ', 1);
  return VERBS.has(verb) ? `${channelId} ${rest}` : line;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
