/** The embedded AI backend: OpenAI's Realtime protocol on a loopback WebSocket, with a scripted agent behind it. */
import type { IncomingMessage, Server } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { WasmDspPool } from '../dsp/dsp-pool.ts';
import { LIMITS } from '../limits.ts';
import { FERRY_OFFICE, fixedSentencesOf } from './dialogue.ts';
import type { Dialogue } from './dialogue.ts';
import type { Hearing } from './hearing.ts';
import type { RealtimeBehaviour, RealtimeFault, RealtimeStats } from './realtime-behaviour.ts';
import { RealtimeEcho } from './realtime-echo.ts';
import { RealtimeSession } from './realtime-session.ts';
import { judgeUpgrade, refuseUpgrade } from './realtime-upgrade.ts';
import { RealtimeWire } from './realtime-wire.ts';
import type { SpeechSource, Voice } from './speech.ts';

/** What the agent is made of, and how it behaves. */
export interface RealtimeServerOptions {
  readonly clock: Clock;
  /** The agent's voices. Stays the caller's: it is not closed with the server. */
  readonly speech: SpeechSource;
  /** Understands the caller; null or absent: the dialogue goes by turns. */
  readonly hearing?: Hearing | null;
  readonly dialogue?: Dialogue;
  /** Default `rms`. */
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
  /** Duration of a session, ms, default 60 minutes. */
  readonly sessionMs?: number;
  /** Sessions at once; one more is refused with status 429. Default LIMITS.simulatedSessions. */
  readonly sessions?: number;
  /** `echo` says every piece of audio back, for load tests: no detector, no dialogue, no bound on sessions. */
  readonly mode?: 'dialogue' | 'echo';
  readonly fault?: RealtimeFault | null;
}

/** Listens between {@link RealtimeServer.listen} and {@link RealtimeServer.close}; owns its sessions, not its voices. */
export class RealtimeServer {
  readonly #options: RealtimeServerOptions;
  readonly #http: Server;
  readonly #sockets = new WebSocketServer({
    noServer: true,
    perMessageDeflate: false,
    maxPayload: LIMITS.backendMessageBytes,
  });
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
    this.#http = createServer((_request, response) => {
      const message = 'Only the Realtime WebSocket is served here.';
      response.writeHead(404, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ error: { message, type: 'invalid_request_error', code: 'not_found', param: null } }),
      );
    });
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** What to give a client as its base URL, once {@link listen} has resolved: `ws://127.0.0.1:40123/v1`. */
  get url(): string {
    return `ws://${this.#options.host ?? '127.0.0.1'}:${this.port}/v1`;
  }

  /** 0 while it does not listen. */
  get port(): number {
    return (this.#http.address() as AddressInfo | null)?.port ?? 0;
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
    const options = this.#options;
    if (options.mode !== 'echo') {
      this.#behaviour = {
        clock: options.clock,
        dspPool: await WasmDspPool.create({ size: this.#limit }),
        speech: options.speech,
        hearing: options.hearing ?? null,
        dialogue: options.dialogue ?? FERRY_OFFICE,
        voice: options.voice ?? 'rms',
        thinkMs: options.thinkMs ?? 250,
        pieceMs: options.pieceMs ?? 200,
        speedUp: options.speedUp ?? 4,
        sessionMs: this.#sessionMs,
        fault: () => this.#fault,
      };
    }
    await new Promise<void>((resolve, reject) => {
      const refuse = (cause: Error): void => {
        const message = `the embedded backend cannot listen: ${cause.message}: choose another port`;
        reject(new TalkspurtError('ERR_TALKSPURT_LISTEN', message, { cause }));
      };
      this.#http.once('error', refuse);
      this.#http.listen(options.port ?? 0, options.host ?? '127.0.0.1', () => {
        this.#http.off('error', refuse);
        resolve();
      });
    });
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
    for (const socket of this.#sockets.clients) socket.terminate();
  }

  /** Ends every session and the listener. Twice is harmless. */
  async close(): Promise<void> {
    this.dropConnections();
    // Not when each socket says that it is closed, but now: who has closed the server owns no timer of its any more.
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

  get #sessionMs(): number {
    return this.#options.sessionMs ?? 60 * 60_000;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    if (this.#fault?.kind === 'refuse') {
      const { status } = this.#fault;
      return refuseUpgrade(socket, { status, code: 'server_error', message: 'The server refuses on purpose.' });
    }
    const judged = judgeUpgrade(request, this.#options.key ?? null);
    if ('status' in judged) return refuseUpgrade(socket, judged);
    if (this.#behaviour !== null && this.#sessions.size >= this.#limit) {
      const message = `The embedded backend is for trying things out and holds ${this.#limit} conversations at once: take another backend for more.`;
      return refuseUpgrade(socket, { status: 429, code: 'rate_limit_exceeded', message });
    }
    this.#sockets.handleUpgrade(request, socket, head, (webSocket) => this.#serve(webSocket, judged.model));
  }

  #serve(socket: WebSocket, model: string): void {
    socket.on('error', () => socket.terminate());
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
