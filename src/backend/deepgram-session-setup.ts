/** From a URL to a Voice Agent that may talk: connect, `Welcome`, `Settings`, `SettingsApplied`. */
import type { Clock } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { BackendSocket } from './backend-socket.ts';
import type { BackendSocketListener } from './backend-socket.ts';
import { deepgramHeaders, deepgramName, deepgramSecrets, deepgramUrl } from './deepgram-config.ts';
import type { DeepgramConfig } from './deepgram-config.ts';
import { decodeDeepgramEvent } from './deepgram-event.ts';
import type { DeepgramEvent } from './deepgram-event.ts';
import { deepgramError } from './deepgram-fault.ts';
import type { DeepgramSettings } from './deepgram-settings.ts';

/** A session that is set up. Whatever comes is held until {@link handOver}. */
export interface DeepgramSession {
  readonly socket: BackendSocket;
  /** When the session ends at the latest, in the clock's monotonic ms. */
  readonly expiresAtMs: number;
  /** Hands what was held, and everything from now on, to `listener`. */
  handOver(listener: BackendSocketListener): void;
}

/**
 * Sets a session up within `config.openTimeoutMs`. `settings` is asked when they are sent.
 * @throws the codes of `Backend.open`, or the reason of `signal`; nothing is left open then.
 */
export async function openDeepgramSession(
  config: DeepgramConfig,
  settings: () => DeepgramSettings,
  clock: Clock,
  signal: AbortSignal,
): Promise<DeepgramSession> {
  const backend = deepgramName(config);
  const limitMs = config.openTimeoutMs ?? LIMITS.backendOpenMs;
  const setup = new SessionSetup(backend, deepgramSecrets(config), settings);
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const deadline = clock.after(limitMs, () => stop.abort(setup.timeout(limitMs)));
  let socket: BackendSocket | null = null;
  try {
    const dialled = {
      url: deepgramUrl(config),
      headers: deepgramHeaders(config),
      backend,
      secrets: deepgramSecrets(config),
      clock,
      // The one deadline covers the handshake too; the socket's own is only for dialects that have none.
      handshakeMs: limitMs * 2,
    };
    socket = await BackendSocket.open(dialled, setup, stop.signal);
    const expiresAtMs = clock.nowMs() + LIMITS.deepgramSessionMs;
    await setup.run(socket, stop.signal);
    return { socket, expiresAtMs, handOver: (listener) => setup.handOver(listener) };
  } catch (error) {
    socket?.cut();
    throw error;
  } finally {
    deadline.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

type SetupState = 'dialling' | 'welcome' | 'settings' | 'ready' | 'handed-over' | 'failed';

interface HeldMessage {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

class SessionSetup implements BackendSocketListener {
  readonly #backend: string;
  readonly #secrets: readonly string[];
  readonly #settings: () => DeepgramSettings;
  #state: SetupState = 'dialling';
  #socket: BackendSocket | null = null;
  /** Messages that came when nobody could take them yet, and the end that followed them. */
  readonly #held: HeldMessage[] = [];
  #heldBytes = 0;
  #closed: { readonly error: TalkspurtError | null } | null = null;
  #listener: BackendSocketListener | null = null;
  #resolve: () => void = ignore;
  #reject: (error: Error) => void = ignore;

  constructor(backend: string, secrets: readonly string[], settings: () => DeepgramSettings) {
    this.#backend = backend;
    this.#secrets = secrets;
    this.#settings = settings;
  }

  /** Resolves when the session is set up. */
  run(socket: BackendSocket, signal: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket = socket;
      this.#state = 'welcome';
      const onAbort = (): void => this.#fail(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      this.#drain();
    });
  }

  handOver(listener: BackendSocketListener): void {
    this.#state = 'handed-over';
    this.#listener = listener;
    try {
      this.#drain();
    } catch (error) {
      // As in the socket's own event: a bug of ours ends this stream, not the process.
      this.#socket?.fail(asTalkspurtError(error));
    }
  }

  onMessage(data: Buffer, isBinary = false): void {
    if (this.#state === 'handed-over' && this.#held.length === 0) {
      this.#listener?.onMessage(data, isBinary);
      return;
    }
    this.#held.push({ data, isBinary });
    this.#heldBytes += data.length;
    if (this.#heldBytes > LIMITS.backendMessageBytes) {
      this.#socket?.fail(this.#protocol('sent too much before the session was up'));
    }
    this.#drain();
  }

  onClosed(error: TalkspurtError | null): void {
    this.#closed = { error };
    this.#drain();
  }

  /** The error for a session that was not up in time, by how far it came. */
  timeout(limitMs: number): TalkspurtError {
    const reached = this.#state;
    return new TalkspurtError(
      'ERR_TALKSPURT_BACKEND_TIMEOUT',
      `backend '${this.#backend}' did not set a session up within ${limitMs} ms (${WAITED_FOR[reached] ?? 'reply'})`,
      { details: { limitMs, state: reached } },
    );
  }

  /** Works off what is held as far as the state allows. */
  #drain(): void {
    while (this.#state === 'welcome' || this.#state === 'settings' || this.#state === 'handed-over') {
      const message = this.#held.shift();
      if (message === undefined) break;
      this.#heldBytes -= message.data.length;
      if (this.#listener !== null) this.#listener.onMessage(message.data, message.isBinary);
      else if (message.isBinary) this.#fail(this.#protocol('sent audio before the session was up'));
      else this.#step(decodeDeepgramEvent(message.data));
    }
    if (this.#closed === null || this.#held.length > 0) return;
    const { error } = this.#closed;
    if (this.#state === 'handed-over') {
      this.#closed = null;
      this.#listener?.onClosed(error);
    } else {
      this.#fail(error ?? this.#protocol('closed the connection before the session was up'));
    }
  }

  #step(event: DeepgramEvent): void {
    if (event.type === 'malformed') {
      this.#fail(this.#protocol(`sent a malformed ${event.of} (${event.field})`));
    } else if (event.type === 'Error') {
      this.#fail(deepgramError(this.#backend, 'session set-up', event.fault, this.#secrets));
    } else if (event.type === 'Welcome' && this.#state === 'welcome') {
      this.#state = 'settings';
      this.#socket?.send(JSON.stringify(this.#settings()));
    } else if (event.type === 'SettingsApplied' && this.#state === 'settings') {
      this.#state = 'ready';
      this.#resolve();
    }
    // Anything else is chatter: nothing was asked for yet.
  }

  #fail(error: Error): void {
    if (this.#state !== 'welcome' && this.#state !== 'settings') return;
    this.#state = 'failed';
    this.#held.length = 0;
    this.#reject(error);
  }

  #protocol(what: string): TalkspurtError {
    return new TalkspurtError('ERR_TALKSPURT_BACKEND_PROTOCOL', `backend '${this.#backend}' ${what}`);
  }
}

const WAITED_FOR: Partial<Record<SetupState, string>> = {
  dialling: 'no WebSocket handshake',
  welcome: 'no Welcome',
  settings: 'no SettingsApplied',
};

function ignore(): void {
  // Stands in until `run` has the promise's own.
}
