/** A Realtime session that may talk: `session.created`, `session.update`, `session.updated`. */
import type { Clock } from '../core/clock.ts';
import { correlationHeaders } from '../core/correlation-id.ts';
import type { AudioFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { BackendCall } from './backend.ts';
import { apiErrorOf } from './openai-api-error.ts';
import { OPENAI_HINTS, backendName, realtimeUrl, requestHeaders, secretsOf } from './openai-config.ts';
import type { OpenAiRealtimeConfig } from './openai-config.ts';
import { decodeServerEvent } from './openai-event-decoder.ts';
import type { ServerEvent } from './openai-event.ts';
import { sessionUpdate, wireFormat } from './openai-session-update.ts';
import { openSession, protocolError } from './session-opening.ts';
import type { BackendSession, OpeningVerdict } from './session-opening.ts';

/**
 * Sets a session up within `config.openTimeoutMs`.
 * @throws the codes of `Backend.open`, or the reason of `signal`; nothing is left open then.
 */
export async function openOpenAiSession(
  config: OpenAiRealtimeConfig,
  format: AudioFormat,
  clock: Clock,
  signal: AbortSignal,
  call?: Pick<BackendCall, 'callId' | 'correlationId'>,
): Promise<BackendSession> {
  const backend = backendName(config);
  const secrets = secretsOf(config);
  const judged = (state: string, event: ServerEvent): OpeningVerdict => {
    if (event.type === 'malformed') return protocolError(backend, `sent a malformed ${event.of} (${event.field})`);
    if (event.type === 'error') return apiErrorOf(backend, 'session set-up', event.error, secrets);
    if (event.type === 'session.created' && state === 'creating') {
      const send = JSON.stringify(sessionUpdate(config, format, 'setup-1', call));
      return { send, lastsMs: lastsMs(event.expiresAtS, clock) };
    }
    if (event.type === 'session.updated' && state === 'updating') return updated(config, format, event);
    // Anything else is a server's chatter: nothing was asked for yet.
    return null;
  };
  return openSession(
    {
      url: realtimeUrl(config),
      headers: { ...correlationHeaders(call?.correlationId), ...requestHeaders(config) },
      ...{ backend, hints: OPENAI_HINTS, secrets, limitMs: config.openTimeoutMs, lastsMs: LIMITS.backendSessionMs },
      steps: STEPS,
      judge: (state, data) => judged(state, decodeServerEvent(data)),
    },
    clock,
    signal,
  );
}

const STEPS = [
  { state: 'creating', message: 'session.created' },
  { state: 'updating', message: 'session.updated' },
] as const;

function updated(
  config: OpenAiRealtimeConfig,
  format: AudioFormat,
  event: Extract<ServerEvent, { inputType: unknown }>,
): OpeningVerdict {
  const wanted = wireFormat(format).type;
  // Of one that writes nothing is heard, whatever format it would have.
  const outputType = config.writes === true ? undefined : event.outputType;
  const kept = [event.inputType, outputType].find((type) => type !== undefined && type !== wanted);
  // Speech in the wrong codec is noise at full level in the caller's ear.
  return kept === undefined ? {} : protocolError(backendName(config), `did not take the audio format ${wanted}`);
}

/** Until the server's own time of the end where it names one that can be true, otherwise the known limit. */
function lastsMs(expiresAtS: number | undefined, clock: Clock): number {
  const remainingMs = expiresAtS === undefined ? Number.NaN : expiresAtS * 1000 - clock.wallTimeMs();
  return remainingMs > 0 && remainingMs < LIMITS.backendSessionMs ? remainingMs : LIMITS.backendSessionMs;
}
