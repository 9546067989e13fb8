/**
 * One Event Socket connection over the `esl` package: its reply queue, behind a gate for what comes in, with our own
 * socket, deadlines, order and event parser. docs/decisions/0001-esl-link.md says what the package does by itself.
 */
import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { FreeSwitchError, FreeSwitchResponse } from 'esl';
import type { FreeSwitchEventData, StringMap } from 'esl';
import type { Clock, Timer } from '../../core/clock.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { EslConnection, EslConnectionSink, EslDial, EslTarget } from './esl-connection.ts';
import { parseEslEvent } from './esl-event.ts';
import { EslFrameParser } from './esl-frame-parser.ts';
import { denied, down, protocolError, queueFull, timeout, unsent, wrongPassword } from './esl-link-error.ts';
import { logIn } from './esl-login.ts';
import { openEslSocket } from './esl-socket.ts';

/** A command that waits, or is being answered. */
interface Job {
  readonly run: () => Promise<string>;
  readonly admit: (() => void) | undefined;
  readonly resolve: (reply: string) => void;
  readonly reject: (error: TalkspurtError) => void;
}

const NO_HEADERS: Readonly<Record<string, string>> = {};

/** Dials with the package. */
export const dialWithPackage: EslDial = async (target, sink, clock, signal) => {
  const socket = await openEslSocket(target, clock, signal);
  const connection = new PackageConnection(socket, sink, clock);
  await connection.login(target, signal);
  return connection;
};

class PackageConnection implements EslConnection {
  switchVersion = '';
  readonly filters = true;
  readonly shared = false;
  readonly #socket: Socket;
  readonly #sink: EslConnectionSink;
  readonly #clock: Clock;
  readonly #wire: Wire;
  readonly #response: Response;
  readonly #waiting: Job[] = [];
  #running: Job | null = null;
  #deadline: Timer | null = null;
  #loggedIn = false;
  #authenticating = false;
  #ended: TalkspurtError | null = null;
  /** Settles the wait for `auth/request`. */
  #greeted: () => void = () => undefined;
  /** Ends the login early. */
  #loginFailed: (error: TalkspurtError) => void = () => undefined;

  constructor(socket: Socket, sink: EslConnectionSink, clock: Clock) {
    this.#socket = socket;
    this.#sink = sink;
    this.#clock = clock;
    this.#wire = new Wire(socket);
    this.#response = new Response(this.#wire, {
      onGreeting: () => this.#greeted(),
      onEvent: (json) => this.#onEvent(json),
      onRejected: (error) => this.#end(error),
      onRefused: () => {
        if (this.#authenticating) this.#end(wrongPassword());
      },
      onUnasked: () => this.#end(protocolError('an answer to nothing')),
      expectsReply: (kind) => this.#running !== null && this.#response.awaits === kind,
    });
    const gate = new EslFrameParser((_head, frame) => {
      if (this.#ended === null) this.#wire.emit('data', frame);
    });
    socket.on('data', (chunk: Buffer) => {
      if (this.#ended !== null) return;
      try {
        gate.push(chunk);
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
    return this.#enqueue(() => this.#response.plainCommand(line, headers), admit);
  }

  commandWithBody(line: string, headers: Readonly<Record<string, string>>, body: string): Promise<string> {
    if (body === '') return this.command(line, headers);
    const measured = { ...headers, 'content-length': String(Buffer.byteLength(body)) };
    return this.#enqueue(() => {
      this.#wire.bodyOfNextWrite = body;
      return this.#response.plainCommand(line, measured);
    });
  }

  api(line: string): Promise<string> {
    return this.#enqueue(() => this.#response.plainApi(line));
  }

  close(error: TalkspurtError): void {
    this.#loggedIn = false;
    this.#end(error);
  }

  #enqueue(run: () => Promise<string>, admit?: () => void): Promise<string> {
    if (this.#ended !== null) return Promise.reject(unsent(this.#ended));
    if (this.#waiting.length >= LIMITS.eslPendingCommands) {
      return Promise.reject(queueFull(LIMITS.eslPendingCommands));
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ run, admit, resolve, reject });
      this.#next();
    });
  }

  /** The package has one command in flight; so the queue is ours, and bounded. */
  #next(): void {
    while (this.#running === null && this.#ended === null) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      try {
        job.admit?.();
      } catch (error) {
        job.reject(asTalkspurtError(error));
        continue;
      }
      this.#start(job);
    }
  }

  #start(job: Job): void {
    this.#running = job;
    this.#deadline = this.#clock.after(LIMITS.eslCommandMs, () => this.#end(timeout('answer', LIMITS.eslCommandMs)));
    job.run().then(
      (reply) => this.#settle(job, () => job.resolve(reply)),
      // The package's errors repeat the command, which may hold a secret or digits: they go no further.
      () => this.#settle(job, () => job.reject(protocolError('an answer that is not one'))),
    );
  }

  #settle(job: Job, settle: () => void): void {
    if (this.#running !== job) return;
    this.#running = null;
    this.#deadline?.cancel();
    this.#deadline = null;
    settle();
    this.#next();
  }

  #onEvent(json: string): void {
    if (!this.#loggedIn) return;
    try {
      this.#sink.onEvent(parseEslEvent(json));
    } catch (error) {
      this.#sink.onFault(asTalkspurtError(error));
    }
  }

  #end(error: TalkspurtError): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    this.#deadline?.cancel();
    this.#deadline = null;
    const running = this.#running;
    this.#running = null;
    this.#response.end();
    this.#wire.removeAllListeners();
    this.#socket.destroy();
    running?.reject(error.code === 'ERR_TALKSPURT_LINK_TIMEOUT' ? error : unsent(error));
    for (const job of this.#waiting.splice(0)) job.reject(unsent(error));
    this.#loginFailed(error);
    if (this.#loggedIn) this.#sink.onClosed(error);
  }
}

/** The little of a socket that the package uses: whole frames in, commands out, and no way to end it. */
class Wire extends EventEmitter {
  /** The package knows no bodies: this goes out right behind the command that it writes next. */
  bodyOfNextWrite = '';
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
  }

  setKeepAlive(enable: boolean): this {
    this.#socket.setKeepAlive(enable);
    return this;
  }

  setNoDelay(enable: boolean): this {
    this.#socket.setNoDelay(enable);
    return this;
  }

  write(text: string): boolean {
    const body = this.bodyOfNextWrite;
    this.bodyOfNextWrite = '';
    return this.#socket.writable && this.#socket.write(text + body, 'utf8');
  }

  end(): this {
    return this;
  }
}

type ReplyKind = 'command/reply' | 'api/response';

interface ResponseSink {
  onGreeting(): void;
  onEvent(json: string): void;
  /** The switch says why it ends the connection. */
  onRejected(error: TalkspurtError): void;
  /** A command is answered `-ERR`. Told at once: the goodbye that follows a refused login is in the same segment. */
  onRefused(): void;
  onUnasked(): void;
  expectsReply(kind: ReplyKind): boolean;
}

const silence = (): void => undefined;
const SILENT_LOGGER = { debug: silence, info: silence, error: silence };

/** The package's response with its own timers, its event switch and its memory of other people's jobs taken out. */
class Response extends FreeSwitchResponse {
  readonly #sink: ResponseSink;
  #awaits: ReplyKind | null = null;

  constructor(wire: Wire, sink: ResponseSink) {
    // It is typed for a socket, and uses what Wire has.
    super(wire as unknown as Socket, SILENT_LOGGER);
    this.#sink = sink;
  }

  /** What kind of answer is due. */
  get awaits(): ReplyKind | null {
    return this.#awaits;
  }

  async plainCommand(line: string, headers: Readonly<Record<string, string>>): Promise<string> {
    this.#awaits = 'command/reply';
    try {
      return (await this.send(line, { ...headers })).headers['Reply-Text'] ?? '';
    } catch (error) {
      return refusalOf(error)?.headers['Reply-Text'] ?? rethrow(error);
    }
  }

  async plainApi(line: string): Promise<string> {
    this.#awaits = 'api/response';
    try {
      return (await this.api(line)).body;
    } catch (error) {
      const body = refusalOf(error)?.body;
      return typeof body === 'string' ? body : rethrow(error);
    }
  }

  /** Without the time-out (ours is on the clock) and the comment, which repeats the command. */
  override async onceAsync(
    ...[event]: Parameters<FreeSwitchResponse['onceAsync']>
  ): ReturnType<FreeSwitchResponse['onceAsync']> {
    return super.onceAsync(event, undefined, 'a reply');
  }

  /** Events go to our parser: the package drops characters of them, and throws for some that are well-formed. */
  override process(headers: StringMap, body: string): void {
    const type = headers['Content-Type'];
    switch (type) {
      case 'command/reply':
      case 'api/response':
        if (!this.#sink.expectsReply(type)) {
          this.#sink.onUnasked();
          return;
        }
        if (headers['Reply-Text']?.startsWith('-') === true) this.#sink.onRefused();
        super.process(headers, body);
        return;
      case 'auth/request':
        this.#sink.onGreeting();
        return;
      case 'text/event-json':
        this.#sink.onEvent(body);
        return;
      case 'text/rude-rejection':
        this.#sink.onRejected(denied());
        return;
      case 'text/disconnect-notice':
        // Lingering, it says goodbye again when it goes.
        if (headers['Content-Disposition'] !== 'linger') this.#sink.onRejected(down('the switch said goodbye'));
        return;
      default:
      // log/data and whatever a later FreeSWITCH sends unasked.
    }
  }
}

/** The answer inside of the package's error for `-ERR …`. */
function refusalOf(error: unknown): FreeSwitchEventData | { headers: StringMap; body: string } | undefined {
  return error instanceof FreeSwitchError ? error.res : undefined;
}

function rethrow(error: unknown): never {
  throw error;
}
