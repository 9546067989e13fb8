/**
 * The WebSocket server that a switch's own modules connect to: mod_audio_stream, mod_audio_fork.
 *
 * What does it do? Lets in who comes from an allowed address, knows the password where one is set, and shows a token that was
 *   handed to the switch a moment ago; each token lets in one connection. Everybody else gets an HTTP status.
 * Not for: audio. What a connection says is its transport's business.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { STATUS_CODES, createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { isIP } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { addressList, plainAddress } from '../../../core/address-list.ts';
import type { AddressList } from '../../../core/address-list.ts';
import type { Clock, Timer } from '../../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../../core/errors.ts';
import { LIMITS } from '../../../limits.ts';
import { ModuleConnection } from './module-connection.ts';

/** Where it listens and who may come in. */
export interface ModuleServerOptions {
  readonly clock: Clock;
  readonly host: string;
  /** 0: any free port; see {@link ModuleServer.port}. */
  readonly port: number;
  /** PEM; absent: plain `ws:`. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Source addresses and CIDR blocks of the switches. Default: the loopback ones. */
  readonly allow?: readonly string[];
  /** What modules must show beside their token. */
  readonly basicAuth?: ModuleCredentials;
  /** The sub-protocol that is agreed on where it is offered. Default `audio.drachtio.org`. */
  readonly subprotocol?: string;
  /** Somebody was turned away. */
  onRefused?(status: number, remoteAddress: string): void;
}

/** HTTP basic authentication (RFC 7617). */
export interface ModuleCredentials {
  readonly username: string;
  readonly password: string;
}

/** How long one token is good for. */
export interface ModuleExpectation {
  /** Default LIMITS.moduleConnectMs. */
  readonly withinMs?: number;
  readonly signal?: AbortSignal;
}

interface Expected {
  readonly resolve: (connection: ModuleConnection) => void;
  readonly reject: (error: TalkspurtError) => void;
}

const SUBPROTOCOL = 'audio.drachtio.org';
const TOKEN_BYTES = 24;
const PATH = /^\/talkspurt\/([A-Za-z0-9_-]{16,128})(?:\?.*)?$/;

/** Listens between {@link ModuleServer.listen} and {@link ModuleServer.close}. */
export class ModuleServer {
  readonly #options: ModuleServerOptions;
  readonly #http: Server;
  readonly #allow: AddressList;
  readonly #sockets: WebSocketServer;
  /** By the digest of their token, so that looking one up tells nothing of it. */
  readonly #expected = new Map<string, Expected>();
  readonly #authorization: Buffer | null;
  /** TCP connections that have not been upgraded yet. */
  readonly #strangers = new Map<Duplex, Timer>();
  refused = 0;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for an address in `allow` that is none */
  constructor(options: ModuleServerOptions) {
    this.#options = options;
    this.#allow = addressList(options.allow);
    this.#authorization = options.basicAuth === undefined ? null : digest(basicAuthorization(options.basicAuth));
    const subprotocol = options.subprotocol ?? SUBPROTOCOL;
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: true,
      perMessageDeflate: false,
      maxPayload: LIMITS.moduleMessageBytes,
      handleProtocols: (offered) => (offered.has(subprotocol) ? subprotocol : false),
    });
    const http = { maxHeaderSize: LIMITS.moduleHeaderBytes };
    this.#http =
      options.tls === undefined
        ? createServer(http)
        : createTlsServer({ ...http, ...options.tls, handshakeTimeout: LIMITS.moduleHandshakeMs });
    this.#http.maxConnections = LIMITS.moduleConnections * 2;
    this.#http.on(options.tls === undefined ? 'connection' : 'secureConnection', (socket: Socket) =>
      this.#greet(socket),
    );
    this.#http.on('tlsClientError', (_error, socket: Socket) => socket.destroy());
    this.#http.on('clientError', (_error, socket) => this.#refuse(socket, 400));
    this.#http.on('request', (request) => this.#refuse(request.socket, 426));
    this.#http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
  }

  /** The port it listens on, or 0. */
  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Modules that are connected. */
  get connections(): number {
    return this.#sockets.clients.size;
  }

  /** Connections that have not shown a token. */
  get strangers(): number {
    return this.#strangers.size;
  }

  /** Tokens that nobody has shown yet. */
  get expected(): number {
    return this.#expected.size;
  }

  /** What modules have to show; whoever starts a module tells it. */
  get basicAuth(): ModuleCredentials | null {
    return this.#options.basicAuth ?? null;
  }

  /** A token that nobody can guess. */
  newToken(): string {
    return randomBytes(TOKEN_BYTES).toString('base64url');
  }

  /** Where a module that shows `token` is to connect. `host` is ours as the switch reaches it; default: the bound one. */
  url(token: string, host = this.#options.host): string {
    const authority = isIP(host) === 6 ? `[${host}]` : host;
    return `${this.#options.tls === undefined ? 'ws' : 'wss'}://${authority}:${this.port}/talkspurt/${token}`;
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<{ port: number }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error): void => {
        const message = `cannot listen for modules on ${host}:${port}: ${cause.message}: choose another port`;
        reject(new TalkspurtError('ERR_TALKSPURT_LISTEN', message, { cause }));
      };
      this.#http.once('error', onError);
      this.#http.listen(port, host, () => {
        this.#http.off('error', onError);
        // A failed accept (no descriptors left) concerns one stranger only.
        this.#http.on('error', () => (this.refused += 1));
        resolve();
      });
    });
    return { port: this.port };
  }

  /**
   * The connection that shows `token`, which is then worth nothing any more. Closed by whoever expected it.
   * @throws ERR_TALKSPURT_MODULE_SILENT when nobody came in time, or the server was closed; the signal's reason
   */
  async expect(token: string, options: ModuleExpectation = {}): Promise<ModuleConnection> {
    const { withinMs = LIMITS.moduleConnectMs, signal } = options;
    if (signal?.aborted === true) throw asTalkspurtError(signal.reason);
    const key = digest(token).toString('base64');
    let timer: Timer | undefined;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<ModuleConnection>((resolve, reject) => {
        this.#expected.set(key, { resolve, reject });
        timer = this.#options.clock.after(withinMs, () => reject(lateConnection(withinMs)));
        onAbort = () => reject(asTalkspurtError(signal?.reason));
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    } finally {
      timer?.cancel();
      this.#expected.delete(key);
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Cuts everyone off and stops listening. Twice is harmless. */
  async close(): Promise<void> {
    const gone = new TalkspurtError('ERR_TALKSPURT_MODULE_SILENT', 'the server for modules was closed');
    for (const { reject } of this.#expected.values()) reject(gone);
    for (const socket of this.#sockets.clients) socket.terminate();
    for (const socket of this.#strangers.keys()) socket.destroy();
    this.#sockets.close();
    if (!this.#http.listening) return;
    await new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }

  #greet(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    const timer = this.#options.clock.after(LIMITS.moduleHandshakeMs, () => {
      this.refused += 1;
      socket.destroy();
    });
    this.#strangers.set(socket, timer);
    socket.on('close', () => this.#known(socket));
  }

  #known(socket: Duplex): void {
    this.#strangers.get(socket)?.cancel();
    this.#strangers.delete(socket);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const remoteAddress = plainAddress(request.socket.remoteAddress);
    if (!this.#allow.has(remoteAddress)) return this.#refuse(socket, 403);
    if (!this.#authorized(request.headers.authorization)) return this.#refuse(socket, 401);
    const token = PATH.exec(request.url ?? '')?.[1];
    const key = token === undefined ? '' : digest(token).toString('base64');
    const expected = this.#expected.get(key);
    if (expected === undefined) return this.#refuse(socket, 404);
    if (this.#sockets.clients.size >= LIMITS.moduleConnections) return this.#refuse(socket, 503);
    this.#expected.delete(key);
    this.#known(socket);
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      expected.resolve(new ModuleConnection(webSocket, this.#options.clock, remoteAddress));
    });
    // A request that is no upgrade after all has been answered by now; nobody comes with this token any more.
    if (socket.destroyed || socket.writableEnded) expected.reject(lateConnection(0));
  }

  #authorized(shown: string | undefined): boolean {
    if (this.#authorization === null) return true;
    return timingSafeEqual(digest(shown ?? ''), this.#authorization);
  }

  #refuse(socket: Duplex, status: number): void {
    this.refused += 1;
    this.#options.onRefused?.(status, plainAddress((socket as Socket).remoteAddress));
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const challenge = status === 401 ? 'WWW-Authenticate: Basic realm="talkspurt"\r\n' : '';
    const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`;
    socket.end(`${line}\r\n${challenge}Content-Length: 0\r\nConnection: close\r\n\r\n`);
  }
}

/** The `Authorization` header that shows `credentials`. */
export function basicAuthorization({ username, password }: ModuleCredentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function lateConnection(withinMs: number): TalkspurtError {
  const message = `the switch's module did not connect to us within ${withinMs} ms: does the switch reach our address and port, and is it allowed in?`;
  return new TalkspurtError('ERR_TALKSPURT_MODULE_SILENT', message);
}
