/** One TCP connection to a SIP peer, whoever dialled it. Bounded in bytes and, for a message under way, in time. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import type { SipSource } from './sip-incoming.ts';
import { SipStreamFraming } from './sip-stream-framing.ts';

/** What a connection tells its transport. */
export interface SipConnectionSink {
  /** One message; the bytes are valid until the call returns. */
  onMessage(bytes: Buffer, source: SipSource): void;
  /** The stream cannot be read on: the head of the message at fault may be answered, then the connection closes. */
  onBroken(status: number, head: Buffer, source: SipSource): void;
  onClosed(connection: SipConnection): void;
}

/** Keep-alive probes of the operating system begin after this long, ms. */
const KEEP_ALIVE_MS = 30_000;

/** Owns its socket. Messages that are sent before it is connected wait in it. */
export class SipConnection {
  readonly source: SipSource;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #sink: SipConnectionSink;
  readonly #framing: SipStreamFraming;
  /** Runs while it is being dialled, and while a message is incomplete. */
  #timer: Timer | null = null;
  /** Who wants to know that what they sent certainly never went: until it is connected. */
  #unsent: (() => void)[] = [];
  #connected: boolean;

  constructor(socket: Socket, source: SipSource, clock: Clock, sink: SipConnectionSink) {
    this.source = source;
    this.#socket = socket;
    this.#clock = clock;
    this.#sink = sink;
    this.#connected = !socket.connecting;
    this.#framing = new SipStreamFraming({
      onFrame: (bytes) => sink.onMessage(bytes, source),
      onPing: () => void socket.write('\r\n'),
      onBroken: (status, head) => {
        sink.onBroken(status, head, source);
        this.close();
      },
    });
    if (!this.#connected) this.#arm();
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    socket.on('connect', () => this.#onConnect());
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => socket.end());
    // An error is always followed by 'close', which does the work.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#onClose());
  }

  /** Writes a message; a peer that does not read is cut off. `onFailed`: it certainly did not go. */
  send(bytes: Buffer, onFailed: () => void): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) {
      onFailed();
      return;
    }
    if (!this.#connected) this.#unsent.push(onFailed);
    this.#socket.write(bytes);
    if (this.#socket.writableLength > LIMITS.sipBufferedBytes) this.destroy();
  }

  /** Closes after what was written; a peer that does not close its side is cut off. */
  close(): void {
    this.#socket.end();
    if (this.#timer === null) this.#arm();
  }

  /** Cuts it. */
  destroy(): void {
    this.#socket.destroy();
  }

  #onConnect(): void {
    this.#connected = true;
    this.#unsent = [];
    this.#disarm();
  }

  #onData(chunk: Buffer): void {
    this.#framing.push(chunk);
    if (!this.#framing.partial) this.#disarm();
    else if (this.#timer === null) this.#arm();
  }

  #onClose(): void {
    this.#disarm();
    const unsent = this.#unsent;
    this.#unsent = [];
    this.#sink.onClosed(this);
    for (const onFailed of unsent) onFailed();
  }

  #arm(): void {
    this.#timer = this.#clock.after(LIMITS.sipConnectionMs, () => this.destroy());
  }

  #disarm(): void {
    // One that is closing keeps its time limit.
    if (this.#socket.writableEnded && !this.#socket.destroyed) return;
    this.#timer?.cancel();
    this.#timer = null;
  }
}
