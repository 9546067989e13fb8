/** How the embedded backend behaves towards its clients, well and badly. */
import type { AgentBehaviour } from './agent-behaviour.ts';

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
export type RealtimeBehaviour = AgentBehaviour<RealtimeFault>;

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
