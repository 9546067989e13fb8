/**
 * A Voice Agent that says what a test tells it to and records what it hears. It knows nothing of our client: what it says is
 * typed by the vendor's own declarations, so that a wrong field name fails the type check.
 */
import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Deepgram } from '@deepgram/sdk';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { DeepgramBackend } from '../../src/backend/deepgram-voice-agent.ts';
import type { DeepgramConfig, DeepgramStream } from '../../src/backend/deepgram-voice-agent.ts';
import type { BackendCall } from '../../src/backend/backend.ts';
import type { MediaFormat } from '../../src/core/media.ts';
import { ManualClock } from './manual-clock.ts';
import { RecordingSink } from './recording-sink.ts';

export const SECRET = 'dg-very-secret-0123456789';

/** What the vendor declares that its server says. */
export type Said =
  | Deepgram.agent.AgentV1Welcome
  | Deepgram.agent.AgentV1SettingsApplied
  | Deepgram.agent.AgentV1ConversationText
  | Deepgram.agent.AgentV1UserStartedSpeaking
  | Deepgram.agent.AgentV1AgentThinking
  | Deepgram.agent.AgentV1FunctionCallRequest
  | Deepgram.agent.AgentV1FunctionCallCancelled
  | Deepgram.agent.AgentV1ReceiveFunctionCallResponse
  | Deepgram.agent.AgentV1AgentStartedSpeaking
  | Deepgram.agent.AgentV1AgentAudioDone
  | Deepgram.agent.AgentV1LatencyReport
  | Deepgram.agent.AgentV1InjectionRefused
  | Deepgram.agent.AgentV1PromptUpdated
  | Deepgram.agent.AgentV1SpeakUpdated
  | Deepgram.agent.AgentV1ThinkUpdated
  | Deepgram.agent.AgentV1ListenUpdated
  | Deepgram.agent.AgentV1Error
  | Deepgram.agent.AgentV1Warning
  | Deepgram.agent.AgentV1History;

/** What it declares that a client may say. */
export type Heard =
  | Deepgram.agent.AgentV1Settings
  | Deepgram.agent.AgentV1UpdatePrompt
  | Deepgram.agent.AgentV1UpdateSpeak
  | Deepgram.agent.AgentV1InjectUserMessage
  | Deepgram.agent.AgentV1InjectAgentMessage
  | Deepgram.agent.AgentV1SendFunctionCallResponse
  | Deepgram.agent.AgentV1ForceEndTurn
  | Deepgram.agent.AgentV1KeepAlive;

/** One client's connection. */
export class DeepgramPeer {
  readonly socket: WebSocket;
  readonly headers: IncomingHttpHeaders;
  readonly url: string;
  readonly heard: Heard[] = [];
  readonly audio: Buffer[] = [];
  closeCode: number | null = null;
  readonly #waiters: { matches: () => boolean; resolve: () => void }[] = [];

  constructor(socket: WebSocket, request: IncomingMessage) {
    this.socket = socket;
    this.headers = request.headers;
    this.url = request.url ?? '';
    socket.on('error', () => undefined);
    socket.on('message', (data: Buffer, isBinary: boolean) => {
      if (isBinary) this.audio.push(data);
      else this.heard.push(JSON.parse(data.toString('utf8')) as Heard);
      this.#wake();
    });
    socket.on('close', (code) => {
      this.closeCode = code;
      this.#wake();
    });
  }

  say(...messages: Said[]): void {
    for (const message of messages) this.socket.send(JSON.stringify(message));
  }

  /** Agent audio, or whatever else goes over the wire. */
  raw(data: string | Uint8Array): void {
    this.socket.send(data);
  }

  heardOf<Type extends Heard['type']>(type: Type): Extract<Heard, { type: Type }>[] {
    return this.heard.filter((message): message is Extract<Heard, { type: Type }> => message.type === type);
  }

  async until<Type extends Heard['type']>(type: Type, count = 1): Promise<Extract<Heard, { type: Type }>> {
    await this.wait(() => this.heardOf(type).length >= count);
    return this.heardOf(type).at(count - 1)!;
  }

  /** A ping overtakes nothing: its pong says that the client has taken all before it, and we all that it sent. */
  settled(): Promise<void> {
    return new Promise((resolve) => {
      this.socket.once('pong', () => resolve());
      this.socket.ping();
    });
  }

  wait(matches: () => boolean): Promise<void> {
    if (matches()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push({ matches, resolve }));
  }

  #wake(): void {
    for (const waiter of this.#waiters.filter(({ matches }) => matches())) {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      waiter.resolve();
    }
  }
}

export class ScriptedDeepgram {
  readonly #http: Server;
  readonly #sockets = new Set<Socket>();

  /** `onPeer`: runs in the event of a connection. `onUpgrade`: takes the upgrade away from WebSocket. */
  static async listen(options: {
    onPeer?: (peer: DeepgramPeer) => void;
    onUpgrade?: (socket: Duplex, request: IncomingMessage) => void;
  }): Promise<ScriptedDeepgram> {
    const server = new ScriptedDeepgram(options);
    await new Promise<void>((resolve) => server.#http.listen(0, '127.0.0.1', resolve));
    return server;
  }

  private constructor({ onPeer, onUpgrade }: Parameters<typeof ScriptedDeepgram.listen>[0]) {
    const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    this.#http = createServer((_request, response) => response.writeHead(404).end());
    this.#http.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    this.#http.on('upgrade', (request, socket, head) => {
      socket.on('error', () => undefined);
      if (onUpgrade !== undefined) {
        socket.resume();
        socket.on('end', () => socket.end());
        onUpgrade(socket, request);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (webSocket) => onPeer?.(new DeepgramPeer(webSocket, request)));
    });
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.#http.address() as AddressInfo).port}/v1/agent/converse`;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Resolves when no client is connected any more. */
  async drained(): Promise<void> {
    for (const socket of this.#sockets) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
  }
}

export const PCMU_LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
export const PCMA_LEG: MediaFormat = { codec: 'pcma', sampleRateHz: 8000, ptimeMs: 20 };
export const L16_LEG: MediaFormat = { codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 };

export function callOn(leg: MediaFormat, metadata: string | null = null): BackendCall {
  return { callId: 'call-1', leg, from: '1001', to: '5000', variables: new Map(), metadata };
}

export const WELCOME: Said = { type: 'Welcome', request_id: 'fc553ec9-5874-49ca-a47c-b670d525a4b3' };
export const APPLIED: Said = { type: 'SettingsApplied' };
export const CALLER_STARTED: Said = { type: 'UserStartedSpeaking' };
export const DONE: Said = { type: 'AgentAudioDone' };
export const AGENT_STARTED: Said = {
  type: 'AgentStartedSpeaking',
  ...{ total_latency: 0.8, tts_latency: 0.3, ttt_latency: 0.5 },
};

export function text(role: 'user' | 'assistant', content: string): Said {
  return { type: 'ConversationText', role, content };
}

export function callRequest(id: string, name = 'look_up', client_side = true): Said {
  return { type: 'FunctionCallRequest', functions: [{ id, name, arguments: '{"day":"today"}', client_side }] };
}

/** A session that is set up. */
export interface Talk {
  readonly peer: DeepgramPeer;
  readonly sink: RecordingSink;
  readonly stream: DeepgramStream;
  readonly clock: ManualClock;
  readonly server: ScriptedDeepgram;
  /** Closes both sides; nothing may be left. */
  end(): Promise<void>;
}

/** Sets a session up by the book. */
export async function converse(
  more: Partial<DeepgramConfig> = {},
  {
    leg = PCMU_LEG,
    metadata = null,
    ...before
  }: { leg?: MediaFormat; metadata?: string | null } & Pick<BackendCall, 'history' | 'toolCalls'> = {},
): Promise<Talk> {
  let met: DeepgramPeer | null = null;
  const server = await ScriptedDeepgram.listen({
    onPeer: (peer) => {
      met = peer;
      peer.say(WELCOME);
      void peer.until('Settings').then(() => peer.say(APPLIED));
    },
  });
  const clock = new ManualClock();
  const sink = new RecordingSink();
  const backend = new DeepgramBackend({ apiKey: SECRET, url: server.url, ...more }, clock);
  const stream = await backend.open({ ...callOn(leg, metadata), ...before }, sink, new AbortController().signal);
  clock.advance(0);
  return {
    peer: met!,
    ...{ sink, stream, clock, server },
    async end() {
      await stream.close();
      await server.close();
      if (clock.pending !== 0) throw new Error(`${clock.pending} timers are left`);
    },
  };
}
