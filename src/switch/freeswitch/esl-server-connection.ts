/** One client of an ESL server: its socket, the order of its answers, and its bounds. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../core/clock.ts';
import { delay } from '../../core/clock.ts';
import { asTalkspurtError } from '../../core/errors.ts';
import type { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { EslDialogue } from './esl-dialogue.ts';
import type { EslHost } from './esl-dialogue.ts';
import { EslRequestParser } from './esl-request-parser.ts';
import type { EslRequest } from './esl-request-parser.ts';
import { eventFrame } from './esl-server-event.ts';
import type { EslServerEvent } from './esl-server-event.ts';

/** What a connection needs from its server. */
export interface EslConnectionContext {
  readonly clock: Clock;
  readonly host: EslHost;
  /** Pending while the server stands still; null when it runs. */
  gate(): Promise<void> | null;
  /** Bytes that are not ESL, or too many of them. */
  onMalformed(error: TalkspurtError): void;
  onClosed(connection: EslServerConnection): void;
}

const GOODBYE = 'Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n';
/** What FreeSWITCH says before it closes. */
export const DISCONNECT_NOTICE = `Content-Type: text/disconnect-notice\nContent-Length: ${GOODBYE.length}\n\n${GOODBYE}`;

/**
 * Requests are answered strictly one after the other; events wait while a command runs, as in FreeSWITCH. Owns the
 * socket from the constructor on.
 */
export class EslServerConnection {
  readonly #socket: Socket;
  readonly #context: EslConnectionContext;
  readonly #dialogue: EslDialogue;
  readonly #parser: EslRequestParser;
  #requests: EslRequest[] = [];
  /** Events and log lines that wait for the running command's answer. */
  #waiting: string[] = [];
  #state: 'open' | 'input-ended' | 'leaving' | 'closed' = 'open';
  #pumping = false;
  #loginTimer: Timer | null;
  #leaveTimer: Timer | null = null;
  #onGone: () => void = () => undefined;
  /** Resolves when the socket is closed and nothing of it is left. */
  readonly gone: Promise<void> = new Promise((resolve) => (this.#onGone = resolve));

  constructor(socket: Socket, context: EslConnectionContext) {
    this.#socket = socket;
    this.#context = context;
    const bounds = { headerBytes: LIMITS.eslServerLoginBytes, bodyBytes: 0 };
    this.#parser = new EslRequestParser((request) => this.#requests.push(request), bounds);
    this.#dialogue = new EslDialogue(
      { write: (text) => this.write(text), goodbye: () => this.goodbye(), onLogin: () => this.#onLogin() },
      context.host,
    );
    this.#loginTimer = context.clock.after(LIMITS.eslServerLoginMs, () => this.goodbye());
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.on('data', (chunk) => this.#onData(chunk));
    socket.on('end', () => this.#onEnd());
    // An error is always followed by 'close', which does the work.
    socket.on('error', () => this.#socket.destroy());
    socket.on('close', () => this.#onClose());
    this.#start();
  }

  get loggedIn(): boolean {
    return this.#dialogue.loggedIn;
  }

  /** Log lines up to this level are wanted; null: none. */
  get logLevel(): number | null {
    return this.#dialogue.logLevel;
  }

  /** Gives the client an event if it wants it; one that does not keep up is cut off. */
  deliver(event: EslServerEvent): void {
    const { subscription } = this.#dialogue;
    if (subscription.wants(event)) this.writeAfterAnswer(eventFrame(event, subscription.format));
  }

  /** Writes a frame that answers nothing: it waits while a command runs. */
  writeAfterAnswer(frame: string): void {
    if (this.#state !== 'open' && this.#state !== 'input-ended') return;
    this.#waiting.push(frame);
    const unread = this.#socket.writableLength;
    if (this.#waiting.length > LIMITS.eslServerQueuedEvents || unread > LIMITS.eslServerBufferedBytes) this.destroy();
    else if (!this.#pumping) this.#flushWaiting();
  }

  /** Writes bytes as they are. */
  write(text: string): void {
    if (this.#state === 'open' || this.#state === 'input-ended') this.#socket.write(text);
  }

  /** Sends the disconnect notice and closes; a client that stays on is cut off after a while. */
  goodbye(): void {
    if (this.#state === 'leaving' || this.#state === 'closed') return;
    this.write(DISCONNECT_NOTICE);
    this.#state = 'leaving';
    this.#requests = [];
    this.#waiting = [];
    this.#socket.end();
    this.#socket.resume();
    this.#leaveTimer = this.#context.clock.after(LIMITS.eslServerCloseMs, () => this.destroy());
  }

  /** Cuts the connection at once, as a dying process would. */
  destroy(): void {
    this.#socket.resetAndDestroy();
  }

  /** The server runs again after standing still. */
  thaw(): void {
    this.#flushWaiting();
    this.#pump();
  }

  #start(): void {
    const gate = this.#context.gate();
    if (gate === null) this.write('Content-Type: auth/request\n\n');
    else void gate.then(() => this.#start());
  }

  #onLogin(): void {
    this.#loginTimer?.cancel();
    this.#loginTimer = null;
    this.#parser.bounds.headerBytes = LIMITS.eslHeaderBytes;
    this.#parser.bounds.bodyBytes = LIMITS.eslBodyBytes;
  }

  #onData(chunk: Buffer): void {
    if (this.#state !== 'open') return;
    try {
      this.#parser.feed(chunk);
    } catch (error) {
      this.#context.onMalformed(asTalkspurtError(error));
      this.goodbye();
      return;
    }
    if (this.#requests.length >= LIMITS.eslServerPendingRequests) this.#socket.pause();
    this.#pump();
  }

  /** The client has said all it will: what it asked before is still answered. */
  #onEnd(): void {
    if (this.#state !== 'open') return;
    this.#state = 'input-ended';
    if (!this.#pumping) this.goodbye();
  }

  #onClose(): void {
    this.#state = 'closed';
    this.#requests = [];
    this.#waiting = [];
    this.#loginTimer?.cancel();
    this.#leaveTimer?.cancel();
    this.#context.onClosed(this);
    this.#onGone();
  }

  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    this.#answerAll()
      .catch((error: unknown) => {
        this.#context.onMalformed(asTalkspurtError(error));
        this.goodbye();
      })
      .finally(() => {
        this.#pumping = false;
        this.#flushWaiting();
        if (this.#state === 'input-ended') this.goodbye();
      });
  }

  async #answerAll(): Promise<void> {
    const { clock } = this.#context;
    let sinceMs = clock.nowMs();
    for (;;) {
      const gate = this.#context.gate();
      if (gate !== null) await gate;
      const request = this.#requests.shift();
      if (request === undefined || this.#state === 'leaving' || this.#state === 'closed') return;
      await this.#dialogue.run(request);
      this.#flushWaiting();
      if (this.#socket.writableLength > LIMITS.eslServerBufferedBytes) await this.#drained();
      if (this.#socket.isPaused() && this.#requests.length < LIMITS.eslServerPendingRequests / 2) this.#socket.resume();
      // Who sends a thousand commands at once does not silence every call meanwhile.
      if (this.#requests.length === 0 || clock.nowMs() - sinceMs < LIMITS.eslServerTurnMs) continue;
      await delay(clock, 0);
      sinceMs = clock.nowMs();
    }
  }

  #flushWaiting(): void {
    if (this.#waiting.length === 0 || this.#context.gate() !== null) return;
    const frames = this.#waiting.join('');
    this.#waiting = [];
    this.write(frames);
  }

  /** Resolves when the client has read on, or is gone. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done).off('close', done);
        resolve();
      };
      this.#socket.once('drain', done).once('close', done);
      if (this.#socket.destroyed) done();
    });
  }
}
