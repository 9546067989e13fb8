/** The embedded AI backend: OpenAI's Realtime protocol on a loopback WebSocket, with a scripted agent behind it. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket } from 'ws';
import { LIMITS } from '../limits.ts';
import { agentBehaviour, mostSessions } from './agent-behaviour.ts';
import type { AgentOptions } from './agent-behaviour.ts';
import { FERRY_OFFICE, fixedSentencesOf } from './dialogue.ts';
import type { RealtimeBehaviour, RealtimeFault, RealtimeStats } from './realtime-behaviour.ts';
import { RealtimeEcho } from './realtime-echo.ts';
import { RealtimeSession } from './realtime-session.ts';
import { judgeUpgrade, refuseRealtime } from './realtime-upgrade.ts';
import { RealtimeWire } from './realtime-wire.ts';
import { UpgradeServer } from './upgrade-server.ts';

/** What the agent is made of, and how it behaves: `pieceMs` is 200 and `sessionMs` 60 minutes unless given. */
export interface RealtimeServerOptions extends AgentOptions<RealtimeFault> {
  /** Default 127.0.0.1 and any free port. */
  readonly host?: string;
  readonly port?: number;
  /** `echo` says every piece of audio back, for load tests: no detector, no dialogue, no bound on sessions. */
  readonly mode?: 'dialogue' | 'echo';
}

/** Listens between {@link RealtimeServer.listen} and {@link RealtimeServer.close}; owns its sessions, not its voices. */
export class RealtimeServer {
  readonly #options: RealtimeServerOptions;
  readonly #server: UpgradeServer;
  readonly #sessions = new Set<RealtimeSession | RealtimeEcho>();
  readonly #counts = {
    sessionsOpened: 0,
    responses: 0,
    responsesCancelled: 0,
    turns: 0,
    refusedEvents: 0,
    heardMs: 0,
    saidMs: 0,
  };
  #behaviour: RealtimeBehaviour | null = null;
  #fault: RealtimeFault | null;

  constructor(options: RealtimeServerOptions) {
    this.#options = options;
    this.#fault = options.fault ?? null;
    this.#server = new UpgradeServer({
      title: 'the embedded backend',
      ...{ host: options.host, port: options.port },
      sockets: { perMessageDeflate: false },
      onRequest: (_request, response) => {
        const message = 'Only the Realtime WebSocket is served here.';
        response.writeHead(404, { 'content-type': 'application/json' });
        response.end(
          JSON.stringify({ error: { message, type: 'invalid_request_error', code: 'not_found', param: null } }),
        );
      },
      onUpgrade: (request, socket, head) => this.#upgrade(request, socket, head),
    });
  }

  /** What to give a client as its base URL, once {@link listen} has resolved: `ws://127.0.0.1:40123/v1`. */
  get url(): string {
    return `ws://${this.#server.host}:${this.port}/v1`;
  }

  /** 0 while it does not listen. */
  get port(): number {
    return this.#server.port;
  }

  get stats(): RealtimeStats {
    return { sessions: this.#sessions.size, ...this.#counts };
  }

  /** What goes wrong from now on, in sessions that are open as well; null: nothing. */
  inject(fault: RealtimeFault | null): void {
    this.#fault = fault;
  }

  /** @throws ERR_TALKSPURT_LISTEN; ERR_TALKSPURT_INTERNAL when the signal chain's binary is missing */
  async listen(): Promise<void> {
    if (this.#options.mode !== 'echo') {
      const made = { ...this.#options, pieceMs: this.#options.pieceMs ?? 200, sessionMs: this.#sessionMs };
      this.#behaviour = await agentBehaviour(made, () => this.#fault);
    }
    await this.#server.listen();
  }

  /**
   * Synthesises all that the dialogue is sure to need, so that no answer waits for its voice.
   * @throws ERR_TALKSPURT_SPEECH_SYNTHESIS
   */
  async prepareSpeech(): Promise<void> {
    const { speech, dialogue = FERRY_OFFICE, voice = 'rms' } = this.#options;
    for (const sentence of fixedSentencesOf(dialogue)) await speech.synthesize(sentence, voice);
  }

  /** Cuts every client off without a word, as a crash would. */
  dropConnections(): void {
    this.#server.dropConnections();
  }

  /** Ends every session and the listener. Twice is harmless. */
  async close(): Promise<void> {
    this.dropConnections();
    // Not when each socket says that it is closed, but now: who has closed the server owns no timer of its any more.
    for (const session of this.#sessions) session.close();
    this.#sessions.clear();
    await this.#server.close();
  }

  get #sessionMs(): number {
    return this.#options.sessionMs ?? 60 * 60_000;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (this.#fault?.kind === 'refuse') {
      const { status } = this.#fault;
      return refuseRealtime(socket, { status, code: 'server_error', message: 'The server refuses on purpose.' });
    }
    const judged = judgeUpgrade(request, this.#options.key ?? null);
    if ('status' in judged) return refuseRealtime(socket, judged);
    const most = mostSessions(this.#options);
    if (this.#behaviour !== null && this.#sessions.size >= most) {
      const message = `The embedded backend is for trying things out and holds ${most} conversations at once: take another backend for more.`;
      return refuseRealtime(socket, { status: 429, code: 'rate_limit_exceeded', message });
    }
    this.#server.accept(request, socket, head, (client) => this.#serve(client, judged.model));
  }

  #serve(socket: WebSocket, model: string): void {
    if (this.#fault?.kind === 'mute') return;
    this.#counts.sessionsOpened += 1;
    const wire = new RealtimeWire(socket, this.#options.clock, () => this.#fault);
    socket.on('close', () => wire.dispose());
    if (this.#behaviour === null) this.#serveEcho(socket, wire, model);
    else this.#serveDialogue(socket, wire, model, this.#behaviour);
  }

  #serveDialogue(socket: WebSocket, wire: RealtimeWire, model: string, behaviour: RealtimeBehaviour): void {
    const session = new RealtimeSession(behaviour, model, {
      send: (event, audioMs) => wire.send(event, audioMs),
      end: (reason) => wire.end(reason),
      count: (what, by) => {
        this.#counts[what] += by;
      },
    });
    this.#sessions.add(session);
    socket.on('message', (data: Buffer) => {
      try {
        session.receive(data.toString('utf8'));
      } catch (error) {
        // A fault of the server's own ends this session, as it does at the service, and no other.
        const message = `The server had an error while processing your request: ${String(error)}`;
        wire.send({ type: 'error', error: { type: 'server_error', code: null, message, param: null } }, 0);
        socket.close(1011);
      }
    });
    socket.on('close', () => {
      this.#sessions.delete(session);
      session.close();
    });
  }

  #serveEcho(socket: WebSocket, wire: RealtimeWire, model: string): void {
    const expiresAt = Math.floor((this.#options.clock.wallTimeMs() + this.#sessionMs) / 1000);
    const say = (text: string): void => {
      if (socket.bufferedAmount > LIMITS.simulatedBufferedBytes) socket.terminate();
      else socket.send(text);
    };
    const echo = new RealtimeEcho(model, expiresAt, (event) => wire.send(event, 0), say);
    this.#sessions.add(echo);
    socket.on('message', (data: Buffer) => {
      if (echo.receive(data)) this.#counts.turns += 1;
    });
    socket.on('close', () => this.#sessions.delete(echo));
  }
}
