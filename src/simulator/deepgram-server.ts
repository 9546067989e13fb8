/** The embedded Voice Agent: Deepgram's protocol on a loopback WebSocket, with a scripted agent behind it. */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { LIMITS } from '../limits.ts';
import { agentBehaviour, mostSessions } from './agent-behaviour.ts';
import type { AgentOptions } from './agent-behaviour.ts';
import { DeepgramServerSession } from './deepgram-session.ts';
import type { DeepgramBehaviour, DeepgramServerFault, DeepgramServerStats } from './deepgram-message.ts';
import { UpgradeServer, isSameKey, refuseUpgrade } from './upgrade-server.ts';

/** What the agent is made of, and how it behaves: `pieceMs` is 100 and `sessionMs` two hours unless given. */
export interface DeepgramServerOptions extends AgentOptions<DeepgramServerFault> {
  /** Longest silence of a client, ms, default 10 s. */
  readonly idleMs?: number;
  /** Default false. */
  readonly closesInterrupted?: boolean;
}

const CONVERSE = '/v1/agent/converse';
/** A closing frame's code for whoever broke the rules (RFC 6455 §7.4.1), and for a defect of the server's own. */
const CLOSE_POLICY = 1008;
const CLOSE_BROKEN = 1011;

/** Listens between {@link DeepgramServer.listen} and {@link DeepgramServer.close}; owns its sessions, not its voices. */
export class DeepgramServer {
  readonly #options: DeepgramServerOptions;
  readonly #server: UpgradeServer;
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
    this.#server = new UpgradeServer({
      title: 'the embedded Voice Agent',
      sockets: {
        perMessageDeflate: false,
        handleProtocols: (offered) => (offered.has('token') ? 'token' : offered.has('bearer') ? 'bearer' : false),
      },
      onRequest: (_request, response) => {
        response.writeHead(404, { 'content-type': 'application/json' });
        response.end(JSON.stringify(refusalBody(404)));
      },
      onUpgrade: (request, socket, head) => this.#upgrade(request, socket, head),
    });
  }

  /** What to give a client as the whole address, once {@link listen} has resolved. */
  get url(): string {
    return `ws://${this.#server.host}:${this.port}${CONVERSE}`;
  }

  /** 0 while it does not listen. */
  get port(): number {
    return this.#server.port;
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
    const { pieceMs = 100, sessionMs = 2 * 60 * 60_000, idleMs = 10_000, closesInterrupted = false } = this.#options;
    const agent = await agentBehaviour({ ...this.#options, pieceMs, sessionMs }, () => this.#fault);
    this.#behaviour = { ...agent, idleMs, closesInterrupted };
    await this.#server.listen();
  }

  /** Cuts every client off without a word, as a crash would. */
  dropConnections(): void {
    this.#server.dropConnections();
  }

  /** Ends every session and the listener. Twice is harmless. */
  async close(): Promise<void> {
    this.dropConnections();
    for (const session of this.#sessions) session.close();
    this.#sessions.clear();
    await this.#server.close();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const status = this.#judgeUpgrade(request);
    if (status === 200) this.#server.accept(request, socket, head, (client) => this.#serve(client));
    else refuseUpgrade(socket, status, refusalBody(status));
  }

  /** 200, or the status to refuse with. */
  #judgeUpgrade(request: IncomingMessage): number {
    if (this.#fault?.kind === 'refuse') return this.#fault.status;
    if (pathOf(request) !== CONVERSE) return 404;
    const shown = keyOf(request);
    const { key = shown } = this.#options;
    if (shown === null || key === null || !isSameKey(shown, key)) return 401;
    return this.#sessions.size >= mostSessions(this.#options) ? 429 : 200;
  }

  #serve(socket: WebSocket): void {
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
