/** What an embedded agent is made of, and how it behaves, whatever wire it speaks. */
import type { Clock } from '../core/clock.ts';
import { WasmDspPool } from '../dsp/dsp-pool.ts';
import type { DspPool } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';
import { FERRY_OFFICE } from './dialogue.ts';
import type { Dialogue } from './dialogue.ts';
import type { Hearing } from './hearing.ts';
import type { SpeechSource, Voice } from './speech.ts';

/** What an embedded server is given; `Fault` is what may go wrong on its wire. */
export interface AgentOptions<Fault> {
  readonly clock: Clock;
  /** The agent's voices. Stays the caller's: it is not closed with the server. */
  readonly speech: SpeechSource;
  /** Understands the caller; null or absent: the dialogue goes by turns. */
  readonly hearing?: Hearing | null;
  readonly dialogue?: Dialogue;
  /** Default `rms`. */
  readonly voice?: Voice;
  /** The key that clients must show; default: any, but there must be one. */
  readonly key?: string;
  /** Time to think, ms, default 250; times real time, default 4. */
  readonly thinkMs?: number;
  readonly speedUp?: number;
  /** Size of a piece of audio, ms, and duration of a session, ms; the defaults are the service's. */
  readonly pieceMs?: number;
  readonly sessionMs?: number;
  /** Sessions at once; one more is refused with status 429. Default LIMITS.simulatedSessions. */
  readonly sessions?: number;
  readonly fault?: Fault | null;
}

/** What a session is made of. */
export interface AgentBehaviour<Fault> {
  readonly clock: Clock;
  readonly dspPool: DspPool;
  readonly speech: SpeechSource;
  readonly hearing: Hearing | null;
  readonly dialogue: Dialogue;
  readonly voice: Voice;
  readonly thinkMs: number;
  readonly pieceMs: number;
  readonly speedUp: number;
  /** The service ends a session after so much. */
  readonly sessionMs: number;
  /** The fault of the moment, asked whenever it could show. */
  fault(): Fault | null;
}

/** Sessions that a server holds at once. */
export function mostSessions({ sessions }: Pick<AgentOptions<unknown>, 'sessions'>): number {
  return sessions ?? LIMITS.simulatedSessions;
}

/**
 * The behaviour that `options` ask for.
 * @throws ERR_TALKSPURT_INTERNAL when the signal chain's binary is missing
 */
export async function agentBehaviour<Fault>(
  options: AgentOptions<Fault> & { readonly pieceMs: number; readonly sessionMs: number },
  fault: () => Fault | null,
): Promise<AgentBehaviour<Fault>> {
  const { clock, speech, pieceMs, sessionMs } = options;
  return {
    ...{ clock, speech, pieceMs, sessionMs, fault },
    dspPool: await WasmDspPool.create({ size: mostSessions(options) }),
    hearing: options.hearing ?? null,
    dialogue: options.dialogue ?? FERRY_OFFICE,
    voice: options.voice ?? 'rms',
    thinkMs: options.thinkMs ?? 250,
    speedUp: options.speedUp ?? 4,
  };
}
