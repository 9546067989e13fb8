/** What the embedded WebSocket servers stand on: a listener, the upgrades that it hands on, and an end that leaves nothing open. */
import { timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import { STATUS_CODES, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { ServerOptions, WebSocket } from 'ws';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';

/** Where it listens, and who judges what comes. */
export interface UpgradeServerOptions {
  /** What messages call it. */
  readonly title: string;
  /** Default 127.0.0.1 and any free port. */
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** How its WebSockets are, beside the bound on their messages. */
  readonly sockets?: Pick<ServerOptions, 'perMessageDeflate' | 'handleProtocols'>;
  /** Answers what is no upgrade. */
  readonly onRequest: RequestListener;
  /** Judges an upgrade: {@link UpgradeServer.accept} or {@link refuseUpgrade}. Its socket's errors are taken care of. */
  readonly onUpgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => void;
}

/** Listens between {@link UpgradeServer.listen} and {@link UpgradeServer.close}. */
export class UpgradeServer {
  readonly host: string;
  readonly #options: UpgradeServerOptions;
  readonly #http: Server;
  readonly #sockets: WebSocketServer;

  constructor(options: UpgradeServerOptions) {
    this.host = options.host ?? '127.0.0.1';
    this.#options = options;
    this.#sockets = new WebSocketServer({
      ...options.sockets,
      noServer: true,
      maxPayload: LIMITS.backendMessageBytes,
    });
    this.#http = createServer(options.onRequest);
    this.#http.on('upgrade', (request, socket: Duplex, head) => {
      socket.on('error', () => socket.destroy());
      options.onUpgrade(request, socket, head);
    });
  }

  /** 0 while it does not listen. */
  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0;
  }

  /** WebSockets that are open now. */
  get clients(): ReadonlySet<WebSocket> {
    return this.#sockets.clients;
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<void> {
    const { title, port } = this.#options;
    const remedy = port === undefined ? '' : ': choose another port';
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error): void => {
        const message = `${title} cannot listen: ${cause.message}${remedy}`;
        reject(new TalkspurtError('ERR_TALKSPURT_LISTEN', message, { cause }));
      };
      this.#http.once('error', refuse);
      this.#http.listen(port ?? 0, this.host, () => {
        this.#http.off('error', refuse);
        resolve();
      });
    });
  }

  /** Takes an upgrade; a WebSocket that breaks a rule is cut. */
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, serve: (client: WebSocket) => void): void {
    this.#sockets.handleUpgrade(request, socket, head, (client) => {
      client.on('error', () => client.terminate());
      serve(client);
    });
  }

  /** Cuts every client off without a word, as a crash would. */
  dropConnections(): void {
    for (const client of this.#sockets.clients) client.terminate();
  }

  /** Cuts every client off and ends the listener. Twice is harmless. */
  async close(): Promise<void> {
    this.dropConnections();
    this.#sockets.close();
    if (!this.#http.listening) return;
    await new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }
}

/** Answers an upgrade with a status of HTTP, and with `body` as JSON where there is one; and closes. */
export function refuseUpgrade(socket: Duplex, status: number, body?: object): void {
  const text = body === undefined ? '' : JSON.stringify(body);
  const type = body === undefined ? '' : 'Content-Type: application/json\r\n';
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n${type}` +
      `Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`,
  );
}

/** Whether a key that is shown is the one that is asked for; takes as long for any of its length. */
export function isSameKey(shown: string, asked: string): boolean {
  const left = Buffer.from(shown);
  const right = Buffer.from(asked);
  return left.length === right.length && timingSafeEqual(left, right);
}
