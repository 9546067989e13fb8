/**
 * The TCP server that Asterisk's AudioSocket connects to: its dialplan application, its channels, its externalMedia.
 *
 * What does it do? Lets in who comes from an allowed address and shows, within its time, a UUID that is expected; each UUID lets in
 *   one connection. Calls that the dialplan sends without our having asked are `onStranger`'s to take. Everybody else is cut off.
 * Not for: audio. The protocol has no password and no encryption: the UUID is the secret, and the network must be trusted.
 */
import { createServer, isIP } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { addressList, plainAddress } from '../core/address-list.ts';
import type { AddressList } from '../core/address-list.ts';
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { AudioSocketConnection } from './audiosocket-connection.ts';
import { audioSocketUuidBytes } from './audiosocket-frame.ts';
import { StrangerQuota } from './stranger-quota.ts';
import type { MediaRefusal, Stranger } from './stranger-quota.ts';

/** Where it listens and who may come in. */
export interface AudioSocketServerOptions {
  readonly clock: Clock;
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** 0 (the default): any free port; see {@link AudioSocketServer.port}. */
  readonly port?: number;
  /** Source addresses and CIDR blocks of the switches. Default: the loopback ones. */
  readonly allow?: readonly string[] | AddressList;
  /**
   * A UUID that nobody expects: a call that the dialplan sends by itself. Whoever says true owns the connection and listens to it
   * soon: Asterisk ends a call that has no frame of either side for two seconds. Must not throw.
   */
  onStranger?(uuid: string, connection: AudioSocketConnection): boolean;
  /** Somebody was turned away. Must not throw. */
  onRefused?(reason: MediaRefusal, remoteAddress: string): void;
}

/** How long one UUID is good for. */
export interface AudioSocketExpectation {
  /** Default LIMITS.audioSocketConnectMs. */
  readonly withinMs?: number;
  readonly signal?: AbortSignal;
}

interface Expected {
  readonly resolve: (connection: AudioSocketConnection) => void;
  readonly reject: (error: TalkspurtError) => void;
}

/** Listens between {@link AudioSocketServer.listen} and {@link AudioSocketServer.close}. */
export class AudioSocketServer {
  readonly #options: AudioSocketServerOptions;
  readonly #host: string;
  readonly #tcp: Server;
  readonly #allow: AddressList;
  readonly #expected = new Map<string, Expected>();
  /** UUIDs that are not waited for any more, and until when their connection may still come: it is nobody's. */
  readonly #forgone = new Map<string, number>();
  readonly #sockets = new Set<Socket>();
  readonly #quota: StrangerQuota;
  readonly #strangers = new Map<AudioSocketConnection, Stranger>();
  /** UUIDs of the connections that are up. */
  readonly #live = new Set<string>();
  #refused = 0;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for an address in `allow` that is none */
  constructor(options: AudioSocketServerOptions) {
    this.#options = options;
    this.#host = options.host ?? '127.0.0.1';
    this.#allow = addressList(options.allow);
    this.#quota = new StrangerQuota(options.clock);
    this.#tcp = createServer({ noDelay: true }, (socket) => this.#greet(socket));
  }

  /** The port it listens on, or 0. */
  get port(): number {
    return (this.#tcp.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Connections, strangers among them. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Connections that have not shown a UUID. */
  get strangers(): number {
    return this.#quota.size;
  }

  /** UUIDs that nobody has shown yet. */
  get expected(): number {
    return this.#expected.size;
  }

  /** Connections that were turned away. */
  get refused(): number {
    return this.#refused;
  }

  /** `host:port` as Asterisk takes it. `host` is ours as the switch reaches it; default: the bound one. */
  address(host = this.#host): string {
    return `${isIP(host) === 6 ? `[${host}]` : host}:${this.port}`;
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<{ port: number }> {
    const port = this.#options.port ?? 0;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error): void => {
        const message = `cannot listen for AudioSocket on ${this.#host}:${port}: ${cause.message}: choose another port`;
        reject(new TalkspurtError('ERR_TALKSPURT_LISTEN', message, { cause }));
      };
      this.#tcp.once('error', onError);
      this.#tcp.listen(port, this.#host, () => {
        this.#tcp.off('error', onError);
        // A failed accept (no descriptors left) concerns one stranger only.
        this.#tcp.on('error', () => this.#count('accept', ''));
        resolve();
      });
    });
    return { port: this.port };
  }

  /**
   * The connection that shows `uuid`, which is then worth nothing any more. Closed by whoever expected it.
   * @throws ERR_TALKSPURT_MEDIA_CONNECTION when nobody came in time, or the server was closed; ERR_TALKSPURT_CALL_LIMIT;
   *   ERR_TALKSPURT_MEDIA_FORMAT for a text that is no UUID, or one that is in use; the signal's reason
   */
  async expect(uuid: string, options: AudioSocketExpectation = {}): Promise<AudioSocketConnection> {
    const { withinMs = LIMITS.audioSocketConnectMs, signal } = options;
    if (signal?.aborted === true) throw asTalkspurtError(signal.reason);
    const key = uuid.toLowerCase();
    this.#check(key);
    let timer: Timer | undefined;
    let onAbort: (() => void) | undefined;
    try {
      return await new Promise<AudioSocketConnection>((resolve, reject) => {
        this.#expected.set(key, { resolve, reject });
        timer = this.#options.clock.after(withinMs, () => reject(lateConnection(withinMs)));
        onAbort = () => reject(asTalkspurtError(signal?.reason));
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    } catch (error) {
      this.#forgo(key);
      throw error;
    } finally {
      timer?.cancel();
      this.#expected.delete(key);
      if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Cuts everyone off and stops listening. Twice is harmless. */
  async close(): Promise<void> {
    const gone = new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', 'the AudioSocket server was closed');
    for (const { reject } of this.#expected.values()) reject(gone);
    this.#quota.clear();
    this.#strangers.clear();
    const closed = this.#tcp.listening ? new Promise<void>((resolve) => this.#tcp.close(() => resolve())) : null;
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Asterisk may be on its way: it is not to be taken for a call that the dialplan sends. */
  #forgo(uuid: string): void {
    const nowMs = this.#options.clock.nowMs();
    for (const [other, untilMs] of this.#forgone) if (untilMs <= nowMs) this.#forgone.delete(other);
    if (this.#forgone.size < LIMITS.audioSocketConnections) {
      this.#forgone.set(uuid, nowMs + LIMITS.audioSocketConnectMs);
    }
  }

  #check(uuid: string): void {
    if (audioSocketUuidBytes(uuid) === null)
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', 'AudioSocket needs a UUID of 32 hexadecimal digits');
    if (this.#expected.has(uuid) || this.#live.has(uuid))
      throw new TalkspurtError(
        'ERR_TALKSPURT_MEDIA_FORMAT',
        'this UUID is in use: each AudioSocket call needs its own',
      );
    if (this.#expected.size < LIMITS.audioSocketConnections) return;
    const message = `${LIMITS.audioSocketConnections} AudioSocket connections are waited for already`;
    throw new TalkspurtError('ERR_TALKSPURT_CALL_LIMIT', message);
  }

  #greet(socket: Socket): void {
    const remoteAddress = plainAddress(socket.remoteAddress);
    socket.on('error', () => socket.destroy());
    if (!this.#allow.has(remoteAddress)) return this.#cutOff(socket, 'address', remoteAddress);
    this.#sockets.add(socket);
    const connection = new AudioSocketConnection(socket, this.#options.clock, remoteAddress, {
      onUuid: (_, uuid) => this.#welcome(connection, socket, uuid),
      onUnfit: (_, end) => this.#refuse(connection, end === 'protocol' ? 'protocol' : 'silent'),
    });
    const turnAway = (reason: MediaRefusal): void => this.#refuse(connection, reason);
    this.#strangers.set(connection, this.#quota.admit(LIMITS.mediaStrangerMs, turnAway));
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#known(connection);
    });
  }

  #welcome(connection: AudioSocketConnection, socket: Socket, uuid: string): void {
    this.#known(connection);
    if (this.#live.has(uuid)) return this.#refuse(connection, 'duplicate');
    const expected = this.#expected.get(uuid);
    this.#expected.delete(uuid);
    // One that we have asked for has its place; those that come unasked share theirs.
    if (expected === undefined && this.#live.size >= LIMITS.audioSocketConnections) {
      return this.#refuse(connection, 'full');
    }
    this.#live.add(uuid);
    socket.on('close', () => this.#live.delete(uuid));
    if (expected !== undefined) expected.resolve(connection);
    else if (this.#forgone.delete(uuid) || this.#options.onStranger?.(uuid, connection) !== true) {
      this.#refuse(connection, 'unknown');
    }
  }

  #known(connection: AudioSocketConnection): void {
    this.#strangers.get(connection)?.known();
    this.#strangers.delete(connection);
  }

  #refuse(connection: AudioSocketConnection, reason: MediaRefusal): void {
    this.#known(connection);
    connection.destroy();
    this.#count(reason, connection.remoteAddress);
  }

  #cutOff(socket: Socket, reason: MediaRefusal, remoteAddress: string): void {
    socket.destroy();
    this.#count(reason, remoteAddress);
  }

  #count(reason: MediaRefusal, remoteAddress: string): void {
    this.#refused += 1;
    this.#options.onRefused?.(reason, remoteAddress);
  }
}

function lateConnection(withinMs: number): TalkspurtError {
  const message = `Asterisk's AudioSocket did not connect to us within ${withinMs} ms: does it reach our address and port, and is it allowed in?`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message);
}
