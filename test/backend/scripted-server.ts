/**
 * A WebSocket server that says what a test tells it to and records what it hears. It knows nothing of our client: what it
 * says is typed by the vendor's own declarations, so that a wrong field name fails the type check.
 */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { RealtimeClientEvent, RealtimeServerEvent } from 'openai/resources/realtime/realtime';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

/** A client event as it came. */
export type Heard = RealtimeClientEvent & { readonly event_id?: string };

interface Waiter {
  readonly matches: () => unknown;
  readonly resolve: () => void;
}

/** One client's connection. */
export class ScriptedPeer {
  readonly socket: WebSocket;
  readonly headers: IncomingHttpHeaders;
  readonly url: string;
  readonly heard: Heard[] = [];
  /** Raw texts, in the order of arrival. */
  readonly texts: string[] = [];
  closeCode: number | null = null;
  readonly #waiters: Waiter[] = [];

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.socket = socket;
    this.headers = request.headers;
    this.url = request.url ?? '';
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer) => {
      const text = data.toString('utf8');
      this.texts.push(text);
      this.heard.push(JSON.parse(text) as Heard);
      this.#wake();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      this.#wake();
    });
  }

  /** Says one event. */
  say(event: RealtimeServerEvent): void {
    this.socket.send(JSON.stringify(event));
  }

  raw(data: string | Buffer): void {
    this.socket.send(data);
  }

  heardOf<Type extends Heard['type']>(type: Type): Extract<Heard, { type: Type }>[] {
    return this.heard.filter((event): event is Extract<Heard, { type: Type }> => event.type === type);
  }

  /** Resolves when `count` events of `type` were heard, with the last of them. */
  async until<Type extends Heard['type']>(type: Type, count = 1): Promise<Extract<Heard, { type: Type }>> {
    await this.wait(() => this.heardOf(type).length >= count);
    return this.heardOf(type).at(count - 1)!;
  }

  /** A ping overtakes nothing: its pong says that the client has taken all before it, and we all that it sent. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once('pong', () => resolve());
      this.socket.ping();
    });
  }

  wait(matches: () => unknown): Promise<void> {
    if (matches()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ matches, resolve }));
  }

  #wake(): void {
    for (const waiter of this.#waiters.filter(({ matches }) => matches())) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}

export class ScriptedServer {
  readonly #http: Server;
  readonly #peers: ScriptedPeer[] = [];
  readonly #sockets = new Set<Socket>();
  readonly #waiters: ((peer: ScriptedPeer) => void)[] = [];

  /** `onUpgrade`: takes the upgrade away from WebSocket. `onPeer`: runs in the event of a connection. */
  static async listen(
    options: {
      onUpgrade?: (socket: Duplex, request: IncomingMessage) => void;
      onPeer?: (peer: ScriptedPeer) => void;
      onRequest?: Parameters<typeof createServer>[1];
    } = {},
  ): Promise<ScriptedServer> {
    const server = new ScriptedServer(options);
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve));
    return server;
  }

  private constructor(options: Parameters<typeof ScriptedServer.listen>[0] & {}) {
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
        const peer = new ScriptedPeer(webSocket, request);
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
  peer(): Promise<ScriptedPeer> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }
}
