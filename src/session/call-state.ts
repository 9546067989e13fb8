/**
 * The life of a call as our session sees it: a table of what may happen in each state. It performs nothing.
 *
 * `new` → `answering` → `opening` (media, then backend) → `talking` → `ending` → `ended`
 */
import type { CallState } from '../core/events.ts';

/** What may happen to a call. */
export type CallHappening =
  | 'start'
  | 'answered'
  /** Media and backend are up. */
  | 'opened'
  /** Whatever ends it: a hang-up, a stop, a failure. */
  | 'end'
  /** Everything is given back. */
  | 'released';

/** What the session has to do. */
export type CallEffect = 'answer' | 'open' | 'talk' | 'release' | 'report';

/** Where a happening leads, and what it asks for. */
export interface CallTransition {
  readonly next: CallState;
  readonly effects: readonly CallEffect[];
}

const to = (next: CallState, ...effects: CallEffect[]): CallTransition => ({ next, effects });

/** State × happening → transition; null: means nothing in this state. Every pair is written down. */
export const CALL_TABLE: Readonly<Record<CallState, Readonly<Record<CallHappening, CallTransition | null>>>> = {
  new: { start: to('answering', 'answer'), answered: null, opened: null, end: to('ending', 'release'), released: null },
  answering: {
    start: null,
    answered: to('opening', 'open'),
    opened: null,
    end: to('ending', 'release'),
    released: null,
  },
  opening: { start: null, answered: null, opened: to('talking', 'talk'), end: to('ending', 'release'), released: null },
  talking: { start: null, answered: null, opened: null, end: to('ending', 'release'), released: null },
  // What still arrives while everything is being given back comes too late.
  ending: { start: null, answered: null, opened: null, end: null, released: to('ended', 'report') },
  ended: { start: null, answered: null, opened: null, end: null, released: null },
};
