/** Does Google know this key, and the model speak the Live interface? Asked as a call would ask, before any caller waits for it. */
import type { Clock } from '../core/clock.ts';
import { SystemClock } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import { checkGeminiSetup } from './gemini-config.ts';
import type { GeminiConfig } from './gemini-config.ts';
import { openGeminiSession } from './gemini-session-setup.ts';

/** A session that was set up. */
export interface GeminiProbe {
  /** From dialling to `setupComplete`, in ms. */
  readonly latencyMs: number;
}

/** How to ask. */
export interface GeminiProbeOptions {
  /** Default `LIMITS.backendProbeMs`. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default: the machine's own. */
  readonly clock?: Clock | undefined;
}

/**
 * Opens a session with the set-up of a call and ends it at once: no model is asked to say anything.
 * @throws as `Backend.open`, ERR_TALKSPURT_CONFIG_INVALID, or the reason of `signal`
 */
export async function probeGemini(config: GeminiConfig, options: GeminiProbeOptions = {}): Promise<GeminiProbe> {
  const { clock = new SystemClock(), timeoutMs = LIMITS.backendProbeMs, signal } = options;
  checkGeminiSetup(config);
  const asked = { ...config, openTimeoutMs: timeoutMs };
  const startedAtMs = clock.nowMs();
  const session = await openGeminiSession(asked, {}, clock, signal ?? new AbortController().signal);
  const latencyMs = clock.nowMs() - startedAtMs;
  await session.socket.close();
  return { latencyMs };
}
