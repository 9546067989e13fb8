/** How the embedded backend behaves towards its clients, well and badly. */
import type { Clock } from '../core/clock.ts';
import type { DspPool } from '../dsp/dsp.ts';
import type { Dialogue } from './dialogue.ts';
import type { Hearing } from './hearing.ts';
import type { SpeechSource, Voice } from './speech.ts';

/** What goes wrong on purpose. */
export type RealtimeFault =
  /** Upgrades are refused with this HTTP status. */
  | { readonly kind: 'refuse'; readonly status: number }
  /** Connections are accepted and nothing is ever said. */
  | { readonly kind: 'mute' }
  /** Sessions are set up and callers heard, but no answer is ever begun. */
  | { readonly kind: 'no-response' }
  /** The connection is cut once an answer has said so much, without a closing handshake. */
  | { readonly kind: 'drop'; readonly afterAudioMs: number }
  /** Every event comes so much later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** Answers fail: an `error` event, and `response.done` with status `failed`. */
  | { readonly kind: 'error'; readonly code: string; readonly message: string }
  /** Before every piece of audio there comes a frame that is not what it should be. */
  | { readonly kind: 'malformed'; readonly frame: MalformedFrame };

/** What is wrong with a malformed frame: its JSON, its audio, its kind, its fields. */
export type MalformedFrame = 'json' | 'base64' | 'binary' | 'no-type' | 'unknown-type' | 'wrong-types';

/** What a session of the embedded backend is made of. */
export interface RealtimeBehaviour {
  readonly clock: Clock;
  readonly dspPool: DspPool;
  readonly speech: SpeechSource;
  readonly hearing: Hearing | null;
  readonly dialogue: Dialogue;
  readonly voice: Voice;
  readonly thinkMs: number;
  readonly pieceMs: number;
  readonly speedUp: number;
  /** The service ends a session after 60 minutes. */
  readonly sessionMs: number;
  /** The fault of the moment, asked whenever it could show. */
  fault(): RealtimeFault | null;
}

/** What the embedded backend has seen since it was made. */
export interface RealtimeStats {
  readonly sessions: number;
  readonly sessionsOpened: number;
  readonly responses: number;
  readonly responsesCancelled: number;
  readonly turns: number;
  /** Events of clients that were answered with an `error`. */
  readonly refusedEvents: number;
  /** Audio in and out, ms. */
  readonly heardMs: number;
  readonly saidMs: number;
}
