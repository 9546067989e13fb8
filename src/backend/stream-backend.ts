/**
 * Any WebSocket server as a backend: the call's audio streams to it as `mod_audio_stream` does, and what comes back is
 * played. What is on the wire stands in docs/websocket-stream.md.
 */
import type { Clock } from '../core/clock.ts';
import { correlationHeaders } from '../core/correlation-id.ts';
import { loadDsp } from '../dsp/library.ts';
import type { DspLibrary } from '../dsp/library.ts';
import type { Backend, BackendCall, BackendSink } from './backend.ts';
import { BackendSocket } from './backend-socket.ts';
import { STREAM_HINTS, streamSettings } from './stream-config.ts';
import type { StreamConfig, StreamSettings } from './stream-config.ts';
import { StreamConversation } from './stream-conversation.ts';
import type { StreamModuleEvent } from './stream-event-bodies.ts';
import { readStreamTls } from './stream-tls.ts';

/** Who publishes on the switch what `mod_audio_stream` would. Called from the socket's event; must not throw. */
export type StreamEventListener = (callId: string, event: StreamModuleEvent) => void;

/** Opens one WebSocket for each call, as its configuration says. */
export class StreamBackend implements Backend {
  readonly name: string;
  readonly reconnectMax?: number;
  readonly #settings: StreamSettings;
  readonly #clock: Clock;
  readonly #listener: StreamEventListener | null;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID */
  constructor(config: StreamConfig, clock: Clock, listener: StreamEventListener | null = null) {
    this.#settings = streamSettings(config);
    this.name = this.#settings.name;
    if (config.reconnectMax !== undefined) this.reconnectMax = this.#settings.reconnectMax;
    this.#clock = clock;
    this.#listener = listener;
  }

  async open(call: BackendCall, sink: BackendSink, signal: AbortSignal): Promise<StreamConversation> {
    // The command's own words, where the configuration has none.
    const settings = {
      ...this.#settings,
      metadata: this.#settings.metadata ?? call.metadata ?? null,
      // One owner of coming back is enough.
      reconnectMax: call.reopened === true ? 0 : this.#settings.reconnectMax,
    };
    const [dsp, tls] = await Promise.all([sharedDsp(), readStreamTls(settings.tls, settings.name)]);
    const conversation = new StreamConversation({
      settings,
      clock: this.#clock,
      dsp,
      sink,
      callNotice: settings.callNotice ? callNotice(call) : undefined,
      history: () => call.history ?? [],
      notify: (event) => this.#listener?.(call.callId, event),
      dial: (listener, dialSignal) =>
        BackendSocket.open(
          {
            url: settings.url,
            headers: { ...correlationHeaders(call.correlationId), ...settings.headers },
            backend: settings.name,
            hints: STREAM_HINTS,
            secrets: settings.secrets,
            clock: this.#clock,
            handshakeMs: settings.openTimeoutMs,
            pingMs: settings.pingMs,
            closeReason: 'Normal closure',
            tls,
          },
          listener,
          dialSignal,
        ),
    });
    await conversation.open(signal);
    return conversation;
  }
}

export type { StreamConfig, StreamMix, StreamTls } from './stream-config.ts';
export type { StreamConversation } from './stream-conversation.ts';
export type { StreamModuleEvent } from './stream-event-bodies.ts';

/** Which call it is, as one text. */
function callNotice(call: BackendCall): string {
  return JSON.stringify({ type: 'call', data: { uuid: call.callId, correlationId: call.correlationId } });
}

/** One instance for every stream: its functions keep no state from call to call. */
let dspLibrary: Promise<DspLibrary> | null = null;

function sharedDsp(): Promise<DspLibrary> {
  // A failure is not kept: the binary may be there the next time.
  dspLibrary ??= loadDsp().catch((error: unknown) => {
    dspLibrary = null;
    throw error;
  });
  return dspLibrary;
}
