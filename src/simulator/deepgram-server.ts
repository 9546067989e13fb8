/** The embedded Voice Agent: Deepgram's protocol on a loopback WebSocket, with a scripted agent behind it. */
import { randomUUID, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage, Server } from 'node:http';
import { createServer, STATUS_CODES } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { WasmDspPool } from '../dsp/dsp-pool.ts';
import { LIMITS } from '../limits.ts';
import { DeepgramServerSession } from './deepgram-session.ts';
import type { DeepgramBehaviour, DeepgramServerFault, DeepgramServerStats } from './deepgram-message.ts';
import { FERRY_OFFICE } from './dialogue.ts';
import type { Dialogue } from './dialogue.ts';
import type { Hearing } from './hearing.ts';
import type { SpeechSource, Voice } from './speech.ts';

/** What the agent is made of, and how it behaves. */
export interface DeepgramServerOptions {
  readonly clock: Clock;
  /** The agent's voices. Stays the caller's: it is not closed with the server. */
  readonly speech: SpeechSource;
  /** Understands the caller; null or absent: the dialogue goes by turns. */
  readonly hearing?: Hearing | null;
  readonly dialogue?: Dialogue;
  /** Default `rms`. */
  readonly voice?: Voice;
  /** The key that clients must show; default: any, but there must be one. */
  readonly key?: string;
  /** Time to think, ms, default 250; size of a piece of audio, ms, default 100; times real time, default 4. */
  readonly thinkMs?: number;
  readonly pieceMs?: number;
  readonly speedUp?: number;
  /** Duration of a session, ms, default two hours; longest silence of a client, ms, default 10 s. */
  readonly sessionMs?: number;
  readonly idleMs?: number;
  /** Default false. */
  readonly closesInterrupted?: boolean;
  /** Sessions at once; one more is refused with status 429. Default LIMITS.simulatedSessions. */
  readonly sessions?: number;
  readonly fault?: DeepgramServerFault | null;
}

const HOST = '127.0.0.1';
const CONVERSE = '/v1/agent/converse';
/** A closing frame's code for whoever broke the rules (RFC 6455 §7.4.1), and for a defect of the server's own. */
const CLOSE_POLICY = 1008;
const CLOSE_BROKEN = 1011;

/** Listens between {@link DeepgramServer.listen} and {@link DeepgramServer.close}; owns its sessions, not its voices. */
export class DeepgramServer {
  readonly #options: DeepgramServerOptions;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: LIMITS.backendMessageBytes,
    handleProtocols: (offered) => (offered.has('token') ? 'token' : offered.has('bearer') ? 'bearer' : false),
  });
  readonly #sessions = new Set<DeepgramServerSession>();
  readonly #counts = {
    ...{ sessionsOpened: 0, answers: 0, answersInterrupted: 0, turns: 0, keepAlives: 0, errors: 0 },
    heardMs: 0,
    saidMs: 0,
  };
  #behaviour: DeepgramBehaviour | null = null;
  #fault: DeepgramServerFault | null;

  constructor(options: DeepgramServerOptions) {
    this.#options = options;
    this.#fault = options.fault ?? null;
    this.#http = createServer((_request, response) => {
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end(JSON.stringify(refusalBody(404)));
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** What to give a client as the whole address, once {@link listen} has resolved. */
  get url(): string {
    return `ws://${HOST}:${this.port}${CONVERSE}`;
  }

  /** 0 while it does not listen. */
  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0;
  }

  get stats(): DeepgramServerStats {
    return { sessions: this.#sessions.size, ...this.#counts };
  }

  /** What goes wrong from now on, in sessions that are open as well; null: nothing. */
  inject(fault: DeepgramServerFault | null): void {
    this.#fault = fault;
  }

  /** @throws ERR_TALKSPURT_LISTEN; ERR_TALKSPURT_INTERNAL when the signal chain's binary is missing */
  async listen(): Promise<void> {
    const { clock, speech, hearing, dialogue, voice, thinkMs, pieceMs, speedUp, sessionMs, idleMs, closesInterrupted } =
      this.#options;
    this.#behaviour = {
      ...{ clock, speech, hearing: hearing ?? null, dialogue: dialogue ?? FERRY_OFFICE, voice: voice ?? 'rms' },
      dspPool: await WasmDspPool.create({ size: this.#limit }),
      thinkMs: thinkMs ?? 250,
      pieceMs: pieceMs ?? 100,
      speedUp: speedUp ?? 4,
      sessionMs: sessionMs ?? 2 * 60 * 60_000,
      idleMs: idleMs ?? 10_000,
      closesInterrupted: closesInterrupted ?? false,
      fault: () => this.#fault,
    };
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error): void => {
        const message = `the embedded Voice Agent cannot listen: ${cause.message}`;
        reject(new TalkspurtError('ERR_TALKSPURT_LISTEN', message, { cause }));
      };
      this.#http.once('error', refuse);
      this.#http.listen(0, HOST, () => {
        this.#http.off('error', refuse);
        resolve();
      });
    });
  }

  /** Cuts every client off without a word, as a crash would. */
  dropConnections(): void {
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  /** Ends every session and the listener. Twice is harmless. */
  async close(): Promise<void> {
    this.dropConnections();
    for (const session of this.#sessions) session.close();
    this.#sessions.clear();
    this.#sockets.close();
    if (!this.#http.listening) return;
    await new Promise<void>((resolve) => {
      this.#http.close(() => resolve());
      this.#http.closeAllConnections();
    });
  }

  get #limit(): number {
    return this.#options.sessions ?? LIMITS.simulatedSessions;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const status = this.#judgeUpgrade(request);
    if (status !== 200) {
      refuseUpgrade(socket, status);
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#serve(webSocket));
  }

  /** 200, or the status to refuse with. */
  #judgeUpgrade(request: IncomingMessage): number {
    if (this.#fault?.kind === 'refuse') return this.#fault.status;
    if (pathOf(request) !== CONVERSE) return 404;
    const shown = keyOf(request);
    const { key = shown } = this.#options;
    if (shown === null || key === null || !isSame(shown, key)) return 401;
    return this.#sessions.size >= this.#limit ? 429 : 200;
  }

  #serve(socket: WebSocket): void {
    socket.on('error', () => socket.terminate());
    const behaviour = this.#behaviour;
    if (behaviour === null || this.#fault?.kind === 'mute') return;
    this.#counts.sessionsOpened += 1;
    let saidMs = 0;
    const put = (data: string | Uint8Array): void => {
      if (socket.readyState !== socket.OPEN) return;
      if (socket.bufferedAmount > LIMITS.simulatedBufferedBytes) socket.terminate();
      else socket.send(data);
    };
    const session = new DeepgramServerSession(behaviour, {
      send: (message) => put(JSON.stringify(message)),
      sendAudio: (audio, audioMs) => {
        if (this.#fault?.kind === 'malformed') put(this.#fault.text);
        put(audio);
        saidMs += audioMs;
        if (this.#fault?.kind === 'drop' && saidMs >= this.#fault.afterAudioMs) socket.terminate();
      },
      end: () => socket.close(CLOSE_POLICY),
      count: (what, by) => {
        this.#counts[what] += by;
      },
    });
    this.#sessions.add(session);
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      try {
        session.receive(data, isBinary);
      } catch (error) {
        // A fault of the server's own ends this session, as it does at the service, and no other.
        const description = `The server had an error: ${String(error)}`;
        put(JSON.stringify({ type: 'Error', code: 'INTERNAL_SERVER_ERROR', description }));
        socket.close(CLOSE_BROKEN);
      }
    });
    socket.on('close', () => {
      this.#sessions.delete(session);
      session.close();
    });
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?', 1)[0] ?? '/';
}

/** The key, or a token in its place, wherever a client may put it: the header, or a browser's sub-protocol. */
function keyOf(request: IncomingMessage): string | null {
  const header = /^(?:Token|Bearer) +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  const protocol = /^(?:token|bearer), *(\S+)$/i.exec(request.headers['sec-websocket-protocol'] ?? '')?.[1];
  return header ?? protocol ?? null;
}

function refusalBody(status: number): object {
  const request_id = randomUUID();
  if (status === 401) return { err_code: 'INVALID_AUTH', err_msg: 'Invalid credentials.', request_id };
  if (status === 402) return { err_code: 'ASR_PAYMENT_REQUIRED', err_msg: 'Project has no credit left.', request_id };
  if (status === 429) return { err_code: 'TOO_MANY_REQUESTS', err_msg: 'Too many requests.', request_id };
  return { err_code: 'REFUSED', err_msg: STATUS_CODES[status] ?? 'Refused.', request_id };
}

function refuseUpgrade(socket: Duplex, status: number): void {
  const body = JSON.stringify(refusalBody(status));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function isSame(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
