/** A session of Gemini Live that may talk: `setup`, `setupComplete`, and what was said before. */
import type { Clock } from '../core/clock.ts';
import { correlationHeaders } from '../core/correlation-id.ts';
import { asTalkspurtError } from '../core/errors.ts';
import type { BackendCall } from './backend.ts';
import { GEMINI_HINTS, geminiHeaders, geminiName, geminiSecrets, geminiUrl } from './gemini-config.ts';
import type { GeminiConfig } from './gemini-config.ts';
import { decodeGeminiEvent } from './gemini-event.ts';
import type { GeminiDecoded } from './gemini-event.ts';
import { geminiEnd } from './gemini-fault.ts';
import { geminiSetup, geminiTurns } from './gemini-setup.ts';
import { openSession, protocolError } from './session-opening.ts';
import type { BackendSession, OpeningVerdict } from './session-opening.ts';

/** What a session is opened for. */
export interface GeminiOpening {
  readonly call?: Pick<BackendCall, 'correlationId' | 'metadata'>;
  /** Of the session that goes on here. */
  readonly handle?: string | undefined;
  /** What was said and Gemini does not know; asked when it is sent. */
  readonly history?: () => NonNullable<BackendCall['history']>;
}

/**
 * Sets a session up within `config.openTimeoutMs`.
 * @throws the codes of `Backend.open`, or the reason of `signal`; nothing is left open then.
 */
export async function openGeminiSession(
  config: GeminiConfig,
  { call, handle, history = () => [] }: GeminiOpening,
  clock: Clock,
  signal: AbortSignal,
): Promise<BackendSession> {
  const backend = geminiName(config);
  const secrets = [...geminiSecrets(config), ...(handle === undefined ? [] : [handle])];
  // Whether there is anything has to be said first; what it is, when it is sent.
  let tellsHistory = false;
  const judged = (event: GeminiDecoded): OpeningVerdict => {
    if (event.type === 'malformed') return protocolError(backend, `sent a malformed ${event.of} (${event.field})`);
    if (event.content?.audio.length) return protocolError(backend, 'sent audio before the session was up');
    if (!event.setupComplete) return null;
    if (!tellsHistory) return {};
    return { send: JSON.stringify({ clientContent: { turns: geminiTurns(history()), turnComplete: true } }) };
  };
  const opening = {
    url: geminiUrl(config),
    headers: { ...correlationHeaders(call?.correlationId), ...geminiHeaders(config) },
    hints: GEMINI_HINTS,
    ...{ backend, secrets, limitMs: config.openTimeoutMs, lastsMs: Number.POSITIVE_INFINITY },
    steps: STEPS,
    first: () => {
      tellsHistory = history().length > 0;
      return JSON.stringify({ setup: geminiSetup(config, { metadata: call?.metadata ?? null, handle, tellsHistory }) });
    },
    judge: (_state: string, data: Buffer) => judged(decodeGeminiEvent(data)),
  };
  try {
    return await openSession(opening, clock, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    const fault = asTalkspurtError(error);
    throw geminiEnd(fault, { backend, place: 'session set-up', announced: false }) ?? fault;
  }
}

const STEPS = [{ state: 'setup', message: 'setupComplete' }] as const;
