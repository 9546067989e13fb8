/** From a URL to a Realtime session that may talk: connect, `session.created`, `session.update`, `session.updated`. */
import type { Clock } from '../core/clock.ts';
import { correlationHeaders } from '../core/correlation-id.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { AudioFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { BackendCall } from './backend.ts';
import { BackendSocket } from './backend-socket.ts';
import type { BackendSocketListener } from './backend-socket.ts';
import { apiErrorOf } from './openai-api-error.ts';
import { backendName, realtimeUrl, requestHeaders, secretsOf } from './openai-config.ts';
import type { OpenAiRealtimeConfig } from './openai-config.ts';
import { decodeServerEvent } from './openai-event-decoder.ts';
import type { ServerEvent } from './openai-event.ts';
import { sessionUpdate, wireFormat } from './openai-session-update.ts';

/** A session that is set up. Whatever comes is held until {@link handOver}. */
export interface OpenAiSession {
  readonly socket: BackendSocket;
  /** When the session ends at the latest, in the clock's monotonic ms. */
  readonly expiresAtMs: number;
  /** Hands what was held, and everything from now on, to `listener`. */
  handOver(listener: BackendSocketListener): void;
}

/**
 * Sets a session up within `config.openTimeoutMs`.
 * @throws the codes of `Backend.open`, or the reason of `signal`; nothing is left open then.
 */
export async function openSession(
  config: OpenAiRealtimeConfig,
  format: AudioFormat,
  clock: Clock,
  signal: AbortSignal,
  call?: Pick<BackendCall, 'callId' | 'correlationId'>,
): Promise<OpenAiSession> {
  const backend = backendName(config);
  const limitMs = config.openTimeoutMs ?? LIMITS.backendOpenMs;
  const setup = new SessionSetup(config, format, clock, call);
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const deadline = clock.after(limitMs, () => stop.abort(setup.timeout(limitMs)));
  let socket: BackendSocket | null = null;
  try {
    const secrets = secretsOf(config);
    const headers = { ...correlationHeaders(call?.correlationId), ...requestHeaders(config) };
    // The one deadline covers the handshake too; the socket's own is only for dialects that have none.
    const handshakeMs = limitMs * 2;
    const dialled = { url: realtimeUrl(config), headers, backend, secrets, clock, handshakeMs };
    socket = await BackendSocket.open(dialled, setup, stop.signal);
    const expiresAtMs = await setup.run(socket, stop.signal);
    return { socket, expiresAtMs, handOver: (listener) => setup.handOver(listener) };
  } catch (error) {
    socket?.cut();
    throw error;
  } finally {
    deadline.cancel();
    signal.removeEventListener('abort', onAbort);
  }
}

type SetupState = 'dialling' | 'creating' | 'updating' | 'ready' | 'handed-over' | 'failed';

class SessionSetup implements BackendSocketListener {
  readonly #config: OpenAiRealtimeConfig;
  readonly #format: AudioFormat;
  readonly #clock: Clock;
  readonly #call: Pick<BackendCall, 'callId' | 'correlationId'> | undefined;
  #state: SetupState = 'dialling';
  #socket: BackendSocket | null = null;
  #expiresAtMs = 0;
  /** Messages that came when nobody could take them yet, and the end that followed them. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  #closed: { readonly error: TalkspurtError | null } | null = null;
  #listener: BackendSocketListener | null = null;
  #resolve: (expiresAtMs: number) => void = ignore;
  #reject: (error: Error) => void = ignore;

  constructor(
    config: OpenAiRealtimeConfig,
    format: AudioFormat,
    clock: Clock,
    call: Pick<BackendCall, 'callId' | 'correlationId'> | undefined,
  ) {
    this.#call = call;
    this.#config = config;
    this.#format = format;
    this.#clock = clock;
  }

  /** Waits until the session is set up; resolves with the time of its end. */
  run(socket: BackendSocket, signal: AbortSignal): Promise<number> {
    return new Promise<number>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket = socket;
      this.#state = 'creating';
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

  onMessage(data: Buffer): void {
    if (this.#state === 'handed-over' && this.#held.length === 0) {
      this.#listener?.onMessage(data);
      return;
    }
    this.#held.push(data);
    this.#heldBytes += data.length;
    if (this.#heldBytes > LIMITS.backendMessageBytes)
      this.#socket?.fail(this.#protocol('sent too much before the session was up'));
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
      `backend '${backendName(this.#config)}' did not set a session up within ${limitMs} ms (${WAITED_FOR[reached] ?? 'reply'})`,
      { details: { limitMs, state: reached } },
    );
  }

  /** Works off what is held as far as the state allows. */
  #drain(): void {
    while (this.#state === 'creating' || this.#state === 'updating' || this.#state === 'handed-over') {
      const data = this.#held.shift();
      if (data === undefined) break;
      this.#heldBytes -= data.length;
      if (this.#listener !== null) this.#listener.onMessage(data);
      else this.#step(decodeServerEvent(data));
    }
    if (this.#closed === null || this.#held.length > 0) return;
    if (this.#state === 'handed-over') {
      const { error } = this.#closed;
      this.#closed = null;
      this.#listener?.onClosed(error);
    } else if (this.#state === 'creating' || this.#state === 'updating') {
      this.#fail(this.#closed.error ?? this.#protocol('closed the connection before the session was up'));
    }
  }

  #step(event: ServerEvent): void {
    if (event.type === 'malformed') {
      this.#fail(this.#protocol(`sent a malformed ${event.of} (${event.field})`));
    } else if (event.type === 'error') {
      this.#fail(apiErrorOf(backendName(this.#config), 'session set-up', event.error, secretsOf(this.#config)));
    } else if (event.type === 'session.created' && this.#state === 'creating') {
      this.#expiresAtMs = this.#expiry(event.expiresAtS);
      this.#state = 'updating';
      this.#socket?.send(JSON.stringify(sessionUpdate(this.#config, this.#format, 'setup-1', this.#call)));
    } else if (event.type === 'session.updated' && this.#state === 'updating') {
      this.#updated(event);
    }
    // Anything else is a server's chatter: nothing was asked for yet.
  }

  #updated(event: Extract<ServerEvent, { inputType: unknown }>): void {
    const wanted = wireFormat(this.#format).type;
    // Of one that writes nothing is heard, whatever format it would have.
    const outputType = this.#config.writes === true ? undefined : event.outputType;
    const kept = [event.inputType, outputType].find((type) => type !== undefined && type !== wanted);
    if (kept !== undefined) {
      // Speech in the wrong codec is noise at full level in the caller's ear.
      this.#fail(this.#protocol(`did not take the audio format ${wanted}`));
      return;
    }
    this.#state = 'ready';
    this.#resolve(this.#expiresAtMs);
  }

  /** The server's own time of the end where it names one that can be true, otherwise the known limit. */
  #expiry(expiresAtS: number | undefined): number {
    const nowMs = this.#clock.nowMs();
    const remainingMs = expiresAtS === undefined ? Number.NaN : expiresAtS * 1000 - this.#clock.wallTimeMs();
    return nowMs + (remainingMs > 0 && remainingMs < LIMITS.backendSessionMs ? remainingMs : LIMITS.backendSessionMs);
  }

  #fail(error: Error): void {
    if (this.#state !== 'creating' && this.#state !== 'updating') return;
    this.#state = 'failed';
    this.#held = [];
    this.#reject(error);
  }

  #protocol(what: string): TalkspurtError {
    return new TalkspurtError('ERR_TALKSPURT_BACKEND_PROTOCOL', `backend '${backendName(this.#config)}' ${what}`);
  }
}

const WAITED_FOR: Partial<Record<SetupState, string>> = {
  dialling: 'no WebSocket handshake',
  creating: 'no session.created',
  updating: 'no session.updated',
};

function ignore(): void {
  // Stands in until `run` has the promise's own.
}
