/** Does Deepgram know this key, and take this agent? Asked as a call would ask, before any caller waits for it. */
import type { Clock } from '../core/clock.ts';
import { SystemClock } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import { checkDeepgramAgent } from './deepgram-config.ts';
import type { DeepgramConfig } from './deepgram-config.ts';
import { openDeepgramSession } from './deepgram-session-setup.ts';
import { deepgramSettings } from './deepgram-settings.ts';

/** An agent that was taken. */
export interface DeepgramProbe {
  /** From dialling to `SettingsApplied`, in ms. */
  readonly latencyMs: number;
}

/** How to ask. */
export interface DeepgramProbeOptions {
  /** Default `LIMITS.backendProbeMs`. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default: the machine's own. */
  readonly clock?: Clock | undefined;
}

/**
 * Opens a session with the settings of a call and ends it at once: its list of models is asked for without a key, so nothing
 * less says anything of one. The agent is not asked to greet. Deepgram bills the moment that it takes.
 * @throws as `Backend.open`, ERR_TALKSPURT_CONFIG_INVALID, or the reason of `signal`
 */
export async function probeDeepgram(
  config: DeepgramConfig,
  options: DeepgramProbeOptions = {},
): Promise<DeepgramProbe> {
  const { clock = new SystemClock(), timeoutMs = LIMITS.backendProbeMs, signal } = options;
  checkDeepgramAgent(config);
  const asked = { ...config, greeting: undefined, agent: silent(config.agent), openTimeoutMs: timeoutMs };
  const settings = deepgramSettings(asked, { codec: 'pcmu', sampleRateHz: 8000 });
  const startedAtMs = clock.nowMs();
  const session = await openDeepgramSession(asked, () => settings, clock, signal ?? new AbortController().signal);
  const latencyMs = clock.nowMs() - startedAtMs;
  await session.socket.close();
  return { latencyMs };
}

function silent(agent: DeepgramConfig['agent']): DeepgramConfig['agent'] {
  return typeof agent === 'object' ? { ...agent, greeting: undefined } : agent;
}
