/** A Gemini Live server that says what a test tells it to, typed by the vendor's own declarations. */
import type { LiveClientMessage, LiveClientSetup, LiveServerMessage } from '@google/genai';
import type { BackendCall } from '../../src/backend/backend.ts';
import { GeminiBackend } from '../../src/backend/gemini-live.ts';
import type { GeminiConfig, GeminiStream } from '../../src/backend/gemini-live.ts';
import type { MediaFormat } from '../../src/core/media.ts';
import { ManualClock } from './manual-clock.ts';
import { RecordingSink } from './recording-sink.ts';
import { ScriptedServer } from './scripted-server.ts';
import type { ScriptedPeer, ScriptedServerOptions } from './scripted-server.ts';

export const SECRET = 'AIza-very-secret-0123456789';

/** What the vendor declares that its server says. */
export type Said = Partial<Omit<LiveServerMessage, 'text' | 'data'>>;

/** One client's connection. */
export class GeminiPeer {
  readonly peer: ScriptedPeer;
  /** What its messages go as: the service sends binary frames. */
  frames: 'binary' | 'text' = 'binary';

  constructor(peer: ScriptedPeer) {
    this.peer = peer;
  }

  get heard(): readonly LiveClientMessage[] {
    return this.peer.texts.map((text) => JSON.parse(text) as LiveClientMessage);
  }

  get setup(): LiveClientSetup | undefined {
    return this.heard[0]?.setup;
  }

  /** Names of what was heard, audio by its length in ms, in order. */
  get order(): (string | number)[] {
    return this.heard.map((message) => {
      const { realtimeInput } = message;
      const data = realtimeInput?.audio?.data;
      if (data !== undefined) return Buffer.from(data, 'base64').length / 32;
      return realtimeInput === undefined ? Object.keys(message).join() : Object.keys(realtimeInput).join();
    });
  }

  /** The caller's audio, whole. */
  get audio(): Buffer {
    return Buffer.concat(
      this.heard.map(({ realtimeInput }) => Buffer.from(realtimeInput?.audio?.data ?? '', 'base64')),
    );
  }

  say(...messages: Said[]): void {
    for (const message of messages) this.raw(JSON.stringify(message));
  }

  raw(text: string): void {
    this.peer.socket.send(this.frames === 'binary' ? Buffer.from(text) : text);
  }

  /** Resolves when `count` messages that hold `name` were heard, with the last of them. */
  async until(
    name: keyof LiveClientMessage | keyof NonNullable<LiveClientMessage['realtimeInput']>,
    count = 1,
  ): Promise<LiveClientMessage> {
    const all = (): LiveClientMessage[] =>
      this.heard.filter((message) => Object.hasOwn(message, name) || Object.hasOwn(message.realtimeInput ?? {}, name));
    await this.peer.wait(() => all().length >= count);
    return all()[count - 1]!;
  }

  settled(): Promise<void> {
    return this.peer.settled();
  }
}

/** Where the service is on `server`. */
export function urlOf(server: ScriptedServer): string {
  return `${server.baseUrl}/live`;
}

export const LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
export const MODEL = 'gemini-live-of-the-test';

export function callOn(more: Partial<BackendCall> = {}): BackendCall {
  return { callId: 'call-1', leg: LEG, from: '1001', to: '5000', variables: new Map(), ...more };
}

export const READY: Said = { setupComplete: {} };
export const GENERATED: Said = { serverContent: { generationComplete: true } };
export const DONE: Said = { serverContent: { turnComplete: true } };
export const INTERRUPTED: Said = { serverContent: { interrupted: true } };

export function audio(pcm: Uint8Array, mimeType = 'audio/pcm;rate=24000'): Said {
  const data = Buffer.from(pcm).toString('base64');
  return { serverContent: { modelTurn: { role: 'model', parts: [{ inlineData: { mimeType, data } }] } } };
}

export function words(by: 'caller' | 'agent', text: string, finished?: boolean): Said {
  const transcription = { text, ...(finished !== undefined && { finished }) };
  return {
    serverContent: by === 'caller' ? { inputTranscription: transcription } : { outputTranscription: transcription },
  };
}

export function named(newHandle: string): Said {
  return { sessionResumptionUpdate: newHandle === '' ? { resumable: false } : { newHandle, resumable: true } };
}

export function goAway(timeLeft: string): Said {
  return { goAway: { timeLeft } };
}

/** A server that sets every session up by the book, or as `onPeer` has it. */
export function listen(
  onPeer: (peer: GeminiPeer) => void = byTheBook,
  options: ScriptedServerOptions = {},
): Promise<ScriptedServer> {
  return ScriptedServer.listen({ ...options, onPeer: (peer) => onPeer(new GeminiPeer(peer)) });
}

export function byTheBook(peer: GeminiPeer): void {
  void peer.until('setup').then(() => peer.say(READY));
}

/** A session that is set up. */
export interface Talk {
  /** Of each connection, in order. */
  readonly peers: GeminiPeer[];
  readonly peer: GeminiPeer;
  readonly sink: RecordingSink;
  readonly stream: GeminiStream;
  readonly clock: ManualClock;
  readonly server: ScriptedServer;
  /** Resolves with the connection number `n` (from 0) when its session is set up. */
  connection(n: number): Promise<GeminiPeer>;
  /** Closes both sides; nothing may be left. */
  end(): Promise<void>;
}

/** Sets a session up by the book. */
export async function converse(
  more: Partial<GeminiConfig> = {},
  call: Partial<BackendCall> = {},
  onPeer: (peer: GeminiPeer, n: number) => void = byTheBook,
): Promise<Talk> {
  const peers: GeminiPeer[] = [];
  const waiters: (() => void)[] = [];
  const server = await listen((peer) => {
    peers.push(peer);
    onPeer(peer, peers.length - 1);
    for (const wake of waiters.splice(0)) wake();
  });
  const clock = new ManualClock();
  const sink = new RecordingSink();
  const backend = new GeminiBackend({ apiKey: SECRET, model: MODEL, url: urlOf(server), ...more }, clock);
  const stream = await backend.open(callOn(call), sink, new AbortController().signal);
  clock.advance(0);
  return {
    peer: peers[0]!,
    ...{ peers, sink, stream, clock, server },
    async connection(n) {
      while (peers[n] === undefined) await new Promise<void>((resolve) => waiters.push(resolve));
      await peers[n].until('setup');
      return peers[n];
    },
    async end() {
      await stream.close();
      await server.close();
      if (clock.pending !== 0) throw new Error(`${clock.pending} timers are left`);
    },
  };
}

/** A turn of the model's by the book, after which the session can go on elsewhere by `handle`. */
export async function answered({ peers, sink }: Talk, handle: string): Promise<void> {
  const count = sink.of('done').length + 1;
  peers.at(-1)!.say(audio(new Uint8Array(480)), words('agent', 'Yes.'), GENERATED, DONE, named(handle));
  await sink.until('done', count);
  await peers.at(-1)!.settled();
}
