/**
 * One TCP connection that Asterisk made to us for AudioSocket: a stranger until its UUID came, then a call's.
 *
 * How does it work? After the UUID it is not read until somebody listens, so that nothing that follows is lost and the kernel's
 *   buffers are the only ones that fill. From then on frames go to the listener as they come.
 * Not for: whether a UUID is welcome (audiosocket-server.ts), and what the frames mean (audiosocket-transport.ts).
 */
import type { Socket } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import { AUDIO_SOCKET_KIND, AudioSocketParser } from './audiosocket-frame.ts';
import type { AudioSocketFault } from './audiosocket-frame.ts';

/** How a connection came to its end: the far end closed it, it was reset, or it broke the protocol for good. */
export type AudioSocketEnd = 'closed' | 'reset' | 'protocol';

/** Gets what comes after the UUID. Must not throw. */
export interface AudioSocketListener {
  /** `bytes[start, end)` (borrowed) go on with the audio of this kind. */
  onAudio(kind: number, bytes: Uint8Array, start: number, end: number): void;
  /** Personal. */
  onDigit(digit: string): void;
  onHangup(): void;
  onError(code: number | null): void;
  /** A frame was passed over. */
  onFault(fault: AudioSocketFault): void;
  /** At most once, and not after {@link AudioSocketConnection.close} or `destroy`. */
  onEnd(end: AudioSocketEnd): void;
}

/** Gets the one UUID, or why there is none: `protocol`, `closed` or `reset`. */
export interface AudioSocketGreeter {
  onUuid(connection: AudioSocketConnection, uuid: string): void;
  onUnfit(connection: AudioSocketConnection, end: AudioSocketEnd): void;
}

const HANGUP = Uint8Array.of(AUDIO_SOCKET_KIND.hangup, 0, 0);

/** Made by {@link AudioSocketServer}; owned by whoever it was given to. */
export class AudioSocketConnection {
  readonly remoteAddress: string;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #greeter: AudioSocketGreeter;
  readonly #parser: AudioSocketParser;
  #uuid = '';
  #listener: AudioSocketListener | null = null;
  /** What came in one piece with the UUID. */
  #early: Uint8Array | null = null;
  #faults = 0;
  /** The end is known: to the listener, or to come to it. */
  #ended: AudioSocketEnd | null = null;
  #closing: Promise<void> | null = null;

  constructor(socket: Socket, clock: Clock, remoteAddress: string, greeter: AudioSocketGreeter) {
    this.#socket = socket;
    this.#clock = clock;
    this.#greeter = greeter;
    this.remoteAddress = remoteAddress;
    this.#parser = new AudioSocketParser({
      onUuid: (uuid) => this.#onUuid(uuid),
      onAudio: (kind, bytes, start, end) => this.#onAudio(kind, bytes, start, end),
      onDigit: (digit) => {
        if (this.#fits()) this.#listener?.onDigit(digit);
      },
      onHangup: () => {
        if (this.#fits()) this.#listener?.onHangup();
      },
      onError: (code) => {
        if (this.#fits()) this.#listener?.onError(code);
      },
      onFault: (fault) => this.#onFault(fault),
    });
    socket.setNoDelay(true);
    socket.setKeepAlive(true, LIMITS.mediaStalledMs);
    socket.on('data', (chunk) => this.#receive(chunk));
    socket.on('end', () => this.#end('closed'));
    // 'close' follows, and tells.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#end('reset'));
  }

  /** Lower case, with hyphens; empty while it has not come. */
  get uuid(): string {
    return this.#uuid;
  }

  /** Whether frames can be written. */
  get open(): boolean {
    return this.#ended === null && this.#closing === null && this.#socket.writable;
  }

  /** Bytes written that the system has not taken yet; it holds the arrays they are in. */
  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  /** From now on, with what came meanwhile. Once. */
  listen(listener: AudioSocketListener): void {
    this.#listener = listener;
    const early = this.#early;
    this.#early = null;
    if (early !== null) this.#parser.push(early);
    // It may have said goodbye, or been closed, in the middle of that.
    if (this.#ended !== null && this.#closing === null) listener.onEnd(this.#ended);
    else this.#socket.resume();
  }

  /** One frame, header and all, in one piece; the array must stay as it is while {@link bufferedBytes} counts it. */
  write(frame: Uint8Array): void {
    this.#socket.write(frame);
  }

  /** Says goodbye (on which the dialplan goes on), then closes; cut off after `LIMITS.audioSocketCloseMs`. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** At once and without a word: what a stranger gets. */
  destroy(): void {
    this.#closing ??= Promise.resolve();
    this.#socket.destroy();
  }

  async #close(): Promise<void> {
    const socket = this.#socket;
    if (socket.closed) return;
    await new Promise<void>((resolve) => {
      const timer = this.#clock.after(LIMITS.audioSocketCloseMs, () => socket.destroy());
      socket.once('close', () => {
        timer.cancel();
        resolve();
      });
      if (socket.writable) socket.end(HANGUP);
      // Bytes that nobody reads would turn our goodbye into a reset.
      socket.resume();
    });
  }

  #receive(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && this.#closing === null && this.#ended === null) {
      at = this.#parser.push(chunk, at);
      if (this.#listener !== null || at === chunk.length) continue;
      this.#early = chunk.subarray(at);
      return;
    }
  }

  #onUuid(uuid: string): void {
    if (this.#uuid !== '') return this.#onFault('kind');
    this.#uuid = uuid;
    this.#socket.pause();
    this.#parser.hold();
    this.#greeter.onUuid(this, uuid);
  }

  #onAudio(kind: number, bytes: Uint8Array, start: number, end: number): void {
    if (!this.#fits()) return;
    this.#faults = 0;
    this.#listener?.onAudio(kind, bytes, start, end);
  }

  /** A stranger's first frame is its UUID; and nothing is told once all is over. */
  #fits(): boolean {
    if (this.#closing !== null || this.#ended !== null) return false;
    if (this.#uuid === '') this.#end('protocol');
    return this.#uuid !== '';
  }

  #onFault(fault: AudioSocketFault): void {
    if (!this.#fits()) return;
    this.#faults += 1;
    this.#listener?.onFault(fault);
    if (this.#faults >= LIMITS.audioSocketFaults) this.#end('protocol');
  }

  #end(end: AudioSocketEnd): void {
    if (this.#ended !== null || this.#closing !== null) return;
    this.#ended = end;
    this.#parser.hold();
    if (this.#uuid === '') this.#greeter.onUnfit(this, end);
    else this.#listener?.onEnd(end);
  }
}
