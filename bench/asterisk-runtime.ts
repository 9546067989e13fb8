/**
 * A whole runtime on a bench's Asterisk, and a look at it from outside: when events and answers of ARI came, when each
 * frame came and when each went. What is looked at is the port's own methods, wrapped; nothing inside is changed.
 */
import type { Backend } from '../src/backend/backend.ts';
import { loadConfig } from '../src/config.ts';
import type { Clock } from '../src/core/clock.ts';
import type { EventSink } from '../src/core/events.ts';
import { startRuntime } from '../src/gateway-from-config.ts';
import type { Runtime } from '../src/gateway-from-config.ts';
import { BackendFeed } from '../src/session/backend-feed.ts';
import { CallMedia } from '../src/session/call-media.ts';
import type { AriEvent, AriLinkListener, AriRequest } from '../src/switch/asterisk/ari-link.ts';
import { AriReconnectingLink } from '../src/switch/asterisk/ari-reconnecting-link.ts';
import { AudioSocketTransport } from '../src/transport/audiosocket-transport.ts';
import { ChanWebSocketTransport } from '../src/transport/chan-websocket-transport.ts';
import type { MediaSink, MediaTransport } from '../src/transport/media-transport.ts';
import { RtpTransport } from '../src/transport/rtp-transport.ts';
import { RTP_PORTS } from './asterisk-process.ts';
import type { AsteriskPorts } from './asterisk-process.ts';

/** A way to get a call's audio, as the configuration names it. */
export interface MediaChoice {
  readonly title: string;
  readonly kind: 'rtp' | 'audiosocket' | 'websocket';
  /** Of websocket. */
  readonly mode?: 'client' | 'server';
  readonly format: string;
}

/** How the runtime is made. */
export interface BenchRuntimeOptions {
  readonly ports: AsteriskPorts;
  readonly media: MediaChoice;
  readonly calls: number;
  /** In place of the embedded one. */
  readonly backend?: Backend;
  /** Or a Realtime server. */
  readonly backendUrl?: string;
  readonly greeting?: string;
  readonly clock?: Clock;
  readonly sinks?: readonly EventSink[];
}

/** Is told. Times are for whoever is told to take. */
export interface Watcher {
  onEvent?(event: AriEvent): void;
  /** A request is under way; the function that is returned is called when it is settled. */
  onRequest?(request: AriRequest): () => void;
  onFrame?(transport: MediaTransport, frame: Uint8Array): void;
  /** The backend says something. */
  onAgentAudio?(): void;
  /** A call's tick is over; its next one is due `shiftMs` later or earlier than a ptime after this one was. */
  onTick?(transport: MediaTransport, shiftMs: number): void;
  /** Before the frame goes. */
  onSend?(transport: MediaTransport, frame: Uint8Array, startsTalkspurt: boolean): void;
}

let watcher: Watcher = {};
let wrapped = false;

/** Starts it with one Asterisk, `pbx`, and resolves when its link is up. */
export async function startBenchRuntime(options: BenchRuntimeOptions, watch: Watcher = {}): Promise<Runtime> {
  watcher = watch;
  if (!wrapped) wrap();
  wrapped = true;
  const { ports, media, calls, backend, backendUrl, greeting = '', clock, sinks = [] } = options;
  const text = JSON.stringify({
    status: false,
    sip: false,
    frontDoor: false,
    switches: [
      {
        name: 'pbx',
        kind: 'asterisk',
        port: ports.http,
        username: 'test',
        password: 'test',
        profile: 'bench',
        media: {
          kind: media.kind,
          format: media.format,
          ports: { from: RTP_PORTS.oursFrom, to: RTP_PORTS.oursTo },
          audioSocket: { port: ports.audioSocket },
          websocket: {
            mode: media.mode ?? 'client',
            port: ports.media,
            ...(media.mode === 'server' ? { username: 'asterisk', password: 'media-secret' } : {}),
          },
        },
      },
    ],
    backends: {
      far:
        backendUrl === undefined
          ? { kind: 'embedded' }
          : { kind: 'openai', model: 'bench', apiKey: 'none', baseUrl: backendUrl, messageMs: 20 },
    },
    profiles: { bench: { backend: 'far', bargeIn: false, shaping: false, greeting } },
    limits: { calls },
  });
  const runtime = await startRuntime(loadConfig({ env: {}, path: 'bench', text }), {
    quiet: true,
    sinks,
    ...(clock === undefined ? {} : { clock }),
    ...(backend === undefined ? {} : { backends: { far: backend } }),
  });
  const waiting = runtime.gateway.notReady();
  if (waiting.length === 0) return runtime;
  await runtime.close();
  throw new Error(`the gateway is not ready: ${waiting.join('; ')}`);
}

function wrap(): void {
  const { start, request } = AriReconnectingLink.prototype;
  AriReconnectingLink.prototype.start = function (this: AriReconnectingLink, listener: AriLinkListener) {
    return start.call(this, {
      onUp: (info) => listener.onUp(info),
      onDown: (error, retryInMs) => listener.onDown(error, retryInMs),
      onFault: (error) => listener.onFault?.(error),
      onEvent: (event) => {
        watcher.onEvent?.(event);
        listener.onEvent(event);
      },
    });
  };
  AriReconnectingLink.prototype.request = async function (this: AriReconnectingLink, asked: AriRequest) {
    const settled = watcher.onRequest?.(asked);
    try {
      return await request.call(this, asked);
    } finally {
      settled?.();
    }
  };
  const { tick } = CallMedia.prototype;
  CallMedia.prototype.tick = function (this: CallMedia, nowMs: number) {
    const shiftMs = tick.call(this, nowMs);
    watcher.onTick?.(this.transport, shiftMs);
    return shiftMs;
  };
  const { onAudio } = BackendFeed.prototype;
  BackendFeed.prototype.onAudio = function (this: BackendFeed, audio: Uint8Array, itemId: string) {
    watcher.onAgentAudio?.();
    onAudio.call(this, audio, itemId);
  };
  for (const kind of [RtpTransport, AudioSocketTransport, ChanWebSocketTransport]) wrapTransport(kind.prototype);
}

function wrapTransport(prototype: MediaTransport): void {
  const { start, send } = prototype;
  prototype.start = function (this: MediaTransport, sink: MediaSink) {
    start.call(this, {
      onFrame: (frame, sequenceNumber, timestamp, nowMs) => {
        watcher.onFrame?.(this, frame);
        sink.onFrame(frame, sequenceNumber, timestamp, nowMs);
      },
      onLost: (error) => sink.onLost(error),
    });
  };
  prototype.send = function (this: MediaTransport, frame: Uint8Array, startsTalkspurt: boolean) {
    watcher.onSend?.(this, frame, startsTalkspurt);
    send.call(this, frame, startsTalkspurt);
  };
}
