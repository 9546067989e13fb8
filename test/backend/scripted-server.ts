/**
 * A WebSocket server that says what a test tells it to and records what it hears. It knows nothing of our client, and of no vendor:
 * a script types what is said and heard by the vendor's own declarations, so that a wrong field name fails the type check.
 */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

/** Messages of any dialect have a name. */
interface Named {
  readonly type: string;
}

/** What is said and what is heard where a test sends and takes texts of its own. */
type Anything = Named & Readonly<Record<string, unknown>>;

interface Waiter {
  readonly matches: () => unknown;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** One client's connection, on which `Said` is said and `Heard` is heard. */
export class ScriptedPeer<Said extends Named = Anything, Heard extends Named = Anything> {
  readonly socket: WebSocket;
  readonly headers: IncomingHttpHeaders;
  readonly url: string;
  readonly heard: Heard[] = [];
  /** Raw texts, in the order of arrival. */
  readonly texts: string[] = [];
  /** Binary messages, of a dialect that has them. */
  readonly audio: Buffer[] = [];
  closeCode: number | null = null;
  readonly #waiters: Waiter[] = [];

  /** `hasBinary`: whether the dialect has binary messages of the client; where it has none, one is a text that is no JSON. */
  constructor(socket: WebSocket, request: IncomingMessage, hasBinary: boolean) {
    this.socket = socket;
    this.headers = request.headers;
    this.url = request.url ?? '';
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary && hasBinary) this.audio.push(data);
      else this.#hear(data.toString('utf8'));
      this.#wake();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      this.#wake();
      for (const { reject } of this.#waiters.splice(0)) reject(this.#gone());
    });
  }

  say(...messages: Said[]): void {
    for (const message of messages) this.socket.send(JSON.stringify(message));
  }

  /** Agent audio, or whatever else goes over the wire. */
  raw(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  heardOf<Type extends Heard['type']>(type: Type): Extract<Heard, { type: Type }>[] {
    return this.heard.filter((message): message is Extract<Heard, { type: Type }> => message.type === type);
  }

  /** Resolves when `count` messages of `type` were heard, with the last of them. */
  async until<Type extends Heard['type']>(type: Type, count = 1): Promise<Extract<Heard, { type: Type }>> {
    await this.wait(() => this.heardOf(type).length >= count);
    return this.heardOf(type).at(count - 1)!;
  }

  /** A ping overtakes nothing: its pong says that the client has taken all before it, and we all that it sent. */
  settled(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.closeCode !== null) reject(this.#gone());
      const onClose = (): void => reject(this.#gone());
      this.socket.once('close', onClose);
      this.socket.once('pong', () => {
        this.socket.off('close', onClose);
        resolve();
      });
      this.socket.ping();
    });
  }

  /** Rejects when the client goes first: nothing could come any more. */
  wait(matches: () => unknown): Promise<void> {
    if (matches()) return Promise.resolve();
    if (this.closeCode !== null) return Promise.reject(this.#gone());
    return new Promise((resolve, reject) => this.#waiters.push({ matches, resolve, reject }));
  }

  #gone(): Error {
    return new Error(`the client went (${this.closeCode}) while the test waited; it had said: ${this.texts.join(' ')}`);
  }

  #hear(text: string): void {
    this.texts.push(text);
    this.heard.push(JSON.parse(text) as Heard);
  }

  #wake(): void {
    for (const waiter of this.#waiters.filter(({ matches }) => matches())) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}

/** How a {@link ScriptedServer} answers. */
export interface ScriptedServerOptions<Said extends Named = Anything, Heard extends Named = Anything> {
  /** Takes the upgrade away from WebSocket. */
  onUpgrade?: (socket: Duplex, request: IncomingMessage) => void;
  /** Runs in the event of a connection. */
  onPeer?: (peer: ScriptedPeer<Said, Heard>) => void;
  onRequest?: Parameters<typeof createServer>[1];
  /** Whether clients have binary messages; default false. */
  hasBinary?: boolean;
}

export class ScriptedServer<Said extends Named = Anything, Heard extends Named = Anything> {
  readonly #http: Server;
  readonly #peers: ScriptedPeer<Said, Heard>[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #waiters: ((peer: ScriptedPeer<Said, Heard>) => void)[] = [];

  static async listen<Said extends Named = Anything, Heard extends Named = Anything>(
    options: ScriptedServerOptions<Said, Heard> = {},
  ): Promise<ScriptedServer<Said, Heard>> {
    const server = new ScriptedServer(options);
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve));
    return server;
  }

  private constructor(options: ScriptedServerOptions<Said, Heard>) {
    const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    this.#http = createServer(options.onRequest ?? ((_request, response) => response.writeHead(404).end()));
    this.#http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#http.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined);
      if (options.onUpgrade !== undefined) {
        // Flowing, so that it sees the client go; an HTTP server's sockets stay half open until they are ended too.
        socket.resume();
        socket.on('end', () => socket.end());
        options.onUpgrade(socket, request);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        const peer = new ScriptedPeer<Said, Heard>(webSocket, request, options.hasBinary ?? false);
        this.#peers.push(peer);
        options.onPeer?.(peer);
        this.#waiters.shift()?.(peer);
      });
    });
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get baseUrl(): string {
    return `ws://127.0.0.1:${this.port}/v1`;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Resolves when no client is connected any more. */
  async drained(): Promise<void> {
    // One that does not read would not see its client go.
    for (const peer of this.#peers) peer.socket.resume();
    for (const socket of this.#sockets) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  }

  /** The next connection. */
  peer(): Promise<ScriptedPeer<Said, Heard>> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }
}
