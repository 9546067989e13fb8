/**
 * An Event Socket client as small as one can be: logs in, then one `api` command after another. It shares nothing with the
 * clients and parsers of the project.
 */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { once } from 'node:events';

const HEAD_END = '\n\n';

/** Owns its socket. One command at a time. */
export class EslCaller {
  readonly #socket: Socket;
  #pending = '';
  #wake: () => void = () => undefined;
  #ended: string | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      this.#pending += text;
      this.#wake();
    });
    socket.on('error', (error) => (this.#ended ??= error.message));
    socket.on('close', () => {
      this.#ended ??= 'the connection was closed';
      this.#wake();
    });
  }

  /** Resolves when the server has let us in. */
  static async open(host: string, port: number, password: string): Promise<EslCaller> {
    const socket = connect(port, host);
    await once(socket, 'connect');
    const caller = new EslCaller(socket);
    await caller.#reply('auth/request');
    socket.write(`auth ${password}\n\n`);
    const { head } = await caller.#reply('command/reply');
    if (!head.includes('Reply-Text: +OK')) throw new Error(`${host}:${port} refused the password`);
    return caller;
  }

  /** The body of the reply to `api <line>`. */
  async api(line: string): Promise<string> {
    this.#socket.write(`api ${line}\n\n`);
    return (await this.#reply('api/response')).body;
  }

  close(): void {
    this.#ended = 'closed by us';
    this.#socket.destroy();
  }

  /** The next message of a kind; others are skipped. */
  async #reply(type: string): Promise<{ head: string; body: string }> {
    for (;;) {
      const message = this.#take();
      if (message !== null) {
        if (message.head.includes(`Content-Type: ${type}`)) return message;
        continue;
      }
      if (this.#ended !== null) throw new Error(`Event Socket: ${this.#ended}`);
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #take(): { head: string; body: string } | null {
    const end = this.#pending.indexOf(HEAD_END);
    if (end < 0) return null;
    const head = this.#pending.slice(0, end);
    const length = Number(/^Content-Length: *(\d+)/im.exec(head)?.[1] ?? 0);
    const from = end + HEAD_END.length;
    if (this.#pending.length < from + length) return null;
    const body = this.#pending.slice(from, from + length);
    this.#pending = this.#pending.slice(from + length);
    return { head, body };
  }
}
