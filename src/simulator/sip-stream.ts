/** SIP over TCP for the simulated switch: one connection, cut into messages by Content-Length. */
import type { Socket } from 'node:net';
import { LIMITS } from '../limits.ts';

/** What a stream tells its endpoint. */
export interface SipStreamHost {
  onText(text: string): void;
  onClosed(): void;
}

/** Owns its socket. */
export class SipStream {
  readonly #socket: Socket;
  readonly #host: SipStreamHost;
  #pending: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, host: SipStreamHost) {
    this.#socket = socket;
    this.#host = host;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => this.#onData(bytes));
    // An error is always followed by 'close'.
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('close', () => host.onClosed());
  }

  write(text: string): void {
    if (!this.#socket.destroyed) this.#socket.write(text);
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #onData(bytes: Buffer): void {
    this.#pending = this.#pending.length === 0 ? bytes : Buffer.concat([this.#pending, bytes]);
    for (;;) {
      let start = 0;
      // Line ends between messages are keep-alives.
      while (this.#pending[start] === 13 || this.#pending[start] === 10) start += 1;
      this.#pending = this.#pending.subarray(start);
      const end = this.#pending.indexOf('\r\n\r\n');
      if (end < 0) break;
      const head = this.#pending.toString('latin1', 0, end);
      const length = Number(/^(?:content-length|l)[ \t]*:[ \t]*(\d+)/im.exec(head)?.[1] ?? 0);
      const total = end + 4 + length;
      if (total > LIMITS.simulatedSipBytes) {
        this.destroy();
        return;
      }
      if (this.#pending.length < total) break;
      const text = this.#pending.toString('utf8', 0, total);
      this.#pending = this.#pending.subarray(total);
      this.#host.onText(text);
    }
    if (this.#pending.length > LIMITS.simulatedSipBytes) this.destroy();
  }
}
