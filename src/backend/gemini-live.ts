/** Gemini Live as a backend: one session of it for each call. */
import type { Clock } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import { asTalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import type { Backend, BackendCall, BackendSink, StreamResumption } from './backend.ts';
import { checkGeminiSetup, geminiName, geminiUrl } from './gemini-config.ts';
import type { GeminiConfig } from './gemini-config.ts';
import { handleRefusal } from './gemini-fault.ts';
import { openGeminiSession } from './gemini-session-setup.ts';
import { GeminiStream } from './gemini-stream.ts';
import { messageCore } from './message-core.ts';
import type { BackendSession } from './session-opening.ts';

/** Opens a session of Gemini Live for each call, as its configuration says. */
export class GeminiBackend implements Backend {
  readonly name: string;
  readonly #config: GeminiConfig;
  readonly #clock: Clock;

  /**
   * @throws ERR_TALKSPURT_CONFIG_INVALID for a `url` that cannot be dialled, or a set-up that contradicts itself,
   * ERR_TALKSPURT_INTERNAL when the package's binary is missing
   */
  constructor(config: GeminiConfig, clock: Clock) {
    geminiUrl(config);
    checkGeminiSetup(config);
    // Compiled now, at boot, and not when a call waits for it.
    messageCore();
    this.name = geminiName(config);
    this.#config = config;
    this.#clock = clock;
  }

  async open(call: BackendCall, sink: BackendSink, signal: AbortSignal): Promise<GeminiStream> {
    const clock = this.#clock;
    const { session, resumption } = await this.#session(call, signal);
    const config = this.#config;
    // A handle stands for all that was said, and the caller waits.
    const { openTimeoutMs = LIMITS.backendOpenMs } = config;
    const again = { ...config, openTimeoutMs: Math.min(openTimeoutMs, LIMITS.geminiMoveMs) };
    const stream = new GeminiStream({
      ...{ config, session, resumption, clock, sink, ptimeMs: call.leg.ptimeMs },
      mark: () => call.mark ?? 0,
      reopen: (handle, stop) => openGeminiSession(again, { call, handle }, clock, stop),
    });
    stream.restore(call.toolCalls ?? []);
    return stream;
  }

  /** Where the session before this one left a handle it goes on; where that is not taken, a new one is told everything. */
  async #session(
    call: BackendCall,
    signal: AbortSignal,
  ): Promise<{ session: BackendSession; resumption: StreamResumption | null }> {
    const { resumption = null } = call;
    if (resumption !== null) {
      const { handle, mark } = resumption;
      const history = (): NonNullable<BackendCall['history']> => call.historySince?.(mark) ?? [];
      for (const last of [false, true]) {
        try {
          const session = await openGeminiSession(this.#config, { call, handle, history }, this.#clock, signal);
          return { session, resumption };
        } catch (error) {
          const refusal = signal.aborted ? 'none' : handleRefusal(asTalkspurtError(error));
          if (refusal === 'none') throw error;
          if (refusal === 'for good' || last) break;
          await delay(this.#clock, LIMITS.geminiMissedMs, signal);
        }
      }
    }
    const history = (): NonNullable<BackendCall['history']> => call.history ?? [];
    const session = await openGeminiSession(this.#config, { call, history }, this.#clock, signal);
    return { session, resumption: null };
  }
}

export type { GeminiConfig } from './gemini-config.ts';
export type { GeminiStream } from './gemini-stream.ts';
