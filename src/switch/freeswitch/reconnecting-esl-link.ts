/** The life of an Event Socket link: dialled, subscribed, watched over, and dialled again, whoever speaks the wire. */
import { randomUUID } from 'node:crypto';
import { isIPv4 } from 'node:net';
import { Backoff } from '../../core/backoff.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import {
  checkedHeaders,
  commandLine,
  eventBody,
  eventHeaders,
  eventSubclass,
  isChannelId,
} from './esl-command-text.ts';
import type { EslConnection, EslDial } from './esl-connection.ts';
import { queueFull } from './esl-link-error.ts';
import { ESL_LINK_EVENTS } from './esl-link-events.ts';
import type { EslEvent, EslLink, EslLinkListener, UnicastAddresses } from './esl-link.ts';
import { redeemPermit } from './unicast-guard.ts';
import type { UnicastPermit } from './unicast-guard.ts';

/** Which switch, and how to get in. */
export interface EslLinkOptions {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly password: string;
  readonly clock: Clock;
}

/** A filter that no channel meets: without any filter every event of the switch would come. */
const NOBODY = 'talkspurt-watches-nobody';

interface Job {
  readonly resolve: (result: string) => void;
  readonly reject: (error: TalkspurtError) => void;
  readonly deadline: Timer;
}

/** The port over any {@link EslDial}. */
export class ReconnectingEslLink implements EslLink {
  readonly name: string;
  readonly #options: EslLinkOptions;
  readonly #clock: Clock;
  readonly #dial: EslDial;
  readonly #backoff: Backoff;
  readonly #closing = new AbortController();
  readonly #watched = new Set<string>();
  readonly #subclasses = new Set<string>();
  readonly #jobs = new Map<string, Job>();
  #listener: EslLinkListener | null = null;
  /** Logged in and subscribed. */
  #connection: EslConnection | null = null;
  /** Logged in, and not up yet. */
  #unsubscribed: EslConnection | null = null;
  #attempt: Promise<void> = Promise.resolve();
  #timer: Timer | null = null;
  #heardMs = 0;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for a password that is not one line */
  constructor(options: EslLinkOptions, dial: EslDial) {
    if (/[\r\n\0]/.test(options.password)) {
      throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `the password of ${options.name} holds a line break`);
    }
    this.name = options.name;
    this.#options = options;
    this.#clock = options.clock;
    this.#dial = dial;
    const baseMs = LIMITS.linkBackoffBaseMs;
    const capMs = LIMITS.linkBackoffCapMs;
    this.#backoff = new Backoff({ baseMs, capMs, random: () => options.clock.random() });
  }

  get up(): boolean {
    return this.#connection !== null;
  }

  async start(listener: EslLinkListener): Promise<void> {
    this.#listener = listener;
    this.#attempt = this.#connect();
    await this.#attempt;
  }

  async api(command: string): Promise<string> {
    return await this.#live().api(commandLine(command));
  }

  async bgapi(command: string): Promise<string> {
    const line = commandLine(command);
    const connection = this.#live();
    if (this.#jobs.size >= LIMITS.eslJobs) throw queueFull(LIMITS.eslJobs, `jobs run on ${this.name}`);
    const jobUuid = randomUUID();
    // Its result may come in the same segment as the reply: it has to be known before.
    const result = new Promise<string>((resolve, reject) => {
      const deadline = this.#clock.after(LIMITS.eslJobMs, () => {
        this.#forgetJob(jobUuid)?.reject(late(`${this.name} did not end a job within ${LIMITS.eslJobMs} ms`));
      });
      this.#jobs.set(jobUuid, { resolve, reject, deadline });
    });
    // When sending fails, that is the rejection; the result's own is then nobody's.
    result.catch(() => undefined);
    try {
      const reply = await connection.command(`bgapi ${line}`, { 'Job-UUID': jobUuid });
      if (!reply.startsWith('+OK')) return `${reply}\n`;
    } catch (error) {
      this.#forgetJob(jobUuid);
      throw error;
    }
    return await result;
  }

  async sendMessage(uuid: string, headers: Readonly<Record<string, string>>): Promise<string> {
    return await this.#live().command(`sendmsg ${this.#channel(uuid)}`, checkedHeaders(headers));
  }

  async watch(uuid: string): Promise<void> {
    const line = `filter Unique-ID ${this.#channel(uuid)}`;
    const connection = this.#live();
    this.#watched.add(uuid);
    if (connection.filters) await this.#must(connection, line);
  }

  async unwatch(uuid: string): Promise<void> {
    if (!this.#watched.delete(uuid) || this.#connection?.filters !== true) return;
    await this.#must(this.#connection, `filter delete Unique-ID ${uuid}`).catch((error: unknown) => {
      // Lost: after the next login its events are not asked for.
      if (!(error instanceof TalkspurtError)) throw error;
    });
  }

  async subscribe(subclass: string): Promise<void> {
    const word = eventSubclass(subclass);
    if (this.#subclasses.has(word)) return;
    if (this.#subclasses.size >= LIMITS.eslLinkSubclasses) {
      const message = `${this.name} is subscribed to ${LIMITS.eslLinkSubclasses} subclasses of events already`;
      throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', message);
    }
    this.#subclasses.add(word);
    if (this.#connection === null) return;
    try {
      await this.#subscribeTo(this.#connection, word);
    } catch (error) {
      // Lost in the middle, it is renewed with the others; refused, it is not subscribed to.
      if (hasCode(error, 'ERR_TALKSPURT_SWITCH_COMMAND')) this.#subclasses.delete(word);
      throw error;
    }
  }

  async sendEvent(subclass: string, headers: Readonly<Record<string, string>>, body: string): Promise<void> {
    const checked = eventHeaders(subclass, headers);
    const text = eventBody(body);
    accepted(this.name, 'sendevent', await this.#live().commandWithBody('sendevent CUSTOM', checked, text));
  }

  async activateUnicast(permit: UnicastPermit, addresses: UnicastAddresses): Promise<void> {
    const connection = this.#live();
    const { localHost, remoteHost, remotePort, native } = addresses;
    if (
      !isIPv4(localHost) ||
      !isIPv4(remoteHost) ||
      !Number.isInteger(remotePort) ||
      remotePort < 1 ||
      remotePort > 65535
    ) {
      throw new TalkspurtError(
        'ERR_TALKSPURT_MEDIA_BIND',
        'unicast needs IPv4 addresses and a port: FreeSWITCH has no other',
      );
    }
    const headers = {
      'call-command': 'unicast',
      'local-ip': localHost,
      'local-port': '0',
      'remote-ip': remoteHost,
      'remote-port': String(remotePort),
      transport: 'udp',
      ...(native ? { flags: 'native' } : {}),
    };
    const line = `sendmsg ${this.#channel(permit.uuid)}`;
    // What was true when this was queued need not be when it is written: the permit is used up then.
    const reply = await connection.command(line, headers, () => redeemPermit(permit));
    if (!reply.startsWith('+OK')) {
      throw new TalkspurtError('ERR_TALKSPURT_CALL_GONE', `the channel is no longer on ${this.name}`);
    }
  }

  async close(): Promise<void> {
    const closed = down(`the link to ${this.name} was closed`);
    this.#closing.abort(closed);
    this.#timer?.cancel();
    this.#timer = null;
    this.#unsubscribed?.close(closed);
    this.#drop(closed);
    await this.#attempt;
  }

  /** One attempt; never rejects. */
  async #connect(): Promise<void> {
    const { signal } = this.#closing;
    let connection: EslConnection | null = null;
    const ended: { error: TalkspurtError | null } = { error: null };
    try {
      connection = await this.#dial(
        this.#options,
        {
          onEvent: (event) => {
            if (connection === null || !connection.shared || this.#isOurs(event)) this.#onEvent(event);
          },
          onFault: (error) => this.#listener?.onFault?.(error),
          onClosed: (error) => {
            ended.error = error;
            if (connection !== null && this.#connection === connection) this.#onLost(error);
          },
        },
        this.#clock,
        signal,
      );
      this.#unsubscribed = connection;
      await this.#renew(connection);
      // One more may come while these are asked for: a set is walked to the end that it has then.
      for (const subclass of this.#subclasses) await this.#subscribeTo(connection, subclass);
      if (ended.error !== null) throw ended.error;
      signal.throwIfAborted();
    } catch (error) {
      const failure = ended.error ?? asTalkspurtError(error, 'ERR_TALKSPURT_LINK_PROTOCOL');
      connection?.close(failure);
      this.#retry(failure);
      return;
    } finally {
      this.#unsubscribed = null;
    }
    this.#connection = connection;
    this.#backoff.reset();
    this.#heardMs = this.#clock.nowMs();
    this.#armPing(connection, LIMITS.eslPingMs);
    this.#listener?.onUp(connection.switchVersion);
  }

  async #renew(connection: EslConnection): Promise<void> {
    const filters = [`filter Unique-ID ${NOBODY}`, 'filter Event-Name BACKGROUND_JOB'];
    for (const uuid of this.#watched) filters.push(`filter Unique-ID ${uuid}`);
    while (connection.filters && filters.length > 0) {
      const batch = filters.splice(0, LIMITS.eslRenewalBatch);
      await Promise.all(batch.map((line) => this.#must(connection, line)));
    }
    await this.#must(connection, `event json ${ESL_LINK_EVENTS.join(' ')}`);
  }

  /** Filters let through what any of them matches. All words after CUSTOM are subclasses, so that it comes last. */
  async #subscribeTo(connection: EslConnection, subclass: string): Promise<void> {
    const lines = [`event json CUSTOM ${subclass}`];
    if (connection.filters) lines.unshift(`filter Event-Subclass ${subclass}`);
    await Promise.all(lines.map((line) => this.#must(connection, line)));
  }

  /** A command whose refusal is an error. */
  async #must(connection: EslConnection, line: string): Promise<void> {
    accepted(this.name, line.split(' ', 1)[0] ?? '', await connection.command(line));
  }

  /** Among the events of a connection that others use. */
  #isOurs(event: EslEvent): boolean {
    if (event.name === 'BACKGROUND_JOB') return true;
    if (event.name === 'CUSTOM') return this.#subclasses.has(event.headers['Event-Subclass'] ?? '');
    return this.#watched.has(event.uuid);
  }

  #onEvent(event: EslEvent): void {
    this.#heardMs = this.#clock.nowMs();
    if (event.name !== 'BACKGROUND_JOB') {
      this.#listener?.onEvent(event);
      return;
    }
    // Other clients' jobs come too, and are nobody's here. An empty result reads as it does to `api`.
    this.#forgetJob(event.headers['Job-UUID'] ?? '')?.resolve(event.body === '' ? '-ERR no reply\n' : event.body);
  }

  #forgetJob(jobUuid: string): Job | undefined {
    const job = this.#jobs.get(jobUuid);
    job?.deadline.cancel();
    this.#jobs.delete(jobUuid);
    return job;
  }

  /** A peer that vanished without a word is found out by asking; the answer's own deadline does the rest. */
  #armPing(connection: EslConnection, afterMs: number): void {
    this.#timer = this.#clock.after(afterMs, () => {
      const quietMs = this.#clock.nowMs() - this.#heardMs;
      if (quietMs < LIMITS.eslPingMs) {
        this.#armPing(connection, LIMITS.eslPingMs - quietMs);
        return;
      }
      connection.api('switchname').then(
        () => {
          this.#heardMs = this.#clock.nowMs();
          if (this.#connection === connection) this.#armPing(connection, LIMITS.eslPingMs);
        },
        (error: unknown) => {
          // A lost connection has said so itself; a full queue is asked again.
          if (this.#connection !== connection) return;
          if (!hasCode(error, 'ERR_TALKSPURT_LINK_TIMEOUT')) this.#listener?.onFault?.(asTalkspurtError(error));
          this.#armPing(connection, LIMITS.eslPingMs);
        },
      );
    });
  }

  #onLost(error: TalkspurtError): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#drop(error);
    this.#retry(error);
  }

  /** Forgets the connection and everything that depends on it. */
  #drop(error: TalkspurtError): void {
    const connection = this.#connection;
    this.#connection = null;
    connection?.close(error);
    for (const jobUuid of this.#jobs.keys()) this.#forgetJob(jobUuid)?.reject(down(`${this.name}: ${error.message}`));
  }

  #retry(error: TalkspurtError): void {
    if (this.#closing.signal.aborted) return;
    // Nothing changes by itself about a refused password: asking often would only fill the switch's log.
    const refused = hasCode(error, 'ERR_TALKSPURT_LINK_AUTH') || hasCode(error, 'ERR_TALKSPURT_LINK_DENIED');
    const retryInMs = this.#backoff.nextMs() + (refused ? LIMITS.linkRefusedRetryMs : 0);
    this.#timer = this.#clock.after(retryInMs, () => {
      this.#timer = null;
      this.#attempt = this.#connect();
    });
    this.#listener?.onDown(error, retryInMs);
  }

  #channel(uuid: string): string {
    if (isChannelId(uuid)) return uuid;
    throw new TalkspurtError('ERR_TALKSPURT_COMMAND_SYNTAX', 'that is not the UUID of a channel');
  }

  #live(): EslConnection {
    if (this.#connection !== null) return this.#connection;
    throw down(`the link to ${this.name} is down: see its log lines for why`);
  }
}

/** @throws ERR_TALKSPURT_SWITCH_COMMAND when `reply` is a refusal of `what` */
function accepted(name: string, what: string, reply: string): void {
  if (reply.startsWith('+OK')) return;
  throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', `${name} refused ${what}: ${reply.slice(0, 200)}`);
}

function down(message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_DOWN', message);
}

function late(message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message);
}
