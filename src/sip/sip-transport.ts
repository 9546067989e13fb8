/** The sockets of a SIP endpoint: one for UDP, one that listens for TCP, and the connections. Strangers stay outside. */
import { createSocket } from 'node:dgram';
import type { Socket as DatagramSocket } from 'node:dgram';
import { connect, createServer, isIP } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { plainAddress } from '../core/address-list.ts';
import type { AddressList } from '../core/address-list.ts';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { SipConnection } from './sip-connection.ts';
import type { SipConnectionSink } from './sip-connection.ts';
import type { SipSource } from './sip-incoming.ts';
import type { SipTarget } from './sip-reply.ts';

/** Where it listens and who hears of it. */
export interface SipTransportOptions {
  readonly clock: Clock;
  readonly host: string;
  /** 0: any free port, the same for both protocols. */
  readonly port: number;
  readonly protocols: readonly ('udp' | 'tcp')[];
  readonly allow: AddressList;
  onMessage(bytes: Buffer, source: SipSource): void;
  /** See `SipConnectionSink.onBroken`. */
  onBroken(status: number, head: Buffer, source: SipSource): void;
}

/** An address and a port. */
interface Place {
  readonly address: string;
  readonly port: number;
}

/** Tries to find a port that is free for both protocols. */
const PORT_ATTEMPTS = 8;

/** Sends to and receives from peers that are on the list. */
export class SipTransport {
  readonly #options: SipTransportOptions;
  readonly #connections = new Map<string, SipConnection>();
  readonly #sink: SipConnectionSink;
  #datagrams: DatagramSocket | null = null;
  #server: Server | null = null;
  #strangers = 0;
  #onIdle: (() => void) | null = null;

  constructor(options: SipTransportOptions) {
    this.#options = options;
    this.#sink = {
      onMessage: (bytes, source) => options.onMessage(bytes, source),
      onBroken: (status, head, source) => options.onBroken(status, head, source),
      onClosed: (connection) => this.#onClosed(connection),
    };
  }

  /** Datagrams and connections that were turned away: not on the list, or one too many. */
  get strangers(): number {
    return this.#strangers;
  }

  get connections(): number {
    return this.#connections.size;
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<Place> {
    const { host, port } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#bind();
      } catch (cause) {
        await this.#unbind();
        const again = port === 0 && attempt < PORT_ATTEMPTS && (cause as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (again) continue;
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new TalkspurtError('ERR_TALKSPURT_LISTEN', `cannot listen on ${host}:${port}: ${message}`, { cause });
      }
    }
  }

  /** Whether that address may talk to us. */
  allows(address: string): boolean {
    return this.#options.allow.has(address);
  }

  /** Sends a message. `onFailed`: it certainly did not go; it may be called before this returns. */
  send(target: SipTarget, bytes: Buffer, onFailed: () => void): void {
    if (target.protocol === 'tcp') {
      const connection = this.#connections.get(placeOf(target)) ?? this.#dial(target);
      if (connection === null) onFailed();
      else connection.send(bytes, onFailed);
    } else this.#sendDatagram(target, bytes, onFailed);
  }

  /** Closes every socket; a connection that is not closed by its peer in time is cut. */
  async close(): Promise<void> {
    for (const connection of this.#connections.values()) connection.close();
    await this.#unbind();
    if (this.#connections.size === 0) return;
    const timer = this.#options.clock.after(LIMITS.sipCloseMs, () => {
      for (const connection of this.#connections.values()) connection.destroy();
    });
    await new Promise<void>((resolve) => (this.#onIdle = resolve));
    timer.cancel();
  }

  #sendDatagram({ address, port }: SipTarget, bytes: Buffer, onFailed: () => void): void {
    const socket = this.#datagrams;
    // No port of a peer's is 0, but a forged datagram may say so.
    if (socket === null || port === 0) {
      onFailed();
      return;
    }
    const mapped = socket.address().family === 'IPv6' && isIP(address) === 4 ? `::ffff:${address}` : address;
    socket.send(bytes, port, mapped, (error) => {
      if (error !== null) onFailed();
    });
  }

  async #bind(): Promise<Place> {
    const { host, port, protocols } = this.#options;
    let bound: Place = { address: host, port };
    if (protocols.includes('udp')) bound = await this.#bindDatagrams(bound);
    if (protocols.includes('tcp')) bound = await this.#bindServer(bound);
    return bound;
  }

  async #bindDatagrams(place: Place): Promise<Place> {
    const socket = createSocket(isIP(place.address) === 6 ? 'udp6' : 'udp4');
    this.#datagrams = socket;
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind({ address: place.address, port: place.port, exclusive: true }, () => {
        socket.off('error', reject);
        // What concerns one datagram is told to whoever sent it.
        socket.on('error', () => undefined);
        resolve();
      });
    });
    socket.on('message', (bytes, { address, port }) => {
      if (this.allows(plainAddress(address)))
        this.#options.onMessage(bytes, { address: plainAddress(address), port, protocol: 'udp' });
      else this.#strangers += 1;
    });
    const { address, port } = socket.address();
    return { address, port };
  }

  async #bindServer(place: Place): Promise<Place> {
    const server = createServer({ allowHalfOpen: true }, (socket) => this.#onSocket(socket));
    this.#server = server;
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(place.port, place.address, () => {
        server.off('error', reject);
        // A failed accept (no descriptors left) concerns one peer only.
        server.on('error', () => undefined);
        resolve();
      });
    });
    const { address, port } = server.address() as AddressInfo;
    return { address, port };
  }

  async #unbind(): Promise<void> {
    const [datagrams, server] = [this.#datagrams, this.#server];
    this.#datagrams = null;
    this.#server = null;
    if (datagrams !== null) {
      await new Promise<void>((resolve) => {
        // One that never was bound is closed as well.
        datagrams.close(() => resolve());
      });
    }
    // Its callback would wait for the connections, which have a time limit of their own.
    server?.close();
  }

  #onSocket(socket: Socket): void {
    const address = plainAddress(socket.remoteAddress ?? '');
    const source: SipSource = { address, port: socket.remotePort ?? 0, protocol: 'tcp' };
    if (!this.allows(address) || this.#connections.size >= LIMITS.sipConnections) {
      this.#strangers += 1;
      socket.on('error', () => socket.destroy());
      socket.resetAndDestroy();
      return;
    }
    this.#connections.set(placeOf(source), new SipConnection(socket, source, this.#options.clock, this.#sink));
  }

  #dial(target: SipTarget): SipConnection | null {
    const source: SipSource = { address: target.address, port: target.dialPort, protocol: 'tcp' };
    const open = this.#connections.get(placeOf(source));
    if (open !== undefined) return open;
    if (this.#connections.size >= LIMITS.sipConnections || this.#server === null || source.port === 0) return null;
    const socket = connect({ host: source.address, port: source.port, allowHalfOpen: true });
    const connection = new SipConnection(socket, source, this.#options.clock, this.#sink);
    this.#connections.set(placeOf(source), connection);
    return connection;
  }

  #onClosed(connection: SipConnection): void {
    const place = placeOf(connection.source);
    if (this.#connections.get(place) === connection) this.#connections.delete(place);
    if (this.#connections.size === 0) this.#onIdle?.();
  }
}

function placeOf({ address, port }: Place): string {
  return `${address} ${port}`;
}
