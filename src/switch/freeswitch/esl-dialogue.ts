/** The verbs of the Event Socket as a server answers them: one client's side of the conversation, without its socket. */
import { randomUUID } from 'node:crypto';
import { LIMITS } from '../../limits.ts';
import { headerOf } from './esl-request-parser.ts';
import type { EslRequest } from './esl-request-parser.ts';
import { EslSubscription } from './esl-subscription.ts';

/** An API command that a client wants run. */
export interface EslApiCall {
  /** `uuid_getvar 1234 read_codec`, as the client wrote it. */
  readonly line: string;
  /** Header `console_execute: true`, which fs_cli sends: aliases apply and `;;` separates commands. */
  readonly console: boolean;
}

/** What the server behind a dialogue does. */
export interface EslHost {
  /** Constant-time comparison with the password. */
  acceptsPassword(password: string): boolean;
  /** Runs a command; what it resolves to is the body of the answer, and an empty one becomes `-ERR no reply`. */
  api(call: EslApiCall): Promise<string>;
  /** `sendmsg`: returns the reply text. */
  sendMessage(uuid: string, request: EslRequest): string;
  /** `sendevent`: returns the reply text. */
  sendEvent(request: EslRequest): string;
  /** A background job is done: fires BACKGROUND_JOB. */
  jobDone(job: EslJob): void;
}

/** A command that runs in the background. */
export interface EslJob {
  readonly jobUuid: string;
  readonly command: string;
  readonly argument: string;
  readonly output: string;
}

/** What a dialogue needs from its connection. */
export interface EslDialoguePort {
  write(text: string): void;
  /** Sends the goodbye and closes. */
  goodbye(): void;
  onLogin(): void;
}

/** Answers requests one at a time, in the words of FreeSWITCH's mod_event_socket. */
export class EslDialogue {
  readonly subscription = new EslSubscription();
  readonly #port: EslDialoguePort;
  readonly #host: EslHost;
  #loggedIn = false;
  #logLevel: number | null = null;
  #jobs = 0;

  constructor(port: EslDialoguePort, host: EslHost) {
    this.#port = port;
    this.#host = host;
  }

  get loggedIn(): boolean {
    return this.#loggedIn;
  }

  /** Log lines up to this level (0 the gravest, 7 debug) are wanted; null: none. */
  get logLevel(): number | null {
    return this.#logLevel;
  }

  /** Resolves when the request is answered. Never rejects for what a client sends. */
  async run(request: EslRequest): Promise<void> {
    const { command } = request;
    if (/^(exit|\.\.\.)/i.test(command)) {
      this.#reply('+OK bye');
      this.#port.goodbye();
    } else if (!this.#loggedIn) this.#login(command);
    else if (/^api /i.test(command)) await this.#api(request);
    else if (/^bgapi /i.test(command)) this.#bgapi(request);
    else this.#reply(this.#control(request));
  }

  #login(command: string): void {
    if (/^auth /i.test(command)) {
      if (this.#host.acceptsPassword(command.slice(5))) {
        this.#loggedIn = true;
        this.#reply('+OK accepted');
        this.#port.onLogin();
        return;
      }
    } else if (!/^userauth /i.test(command)) {
      this.#reply('-ERR command not found');
      return;
    }
    this.#reply('-ERR invalid');
    this.#port.goodbye();
  }

  async #api(request: EslRequest): Promise<void> {
    const console = isTrue(headerOf(request, 'console_execute'));
    const output = (await this.#host.api({ line: request.command.slice(4), console })) || '-ERR no reply\n';
    this.#port.write(`Content-Type: api/response\nContent-Length: ${Buffer.byteLength(output)}\n\n${output}`);
  }

  /** Answers at once; the output follows as an event. */
  #bgapi(request: EslRequest): void {
    if (this.#jobs >= LIMITS.eslServerJobs) {
      this.#reply('-ERR too many background jobs');
      return;
    }
    const line = request.command.slice(6);
    const [command, argument] = splitCommand(line);
    const jobUuid = (headerOf(request, 'Job-UUID') ?? randomUUID()).slice(0, 36);
    this.#port.write(`Content-Type: command/reply\nReply-Text: +OK Job-UUID: ${jobUuid}\nJob-UUID: ${jobUuid}\n\n`);
    this.#jobs += 1;
    this.#host
      .api({ line, console: false })
      .catch(() => '-ERR internal error\n')
      .then((output) => {
        this.#jobs -= 1;
        this.#host.jobDone({ jobUuid, command, argument, output });
      })
      .catch(() => this.#port.goodbye());
  }

  /** The verbs whose answer is a `command/reply`, in the order in which FreeSWITCH looks for them. */
  #control(request: EslRequest): string {
    const { command } = request;
    const is = (prefix: string): boolean => command.slice(0, prefix.length).toLowerCase() === prefix;
    const words = command.split(' ').slice(1);
    if (is('filter ')) return this.subscription.filter(command.slice(7));
    if (is('myevents ')) return this.subscription.myevents(words[0] ?? '', words[1] ?? '');
    if (is('divert_events')) return '-ERR not controlling a session.';
    if (is('sendmsg')) {
      return this.#host.sendMessage(command.slice(7).trim() || (headerOf(request, 'session-id') ?? ''), request);
    }
    if (is('sendevent')) return this.#host.sendEvent(request);
    if (is('log')) return this.#log(command.slice(3).trimStart());
    if (is('linger') || is('nolinger')) return '-ERR not controlling a session';
    if (is('nolog')) return this.#nolog();
    if (is('event')) return this.subscription.event(words);
    if (is('nixevent')) return this.subscription.nixevent(words);
    if (is('noevents')) return this.subscription.noevents();
    return '-ERR command not found';
  }

  #log(text: string): string {
    const word = text.split(' ')[0]!;
    const level = word === '' ? LOG_LEVELS.indexOf('debug') : logLevel(word);
    if (level === null) return '-ERR invalid log level';
    this.#logLevel = level;
    return `+OK log level ${word} [${level}]`;
  }

  #nolog(): string {
    if (this.#logLevel === null) return '-ERR not loging';
    this.#logLevel = null;
    return '+OK no longer logging';
  }

  #reply(text: string): void {
    // A reply is one line: FreeSWITCH cuts it at 511 bytes, and a line end in it would be a second header.
    const line = text.replaceAll(/[\r\n]+/g, ' ').slice(0, 511);
    this.#port.write(`Content-Type: command/reply\nReply-Text: ${line}\n\n`);
  }
}

/** Names of the log levels by number. */
export const LOG_LEVELS: readonly string[] = ['console', 'alert', 'crit', 'err', 'warning', 'notice', 'info', 'debug'];

/** The number of a level given as a name or a number, or null. */
function logLevel(word: string): number | null {
  if (/^\d+$/.test(word)) return Math.min(Number(word), 10);
  const lower = word.toLowerCase();
  const debug = /^debug([1-9]|10)$/.exec(lower);
  if (debug !== null) return 7 + Math.min(Number(debug[1]), 3);
  const level = LOG_LEVELS.indexOf(lower === 'error' ? 'err' : lower);
  return level < 0 ? null : level;
}

/** The first word and the rest of a command line. */
export function splitCommand(line: string): [command: string, argument: string] {
  const blank = line.indexOf(' ');
  return blank < 0 ? [line, ''] : [line.slice(0, blank), line.slice(blank + 1)];
}

/** What FreeSWITCH takes for true. */
export function isTrue(text: string | undefined): boolean {
  if (text === undefined) return false;
  return /^(yes|on|true|t|enabled|active|allow)$/i.test(text) || (/^-?\d+$/.test(text) && Number(text) !== 0);
}
