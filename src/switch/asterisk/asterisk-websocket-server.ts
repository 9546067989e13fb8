/**
 * The WebSocket server that Asterisk's chan_websocket dials (`connection_type=client`).
 *
 * What does it do? Lets in who comes from an allowed address, for the one path, with the password. Which call a connection is,
 *   it says itself: by `channel_id` of its MEDIA_START, never by its URL, where Asterisk 22 may repeat another call's
 *   parameters. Each expected id lets in one connection; a connection of any other id is closed.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { STATUS_CODES, createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { addressList, plainAddress } from '../../core/address-list.ts';
import type { AddressList } from '../../core/address-list.ts';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import { ChanWebSocketConnection } from '../../transport/chan-websocket-connection.ts';
import type { ChanWebSocketStart } from '../../transport/chan-websocket-message.ts';
import { StrangerQuota } from '../../transport/stranger-quota.ts';
import type { MediaRefusal, Stranger } from '../../transport/stranger-quota.ts';
import { WebSocketPlace } from './asterisk-websocket-place.ts';
import type { ExpectedChanWebSocket } from './asterisk-websocket-place.ts';

/** Where it listens and who may come in. */
export interface AsteriskWebSocketServerOptions {
  readonly clock: Clock;
  readonly host: string;
  /** 0: any free port; see {@link AsteriskWebSocketServer.port}. */
  readonly port: number;
  /** Default `/media`. */
  readonly path?: string;
  /** PEM; absent: plain `ws:`. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Source addresses and CIDR blocks of Asterisk. Default: the loopback ones. */
  readonly allow?: readonly string[] | AddressList;
  /** What `username` and `password` of websocket_client.conf are. Absent: nothing is asked. */
  readonly basicAuth?: { readonly username: string; readonly password: string };
  /** Somebody was turned away. Must not throw. */
  onRefused?(reason: MediaRefusal, remoteAddress: string): void;
}

/** A connection, from its first byte on. */
interface Caller {
  readonly socket: Socket;
  readonly remoteAddress: string;
  stranger: Stranger | null;
  /** Once it has been upgraded. */
  connection: ChanWebSocketConnection | null;
  /** It has its answer, and is to go. */
  refused: boolean;
}

const PROTOCOL = 'media';
/** Close code of RFC 6455 §7.4.1: the message breaks our policy. */
const POLICY_VIOLATION = 1008;

/** Listens between {@link AsteriskWebSocketServer.listen} and {@link AsteriskWebSocketServer.close}. */
export class AsteriskWebSocketServer {
  readonly #options: AsteriskWebSocketServerOptions;
  readonly #path: string;
  readonly #http: Server;
  readonly #allow: AddressList;
  readonly #authorization: Buffer | null;
  readonly #sockets: WebSocketServer;
  readonly #expected = new Map<string, WebSocketPlace>();
  readonly #quota: StrangerQuota;
  /** By the far end's address and port: over TLS that is all a request has in common with its TCP connection. */
  readonly #callers = new Map<string, Caller>();
  /** Those that are a call's. */
  readonly #calls = new Set<Caller>();
  /** Turned away, whatever for. */
  refused = 0;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for an address in `allow` that is none */
  constructor(options: AsteriskWebSocketServerOptions) {
    const { tls, basicAuth } = options;
    this.#options = options;
    this.#path = options.path ?? '/media';
    this.#allow = addressList(options.allow);
    this.#quota = new StrangerQuota(options.clock);
    this.#authorization = basicAuth === undefined ? null : digest(basicOf(basicAuth));
    this.#sockets = new WebSocketServer({
      noServer: true,
      clientTracking: true,
      perMessageDeflate: false,
      maxPayload: LIMITS.chanWebSocketMessageBytes,
      handleProtocols: (offered) => (offered.has(PROTOCOL) ? PROTOCOL : false),
    });
    this.#sockets.on('wsClientError', (_error, socket) => this.#refuse(socket, 400, 'protocol'));
    const http = { maxHeaderSize: LIMITS.chanWebSocketHeaderBytes };
    this.#http =
      tls === undefined
        ? createServer(http)
        : createTlsServer({ ...http, ...tls, handshakeTimeout: LIMITS.mediaStrangerMs });
    this.#http.on('connection', (socket: Socket) => this.#greet(socket));
    this.#http.on('tlsClientError', (_error, socket: Socket) => this.#cutOff(socket));
    this.#http.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET') socket.destroy();
      else this.#refuse(socket, 400, 'protocol');
    });
    this.#http.on('request', (request) => this.#refuse(request.socket, 426, 'protocol'));
    this.#http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
  }

  /** The port it listens on, or 0. */
  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Connections, strangers among them. */
  get connections(): number {
    return this.#callers.size;
  }

  /** Connections that have not said which channel they are. */
  get strangers(): number {
    return this.#quota.size;
  }

  /** Channels that have not come yet. */
  get expected(): number {
    return this.#expected.size;
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<{ port: number }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error): void => {
        const message = `cannot listen for Asterisk's WebSockets on ${host}:${port}: ${cause.message}: choose another port`;
        reject(new TalkspurtError('ERR_TALKSPURT_LISTEN', message, { cause }));
      };
      this.#http.once('error', onError);
      this.#http.listen(port, host, () => {
        this.#http.off('error', onError);
        // A failed accept (no descriptors left) concerns one stranger only.
        this.#http.on('error', () => this.#count('accept', ''));
        resolve();
      });
    });
    return { port: this.port };
  }

  /**
   * Keeps a place for the channel `channelId`, until it came or was abandoned: before Asterisk is told to make it.
   * @throws ERR_TALKSPURT_MEDIA_CONNECTION when the id is expected already, or the server does not listen;
   *   ERR_TALKSPURT_CALL_LIMIT
   */
  expect(channelId: string): ExpectedChanWebSocket {
    if (!this.#http.listening || this.#expected.has(channelId)) {
      const message = this.#http.listening
        ? 'the channel is expected already: give each its own id'
        : "the server for Asterisk's WebSockets does not listen";
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message);
    }
    if (this.#expected.size + this.#calls.size >= LIMITS.chanWebSocketConnections) {
      const message = `${LIMITS.chanWebSocketConnections} of Asterisk's WebSockets are up or expected already`;
      throw new TalkspurtError('ERR_TALKSPURT_CALL_LIMIT', message);
    }
    const place = new WebSocketPlace(this.#options.clock, () => this.#expected.delete(channelId));
    this.#expected.set(channelId, place);
    return place;
  }

  /** Cuts everyone off and stops listening. Twice is harmless. */
  async close(): Promise<void> {
    for (const place of this.#expected.values()) place.refuse(closed());
    this.#expected.clear();
    this.#quota.clear();
    for (const socket of this.#sockets.clients) socket.terminate();
    for (const caller of this.#callers.values()) {
      // That is no refusal.
      caller.refused = true;
      caller.socket.destroy();
    }
    this.#sockets.close();
    if (!this.#http.listening) return;
    await new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }

  /** Its time runs from here, TLS and all. */
  #greet(socket: Socket): void {
    const remoteAddress = plainAddress(socket.remoteAddress);
    socket.on('error', () => socket.destroy());
    if (!this.#allow.has(remoteAddress)) {
      socket.destroy();
      return this.#count('address', remoteAddress);
    }
    const key = keyOf(socket);
    const caller: Caller = { socket, remoteAddress, stranger: null, connection: null, refused: false };
    this.#callers.set(key, caller);
    caller.stranger = this.#quota.admit(LIMITS.mediaStrangerMs, (reason) => this.#turnAway(caller, reason));
    socket.on('close', () => {
      caller.stranger?.known();
      this.#calls.delete(caller);
      if (this.#callers.get(key) === caller) this.#callers.delete(key);
      if (caller.connection === null) this.#refusal(caller, 'silent');
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const caller = this.#callers.get(keyOf(request.socket));
    if (caller === undefined || caller.refused) {
      socket.destroy();
      return;
    }
    if (!this.#authorized(request.headers.authorization)) return this.#refuse(request.socket, 401, 'password');
    if (request.url?.split('?', 1)[0] !== this.#path) return this.#refuse(request.socket, 404, 'path');
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const { clock, tls } = this.#options;
      const connection = new ChanWebSocketConnection(webSocket, clock, caller.remoteAddress, tls !== undefined);
      caller.connection = connection;
      void this.#admit(caller, connection);
    });
  }

  async #admit(caller: Caller, connection: ChanWebSocketConnection): Promise<void> {
    const start = await startOf(connection);
    // Cut off meanwhile; or gone, which its socket tells.
    if (caller.refused) return;
    caller.stranger?.known();
    const place = start === null ? undefined : this.#expected.get(start.channelId);
    if (start !== null && place !== undefined) {
      this.#expected.delete(start.channelId);
      if (!caller.socket.destroyed) this.#calls.add(caller);
      place.resolve({ connection, start });
      return;
    }
    const mute = connection.malformed + connection.unknown > 0 ? 'protocol' : 'silent';
    this.#refusal(caller, start === null ? mute : 'unknown');
    await connection.close(POLICY_VIOLATION);
  }

  /** A stranger has had its time, or must make room. */
  #turnAway(caller: Caller, reason: MediaRefusal): void {
    this.#refusal(caller, reason);
    if (caller.connection === null || reason === 'quota') caller.socket.destroy();
    else void caller.connection.close(POLICY_VIOLATION);
  }

  #authorized(shown: string | undefined): boolean {
    if (this.#authorization === null) return true;
    return timingSafeEqual(digest(shown ?? ''), this.#authorization);
  }

  /** An answer in HTTP. Its place among the strangers is taken until it is gone. */
  #refuse(socket: Duplex, status: number, reason: MediaRefusal): void {
    const caller = this.#callers.get(keyOf(socket as Socket));
    if (caller !== undefined) this.#refusal(caller, reason);
    if (!socket.writable) {
      socket.destroy();
      return;
    }
    const challenge = status === 401 ? 'WWW-Authenticate: Basic realm="talkspurt"\r\n' : '';
    const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`;
    socket.end(`${line}\r\n${challenge}Content-Length: 0\r\nConnection: close\r\n\r\n`);
  }

  /** No TLS. */
  #cutOff(socket: Socket): void {
    const caller = this.#callers.get(keyOf(socket));
    if (caller !== undefined) this.#refusal(caller, 'protocol');
    socket.destroy();
  }

  /** Each connection once. */
  #refusal(caller: Caller, reason: MediaRefusal): void {
    if (caller.refused) return;
    caller.refused = true;
    this.#count(reason, caller.remoteAddress);
  }

  #count(reason: MediaRefusal, remoteAddress: string): void {
    this.refused += 1;
    this.#options.onRefused?.(reason, remoteAddress);
  }
}

/** Null for one that does not say what it is: it is turned away like any other stranger. */
async function startOf(connection: ChanWebSocketConnection): Promise<ChanWebSocketStart | null> {
  try {
    return await connection.started(LIMITS.mediaStrangerMs);
  } catch (error) {
    if (error instanceof TalkspurtError) return null;
    throw error;
  }
}

function basicOf({ username, password }: { readonly username: string; readonly password: string }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function keyOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}

function closed(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', "the server for Asterisk's WebSockets was closed");
}
