/**
 * One WebSocket to a backend, under every vendor's dialect: dialling with a deadline, bounded messages both ways,
 * liveness by ping and pong, and an end that always comes.
 */
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import type { Timer } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { nonZeroMask } from './frame-mask.ts';
import { peerText } from './peer-text.ts';
import { dialBackend } from './backend-dial.ts';
import type { BackendSocketOptions } from './backend-dial.ts';

/** Who listens to a {@link BackendSocket}. */
export interface BackendSocketListener {
  /** One whole message, text or binary (absent: whoever passes it on does not care). `data` is the receiver's to keep. */
  onMessage(data: Buffer, isBinary?: boolean): void;
  /**
   * The socket is gone: null only when the peer closed it in good order. At most once, and never after `close`. `goodbye`
   * is there when the end came from the peer or the network, not from a rule of ours.
   */
  onClosed(error: TalkspurtError | null, goodbye?: SocketGoodbye): void;
}

/** How a WebSocket ended (RFC 6455 §7.4): 1005 stands for a goodbye without a code, 1006 for none at all. */
export interface SocketGoodbye {
  readonly code: number;
  /** The peer's words, fit for `details`; empty when it gave none. */
  readonly reason: string;
}

type SocketState = 'open' | 'closing' | 'closed';

/** How closely a peer is watched. */
interface CloseWatch {
  /** Something is expected of it now. */
  due(): boolean;
}

/** A WebSocket to a backend; see the top of the file. */
export class BackendSocket {
  readonly #socket: WebSocket;
  readonly #options: BackendSocketOptions;
  #liveness: Timer;
  readonly #listener: BackendSocketListener;
  #state: SocketState = 'open';
  #draining = false;
  #heard = true;
  #heardAtMs: number;
  /** Pings in a row that went out and brought nothing; while one has not gone out none is counted. */
  #missed = 0;
  #pinging = false;
  #closely: CloseWatch | null = null;
  /** Ends the wait of `close`. */
  #closing: { readonly done: Promise<void>; readonly finish: () => void } | null = null;

  /**
   * Dials, and resolves when messages may flow: the listener hears nothing before.
   * @throws ERR_TALKSPURT_BACKEND_AUTH | _REFUSED | _DENIED | _TIMEOUT | _PROTOCOL, or the reason of `signal`; nothing is
   * left open then.
   */
  static async open(
    options: BackendSocketOptions,
    listener: BackendSocketListener,
    signal: AbortSignal,
  ): Promise<BackendSocket> {
    return dialBackend(options, signal, CLIENT_OPTIONS, (socket) => new BackendSocket(socket, options, listener));
  }

  /** Takes over a socket that is just open; use {@link open}. */
  private constructor(socket: WebSocket, options: BackendSocketOptions, listener: BackendSocketListener) {
    this.#socket = socket;
    this.#options = options;
    this.#listener = listener;
    this.#heardAtMs = options.clock.nowMs();
    this.#liveness = options.clock.every(options.pingMs ?? LIMITS.backendPingMs, () => this.#checkLiveness());
    socket.on('message', (data, isBinary) => this.#onMessage(data as Buffer, isBinary));
    socket.on('ping', () => (this.#heard = true));
    socket.on('pong', () => (this.#heard = true));
    socket.on('error', (error) => this.#fail(this.#brokenRule(error)));
    socket.on('close', (code, reason) => this.#onClose(code, reason));
  }

  /** Bytes that were sent and wait here because the peer, or the network, does not take them. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /**
   * Sends a message that must arrive. Where more than `LIMITS.backendControlBytes` wait already the peer has stopped
   * reading: the socket ends with ERR_TALKSPURT_BACKEND_OVERFLOW. Nothing happens on a socket that is not open.
   */
  send(text: string): void {
    if (this.#state !== 'open') return;
    if (this.#socket.bufferedAmount + text.length > LIMITS.backendControlBytes) {
      this.#fail(
        new TalkspurtError(
          'ERR_TALKSPURT_BACKEND_OVERFLOW',
          `backend '${this.#options.backend}' stopped reading: too much waits to be sent`,
          { details: { bufferedBytes: this.#socket.bufferedAmount, messageBytes: text.length } },
        ),
      );
      return;
    }
    this.#socket.send(text, TEXT);
  }

  /**
   * Sends a text message that may be lost: false when it was, because more than `LIMITS.backendBufferedBytes` wait or the
   * socket is not open. Hot path. `message` is copied before this returns (see `frame-mask.ts`).
   */
  sendDroppable(message: Buffer): boolean {
    if (!this.#takesMore) return false;
    this.#socket.send(message, TEXT);
    return true;
  }

  /** As {@link sendDroppable}, for a binary message. Hot path. */
  sendDroppableBinary(message: Buffer): boolean {
    if (!this.#takesMore) return false;
    this.#socket.send(message, BINARY);
    return true;
  }

  /**
   * From now on a peer that answers no ping is found out sooner: within `silentMs` while `due()` (something is expected of it),
   * else within three times that. Once at most.
   */
  watchClosely(silentMs: number, due: () => boolean): void {
    if (this.#state !== 'open') return;
    this.#closely = { due };
    this.#missed = 0;
    this.#liveness.cancel();
    this.#liveness = this.#options.clock.every(silentMs / PINGS_DUE, () => this.#checkLiveness());
  }

  /** What may be lost is lost until (nearly) all that waits has gone: it would be stale when its turn comes. */
  letDrain(): void {
    this.#draining = true;
  }

  get #takesMore(): boolean {
    const { bufferedAmount } = this.#socket;
    if (this.#draining && bufferedAmount <= LIMITS.backendBufferedBytes / 8) this.#draining = false;
    return this.#state === 'open' && !this.#draining && bufferedAmount <= LIMITS.backendBufferedBytes;
  }

  /**
   * Closes in good order; cuts the connection when the peer has not answered within `LIMITS.backendCloseMs`. Resolves
   * when the connection is gone. Twice is harmless.
   */
  close(): Promise<void> {
    if (this.#closing !== null) return this.#closing.done;
    let finish = (): void => undefined;
    const done = new Promise<void>((resolve) => (finish = resolve));
    this.#closing = { done, finish };
    if (this.#socket.readyState === WebSocket.CLOSED) finish();
    if (this.#state !== 'open') return done;
    this.#state = 'closing';
    this.#liveness.cancel();
    const deadline = this.#options.clock.after(LIMITS.backendCloseMs, () => this.#socket.terminate());
    this.#closing = { done, finish: () => (deadline.cancel(), finish()) };
    this.#socket.close(CLOSE_NORMAL, this.#options.closeReason);
    return done;
  }

  /** Cuts the connection and reports nothing. */
  cut(): void {
    if (this.#state === 'open') this.#end();
    this.#socket.terminate();
  }

  /** Cuts the connection and reports `error` to the listener, once; for a peer that breaks the dialect's rules. */
  fail(error: TalkspurtError): void {
    this.#fail(error);
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    this.#heard = true;
    if (this.#state !== 'open') return;
    try {
      this.#listener.onMessage(data, isBinary);
    } catch (error) {
      // A bug of ours, in a socket's event: it ends this stream, not the process.
      this.#fail(asTalkspurtError(error));
    }
  }

  #checkLiveness(): void {
    const nowMs = this.#options.clock.nowMs();
    if (this.#heard) {
      this.#heard = false;
      this.#heardAtMs = nowMs;
      this.#missed = 0;
    } else if (!this.#pinging) this.#missed += 1;
    // Pings, not time: a process that stood still has not listened, and must not take that for the peer's silence.
    const allowed = this.#closely === null ? Infinity : (this.#closely.due() ? PINGS_DUE : PINGS_AT_REST) - 1;
    const silentMs = nowMs - this.#heardAtMs;
    if (silentMs < LIMITS.backendSilentMs && this.#missed < allowed) {
      this.#ping();
      return;
    }
    this.#fail(
      new TalkspurtError(
        'ERR_TALKSPURT_BACKEND_TIMEOUT',
        `backend '${this.#options.backend}' is silent: no message and no pong for ${Math.round(silentMs)} ms`,
      ),
    );
  }

  #ping(): void {
    if (this.#pinging) return;
    this.#pinging = true;
    this.#socket.ping(undefined, undefined, () => (this.#pinging = false));
  }

  #onClose(code: number, reason: Buffer): void {
    const wasOpen = this.#state === 'open';
    this.#end();
    this.#closing?.finish();
    if (!wasOpen) return;
    const words = peerText(reason.toString('utf8'), this.#options.secrets);
    const error = code === CLOSE_NORMAL ? null : this.#closedError(code, words);
    this.#listener.onClosed(error, { code, reason: words ?? '' });
  }

  #closedError(closeCode: number, closeReason: string | undefined): TalkspurtError {
    const { backend } = this.#options;
    return new TalkspurtError(
      'ERR_TALKSPURT_BACKEND_CLOSED',
      `backend '${backend}' closed the connection (${closeCode})`,
      {
        details: { closeCode, closeReason },
      },
    );
  }

  /** What `ws` reports of an open socket are broken rules; a network that breaks comes as a close with code 1006. */
  #brokenRule(error: Error): TalkspurtError {
    const errno = (error as NodeJS.ErrnoException).code ?? error.name;
    return new TalkspurtError(
      'ERR_TALKSPURT_BACKEND_PROTOCOL',
      `backend '${this.#options.backend}' broke the WebSocket protocol (${errno})`,
      { cause: error, details: { errno, limitBytes: LIMITS.backendMessageBytes } },
    );
  }

  #fail(error: TalkspurtError): void {
    if (this.#state !== 'open') return;
    this.#end();
    this.#socket.terminate();
    this.#listener.onClosed(error);
  }

  #end(): void {
    this.#state = 'closed';
    this.#liveness.cancel();
  }
}

const CLOSE_NORMAL = 1000;

/** Pings within the time in which a peer that is watched closely must be heard; and where nothing is expected of it. */
const PINGS_DUE = 4;
const PINGS_AT_REST = 3 * PINGS_DUE;

/** Frozen, and shared by every send: none of ours is made per message. */
const TEXT = Object.freeze({ binary: false, compress: false, fin: true });
const BINARY = Object.freeze({ binary: true, compress: false, fin: true });

/** `closeTimeout` is newer than the type declarations: how long a peer may take to hang up after it said goodbye. */
const CLIENT_OPTIONS: ClientOptions & { readonly closeTimeout: number } = {
  perMessageDeflate: false,
  followRedirects: false,
  maxPayload: LIMITS.backendMessageBytes,
  generateMask: nonZeroMask,
  closeTimeout: LIMITS.backendCloseMs,
};
