/** How a call is to behave; every key has a default and is a key of a profile in the configuration. */
import { DEFAULT_ENDPOINTER } from './endpointer.ts';
import type { EndpointerOptions } from './endpointer.ts';

/** Everything about a call that a profile may set. */
export interface SessionOptions {
  /** Whether the caller may cut in. */
  readonly bargeIn: boolean;
  /** Who decides that the caller has finished: the backend (where it can), or our endpointer. */
  readonly turnOwner: 'backend' | 'endpointer';
  /** What the agent is asked to open the call with; empty: it waits to be spoken to. */
  readonly greeting: string;
  readonly endpointer: EndpointerOptions;
  /** What gathers before the agent is heard, ms. */
  readonly prebufferMs: number;
  /** The agent's level while the caller may be cutting in, 0..1. */
  readonly duckGain: number;
  /** Detector's aggressiveness, 0..3. */
  readonly vadAggressiveness: 0 | 1 | 2 | 3;
  /** What becomes of the channel when the backend fails: hung up (cause 41), or left to the switch. */
  readonly hangupOnBackendFailure: boolean;
  /** The call is ended after this long, ms; 0: never. */
  readonly maxDurationMs: number;
}

/** What a call does that no profile says otherwise. */
export const DEFAULT_SESSION_OPTIONS: SessionOptions = {
  bargeIn: true,
  turnOwner: 'backend',
  greeting: '',
  endpointer: DEFAULT_ENDPOINTER,
  prebufferMs: 40,
  duckGain: 0.35,
  vadAggressiveness: 2,
  hangupOnBackendFailure: false,
  maxDurationMs: 4 * 3_600_000,
};
