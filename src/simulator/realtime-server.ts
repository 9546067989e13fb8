/** The embedded AI backend: OpenAI's Realtime protocol on a loopback WebSocket, with a scripted agent behind it. */
import type { IncomingMessage, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { DspPool } from '../dsp/dsp.ts';
import { WasmDspPool } from '../dsp/dsp-pool.ts';
import { LIMITS } from '../limits.ts';
import { FERRY_OFFICE } from './dialogue.ts';
import type { Dialogue } from './dialogue.ts';
import type { Hearing } from './hearing.ts';
import { RealtimeSession } from './realtime-session.ts';
import type { RealtimeBehaviour } from './realtime-session.ts';
import type { SpeechSynthesizer, Voice } from './speech.ts';

/** What goes wrong on purpose, for tests: nothing is answered at all, or connections are refused with a status. */
export type RealtimeFault = { readonly kind: 'mute' } | { readonly kind: 'refuse'; readonly status: number };

export interface RealtimeServerOptions {
  readonly clock: Clock;
  readonly speech: SpeechSynthesizer;
  readonly hearing?: Hearing | null;
  readonly dialogue?: Dialogue;
  readonly voice?: Voice;
  /** Default 127.0.0.1 and any free port. */
  readonly host?: string;
  readonly port?: number;
  /** The key that clients must show; default: any, but there must be one. */
  readonly key?: string;
  /** Time to think, ms, default 250; size of a piece of audio, ms, default 200; times real time, default 4. */
  readonly thinkMs?: number;
  readonly pieceMs?: number;
  readonly speedUp?: number;
  readonly sessionMs?: number;
  readonly sessions?: number;
  readonly fault?: RealtimeFault;
}

const PATHS = ['/v1/realtime', '/realtime', '/openai/v1/realtime'];

export class RealtimeServer {
  readonly #options: RealtimeServerOptions;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: LIMITS.backendMessageBytes,
  });
  readonly #sessions = new Set<RealtimeSession>();
  #behaviour: RealtimeBehaviour | null = null;

  constructor(options: RealtimeServerOptions) {
    this.#options = options;
    this.#http = createServer((_request, response) => {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end(
        '{"error":{"message":"Only the Realtime WebSocket is served here.","type":"invalid_request_error","code":"not_found","param":null}}',
      );
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** What to give a client as its base URL, once {@link listen} has resolved. */
  get url(): string {
    return `ws://${this.#options.host ?? '127.0.0.1'}:${this.port}/v1`;
  }

  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Clients with a session. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<void> {
    const { clock, speech, hearing, dialogue, voice, thinkMs, pieceMs, speedUp, sessionMs } = this.#options;
    const dspPool: DspPool = await WasmDspPool.create({ size: this.#options.sessions ?? LIMITS.simulatedSessions });
    this.#behaviour = {
      clock,
      dspPool,
      speech,
      hearing: hearing ?? null,
      dialogue: dialogue ?? FERRY_OFFICE,
      voice: voice ?? 'rms',
      thinkMs: thinkMs ?? 250,
      pieceMs: pieceMs ?? 200,
      speedUp: speedUp ?? 4,
      sessionMs: sessionMs ?? 60 * 60_000,
    };
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error): void =>
        reject(
          new TalkspurtError('ERR_TALKSPURT_LISTEN', `the embedded backend cannot listen: ${cause.message}`, { cause }),
        );
      this.#http.once('error', refuse);
      this.#http.listen(this.#options.port ?? 0, this.#options.host ?? '127.0.0.1', () => {
        this.#http.off('error', refuse);
        resolve();
      });
    });
  }

  /** Cuts every client off without a word, as a crash would. */
  dropConnections(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  /** Ends everything. Twice is harmless. */
  async close(): Promise<void> {
    for (const socket of this.#sockets.clients) socket.terminate();
    this.#sockets.close();
    if (!this.#http.listening) return;
    await new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const { fault } = this.#options;
    if (fault?.kind === 'refuse')
      return refuse(socket, fault.status, 'server_error', 'The server is refusing on purpose.');
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (!PATHS.includes(url.pathname)) return refuse(socket, 404, 'not_found', `Invalid URL (GET ${url.pathname})`);
    const key = keyOf(request);
    if (key === null || (this.#options.key !== undefined && key !== this.#options.key)) {
      return refuse(socket, 401, 'invalid_api_key', 'Incorrect API key provided.');
    }
    const model = url.searchParams.get('model') ?? url.searchParams.get('deployment');
    if (model === null || model === '')
      return refuse(socket, 400, 'missing_model', 'You must provide a model parameter.');
    if (this.#sessions.size >= (this.#options.sessions ?? LIMITS.simulatedSessions)) {
      return refuse(socket, 429, 'rate_limit_exceeded', 'Too many sessions.');
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#serve(webSocket, model));
  }

  #serve(socket: WebSocket, model: string): void {
    socket.on('error', () => socket.terminate());
    if (this.#options.fault?.kind === 'mute' || this.#behaviour === null) return;
    const send = (event: object): void => {
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(event));
    };
    const session = new RealtimeSession(this.#behaviour, model, send, () => socket.close(1001, 'session expired'));
    this.#sessions.add(session);
    socket.on('message', (data) => session.receive(textOf(data)));
    socket.on('close', () => {
      this.#sessions.delete(session);
      session.close();
    });
  }
}

/** The bearer token, wherever a client may put it: the header, Azure's header, or a browser's sub-protocol. */
function keyOf(request: IncomingMessage): string | null {
  const bearer = /^Bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const azure = request.headers['api-key'];
  const protocol = /openai-insecure-api-key\.([^\s,]+)/.exec(request.headers['sec-websocket-protocol'] ?? '')?.[1];
  return bearer ?? (typeof azure === 'string' ? azure : undefined) ?? protocol ?? null;
}

function textOf(data: Buffer | ArrayBuffer | Buffer[]): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8');
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8');
}

function refuse(socket: Duplex, status: number, code: string, message: string): void {
  const body = JSON.stringify({ error: { message, type: 'invalid_request_error', code, param: null } });
  const reason: Readonly<Record<number, string>> = {
    400: 'Bad Request',
    401: 'Unauthorized',
    403: 'Forbidden',
    404: 'Not Found',
    429: 'Too Many Requests',
  };
  const head = `HTTP/1.1 ${status} ${reason[status] ?? 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n`;
  socket.end(head + body);
}
