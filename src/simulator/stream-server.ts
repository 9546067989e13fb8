/**
 * A WebSocket server of the kind that people write for `mod_audio_stream`: takes L16 and metadata, says audio back. For
 * tests and demonstrations of whatever streams to one; it knows nothing of its clients but the wire.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { LIMITS } from '../limits.ts';
import { StreamServerClient } from './stream-server-client.ts';
import type { StreamEcho } from './stream-server-client.ts';
import { UpgradeServer, refuseUpgrade } from './upgrade-server.ts';

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
  readonly #server: UpgradeServer;
  readonly #clients: StreamServerClient[] = [];
  /** Upgrades that are never answered. */
  readonly #muted = new Set<Duplex>();
  #fault: StreamFault | null;

  constructor(options: StreamServerOptions = {}) {
    this.#options = options;
    this.#fault = options.fault ?? null;
    this.#server = new UpgradeServer({
      title: 'the stream server',
      ...{ host: options.host, port: options.port },
      // As the module's servers do: compression is offered to whom asks for it, which the module never does.
      sockets: {},
      onRequest: (_request, response) => response.writeHead(426, { Upgrade: 'websocket' }).end(),
      onUpgrade: (request, socket, head) => this.#upgrade(request, socket, head),
    });
  }

  /** What to give a client, once {@link listen} has resolved: `ws://127.0.0.1:40123/`. */
  get url(): string {
    return `ws://${this.#server.host}:${this.port}/`;
  }

  /** 0 while it does not listen. */
  get port(): number {
    return this.#server.port;
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
    await this.#server.listen();
  }

  /** Cuts every client off and ends the listener. Twice is harmless. */
  async close(): Promise<void> {
    for (const socket of this.#muted) socket.destroy();
    await this.#server.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
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
    if (this.#server.clients.size >= clients) return refuseUpgrade(socket, 503);
    this.#server.accept(request, socket, head, (webSocket) => {
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
