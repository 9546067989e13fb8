/** A Voice Agent that may talk: `Welcome`, `Settings`, `SettingsApplied`. */
import type { Clock } from '../core/clock.ts';
import { correlationHeaders } from '../core/correlation-id.ts';
import { LIMITS } from '../limits.ts';
import type { BackendCall } from './backend.ts';
import { DEEPGRAM_HINTS, deepgramHeaders, deepgramName, deepgramSecrets, deepgramUrl } from './deepgram-config.ts';
import type { DeepgramConfig } from './deepgram-config.ts';
import { decodeDeepgramEvent } from './deepgram-event.ts';
import type { DeepgramEvent } from './deepgram-event.ts';
import { deepgramError } from './deepgram-fault.ts';
import type { DeepgramSettings } from './deepgram-settings.ts';
import { openSession, protocolError } from './session-opening.ts';
import type { BackendSession, OpeningVerdict } from './session-opening.ts';

/**
 * Sets a session up within `config.openTimeoutMs`. `settings` is asked when they are sent.
 * @throws the codes of `Backend.open`, or the reason of `signal`; nothing is left open then.
 */
export async function openDeepgramSession(
  config: DeepgramConfig,
  settings: () => DeepgramSettings,
  clock: Clock,
  signal: AbortSignal,
  call?: Pick<BackendCall, 'correlationId'>,
): Promise<BackendSession> {
  const backend = deepgramName(config);
  const secrets = deepgramSecrets(config);
  const judged = (state: string, event: DeepgramEvent): OpeningVerdict => {
    if (event.type === 'malformed') return protocolError(backend, `sent a malformed ${event.of} (${event.field})`);
    if (event.type === 'Error') return deepgramError(backend, 'session set-up', event.fault, secrets);
    if (event.type === 'Welcome' && state === 'welcome') return { send: JSON.stringify(settings()) };
    if (event.type === 'SettingsApplied' && state === 'settings') return {};
    // Anything else is chatter: nothing was asked for yet.
    return null;
  };
  return openSession(
    {
      url: deepgramUrl(config),
      headers: { ...correlationHeaders(call?.correlationId), ...deepgramHeaders(config) },
      ...{ backend, hints: DEEPGRAM_HINTS, secrets, limitMs: config.openTimeoutMs, lastsMs: LIMITS.deepgramSessionMs },
      steps: STEPS,
      judge: (state, data, isBinary) =>
        isBinary
          ? protocolError(backend, 'sent audio before the session was up')
          : judged(state, decodeDeepgramEvent(data)),
    },
    clock,
    signal,
  );
}

const STEPS = [
  { state: 'welcome', message: 'Welcome' },
  { state: 'settings', message: 'SettingsApplied' },
] as const;
