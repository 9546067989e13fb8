/**
 * The Event Socket link over a connection of somebody else's: for who runs an `esl` application already. They own the
 * socket, its password and its reconnects; commands go through the package's own queue, in turn with theirs.
 *
 * What their connection keeps of its own, it keeps: nothing here filters, unsubscribes, ends or logs anything. What it has
 * to be: logged in, and in JSON (`event_json`, as the package's client and server have it) rather than plain.
 */
import type { FreeSwitchClient, FreeSwitchEventData, FreeSwitchResponse } from 'esl';
import { randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { requestText } from './esl-command-text.ts';
import type { EslConnection, EslConnectionSink, EslDial } from './esl-connection.ts';
import { eventHeadersOf } from './esl-event.ts';
import { ESL_LINK_EVENTS } from './esl-link-events.ts';
import type { EslEvent } from './esl-link.ts';
import { down, protocolError, queueFull, timeout, unsent } from './esl-link-error.ts';
import { ReconnectingEslLink } from './reconnecting-esl-link.ts';

/** Whose connection, and what is known of it. */
export interface EslAttachOptions {
  readonly name: string;
  readonly clock: Clock;
  /**
   * A client, attached **before** its `connect()` is called, so that every connection of it is seen; or one connection
   * that is logged in, which is the end of the link when it ends.
   */
  readonly client: FreeSwitchClient | FreeSwitchResponse;
  /**
   * The owner has set event filters on the connection. Ours are added to them then, and events that they let through stay;
   * otherwise none is set, because a first one would hide all other events from the owner. Default: false.
   */
  readonly filtered?: boolean;
}

/** Somebody else's `esl` connection behind the port. `close` lets go of it and leaves it open. */
export class EslAttachedLink extends ReconnectingEslLink {
  readonly #source: ResponseSource;

  constructor(options: EslAttachOptions) {
    const source = new ResponseSource(options.client);
    const { name, clock } = options;
    super({ name, clock, host: '', port: 0, password: '' }, attachedDial(source, options.filtered ?? false));
    this.#source = source;
  }

  override async close(): Promise<void> {
    this.#source.close();
    await super.close();
  }
}

/** Where the connection of the moment comes from. */
class ResponseSource {
  readonly #client: FreeSwitchClient | null;
  #latest: FreeSwitchResponse | null;
  #onNext: () => void = () => undefined;
  readonly #onConnect = (response: FreeSwitchResponse): void => {
    this.#latest = response;
    this.#onNext();
  };

  constructor(client: FreeSwitchClient | FreeSwitchResponse) {
    const isResponse = 'enqueue' in client;
    this.#client = isResponse ? null : client;
    this.#latest = isResponse ? client : null;
    this.#client?.on('connect', this.#onConnect);
  }

  /** The connection that is open, or the next one. @throws as `EslDial`, within `LIMITS.eslLoginMs` */
  async open(clock: Clock, signal: AbortSignal): Promise<FreeSwitchResponse> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = withResolvers<FreeSwitchResponse>();
    this.#onNext = (): void => {
      if (this.#latest !== null && !this.#latest.closed) resolve(this.#latest);
    };
    this.#onNext();
    if (this.#client === null) reject(down('the connection that we were attached to has ended'));
    const onAbort = (): void => reject(asTalkspurtError(signal.reason, 'ERR_TALKSPURT_LINK_DOWN'));
    const deadline = clock.after(LIMITS.eslLoginMs, () => {
      const message = `the client that we are attached to had no connection within ${LIMITS.eslLoginMs} ms`;
      reject(new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message));
    });
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await promise;
    } finally {
      deadline.cancel();
      signal.removeEventListener('abort', onAbort);
      this.#onNext = () => undefined;
    }
  }

  close(): void {
    this.#client?.removeListener('connect', this.#onConnect);
  }
}

function attachedDial(source: ResponseSource, filters: boolean): EslDial {
  return async (_target, sink, clock, signal) => {
    const response = await source.open(clock, signal);
    const connection = new AttachedConnection(response, filters, sink, clock);
    const onAbort = (): void => connection.close(asTalkspurtError(signal.reason, 'ERR_TALKSPURT_LINK_DOWN'));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await connection.prove();
      return connection;
    } catch (error) {
      const failure = asTalkspurtError(error, 'ERR_TALKSPURT_LINK_DOWN');
      connection.close(failure);
      throw failure;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  };
}

type ReplyName = 'freeswitch_command_reply' | 'freeswitch_api_response';

interface Job {
  readonly reject: (error: TalkspurtError) => void;
  deadline: Timer;
}

class AttachedConnection implements EslConnection {
  switchVersion = '';
  readonly shared = true;
  readonly filters: boolean;
  readonly #response: FreeSwitchResponse;
  readonly #sink: EslConnectionSink;
  readonly #clock: Clock;
  readonly #jobs = new Set<Job>();
  readonly #listeners = new Map<'CUSTOM' | (typeof ESL_LINK_EVENTS)[number], (event: FreeSwitchEventData) => void>();
  #proven = false;
  #ended: TalkspurtError | null = null;
  readonly #onGone = (): void => this.#end(down('the owner’s connection to the switch ended'));

  constructor(response: FreeSwitchResponse, filters: boolean, sink: EslConnectionSink, clock: Clock) {
    this.#response = response;
    this.filters = filters;
    this.#sink = sink;
    this.#clock = clock;
    for (const name of ['CUSTOM', ...ESL_LINK_EVENTS] as const) {
      const onEvent = (event: FreeSwitchEventData): void => this.#onEvent(name, event.body);
      this.#listeners.set(name, onEvent);
      response.on(name, onEvent);
    }
    response.once('socket.close', this.#onGone);
    response.once('socket.end', this.#onGone);
    response.once('socket.error', this.#onGone);
  }

  /** That answers are to what was asked: after a time-out the package gives every command the answer of the one before. */
  async prove(): Promise<void> {
    const word = `talkspurt-${randomUUID()}`;
    if ((await this.api(`echo ${word}`)).trim() !== word) throw protocolError('answers that are out of step');
    const version = (await this.api('version')).trim();
    this.switchVersion = version.startsWith('-') ? 'unknown' : version;
    this.#proven = true;
  }

  async command(line: string, headers = {}, admit?: () => void): Promise<string> {
    this.#expectJob(headers);
    const reply = await this.#ask('freeswitch_command_reply', line, headers, admit);
    return reply.headers['Reply-Text'] ?? '';
  }

  async commandWithBody(line: string, headers: Readonly<Record<string, string>>, body: string): Promise<string> {
    if (body === '') return await this.command(line, headers);
    // The package ends what it writes with a blank line, and knows no bodies; blank lines before a command are passed over.
    const measured = requestText(line, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
    const reply = await this.#ask('freeswitch_command_reply', measured + body, {});
    return reply.headers['Reply-Text'] ?? '';
  }

  async api(line: string): Promise<string> {
    const { body } = await this.#ask('freeswitch_api_response', `api ${line}`, {});
    return typeof body === 'string' ? body : '';
  }

  close(error: TalkspurtError): void {
    this.#proven = false;
    this.#end(error);
  }

  #ask(
    name: ReplyName,
    text: string,
    headers: Readonly<Record<string, string>>,
    admit?: () => void,
  ): Promise<{ headers: Record<string, string | undefined>; body: unknown }> {
    if (this.#ended !== null) return Promise.reject(unsent(this.#ended));
    if (this.#jobs.size > LIMITS.eslPendingCommands) return Promise.reject(queueFull(LIMITS.eslPendingCommands));
    return new Promise((resolve, reject) => {
      // Until its turn comes it waits for the owner's commands, which may take longer than ours.
      const job = { reject, deadline: this.#deadline(LIMITS.eslJobMs) };
      this.#jobs.add(job);
      this.#response
        .enqueue(async () => {
          if (this.#ended !== null) throw unsent(this.#ended);
          admit?.();
          job.deadline.cancel();
          job.deadline = this.#deadline(LIMITS.eslCommandMs);
          const reply = this.#response.onceAsync(name, undefined, 'a reply');
          return (await Promise.all([reply, this.#response.write(text, { ...headers })]))[0];
        })
        .then(
          (reply) => this.#settle(job, () => resolve(reply)),
          (error: unknown) => {
            // The package's errors repeat the command, which may hold a secret or digits: they go no further.
            const own = error instanceof TalkspurtError ? error : unsent(down('the owner’s connection failed'));
            this.#settle(job, () => reject(own));
          },
        );
    });
  }

  #deadline(limitMs: number): Timer {
    return this.#clock.after(limitMs, () => this.#end(timeout('answer', limitMs)));
  }

  #settle(job: Job, settle: () => void): void {
    job.deadline.cancel();
    if (this.#jobs.delete(job)) settle();
  }

  /** The package keeps the result of a job that nobody waits for, for ever: somebody waits for ours. */
  #expectJob(headers: Readonly<Record<string, string>>): void {
    const jobUuid = headers['Job-UUID'];
    if (jobUuid !== undefined) this.#response.once(`BACKGROUND_JOB ${jobUuid}`, () => undefined);
  }

  /** Called from within the owner's socket: nothing may be thrown there. */
  #onEvent(name: string, members: unknown): void {
    if (!this.#proven) return;
    try {
      this.#sink.onEvent(new AttachedEvent(name, members));
    } catch (error) {
      this.#sink.onFault(asTalkspurtError(error));
    }
  }

  #end(error: TalkspurtError): void {
    if (this.#ended !== null) return;
    this.#ended = error;
    for (const [name, listener] of this.#listeners) this.#response.removeListener(name, listener);
    for (const name of ['socket.close', 'socket.end', 'socket.error'] as const) {
      this.#response.removeListener(name, this.#onGone);
    }
    const [first, ...others] = this.#jobs;
    this.#jobs.clear();
    for (const job of [first, ...others]) job?.deadline.cancel();
    first?.reject(error.code === 'ERR_TALKSPURT_LINK_TIMEOUT' ? error : unsent(error));
    for (const job of others) job.reject(unsent(error));
    if (this.#proven) this.#sink.onClosed(error);
  }
}

/** What the package has decoded; most of it is somebody else's, and is not looked at further. */
class AttachedEvent implements EslEvent {
  readonly name: string;
  readonly uuid: string;
  readonly #members: Readonly<Record<string, unknown>>;
  #headers: Readonly<Record<string, string | undefined>> | null = null;

  constructor(name: string, members: unknown) {
    this.name = name;
    this.#members = members as Readonly<Record<string, unknown>>;
    const uuid = this.#members['Unique-ID'];
    this.uuid = typeof uuid === 'string' ? uuid : '';
  }

  get headers(): Readonly<Record<string, string | undefined>> {
    this.#headers ??= eventHeadersOf(this.#members);
    return this.#headers;
  }

  get body(): string {
    return this.headers['_body'] ?? '';
  }
}

/** What `Promise.withResolvers` is from Node 22 on. */
function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}
