/** One connection of a switch's WebSocket module: binary is the call's audio, text is anything else. */
import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../../../core/clock.ts';
import { LIMITS } from '../../../limits.ts';

/** What a connection tells its transport. Called from the socket's event; must not throw. */
export interface ModuleListener {
  /** L16 little endian of any length; borrowed. */
  onAudio(bytes: Uint8Array): void;
  onText(text: string): void;
  /** The far end is gone. Called once at most, and not after {@link ModuleConnection.close}. */
  onClosed(code: number): void;
}

interface EarlyMessage {
  readonly data: Buffer;
  readonly isBinary: boolean;
}

/** Belongs to whoever expected it, who closes it. Messages that come before `listen` are kept, oldest dropped first. */
export class ModuleConnection {
  /** The sub-protocol that was agreed on, or empty. */
  readonly protocol: string;
  readonly remoteAddress: string;
  /** Messages that nobody listened to in time. */
  droppedEarly = 0;
  readonly #clock: Clock;
  readonly #socket: WebSocket;
  readonly #early: EarlyMessage[] = [];
  #listener: ModuleListener | null = null;
  #closedWith: number | null = null;
  #closing: Promise<void> | null = null;

  constructor(socket: WebSocket, clock: Clock, remoteAddress: string) {
    this.#socket = socket;
    this.#clock = clock;
    this.protocol = socket.protocol;
    this.remoteAddress = remoteAddress;
    socket.on('message', (data: Buffer, isBinary) => this.#receive(data, isBinary));
    // What was wrong is in the code of the close that follows.
    socket.on('error', () => socket.terminate());
    socket.on('close', (code) => this.#closed(code));
  }

  get open(): boolean {
    return this.#socket.readyState === this.#socket.OPEN && this.#closing === null;
  }

  /** From now on messages go to `listener`, those first that have come already. */
  listen(listener: ModuleListener): void {
    this.#listener = listener;
    for (const { data, isBinary } of this.#early.splice(0)) this.#deliver(data, isBinary);
    if (this.#closedWith !== null) listener.onClosed(this.#closedWith);
  }

  /** Whether it was taken: not when the far end has not read what was sent before. `bytes` must not change afterwards. */
  sendAudio(bytes: Uint8Array): boolean {
    return this.#send(bytes, true);
  }

  /** As {@link sendAudio}. */
  sendText(text: string): boolean {
    return this.#send(text, false);
  }

  /** Says goodbye (1000), or cuts the connection when the far end does not answer. Twice is harmless. */
  close(): Promise<void> {
    this.#listener = null;
    this.#early.length = 0;
    this.#closing ??= this.#goodbye();
    return this.#closing;
  }

  async #goodbye(): Promise<void> {
    const socket = this.#socket;
    if (this.#closedWith !== null) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      socket.once('close', () => resolve());
      timer = this.#clock.after(LIMITS.moduleCloseMs, () => socket.terminate());
      socket.close(1000);
    });
    timer?.cancel();
  }

  #send(data: Uint8Array | string, binary: boolean): boolean {
    if (!this.open || this.#socket.bufferedAmount > LIMITS.moduleBufferedBytes) return false;
    this.#socket.send(data, { binary });
    return true;
  }

  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#closing !== null) return;
    if (this.#listener !== null) return this.#deliver(data, isBinary);
    this.#early.push({ data, isBinary });
    if (this.#early.length <= LIMITS.moduleEarlyMessages) return;
    this.#early.shift();
    this.droppedEarly += 1;
  }

  #deliver(data: Buffer, isBinary: boolean): void {
    if (isBinary) this.#listener?.onAudio(data);
    else this.#listener?.onText(data.toString('utf8'));
  }

  #closed(code: number): void {
    this.#closedWith = code;
    this.#listener?.onClosed(code);
  }
}
