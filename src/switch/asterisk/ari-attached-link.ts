/**
 * The ARI link over a client of somebody else's: for who runs an `ari-client` application already. They own its connection,
 * its credentials and its reconnects; we listen beside them, and send requests.
 */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { INFO_REQUEST, checkedLength, isEvent, isReplacement, readAnswer, readInfo } from './ari-answer.ts';
import type { AriConnection, AriConnectionSink, AriDial } from './ari-connection.ts';
import type { AriInfo, AriRequest } from './ari-link.ts';
import { down, replaced, timeout, unanswered } from './ari-link-error.ts';
import { AriPackageRoutes } from './ari-package-routes.ts';
import type { AriPackageApis } from './ari-package-routes.ts';
import { AriPending } from './ari-pending.ts';
import { AriPulse } from './ari-pulse.ts';
import { AriReconnectingLink } from './ari-reconnecting-link.ts';

/** What `connect` of `ari-client` resolves to. */
export interface AriClientOfOthers {
  start(...args: never[]): unknown;
  ping(): void;
}

/** Whose client, and what is known of it. */
export interface AriAttachOptions {
  readonly name: string;
  readonly clock: Clock;
  /** A client of `ari-client` 2.x that is connected; its owner calls `start`, before or after. */
  readonly client: AriClientOfOthers;
  /** The Stasis application, one of those that the owner starts. Events of others are not ours. */
  readonly app: string;
}

/** Somebody else's `ari-client` behind the port. `close` lets go of it and leaves it open. */
export class AriAttachedLink extends AriReconnectingLink {
  readonly #registration: OwnersRegistration;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for what is no client of `ari-client` 2.x */
  constructor(options: AriAttachOptions) {
    const client = checkedClient(options);
    const registration = new OwnersRegistration(client);
    const isTaken = (): Promise<boolean> => Promise.resolve(registration.lost);
    super(options, attachedDial(client, options.app, registration), isTaken);
    this.#registration = registration;
  }

  override async close(): Promise<void> {
    await super.close();
    this.#registration.forget();
  }
}

/** Whether the owner has lost the application to somebody else: their WebSocket lives on, and only with their next is it back. */
class OwnersRegistration {
  readonly #client: Client;
  #lost = false;
  readonly #onConnected = (): void => this.forget();

  constructor(client: Client) {
    this.#client = client;
  }

  get lost(): boolean {
    return this.#lost;
  }

  onReplaced(): void {
    if (!this.#lost) this.#client.on('WebSocketConnected', this.#onConnected);
    this.#lost = true;
  }

  forget(): void {
    this.#lost = false;
    this.#client.removeListener('WebSocketConnected', this.#onConnected);
  }
}

/** What of the client is used. */
interface Client extends AriPackageApis {
  on(name: string, listener: (argument: unknown) => void): void;
  removeListener(name: string, listener: (argument: unknown) => void): void;
  ping(): void;
}

function checkedClient({ name, client }: AriAttachOptions): Client {
  const theirs = client as unknown as Partial<Client>;
  if (typeof theirs.on === 'function' && typeof theirs._swagger?.apis === 'object') return theirs as Client;
  throw new TalkspurtError(
    'ERR_TALKSPURT_CONFIG_INVALID',
    `${name} is to attach to what is no client of ari-client 2.x`,
  );
}

function attachedDial(client: Client, app: string, registration: OwnersRegistration): AriDial {
  return async (sink, clock, signal) => {
    signal.throwIfAborted();
    const connection = new AttachedConnection({ client, app, registration, sink, clock });
    const onAbort = (): void => connection.close(asTalkspurtError(signal.reason, 'ERR_TALKSPURT_LINK_DOWN'));
    signal.addEventListener('abort', onAbort, { once: true });
    const deadline = clock.after(LIMITS.ariLoginMs, () =>
      connection.close(timeout('answer on the connection that we are attached to', LIMITS.ariLoginMs)),
    );
    try {
      await connection.prove();
      return connection;
    } catch (error) {
      connection.close(asTalkspurtError(error, 'ERR_TALKSPURT_LINK_PROTOCOL'));
      throw connection.ended ?? error;
    } finally {
      deadline.cancel();
      signal.removeEventListener('abort', onAbort);
    }
  };
}

interface AttachedConnectionParts {
  readonly client: Client;
  readonly app: string;
  readonly registration: OwnersRegistration;
  readonly sink: AriConnectionSink;
  readonly clock: Clock;
}

class AttachedConnection implements AriConnection {
  info: AriInfo = { version: '', startupTime: '' };
  ended: TalkspurtError | null = null;
  readonly #client: Client;
  readonly #app: string;
  readonly #registration: OwnersRegistration;
  readonly #sink: AriConnectionSink;
  readonly #routes: AriPackageRoutes;
  readonly #pending: AriPending;
  readonly #pulse: AriPulse;
  readonly #listeners: Readonly<Record<string, (argument: unknown) => void>>;
  readonly #ponged: Promise<void>;
  #onPong: () => void = () => undefined;
  #onEnd: (error: TalkspurtError) => void = () => undefined;

  constructor({ client, app, registration, sink, clock }: AttachedConnectionParts) {
    this.#client = client;
    this.#app = app;
    this.#registration = registration;
    this.#sink = sink;
    this.#routes = new AriPackageRoutes(client);
    this.#pending = new AriPending(clock);
    this.#ponged = new Promise((resolve, reject) => {
      this.#onPong = resolve;
      this.#onEnd = reject;
    });
    // The end of a connection that nobody proves is nobody's to hear of.
    this.#ponged.catch(() => undefined);
    this.#pulse = new AriPulse(
      clock,
      () => this.#ping(),
      () => this.#end(timeout('give a sign of life', LIMITS.ariSilentMs)),
    );
    this.#listeners = {
      '*': (event) => this.#onEvent(event),
      pong: () => {
        this.#pulse.heard();
        this.#onPong();
      },
      WebSocketConnected: () => this.#ping(),
      WebSocketReconnecting: () => this.#end(down('the owner’s connection to Asterisk ended')),
      WebSocketMaxRetries: () => this.#end(down('the owner’s client has given its connection up')),
    };
    for (const [name, listener] of Object.entries(this.#listeners)) client.on(name, listener);
  }

  /** That their WebSocket lives, that requests are answered, and that our application is one of theirs. */
  async prove(): Promise<void> {
    this.#ping();
    await this.#ponged;
    this.info = readInfo(await this.request(INFO_REQUEST));
    try {
      await this.request({ method: 'GET', path: `applications/${encodeURIComponent(this.#app)}` });
    } catch (error) {
      if (!hasCode(error, 'ERR_TALKSPURT_ARI_REFUSED')) throw error;
      throw down(`the Stasis application '${this.#app}' is not registered: its owner is to start it`);
    }
  }

  async request(request: AriRequest): Promise<unknown> {
    if (this.ended !== null) throw unanswered(this.ended);
    const { method, path, query = {} } = request;
    const body = request.body === undefined ? '' : JSON.stringify(request.body);
    checkedLength(request, JSON.stringify([path, query]) + body);
    const answer = await this.#pending.ask(request, (id) => {
      this.#routes.send({ method, path, query, body }, (status, text) => {
        this.#pending.take(id)?.resolve({ status, body: text });
      });
    });
    return readAnswer(request, answer);
  }

  close(error: TalkspurtError): void {
    this.#end(error, false);
  }

  /** Whether there was a socket to ask by; without one no pong comes, which is what decides. */
  #ping(): boolean {
    try {
      this.#client.ping();
      return true;
    } catch {
      return false;
    }
  }

  /** Called from within the owner's socket: nothing may be thrown there. */
  #onEvent(event: unknown): void {
    this.#pulse.heard();
    if (!isEvent(event)) return;
    if (isReplacement(event, this.#app)) {
      this.#registration.onReplaced();
      this.#end(replaced(this.#app));
    } else if (event['application'] === undefined || event['application'] === this.#app) this.#sink.onEvent(event);
  }

  #end(error: TalkspurtError, tell = true): void {
    if (this.ended !== null) return;
    this.ended = error;
    this.#pulse.stop();
    for (const [name, listener] of Object.entries(this.#listeners)) this.#client.removeListener(name, listener);
    this.#pending.rejectAll(unanswered(error));
    this.#onEnd(error);
    if (tell) this.#sink.onClosed(error);
  }
}
