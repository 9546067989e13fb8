/** Deepgram's Voice Agent as a backend: one session of it for each call. */
import type { Clock } from '../core/clock.ts';
import { bytesPerMs } from '../core/media.ts';
import type { Backend, BackendCall, BackendSink } from './backend.ts';
import { checkDeepgramAgent, deepgramName, deepgramUrl } from './deepgram-config.ts';
import type { DeepgramConfig } from './deepgram-config.ts';
import { openDeepgramSession } from './deepgram-session-setup.ts';
import { deepgramFormat, deepgramSettings } from './deepgram-settings.ts';
import type { DeepgramSettings } from './deepgram-settings.ts';
import { DeepgramStream } from './deepgram-stream.ts';

/** Opens a session of the Voice Agent for each call, as its configuration says. */
export class DeepgramBackend implements Backend {
  readonly name: string;
  readonly #config: DeepgramConfig;
  readonly #clock: Clock;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for a `url` that cannot be dialled, or an agent that contradicts itself */
  constructor(config: DeepgramConfig, clock: Clock) {
    deepgramUrl(config);
    checkDeepgramAgent(config);
    this.name = deepgramName(config);
    this.#config = config;
    this.#clock = clock;
  }

  async open(call: BackendCall, sink: BackendSink, signal: AbortSignal): Promise<DeepgramStream> {
    const format = deepgramFormat(call.leg);
    const metadata = call.metadata ?? null;
    const settings = (): DeepgramSettings => deepgramSettings(this.#config, format, call);
    const session = await openDeepgramSession(this.#config, settings, this.#clock, signal, call);
    const frameBytes = bytesPerMs(format) * call.leg.ptimeMs;
    const stream = new DeepgramStream(this.#config, format, frameBytes, session, this.#clock, sink);
    stream.restore(call.toolCalls ?? []);
    // An agent that is configured at Deepgram has its prompt there, and takes more of it only now.
    if (typeof this.#config.agent === 'string') {
      const context = [metadata ?? '', saidBefore(call)].filter((text) => text !== '').join('\n\n');
      if (context !== '') stream.addContext(context);
    }
    return stream;
  }
}

/** What was said before, as a prompt says it; empty: nothing. */
function saidBefore({ history = [] }: BackendCall): string {
  if (history.length === 0) return '';
  const lines = history.map(({ by, text }) => `${by === 'caller' ? 'Caller' : 'You'}: ${text}`);
  return ['You are in the middle of this conversation; do not greet again.', ...lines].join('\n');
}

export type { DeepgramConfig } from './deepgram-config.ts';
export type { DeepgramStream } from './deepgram-stream.ts';
