/** One WebSocket connection with Asterisk's chan_websocket, whoever dialled: binary is audio, text is control. */
import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { chanWebSocketFormatOf, parseChanWebSocket } from './chan-websocket-message.ts';
import type { ChanWebSocketEvent, ChanWebSocketFormat, ChanWebSocketStart } from './chan-websocket-message.ts';

/** What a connection tells its transport. Called from the socket's event; must not throw. */
export interface ChanWebSocketListener {
  /** A message of audio, of any length; borrowed. */
  onAudio(bytes: Uint8Array): void;
  /** Anything but MEDIA_START, and nothing that is unknown or malformed. */
  onEvent(event: ChanWebSocketEvent): void;
  /** The far end is gone. Called once at most, and not after {@link ChanWebSocketConnection.close}. */
  onClosed(code: number): void;
}

/** Belongs to whoever made it, who closes it. What comes between MEDIA_START and `listen` is kept, oldest dropped first. */
export class ChanWebSocketConnection {
  /** Empty for one that we dialled. */
  readonly remoteAddress: string;
  /** Messages that nobody listened to in time. */
  droppedEarly = 0;
  /** Messages that said nothing, or nothing that is known. */
  malformed = 0;
  unknown = 0;
  readonly #clock: Clock;
  readonly #socket: WebSocket;
  readonly #early: (Uint8Array | ChanWebSocketEvent)[] = [];
  #start: ChanWebSocketStart | null = null;
  #controlFormat: ChanWebSocketFormat = 'json';
  #onStart: (() => void) | null = null;
  #listener: ChanWebSocketListener | null = null;
  #closedWith: number | null = null;
  #closing: Promise<void> | null = null;
  /** Over TLS: what waits for the message before it to be written. Null: nothing has to. */
  readonly #line: (Buffer | string)[] | null;
  #lineBytes = 0;
  #writing = false;
  readonly #onWritten = (): void => this.#next();

  /**
   * `secure`: the socket is over TLS, where each message goes into a record of its own. Asterisk 22 takes one message out of a
   * record and leaves those behind it until more bytes come: a FLUSH_MEDIA among them would not be obeyed.
   */
  constructor(socket: WebSocket, clock: Clock, remoteAddress = '', secure = false) {
    this.#line = secure ? [] : null;
    this.#socket = socket;
    this.#clock = clock;
    this.remoteAddress = remoteAddress;
    socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    // What was wrong is in the code of the close that follows.
    socket.on('error', () => socket.terminate());
    socket.on('close', (code) => this.#closed(code));
  }

  get open(): boolean {
    return this.#closing === null && this.#socket.readyState === this.#socket.OPEN;
  }

  /** How its channel writes its messages; known with MEDIA_START. */
  get controlFormat(): ChanWebSocketFormat {
    return this.#controlFormat;
  }

  /** Bytes that the kernel has not taken. */
  get bufferedBytes(): number {
    return this.#socket.bufferedAmount + this.#lineBytes;
  }

  /**
   * What the channel says of itself.
   * @throws ERR_TALKSPURT_MEDIA_CONNECTION when it says nothing in time or is gone; the signal's reason
   */
  async started(withinMs: number, signal?: AbortSignal): Promise<ChanWebSocketStart> {
    let timer: Timer | undefined;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<ChanWebSocketStart>((resolve, reject) => {
        onAbort = () => reject(asTalkspurtError(signal?.reason));
        if (signal?.aborted === true) return onAbort();
        this.#onStart = () => {
          if (this.#start !== null) resolve(this.#start);
          else if (this.#closedWith !== null || this.#closing !== null) reject(goneBefore(this.#closedWith));
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        timer = this.#clock.after(withinMs, () => reject(silent(withinMs)));
        this.#onStart();
      });
    } finally {
      timer?.cancel();
      this.#onStart = null;
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    }
  }

  /** From now on messages go to `listener`, those first that have come already. */
  listen(listener: ChanWebSocketListener): void {
    this.#listener = listener;
    for (const early of this.#early.splice(0)) {
      if (early instanceof Uint8Array) listener.onAudio(early);
      else listener.onEvent(early);
    }
    if (this.#closedWith !== null) listener.onClosed(this.#closedWith);
  }

  /** `bytes` must not change until {@link bufferedBytes} has them no more. False: it is not open. */
  sendAudio(bytes: Buffer): boolean {
    return this.#send(bytes);
  }

  /** As {@link sendAudio}. */
  sendText(text: string): boolean {
    return this.#send(text);
  }

  #send(message: Buffer | string): boolean {
    if (!this.open) return false;
    if (this.#line === null) {
      this.#socket.send(message);
    } else if (this.#writing) {
      this.#line.push(message);
      this.#lineBytes += message.length;
    } else {
      this.#writing = true;
      this.#socket.send(message, this.#onWritten);
    }
    return true;
  }

  #next(): void {
    const message = this.#line?.shift();
    this.#writing = message !== undefined;
    if (message === undefined) return;
    this.#lineBytes -= message.length;
    if (this.open) {
      this.#socket.send(message, this.#onWritten);
      return;
    }
    this.#line?.splice(0);
    this.#lineBytes = 0;
  }

  /** At once and without a word: what a stranger gets. */
  destroy(): void {
    this.#closing ??= Promise.resolve();
    this.#socket.terminate();
    this.#onStart?.();
  }

  /** Says goodbye with `code`, or cuts the connection when the far end does not answer. Twice is harmless. */
  close(code = 1000): Promise<void> {
    this.#listener = null;
    this.#early.length = 0;
    this.#closing ??= this.#goodbye(code);
    this.#onStart?.();
    return this.#closing;
  }

  async #goodbye(code: number): Promise<void> {
    const socket = this.#socket;
    if (this.#closedWith !== null) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      timer = this.#clock.after(LIMITS.chanWebSocketCloseMs, () => socket.terminate());
      socket.close(code);
    });
    timer?.cancel();
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#closing !== null) return;
    if (isBinary) {
      // A stranger's audio is not kept: it may be anybody's, and any amount.
      if (this.#start === null) this.malformed += 1;
      else if (this.#listener === null) this.#keep(data);
      else this.#listener.onAudio(data);
      return;
    }
    const text = data.toString('utf8');
    const event = parseChanWebSocket(text);
    if (event.type === 'MALFORMED') this.malformed += 1;
    else if (event.type === 'UNKNOWN') this.unknown += 1;
    else if (event.type !== 'MEDIA_START') {
      if (this.#start === null) this.malformed += 1;
      else this.#tell(event);
    } else if (this.#start === null) {
      this.#start = event;
      this.#controlFormat = chanWebSocketFormatOf(text);
      this.#onStart?.();
    }
  }

  #tell(event: ChanWebSocketEvent): void {
    if (this.#listener === null) this.#keep(event);
    else this.#listener.onEvent(event);
  }

  #keep(message: Uint8Array | ChanWebSocketEvent): void {
    this.#early.push(message);
    if (this.#early.length <= LIMITS.chanWebSocketEarlyMessages) return;
    this.#early.shift();
    this.droppedEarly += 1;
  }

  #closed(code: number): void {
    this.#closedWith = code;
    this.#onStart?.();
    this.#listener?.onClosed(code);
  }
}

function silent(withinMs: number): TalkspurtError {
  const message = `Asterisk's WebSocket said no MEDIA_START within ${withinMs} ms: is chan_websocket at its other end?`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message);
}

function goneBefore(code: number | null): TalkspurtError {
  const message = "Asterisk's WebSocket was closed before its MEDIA_START: the channel has left";
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message, { details: { code: code ?? undefined } });
}
