/** The OpenAI Realtime backend, and everything that speaks its wire: one session of the API for each call. */
import type { Clock } from '../core/clock.ts';
import { bytesPerMs } from '../core/media.ts';
import type { Backend, BackendCall, BackendSink } from './backend.ts';
import { backendName, realtimeUrl } from './openai-config.ts';
import type { OpenAiRealtimeConfig } from './openai-config.ts';
import { openOpenAiSession } from './openai-session-setup.ts';
import { streamFormat } from './openai-session-update.ts';
import { messageCore } from './message-core.ts';
import { OpenAiStream } from './openai-stream.ts';

/** Opens a session of the API for each call, as its configuration says. */
export class OpenAiRealtimeBackend implements Backend {
  readonly name: string;
  readonly #config: OpenAiRealtimeConfig;
  readonly #clock: Clock;

  /**
   * @throws ERR_TALKSPURT_CONFIG_INVALID for a `baseUrl` that cannot be dialled, ERR_TALKSPURT_INTERNAL when the package's
   * binary is missing
   */
  constructor(config: OpenAiRealtimeConfig, clock: Clock) {
    realtimeUrl(config);
    // Compiled now, at boot, and not when a call waits for it.
    messageCore();
    this.name = backendName(config);
    this.#config = config;
    this.#clock = clock;
  }

  async open(call: BackendCall, sink: BackendSink, signal: AbortSignal): Promise<OpenAiStream> {
    const format = streamFormat(call.leg);
    const session = await openOpenAiSession(this.#config, format, this.#clock, signal, call);
    const frameBytes = bytesPerMs(format) * call.leg.ptimeMs;
    const stream = new OpenAiStream(this.#config, format, frameBytes, session, this.#clock, sink);
    if (call.metadata) stream.addContext(call.metadata);
    stream.restore(call);
    return stream;
  }
}

export type { OpenAiRealtimeConfig } from './openai-config.ts';
export type { OpenAiStream } from './openai-stream.ts';
