/**
 * From a URL to a session that may talk, whatever its dialect: dial, go through the steps of the set-up within one deadline,
 * and hold what comes too early until somebody takes it.
 *
 *   dialling ─▶ step ─▶ step ─▶ … ─▶ ready ─▶ handed over
 *       └─────────┴───────┴──▶ failed
 */
import type { Clock } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { BackendSocket } from './backend-socket.ts';
import type { BackendSocketListener } from './backend-socket.ts';
import type { BackendHints } from './upgrade-refusal.ts';

/** A session that is set up. Whatever comes is held until {@link handOver}. */
export interface BackendSession {
  readonly socket: BackendSocket;
  /** When the session ends at the latest, in the clock's monotonic ms. */
  readonly expiresAtMs: number;
  /** Hands what was held, and everything from now on, to `listener`. */
  handOver(listener: BackendSocketListener): void;
}

/** What a dialect makes of one message while a session is set up. */
export type OpeningVerdict =
  /** Chatter: it changes nothing. */
  | null
  /** It is what was waited for: `send` goes out, and the next step waits for its own; after the last the session is up. */
  | { readonly send?: string; readonly lastsMs?: number }
  /** There will be no session. */
  | TalkspurtError;

/** How a vendor's sessions are opened. */
export interface SessionOpening {
  /** The backend's name, for messages. */
  readonly backend: string;
  readonly hints: BackendHints;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly secrets: readonly string[];
  /** From dialling to a session that is set up; default `LIMITS.backendOpenMs`. */
  readonly limitMs: number | undefined;
  /** Longest session, ms, from the open socket on; a verdict with `lastsMs` says it better. */
  readonly lastsMs: number;
  /** What is said as soon as the socket is open; absent: the peer speaks first. */
  first?(): string;
  /** In order: what each state waits for. There is at least one. */
  readonly steps: readonly OpeningStep[];
  /** Judges a message that came in the state `state`. @throws nothing */
  judge(state: string, data: Buffer, isBinary: boolean): OpeningVerdict;
}

/** One state of a set-up: its name, and the message that ends it as a timeout's text names it. */
export interface OpeningStep {
  readonly state: string;
  readonly message: string;
}

/**
 * Sets a session up.
 * @throws the codes of `Backend.open`, or the reason of `signal`; nothing is left open then.
 */
export async function openSession(opening: SessionOpening, clock: Clock, signal: AbortSignal): Promise<BackendSession> {
  const { backend, hints, url, headers, secrets, limitMs = LIMITS.backendOpenMs } = opening;
  const setup = new SessionSetup(opening, clock);
  const stop = new AbortController();
  const onAbort = (): void => stop.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const deadline = clock.after(limitMs, () => stop.abort(setup.timeout(limitMs)));
  let socket: BackendSocket | null = null;
  try {
    // The one deadline covers the handshake too; the socket's own is only for dialects that have none.
    const dialled = { url, headers, backend, hints, secrets, clock, handshakeMs: limitMs * 2 };
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

type SetupState = 'dialling' | 'opening' | 'ready' | 'handed-over' | 'failed';

interface HeldMessage {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

class SessionSetup implements BackendSocketListener {
  readonly #opening: SessionOpening;
  readonly #clock: Clock;
  #state: SetupState = 'dialling';
  /** Steps that were taken. */
  #taken = 0;
  #socket: BackendSocket | null = null;
  #expiresAtMs = 0;
  /** Messages that came when nobody could take them yet, and the end that followed them. */
  readonly #held: HeldMessage[] = [];
  #heldBytes = 0;
  #closed: { readonly error: TalkspurtError | null } | null = null;
  #listener: BackendSocketListener | null = null;
  #resolve: (expiresAtMs: number) => void = ignore;
  #reject: (error: Error) => void = ignore;

  constructor(opening: SessionOpening, clock: Clock) {
    this.#opening = opening;
    this.#clock = clock;
  }

  /** Waits until the session is set up; resolves with the time of its end. */
  run(socket: BackendSocket, signal: AbortSignal): Promise<number> {
    return new Promise<number>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#socket = socket;
      this.#state = 'opening';
      this.#expiresAtMs = this.#clock.nowMs() + this.#opening.lastsMs;
      const onAbort = (): void => this.#fail(signal.reason as Error);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      const first = this.#state === 'opening' ? this.#opening.first?.() : undefined;
      if (first !== undefined) socket.send(first);
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
      this.#socket?.fail(protocolError(this.#opening.backend, 'sent too much before the session was up'));
    }
    this.#drain();
  }

  onClosed(error: TalkspurtError | null): void {
    this.#closed = { error };
    this.#drain();
  }

  /** The error for a session that was not up in time, by how far it came. */
  timeout(limitMs: number): TalkspurtError {
    const { backend, steps } = this.#opening;
    const { state, message } = this.#state === 'dialling' ? HANDSHAKE : (steps[this.#taken] ?? HANDSHAKE);
    return new TalkspurtError(
      'ERR_TALKSPURT_BACKEND_TIMEOUT',
      `backend '${backend}' did not set a session up within ${limitMs} ms (no ${message})`,
      { details: { limitMs, state } },
    );
  }

  /** Works off what is held as far as the state allows. */
  #drain(): void {
    while (this.#state === 'opening' || this.#state === 'handed-over') {
      const held = this.#held.shift();
      if (held === undefined) break;
      this.#heldBytes -= held.data.length;
      if (this.#listener === null) this.#step(held);
      else this.#listener.onMessage(held.data, held.isBinary);
    }
    if (this.#closed === null || this.#held.length > 0) return;
    const { error } = this.#closed;
    if (this.#state === 'handed-over') {
      this.#closed = null;
      this.#listener?.onClosed(error);
    } else {
      this.#fail(error ?? protocolError(this.#opening.backend, 'closed the connection before the session was up'));
    }
  }

  #step({ data, isBinary }: HeldMessage): void {
    const { steps } = this.#opening;
    const verdict = this.#opening.judge(steps[this.#taken]!.state, data, isBinary);
    if (verdict === null) return;
    if (verdict instanceof TalkspurtError) {
      this.#fail(verdict);
      return;
    }
    const { send, lastsMs } = verdict;
    if (lastsMs !== undefined) this.#expiresAtMs = this.#clock.nowMs() + lastsMs;
    this.#taken += 1;
    if (this.#taken === steps.length) {
      this.#state = 'ready';
      this.#resolve(this.#expiresAtMs);
    }
    if (send !== undefined) this.#socket?.send(send);
  }

  #fail(error: Error): void {
    if (this.#state !== 'opening') return;
    this.#state = 'failed';
    this.#held.length = 0;
    this.#reject(error);
  }
}

const HANDSHAKE: OpeningStep = { state: 'dialling', message: 'WebSocket handshake' };

/** The error for a peer that broke the rules of its dialect: `what` it did. */
export function protocolError(backend: string, what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_BACKEND_PROTOCOL', `backend '${backend}' ${what}`);
}

function ignore(): void {
  // Stands in until `run` has the promise's own.
}
