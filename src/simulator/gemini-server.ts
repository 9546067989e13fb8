/** The embedded Gemini Live server: Google's `BidiGenerateContent` on a loopback WebSocket, with a scripted agent behind it. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { agentBehaviour, mostSessions } from './agent-behaviour.ts';
import type { AgentOptions } from './agent-behaviour.ts';
import { GeminiConversations } from './gemini-conversation.ts';
import type { GeminiBehaviour, GeminiServerFault, GeminiServerStats } from './gemini-message.ts';
import { GeminiRefusal } from './gemini-refusal.ts';
import type { GeminiVersion } from './gemini-schema.ts';
import { GeminiServerSession } from './gemini-session.ts';
import { judgeKey, pathOfVersion, refuseGemini, versionOf } from './gemini-upgrade.ts';
import { GeminiWire } from './gemini-wire.ts';
import { UpgradeServer } from './upgrade-server.ts';

/**
 * What the agent is made of, and how it behaves: `pieceMs` is 100 and `sessionMs` a quarter of an hour unless given. One session
 * more than there may be is closed for want of quota, as the service does it.
 */
export interface GeminiServerOptions extends AgentOptions<GeminiServerFault> {
  /** Default 127.0.0.1 and any free port. */
  readonly host?: string;
  readonly port?: number;
  /** A connection ends after so long, ms, default 10 minutes; `goAway` comes so long before, default 1 minute. */
  readonly connectionMs?: number;
  readonly goAwayMs?: number;
  /** For how long a conversation can be gone on with when its last connection has ended, ms, default 2 hours. */
  readonly handleMs?: number;
  /** Until then it is closed as an internal error, default 0 ms; the service takes a second to miss a connection. */
  readonly resumeAfterMs?: number;
  /** Default `turns`: a new handle after each turn, and none in it. `once`: one at the beginning. */
  readonly handles?: 'turns' | 'once';
  /** Names of models, with `models/`; default: every name of Gemini's that says `live` or `native-audio`. */
  readonly models?: readonly string[];
  /** Default `close`: a key that does not do is told by closing the connection. `http`: by a status, 400 or 403. */
  readonly keyRefusal?: 'close' | 'http';
  /** The kind of frame that carries JSON, default `binary`, as the service has it. */
  readonly frames?: 'binary' | 'text';
  /** Default true: `turnComplete` comes when the audio would have been played. */
  readonly waitsForPlayback?: boolean;
}

const LIVE_MODEL = /^models\/gemini-[a-z0-9.-]*(live|native-audio)[a-z0-9.-]*$/;

/** Listens between {@link GeminiServer.listen} and {@link GeminiServer.close}; owns its sessions, not its voices. */
export class GeminiServer {
  readonly #options: GeminiServerOptions;
  readonly #server: UpgradeServer;
  readonly #conversations: GeminiConversations;
  readonly #sessions = new Set<GeminiServerSession>();
  readonly #counts = {
    ...{ sessionsOpened: 0, sessionsResumed: 0, answers: 0, answersInterrupted: 0, turns: 0, toolCalls: 0 },
    ...{ refusals: 0, heardMs: 0, saidMs: 0 },
  };
  #behaviour: GeminiBehaviour | null = null;
  #fault: GeminiServerFault | null;

  constructor(options: GeminiServerOptions) {
    this.#options = options;
    this.#fault = options.fault ?? null;
    this.#conversations = new GeminiConversations(options.handleMs ?? 2 * 60 * 60_000, options.resumeAfterMs);
    this.#server = new UpgradeServer({
      title: 'the embedded Gemini Live server',
      host: options.host,
      port: options.port,
      sockets: { perMessageDeflate: false },
      onRequest: (_request, response) => {
        response.writeHead(404, { 'content-type': 'application/json' });
        response.end('{"error":{"code":404,"message":"Not found.","status":"NOT_FOUND"}}');
      },
      onUpgrade: (request, socket, head) => this.#upgrade(request, socket, head),
    });
  }

  /** What to give a client as the whole address but for the key, once {@link listen} has resolved. */
  get url(): string {
    return `ws://${this.#server.host}:${this.port}${pathOfVersion('v1beta')}`;
  }

  /** What to give the vendor's SDK as `httpOptions.baseUrl`. */
  get baseUrl(): string {
    return `http://${this.#server.host}:${this.port}`;
  }

  /** 0 while it does not listen. */
  get port(): number {
    return this.#server.port;
  }

  get stats(): GeminiServerStats {
    return { sessions: this.#sessions.size, ...this.#counts };
  }

  /** What goes wrong from now on, in sessions that are open as well; null: nothing. */
  inject(fault: GeminiServerFault | null): void {
    this.#fault = fault;
  }

  /** Tells every client now that its connection ends in `leftMs`, and ends it then. */
  goAway(leftMs: number): void {
    for (const session of this.#sessions) session.goAway(leftMs);
  }

  /** @throws ERR_TALKSPURT_LISTEN; ERR_TALKSPURT_INTERNAL when the signal chain's binary is missing */
  async listen(): Promise<void> {
    const { pieceMs = 100, sessionMs = 15 * 60_000, connectionMs = 10 * 60_000, goAwayMs = 60_000 } = this.#options;
    const { handles = 'turns', waitsForPlayback = true, models } = this.#options;
    const agent = await agentBehaviour({ ...this.#options, pieceMs, sessionMs }, () => this.#fault);
    const knowsModel = (model: string): boolean => models?.includes(model) ?? LIVE_MODEL.test(model);
    this.#behaviour = { ...agent, connectionMs, goAwayMs, handles, waitsForPlayback, knowsModel };
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
    const { key = null, keyRefusal = 'close' } = this.#options;
    const version = versionOf(request);
    const refusal = judgeKey(request, key);
    if (this.#fault?.kind === 'refuse') {
      refuseGemini(socket, this.#fault.status, 'The embedded server refuses this on purpose.');
    } else if (version === null) {
      refuseGemini(socket, 404, 'Not found.');
    } else if (refusal !== null && keyRefusal === 'http') {
      refuseGemini(socket, refusal.message.startsWith('API key') ? 400 : 403, refusal.message);
    } else {
      this.#server.accept(request, socket, head, (client) => this.#serve(client, version, refusal));
    }
  }

  #serve(socket: WebSocket, version: GeminiVersion, refusal: GeminiRefusal | null): void {
    const behaviour = this.#behaviour;
    if (behaviour === null || this.#fault?.kind === 'mute') return;
    const wire = new GeminiWire(socket, behaviour.clock, this.#options.frames ?? 'binary', () => this.#fault);
    socket.on('close', () => wire.dispose());
    const full = this.#sessions.size >= mostSessions(this.#options) ? GeminiRefusal.quota() : null;
    if (refusal !== null || full !== null) {
      this.#counts.refusals += 1;
      wire.end(refusal ?? full ?? GeminiRefusal.internal());
      return;
    }
    this.#counts.sessionsOpened += 1;
    const session = new GeminiServerSession(behaviour, this.#conversations, version, {
      send: (message, audioMs) => wire.send(message, audioMs),
      end: (why) => wire.end(why),
      count: (what, by) => {
        this.#counts[what] += by;
      },
    });
    this.#sessions.add(session);
    socket.on('message', (data: Buffer) => {
      try {
        session.receive(data);
      } catch (error) {
        // A fault of the server's own ends this session, as it does at the service, and no other.
        wire.end(GeminiRefusal.internal(`Internal error encountered. ${String(error)}`));
      }
    });
    socket.on('close', () => {
      this.#sessions.delete(session);
      session.close();
    });
  }
}
