/**
 * A WebSocket server of the kind that people write for `mod_audio_stream`: takes L16 and metadata, says audio back. For
 * tests and demonstrations of whatever streams to one; it knows nothing of its clients but the wire.
 */
import type { IncomingMessage, Server } from 'node:http';
import { STATUS_CODES, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { StreamServerClient } from './stream-server-client.ts';
import type { StreamEcho } from './stream-server-client.ts';

/** How the server listens and behaves. */
export interface StreamServerOptions {
  /** Default 127.0.0.1 and any free port. */
  readonly host?: string;
  readonly port?: number;
  /** The `Authorization` header that clients must show, whole; default: none is asked for. */
  readonly authorization?: string;
  /** Default `none`. */
  readonly echo?: StreamEcho;
  /** Default 0. */
  readonly echoDelayMs?: number;
  /** What the clients were told to send. Default 8000 and 1. */
  readonly sampleRateHz?: number;
  readonly channels?: 1 | 2;
  /** Clients at once; one more is refused with status 503. Default LIMITS.simulatedSessions. */
  readonly clients?: number;
  /** Runs in the event of a connection: for greetings. */
  readonly onClient?: (client: StreamServerClient) => void;
  readonly fault?: StreamFault | null;
}

/** What goes wrong: upgrades are refused with an HTTP status, or never answered. */
export type StreamFault = { readonly kind: 'refuse'; readonly status: number } | { readonly kind: 'mute' };

/** Listens between {@link StreamServer.listen} and {@link StreamServer.close}. */
export class StreamServer {
  readonly #options: StreamServerOptions;
  readonly #http: Server;
  /** As the module's servers do: compression is offered to whom asks for it, which the module never does. */
  readonly #sockets = new WebSocketServer({ noServer: true, maxPayload: LIMITS.backendMessageBytes });
  readonly #clients: StreamServerClient[] = [];
  /** Upgrades that are never answered. */
  readonly #muted = new Set<Duplex>();
  #fault: StreamFault | null;

  constructor(options: StreamServerOptions = {}) {
    this.#options = options;
    this.#fault = options.fault ?? null;
    this.#http = createServer((_request, response) => response.writeHead(426, { Upgrade: 'websocket' }).end());
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** What to give a client, once {@link listen} has resolved: `ws://127.0.0.1:40123/`. */
  get url(): string {
    return `ws://${this.#options.host ?? '127.0.0.1'}:${this.port}/`;
  }

  /** 0 while it does not listen. */
  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0;
  }

  /** In the order of their coming, those that are gone included; the oldest is forgotten at LIMITS.simulatedItems. */
  get clients(): readonly StreamServerClient[] {
    return this.#clients;
  }

  /** What goes wrong from now on; null: nothing. */
  inject(fault: StreamFault | null): void {
    this.#fault = fault;
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error): void => {
        const message = `the stream server cannot listen: ${cause.message}: choose another port`;
        reject(new TalkspurtError('ERR_TALKSPURT_LISTEN', message, { cause }));
      };
      this.#http.once('error', refuse);
      this.#http.listen(this.#options.port ?? 0, this.#options.host ?? '127.0.0.1', () => {
        this.#http.off('error', refuse);
        resolve();
      });
    });
  }

  /** Cuts every client off and ends the listener. Twice is harmless. */
  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    for (const socket of this.#muted) socket.destroy();
    this.#sockets.close();
    if (!this.#http.listening) return;
    await new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const { authorization, clients = LIMITS.simulatedSessions } = this.#options;
    if (this.#fault?.kind === 'mute') {
      this.#muted.add(socket);
      // Flowing, so that it sees the client go.
      socket.resume();
      socket.on('end', () => socket.end());
      socket.on('close', () => this.#muted.delete(socket));
      return;
    }
    if (this.#fault !== null) return refuseUpgrade(socket, this.#fault.status);
    if (authorization !== undefined && request.headers.authorization !== authorization)
      return refuseUpgrade(socket, 401);
    if (this.#sockets.clients.size >= clients) return refuseUpgrade(socket, 503);
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on('error', () => webSocket.terminate());
      const { echo = 'none', echoDelayMs = 0, sampleRateHz = 8000, channels = 1 } = this.#options;
      const echoDelayBytes = Math.round((echoDelayMs * sampleRateHz) / 1000) * 2 * channels;
      const client = new StreamServerClient(webSocket, request, { echo, echoDelayBytes, sampleRateHz, channels });
      this.#clients.push(client);
      if (this.#clients.length > LIMITS.simulatedItems) this.#clients.shift();
      this.#options.onClient?.(client);
    });
  }
}

export type { StreamEcho, StreamServerClient } from './stream-server-client.ts';

function refuseUpgrade(socket: Duplex, status: number): void {
  const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`;
  socket.end(`${line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}
