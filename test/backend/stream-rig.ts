/** A raw WebSocket server that does what a test tells it to, a sink that writes everything down, and a stream between. */
import { createServer } from 'node:http';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { BackendCall } from '../../src/backend/backend.ts';
import { StreamBackend } from '../../src/backend/stream-backend.ts';
import type { StreamConfig, StreamConversation, StreamModuleEvent } from '../../src/backend/stream-backend.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { ManualClock } from './manual-clock.ts';
import { RecordingSink } from './recording-sink.ts';

export const CALL: BackendCall = {
  callId: 'call-1',
  leg: { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 },
  from: '1001',
  to: '9000',
  variables: new Map(),
};

/** One client's connection. */
export class StreamPeer {
  readonly socket: WebSocket;
  readonly request: IncomingMessage;
  /** In the order of arrival. */
  readonly heard: (string | Buffer)[] = [];
  pings = 0;
  closed: { code: number; reason: string } | null = null;
  readonly #waiters = new Set<() => void>();

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.socket = socket;
    this.request = request;
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer, isBinary) =>
      this.#note(() => this.heard.push(isBinary ? data : data.toString())),
    );
    socket.on('ping', () => this.#note(() => (this.pings += 1)));
    socket.on('close', (code, reason) => this.#note(() => (this.closed = { code, reason: reason.toString() })));
  }

  get texts(): string[] {
    return this.heard.filter((message) => typeof message === 'string');
  }

  get binaries(): Buffer[] {
    return this.heard.filter((message) => typeof message !== 'string');
  }

  say(message: unknown): void {
    this.socket.send(typeof message === 'string' || Buffer.isBuffer(message) ? message : JSON.stringify(message));
  }

  sound(data: Record<string, unknown>): void {
    this.say({ type: 'streamAudio', data });
  }

  /** A ping overtakes nothing: its pong says that the client has taken all before it, and we all that it sent. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once('pong', () => resolve());
      this.socket.ping();
    });
  }

  async until(matches: () => unknown): Promise<void> {
    while (!matches()) await new Promise<void>((resolve) => this.#waiters.add(resolve));
  }

  #note(change: () => void): void {
    change();
    for (const wake of this.#waiters) wake();
    this.#waiters.clear();
  }
}

/** Listens on loopback; `onUpgrade` takes upgrades away from WebSocket while it returns true. */
export class StreamPeers {
  readonly all: StreamPeer[] = [];
  onUpgrade: (socket: Duplex, request: IncomingMessage) => boolean = () => false;
  onPeer: (peer: StreamPeer) => void = () => undefined;
  readonly #http: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiters: (() => void)[] = [];

  static async listen(): Promise<StreamPeers> {
    const peers = new StreamPeers();
    await new Promise<void>((resolve) => peers.#http.listen(0, '127.0.0.1', resolve));
    return peers;
  }

  private constructor() {
    const server = new WebSocketServer({ noServer: true, perMessageDeflate: true });
    this.#http = createServer((_request, response) => response.writeHead(404).end());
    this.#http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#http.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined);
      if (this.onUpgrade(socket, request)) return;
      server.handleUpgrade(request, socket, head, (webSocket) => {
        const peer = new StreamPeer(webSocket, request);
        this.all.push(peer);
        this.onPeer(peer);
        for (const wake of this.#waiters.splice(0)) wake();
      });
    });
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}/stream?call=1`;
  }

  get connections(): number {
    return this.#sockets.size;
  }

  /** The `count`th connection. */
  async peer(count = 1): Promise<StreamPeer> {
    while (this.all.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    return this.all[count - 1]!;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }
}

/** Also what a generic server may bring about. */
export class StreamSink extends RecordingSink {
  readonly messages: string[] = [];
  flushes = 0;
  /** What a session does in answer; set by a test. */
  whenFlushed: () => void = () => undefined;

  onMessage(text: string): void {
    this.messages.push(text);
  }

  onFlush(): void {
    this.flushes += 1;
    this.whenFlushed();
  }

  get kinds(): string[] {
    return this.all.map(({ kind }) => kind);
  }
}

export interface StreamTalk {
  peers: StreamPeers;
  peer: StreamPeer;
  clock: ManualClock;
  sink: StreamSink;
  stream: StreamConversation;
  events: StreamModuleEvent[];
  /** Ends both sides and leaves nothing. */
  end(): Promise<void>;
}

/** An open stream whose first messages may be delivered. */
export async function talk(
  config: Partial<StreamConfig> = {},
  prepare?: (peers: StreamPeers) => void,
  given: Partial<BackendCall> = {},
): Promise<StreamTalk> {
  const peers = await StreamPeers.listen();
  prepare?.(peers);
  const clock = new ManualClock();
  const sink = new StreamSink();
  const events: StreamModuleEvent[] = [];
  const backend = new StreamBackend({ url: peers.url, ...config }, clock, (_callId, event) => events.push(event));
  const stream = await backend.open({ ...CALL, ...given }, sink, new AbortController().signal);
  const peer = await peers.peer();
  clock.advance(0);
  const end = async (): Promise<void> => {
    await stream.close();
    await peers.close();
    if (clock.pending !== 0) throw new Error(`${clock.pending} timers are left`);
  };
  return { peers, peer, clock, sink, stream, events, end };
}

/** What `open` rejects with. */
export async function refusal(config: StreamConfig, clock = new ManualClock()): Promise<TalkspurtError> {
  const opening = new StreamBackend(config, clock).open(CALL, new StreamSink(), new AbortController().signal);
  try {
    await opening;
  } catch (error) {
    return error as TalkspurtError;
  }
  throw new Error('did not reject');
}

/** L16, little endian. */
export function l16(samples: ArrayLike<number>): Buffer {
  const bytes = Buffer.alloc(samples.length * 2);
  for (let i = 0; i < samples.length; i += 1) bytes.writeInt16LE(samples[i]!, i * 2);
  return bytes;
}
