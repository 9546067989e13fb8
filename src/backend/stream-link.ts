/** A stream's connection: one WebSocket after another where reconnecting is allowed, as one that comes and goes. */
import { Backoff } from '../core/backoff.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { CLOSED_WITHOUT_CODE, PASSING_CLOSE_CODES } from '../core/close-codes.ts';
import { asTalkspurtError } from '../core/errors.ts';
import type { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import type { BackendSocket, BackendSocketListener, SocketGoodbye } from './backend-socket.ts';

/** What a link is made of. */
export interface StreamLinkParts {
  readonly clock: Clock;
  /** Attempts after a loss; 0: none. */
  readonly reconnectMax: number;
  readonly dial: (listener: BackendSocketListener, signal: AbortSignal) => Promise<BackendSocket>;
  /** A connection is open; what is sent from here is the first that the server hears. */
  readonly onUp: (socket: BackendSocket) => void;
  readonly onMessage: (data: Buffer, isBinary: boolean) => void;
  /** A connection was lost, and another is being tried for. */
  readonly onLost: (error: TalkspurtError, goodbye?: SocketGoodbye) => void;
  /** An attempt failed; not the last one. */
  readonly onAttemptFailed: (error: TalkspurtError) => void;
  /** It is over; null: the server ended it in good order. At most once, and never after {@link StreamLink.close}. */
  readonly onGone: (error: TalkspurtError | null, goodbye?: SocketGoodbye) => void;
}

/** One stream's connection; see the top of the file. */
export class StreamLink {
  readonly #parts: StreamLinkParts;
  readonly #backoff: Backoff;
  /** Of the attempt that is under way. */
  readonly #redialling = new AbortController();
  #socket: BackendSocket | null = null;
  #retry: Timer | null = null;
  #upSinceMs = 0;
  #reconnects = 0;
  #closed = false;

  constructor(parts: StreamLinkParts) {
    const { clock } = parts;
    this.#parts = parts;
    this.#backoff = new Backoff({
      baseMs: LIMITS.streamBackoffBaseMs,
      capMs: LIMITS.streamBackoffCapMs,
      random: () => clock.random(),
    });
  }

  /** Null while there is no connection. */
  get socket(): BackendSocket | null {
    return this.#socket;
  }

  /** Times that a lost connection was made again. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** The first connection: one attempt. @throws as `BackendSocket.open` */
  open(signal: AbortSignal): Promise<void> {
    return this.#connect(signal);
  }

  /** Ends in good order, or the attempts to connect. Twice is harmless. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    this.#redialling.abort(new DOMException('the stream was closed', 'AbortError'));
    await this.#socket?.close();
  }

  /** Cuts the connection for good and says why. */
  fail(error: TalkspurtError): void {
    if (this.#closed) return;
    this.#retry?.cancel();
    this.#redialling.abort(error);
    this.#end(error);
  }

  async #connect(signal: AbortSignal): Promise<void> {
    // A server may say much, and even go, before the promise of its connection is kept.
    let waiting: (() => void)[] | null = [];
    const inTurn = (work: () => void): void => {
      if (waiting === null) work();
      else waiting.push(work);
    };
    const socket = await this.#parts.dial(
      {
        onMessage: (data, isBinary) => inTurn(() => this.#parts.onMessage(data, isBinary === true)),
        onClosed: (error, goodbye) => inTurn(() => this.#onClosed(error, goodbye)),
      },
      signal,
    );
    const happened = waiting;
    waiting = null;
    // The call may have ended meanwhile.
    if (this.#closed) return socket.cut();
    this.#upSinceMs = this.#parts.clock.nowMs();
    this.#socket = socket;
    this.#parts.onUp(socket);
    for (const work of happened) work();
  }

  #onClosed(error: TalkspurtError | null, goodbye?: SocketGoodbye): void {
    this.#socket = null;
    if (this.#closed) return;
    if (error === null || goodbye?.code === CLOSED_WITHOUT_CODE) return this.#end(null, goodbye);
    if (this.#parts.clock.nowMs() - this.#upSinceMs >= LIMITS.streamStableMs) this.#backoff.reset();
    const again = isPassing(error, goodbye) && this.#backoff.attempt < this.#parts.reconnectMax;
    if (!again) return this.#end(error, goodbye);
    this.#parts.onLost(error, goodbye);
    this.#retryLater();
  }

  #retryLater(): void {
    // The sink may have closed us in answer.
    if (this.#closed) return;
    this.#retry = this.#parts.clock.after(this.#backoff.nextMs(), () => void this.#redial());
  }

  async #redial(): Promise<void> {
    try {
      await this.#connect(this.#redialling.signal);
      if (!this.#closed) this.#reconnects += 1;
    } catch (error) {
      if (this.#closed) return;
      const reason = asTalkspurtError(error);
      if (!reason.retryable || this.#backoff.attempt >= this.#parts.reconnectMax) return this.#end(reason);
      this.#parts.onAttemptFailed(reason);
      this.#retryLater();
    }
  }

  #end(error: TalkspurtError | null, goodbye?: SocketGoodbye): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket?.cut();
    this.#socket = null;
    this.#parts.onGone(error, goodbye);
  }
}

function isPassing(error: TalkspurtError, goodbye?: SocketGoodbye): boolean {
  if (goodbye !== undefined) return PASSING_CLOSE_CODES.includes(goodbye.code);
  return error.code === 'ERR_TALKSPURT_BACKEND_TIMEOUT' || error.code === 'ERR_TALKSPURT_BACKEND_OVERFLOW';
}
