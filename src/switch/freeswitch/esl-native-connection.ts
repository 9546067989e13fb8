/**
 * One Event Socket connection, spoken by ourselves: commands are written without waiting for the answers of those before,
 * which come in order. docs/decisions/0001-esl-link.md compares it with the one over the `esl` package.
 */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { requestText } from './esl-command-text.ts';
import type { EslConnection, EslConnectionSink, EslDial, EslTarget } from './esl-connection.ts';
import type { EslFrameHead } from './esl-frame-head.ts';
import { EslFrameParser } from './esl-frame-parser.ts';
import { denied, down, protocolError, queueFull, timeout, unsent, wrongPassword } from './esl-link-error.ts';
import { logIn } from './esl-login.ts';
import { openEslSocket } from './esl-socket.ts';
import { readWireEvent } from './esl-wire-event.ts';

type ReplyKind = 'command/reply' | 'api/response';

/** A command that waits to be written, or to be answered. */
interface Job {
  readonly bytes: string;
  readonly kind: ReplyKind;
  readonly admit: (() => void) | undefined;
  readonly resolve: (reply: string) => void;
  readonly reject: (error: TalkspurtError) => void;
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

/** Dials with our own client. */
export const dialNatively: EslDial = async (target, sink, clock, signal) => {
  const socket = await openEslSocket(target, clock, signal);
  const connection = new NativeConnection(socket, sink, clock);
  await connection.login(target, signal);
  return connection;
};

class NativeConnection implements EslConnection {
  switchVersion = '';
  readonly filters = true;
  readonly shared = false;
  readonly #socket: Socket;
  readonly #sink: EslConnectionSink;
  readonly #clock: Clock;
  readonly #waiting: Job[] = [];
  /** Written, not answered; the first is answered next. */
  readonly #written: Job[] = [];
  /** Of the first in {@link #written}: the others wait for it, which is no fault of theirs. */
  #deadline: Timer | null = null;
  #loggedIn = false;
  #authenticating = false;
  #ended: TalkspurtError | null = null;
  #greeted: () => void = () => undefined;
  #loginFailed: (error: TalkspurtError) => void = () => undefined;

  constructor(socket: Socket, sink: EslConnectionSink, clock: Clock) {
    this.#socket = socket;
    this.#sink = sink;
    this.#clock = clock;
    const parser = new EslFrameParser((head, frame, bodyAt) => {
      if (this.#ended === null) this.#onFrame(head, frame, bodyAt);
    });
    socket.on('data', (chunk: Buffer) => {
      if (this.#ended !== null) return;
      try {
        parser.push(chunk);
      } catch (error) {
        this.#end(asTalkspurtError(error, 'ERR_TALKSPURT_LINK_PROTOCOL'));
      }
    });
    socket.on('error', (error) => this.#end(down('the connection to the switch broke', error)));
    socket.on('end', () => this.#end(down('the switch closed the connection')));
    socket.on('close', () => this.#end(down('the connection to the switch is closed')));
  }

  /** Resolves when the switch answers commands. When it rejects, the connection is closed. */
  async login(target: EslTarget, signal: AbortSignal): Promise<void> {
    const greeted = new Promise<void>((resolve) => (this.#greeted = resolve));
    const failed = new Promise<never>((_, reject) => (this.#loginFailed = reject));
    const steps = {
      greeted,
      failed,
      auth: async () => {
        this.#authenticating = true;
        const reply = await this.command(`auth ${target.password}`);
        this.#authenticating = false;
        return reply;
      },
      version: () => this.api('version'),
      close: (error: TalkspurtError) => this.#end(error),
    };
    this.switchVersion = await logIn(steps, this.#clock, signal);
    this.#loggedIn = true;
  }

  command(line: string, headers = NO_HEADERS, admit?: () => void): Promise<string> {
    return this.#enqueue('command/reply', requestText(line, headers), admit);
  }

  commandWithBody(line: string, headers: Readonly<Record<string, string>>, body: string): Promise<string> {
    if (body === '') return this.command(line, headers);
    const measured = { ...headers, 'content-length': String(Buffer.byteLength(body)) };
    return this.#enqueue('command/reply', requestText(line, measured) + body);
  }

  api(line: string): Promise<string> {
    return this.#enqueue('api/response', requestText(`api ${line}`, NO_HEADERS));
  }

  close(error: TalkspurtError): void {
    this.#loggedIn = false;
    this.#end(error);
  }

  #enqueue(kind: ReplyKind, bytes: string, admit?: () => void): Promise<string> {
    if (this.#ended !== null) return Promise.reject(unsent(this.#ended));
    if (this.#waiting.length + this.#written.length > LIMITS.eslPendingCommands) {
      return Promise.reject(queueFull(LIMITS.eslPendingCommands));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ bytes, kind, admit, resolve, reject });
      this.#write();
    });
  }

  /**
   * Writes what may be written. What has to be admitted waits until everything before it is answered: what is true when
   * the bytes leave need not be when the switch comes to them.
   */
  #write(): void {
    while (this.#ended === null && this.#written.length < LIMITS.eslPipelinedCommands) {
      const job = this.#waiting[0];
      if (job === undefined || (job.admit !== undefined && this.#written.length > 0)) return;
      this.#waiting.shift();
      try {
        job.admit?.();
      } catch (error) {
        job.reject(asTalkspurtError(error));
        continue;
      }
      this.#written.push(job);
      if (this.#written.length === 1) this.#armDeadline();
      if (this.#socket.writable) this.#socket.write(job.bytes, 'utf8');
    }
  }

  #armDeadline(): void {
    this.#deadline = this.#clock.after(LIMITS.eslCommandMs, () => this.#end(timeout('answer', LIMITS.eslCommandMs)));
  }

  #onFrame(head: EslFrameHead, frame: Buffer, bodyAt: number): void {
    switch (head.contentType) {
      case 'text/event-json':
        this.#onEvent(frame.subarray(bodyAt));
        return;
      case 'command/reply':
        this.#onReply('command/reply', head.replyText);
        return;
      case 'api/response':
        this.#onReply('api/response', frame.toString('utf8', bodyAt));
        return;
      case 'auth/request':
        this.#greeted();
        return;
      case 'text/rude-rejection':
        this.#end(denied());
        return;
      case 'text/disconnect-notice':
        if (!head.lingers) this.#end(down('the switch said goodbye'));
        return;
      default:
      // log/data and whatever a later FreeSWITCH sends unasked.
    }
  }

  #onReply(kind: ReplyKind, reply: string): void {
    const job = this.#written[0];
    if (job === undefined || job.kind !== kind) {
      this.#end(protocolError('an answer to nothing'));
      return;
    }
    // At once: the goodbye that follows a refused login is in the same segment, and tells less.
    if (this.#authenticating && reply.startsWith('-')) {
      this.#end(wrongPassword());
      return;
    }
    this.#written.shift();
    this.#deadline?.cancel();
    this.#deadline = null;
    if (this.#written.length > 0) this.#armDeadline();
    job.resolve(reply);
    this.#write();
  }

  #onEvent(body: Buffer): void {
    if (!this.#loggedIn) return;
    try {
      this.#sink.onEvent(readWireEvent(body));
    } catch (error) {
      this.#sink.onFault(asTalkspurtError(error));
    }
  }

  #end(error: TalkspurtError): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#deadline?.cancel();
    this.#deadline = null;
    this.#socket.destroy();
    const [first, ...others] = [...this.#written.splice(0), ...this.#waiting.splice(0)];
    first?.reject(error.code === 'ERR_TALKSPURT_LINK_TIMEOUT' ? error : unsent(error));
    for (const job of others) job.reject(unsent(error));
    this.#loginFailed(error);
    if (this.#loggedIn) this.#sink.onClosed(error);
  }
}
