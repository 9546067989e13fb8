/** The simulated switch's SIP profile: one port for UDP and TCP, and the calls that go through it. */
import { createSocket } from 'node:dgram';
import type { Socket as DatagramSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { LIMITS } from '../limits.ts';
import { headerOf, methodOf, readSip, statusOf, writeResponse } from './sip-text.ts';
import type { SipText } from './sip-text.ts';
import { SipStream } from './sip-stream.ts';

/** Where a message came from, or goes to. */
export interface SipPeer {
  readonly transport: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
}

/** A way to one peer. */
export interface SipFlow {
  readonly peer: SipPeer;
  send(text: string): void;
}

/** What the endpoint hands to a call. */
export interface SipReceiver {
  readonly callId: string;
  onMessage(message: SipText, flow: SipFlow): void;
  /** Nobody listens at the peer, or the connection to it has broken. */
  onUnreachable(peer: SipPeer): void;
  /** The endpoint is closed: not a word any more. */
  dispose(): void;
}

/** Ended calls that still get an answer to what is repeated. */
const REMEMBERED_CALLS = 128;

/** Owns its sockets from the first `open` on, until `close`. */
export class SipEndpoint {
  readonly address: string;
  readonly #frozen: () => boolean;
  readonly #calls = new Map<string, SipReceiver>();
  /** Call-IDs that are over: their repeated BYEs are answered well. */
  readonly #over = new Set<string>();
  /** UDP towards one peer: connected, so that the kernel tells when nobody is there. */
  readonly #paths = new Map<string, DatagramSocket>();
  readonly #streams = new Map<string, SipStream>();
  #socket: DatagramSocket | null = null;
  #server: Server | null = null;
  #opening: Promise<void> | null = null;
  #closed = false;

  constructor(address: string, frozen: () => boolean) {
    this.address = address;
    this.#frozen = frozen;
  }

  /** The profile's port once `open` has resolved, or 0. */
  get port(): number {
    return this.#socket === null ? 0 : this.#socket.address().port;
  }

  /** Binds, once. Rejects when the machine has no port left. */
  open(): Promise<void> {
    this.#opening ??= this.#bind();
    return this.#opening;
  }

  /** From now on messages with this Call-ID are the call's. */
  add(call: SipReceiver): void {
    this.#calls.set(call.callId, call);
  }

  remove(call: SipReceiver): void {
    this.#calls.delete(call.callId);
    this.#over.add(call.callId);
    if (this.#over.size > REMEMBERED_CALLS) this.#over.delete(this.#over.values().next().value!);
  }

  /** A way to a peer; made when there is none yet. */
  flowTo(peer: SipPeer): SipFlow {
    const key = `${peer.address}:${peer.port}`;
    // A way that has broken is made anew by the next message.
    const send =
      peer.transport === 'tcp'
        ? (text: string): void => (this.#streams.get(key) ?? this.#connect(peer, key)).write(text)
        : (text: string): void => sendWhenConnected(this.#paths.get(key) ?? this.#makePath(peer, key), text);
    return {
      peer,
      send: (text) => {
        if (!this.#closed) send(text);
      },
    };
  }

  /** Frees every port at once. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket?.close();
    this.#server?.close();
    for (const path of this.#paths.values()) path.close();
    for (const stream of this.#streams.values()) stream.destroy();
    for (const call of [...this.#calls.values()]) call.dispose();
    this.#paths.clear();
    this.#streams.clear();
  }

  async #bind(): Promise<void> {
    for (let attempt = 0; ; attempt += 1) {
      const socket = this.#makeSocket();
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind(0, this.address, () => {
          socket.off('error', reject);
          resolve();
        });
      });
      const server = createServer((stream) => this.#accept(stream));
      const listens = await new Promise<boolean>((resolve) => {
        server.once('error', () => resolve(false));
        server.listen(socket.address().port, this.address, () => resolve(true));
      });
      if (this.#closed) {
        socket.close();
        server.close();
        return;
      }
      if (listens || attempt >= 8) {
        server.on('error', () => undefined);
        this.#socket = socket;
        this.#server = server;
        return;
      }
      // The number is taken on TCP: another one.
      socket.close();
    }
  }

  #makeSocket(): DatagramSocket {
    const socket = createSocket({
      type: 'udp4',
      reuseAddr: true,
      lookup: (host, _options, done) => done(null, host, 4),
    });
    socket.on('message', (bytes, { address, port }) => {
      const peer: SipPeer = { transport: 'udp', address, port };
      this.#receive(bytes.toString(), {
        peer,
        send: (text) => this.#socket?.send(text, port, address, () => undefined),
      });
    });
    socket.on('error', () => undefined);
    return socket;
  }

  /** Shares the profile's port; datagrams from this peer come here from now on. */
  #makePath(peer: SipPeer, key: string): DatagramSocket {
    const path = this.#makeSocket();
    this.#paths.set(key, path);
    path.on('error', () => this.#dropPath(peer, key, path));
    path.bind(this.port, this.address, () => {
      if (!this.#closed) path.connect(peer.port, peer.address);
    });
    return path;
  }

  #dropPath(peer: SipPeer, key: string, path: DatagramSocket): void {
    // One that has been dropped may complain again.
    if (this.#closed || this.#paths.get(key) !== path) return;
    this.#paths.delete(key);
    path.close();
    this.#unreachable(peer);
  }

  #connect(peer: SipPeer, key: string): SipStream {
    const socket = connect(peer.port, peer.address);
    return this.#makeStream(socket, peer, key);
  }

  #accept(socket: Socket): void {
    const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    const peer: SipPeer = { transport: 'tcp', address, port: socket.remotePort ?? 0 };
    if (this.#streams.size >= LIMITS.simulatedSipStreams) socket.destroy();
    else this.#makeStream(socket, peer, `${address}:${peer.port}`);
  }

  #makeStream(socket: Socket, peer: SipPeer, key: string): SipStream {
    const stream = new SipStream(socket, {
      onText: (text) => this.#receive(text, { peer, send: (answer) => stream.write(answer) }),
      onClosed: () => {
        this.#streams.delete(key);
        if (!this.#closed) this.#unreachable(peer);
      },
    });
    this.#streams.set(key, stream);
    return stream;
  }

  #unreachable(peer: SipPeer): void {
    for (const call of [...this.#calls.values()]) call.onUnreachable(peer);
  }

  #receive(text: string, flow: SipFlow): void {
    if (this.#closed || this.#frozen()) return;
    const message = readSip(text);
    if (message === null) return;
    const callId = headerOf(message.headers, 'call-id') ?? '';
    const call = this.#calls.get(callId);
    if (call !== undefined) call.onMessage(message, flow);
    else if (statusOf(message) === 0) this.#answerStranger(message, callId, flow);
  }

  /** Requests of no call of ours: OPTIONS are answered, everything else is refused. */
  #answerStranger(request: SipText, callId: string, flow: SipFlow): void {
    const method = methodOf(request);
    if (method === 'ACK') return;
    const inDialog = /;tag=/.test(headerOf(request.headers, 'to') ?? '');
    const well = method === 'OPTIONS' || (method === 'BYE' && this.#over.has(callId));
    flow.send(writeResponse(request, well ? '200 OK' : inDialog ? '481 Call Does Not Exist' : '404 Not Found'));
  }
}

/** A datagram that is written while the socket still connects waits for it. */
function sendWhenConnected(path: DatagramSocket, text: string): void {
  const send = (): void => path.send(text, () => undefined);
  try {
    path.remoteAddress();
    send();
  } catch {
    // Not connected yet: Node has no other way to ask.
    path.once('connect', send);
  }
}
