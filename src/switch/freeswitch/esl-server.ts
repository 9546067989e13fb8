/** The server side of the Event Socket: for the front door, and for the simulated switch. Shares nothing with the client. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { addressList, plainAddress } from '../../core/address-list.ts';
import type { AddressList } from '../../core/address-list.ts';
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { EslApiCall } from './esl-dialogue.ts';
import type { EslEventFactory } from './esl-event-factory.ts';
import { DISCONNECT_NOTICE, EslServerConnection } from './esl-server-connection.ts';
import type { EslRequest } from './esl-request-parser.ts';
import type { EslServerEvent } from './esl-server-event.ts';

/** Where it listens, who may come in, and who answers. */
export interface EslServerOptions {
  readonly host: string;
  /** 0: any free port; see {@link EslServer.port}. */
  readonly port: number;
  readonly password: string;
  /** Source addresses or CIDR blocks that may connect. Default: the loopback ones. */
  readonly allow?: readonly string[];
  readonly clock: Clock;
  readonly factory: EslEventFactory;
  /** Connections at once. */
  readonly clients?: number;
  /** Runs an API command; the answer's body. */
  api(call: EslApiCall): Promise<string>;
  sendMessage(uuid: string, request: EslRequest): string;
  sendEvent(request: EslRequest): string;
  onMalformed(error: TalkspurtError): void;
}

/** One line of a switch's log. */
export interface EslLogLine {
  /** 0 (the gravest) to 7 (debug). */
  readonly level: number;
  readonly file: string;
  readonly function: string;
  readonly line: number;
  /** The whole line with its time stamp, ending in a line feed. */
  readonly text: string;
}

const JOB_SOURCE = { file: 'mod_event_socket.c', function: 'api_exec', line: 1580 };

/** Listens, turns strangers away, and hands events to every client that wants them. */
export class EslServer {
  readonly #options: EslServerOptions;
  readonly #server: Server;
  readonly #connections = new Set<EslServerConnection>();
  /** Sockets of those that were turned away, until they are closed. */
  readonly #strangers = new Set<Socket>();
  #allow: AddressList;
  #refuseLogins = false;
  #standstill: { gate: Promise<void>; open: () => void } | null = null;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for an address in `allow` that is none */
  constructor(options: EslServerOptions) {
    this.#options = options;
    this.#allow = addressList(options.allow);
    this.#server = createServer({ allowHalfOpen: true }, (socket) => this.#onSocket(socket));
  }

  /** The port it listens on, or 0. */
  get port(): number {
    const address = this.#server.address();
    return address !== null && typeof address === 'object' ? address.port : 0;
  }

  get clientCount(): number {
    return this.#connections.size;
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<{ port: number }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      const onError = (cause: Error): void => {
        reject(
          new TalkspurtError('ERR_TALKSPURT_LISTEN', `cannot listen on ${host}:${port}: ${cause.message}`, { cause }),
        );
      };
      this.#server.once('error', onError);
      this.#server.listen(port, host, () => {
        this.#server.off('error', onError);
        // A failed accept (no descriptors left) concerns one stranger only.
        this.#server.on('error', () => undefined);
        resolve();
      });
    });
    return { port: this.port };
  }

  /** Says goodbye to everyone and stops listening; resolves when every socket is closed. Twice is harmless. */
  async close(): Promise<void> {
    this.thaw();
    for (const connection of this.#connections) connection.goodbye();
    const stopped = this.#stopListening();
    for (const socket of this.#strangers) socket.resetAndDestroy();
    await stopped;
  }

  /** Cuts every connection and stops listening, as a dying process does. */
  async abort(): Promise<void> {
    const stopped = this.#stopListening();
    this.dropConnections();
    await stopped;
  }

  /** Cuts every connection; new ones are accepted. */
  dropConnections(): void {
    for (const connection of this.#connections) connection.destroy();
    for (const socket of this.#strangers) socket.resetAndDestroy();
  }

  /** Gives every client that subscribed to it an event. */
  fire(event: EslServerEvent): void {
    for (const connection of this.#connections) connection.deliver(event);
  }

  /** Gives every client that asked for the log (`log <level>`) one line of it. */
  log(line: EslLogLine): void {
    const head = `Content-Type: log/data\nContent-Length: ${Buffer.byteLength(line.text)}\nLog-Level: ${line.level}\nText-Channel: 3\n`;
    const source = `Log-File: ${line.file}\nLog-Func: ${line.function}\nLog-Line: ${line.line}\nUser-Data: \n\n`;
    for (const connection of this.#connections) {
      if (connection.logLevel !== null && connection.logLevel >= line.level)
        connection.writeAfterAnswer(head + source + line.text);
    }
  }

  /** Writes bytes to every client as they are, out of turn: for tests of bad peers. */
  writeRaw(text: string): void {
    for (const connection of this.#connections) connection.write(text);
  }

  /** From now on every login is refused (or accepted again). */
  refuseLogins(refuse: boolean): void {
    this.#refuseLogins = refuse;
  }

  /** Changes who may connect. @throws ERR_TALKSPURT_CONFIG_INVALID */
  allow(addresses: readonly string[]): void {
    this.#allow = addressList(addresses);
  }

  /** Stands still: bytes are taken, nothing is answered, until {@link thaw}. */
  freeze(): void {
    if (this.#standstill !== null) return;
    let open = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#standstill = { gate, open };
  }

  thaw(): void {
    this.#standstill?.open();
    this.#standstill = null;
    for (const connection of this.#connections) connection.thaw();
  }

  async #stopListening(): Promise<void> {
    const left: Promise<unknown>[] = [...this.#connections].map((connection) => connection.gone);
    for (const socket of this.#strangers) left.push(new Promise((resolve) => socket.once('close', resolve)));
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
    await Promise.all(left);
  }

  #onSocket(socket: Socket): void {
    if (!this.#mayConnect(socket)) {
      this.#turnAway(socket, 'Access Denied, go away.\n');
      return;
    }
    if (this.#connections.size >= (this.#options.clients ?? LIMITS.frontDoorClients) && !this.#makeRoom()) {
      this.#turnAway(socket, 'Too many connections, go away.\n');
      return;
    }
    const { clock, factory, password } = this.#options;
    const connection = new EslServerConnection(socket, {
      clock,
      gate: () => this.#standstill?.gate ?? null,
      onMalformed: (error) => this.#options.onMalformed(error),
      onClosed: (closed) => this.#connections.delete(closed),
      host: {
        acceptsPassword: (given) => !this.#refuseLogins && samePassword(given, password),
        api: (call) => this.#options.api(call),
        sendMessage: (uuid, request) => this.#options.sendMessage(uuid, request),
        sendEvent: (request) => this.#options.sendEvent(request),
        jobDone: ({ jobUuid, command, argument, output }) => {
          const headers: [string, string][] = [
            ['Job-UUID', jobUuid],
            ['Job-Command', command],
          ];
          if (argument !== '') headers.push(['Job-Command-Arg', argument]);
          this.fire(factory.make({ name: 'BACKGROUND_JOB', source: JOB_SOURCE, headers, body: output }));
        },
      },
    });
    this.#connections.add(connection);
  }

  /** Whoever has not logged in for longest is no reason to keep an operator out. False: all have. */
  #makeRoom(): boolean {
    const idle = [...this.#connections].find(({ loggedIn }) => !loggedIn);
    if (idle === undefined) return false;
    this.#connections.delete(idle);
    idle.destroy();
    return true;
  }

  /** Sends a stranger away in FreeSWITCH's words; one that stays on is cut off. */
  #turnAway(socket: Socket, message: string): void {
    if (this.#strangers.size >= LIMITS.frontDoorClients) {
      socket.resetAndDestroy();
      return;
    }
    this.#strangers.add(socket);
    const timer = this.#options.clock.after(LIMITS.eslServerCloseMs, () => socket.resetAndDestroy());
    socket.on('error', () => socket.destroy());
    socket.on('close', () => {
      timer.cancel();
      this.#strangers.delete(socket);
    });
    socket.resume();
    socket.end(
      `Content-Type: text/rude-rejection\nContent-Length: ${message.length}\n\n${message}${DISCONNECT_NOTICE}`,
    );
  }

  #mayConnect(socket: Socket): boolean {
    return this.#allow.has(plainAddress(socket.remoteAddress));
  }
}

/** Compares without telling by time how much of it was right. */
function samePassword(given: string, password: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(password));
}
