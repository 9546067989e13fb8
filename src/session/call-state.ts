/**
 * The life of a call as our session sees it: a table of what may happen in each state. It performs nothing.
 *
 * `new` → `answering` → `opening` (media, then backend) → `talking` → `ending` → `ended`
 *                                                          ↕
 *                                                    `reconnecting`: the backend was lost, and is sought
 */
import type { CallState } from '../core/events.ts';

/** What may happen to a call. */
export type CallHappening =
  | 'start'
  | 'answered'
  /** Media and backend are up. */
  | 'opened'
  /** The backend is gone, and may come back. */
  | 'lost'
  /** It, or another one, is there. */
  | 'restored'
  /** Whatever ends it: a hang-up, a stop, a failure. */
  | 'end'
  /** Everything is given back. */
  | 'released';

/** What the session has to do. */
export type CallEffect = 'answer' | 'open' | 'talk' | 'reconnect' | 'release' | 'report';

/** Where a happening leads, and what it asks for. */
export interface CallTransition {
  readonly next: CallState;
  readonly effects: readonly CallEffect[];
}

const NOTHING = {
  start: null,
  answered: null,
  opened: null,
  lost: null,
  restored: null,
  end: null,
  released: null,
} as const;

const row = (
  means: Partial<Record<CallHappening, CallTransition>>,
): Readonly<Record<CallHappening, CallTransition | null>> => ({ ...NOTHING, ...means });

const to = (next: CallState, ...effects: CallEffect[]): CallTransition => ({ next, effects });

/** State × happening → transition; null: means nothing in this state. Every pair is written down. */
export const CALL_TABLE: Readonly<Record<CallState, Readonly<Record<CallHappening, CallTransition | null>>>> = {
  new: row({ start: to('answering', 'answer'), end: to('ending', 'release') }),
  answering: row({ answered: to('opening', 'open'), end: to('ending', 'release') }),
  opening: row({ opened: to('talking', 'talk'), end: to('ending', 'release') }),
  talking: row({ lost: to('reconnecting', 'reconnect'), end: to('ending', 'release') }),
  // One that was lost before its audio flowed is lost once.
  reconnecting: row({ restored: to('talking', 'talk'), end: to('ending', 'release') }),
  // What still arrives while everything is being given back comes too late.
  ending: row({ released: to('ended', 'report') }),
  ended: row({}),
};
