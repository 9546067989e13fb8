/**
 * Whose turn it is: a table of what may happen in each state. It performs nothing; the session carries the effects out.
 *
 * `listening`        nobody speaks
 * `caller-speaking`  the caller does
 * `thinking`         the caller has finished, the agent has not begun
 * `agent-speaking`   the agent is heard
 * `yielding`         the agent waits in the middle of a word, or is lowered: the caller may be cutting in
 */
import type { TurnState } from '../core/events.ts';

/** What may happen to a turn. */
export type TurnEvent =
  /** The caller may have begun to speak. */
  | 'caller-candidate'
  /** …and had not. */
  | 'caller-withdrawn'
  /** The caller speaks. */
  | 'caller-started'
  /** The caller has finished. */
  | 'caller-stopped'
  /** The first frame of a phrase of the agent's leaves. */
  | 'agent-started'
  /** The agent's last frame has left and nothing more is coming. */
  | 'agent-ended'
  /** The backend gave the answer up before a word of it was heard, or did not answer in time. */
  | 'answer-failed';

/** What the keeper has to do. */
export type TurnEffect =
  /** Have the agent wait, or lower it / go on where it was. */
  | 'yield'
  | 'resume'
  /** Stop the agent: drop what waits, and tell the backend how much was heard. */
  | 'barge-in'
  /** Call the answer off that has not been heard yet. */
  | 'call-off'
  /** The same for one that we asked for, where turns are ours: the backend would not hear that the caller was first. */
  | 'call-off-ours'
  /** Ask for the answer, where the turn is ours to end. */
  | 'commit-turn'
  /** Report the response latency. */
  | 'report-latency'
  /** Speech that goes on is a new onset. */
  | 'rearm';

/** Where an event leads, and what it asks for. */
export interface TurnTransition {
  readonly next: TurnState;
  readonly effects: readonly TurnEffect[];
}

const to = (next: TurnState, ...effects: TurnEffect[]): TurnTransition => ({ next, effects });

/** State × event → transition; null: means nothing in this state. Every pair is written down. */
export const TURN_TABLE: Readonly<Record<TurnState, Readonly<Record<TurnEvent, TurnTransition | null>>>> = {
  listening: {
    'caller-candidate': null,
    'caller-withdrawn': null,
    'caller-started': to('caller-speaking', 'call-off-ours'),
    'caller-stopped': null,
    'agent-started': to('agent-speaking', 'rearm'),
    'agent-ended': null,
    'answer-failed': null,
  },
  'caller-speaking': {
    'caller-candidate': null,
    'caller-withdrawn': null,
    'caller-started': null,
    'caller-stopped': to('thinking', 'commit-turn'),
    // The backend took the turn as finished before we did, and owns that decision.
    'agent-started': to('agent-speaking', 'report-latency', 'rearm'),
    'agent-ended': null,
    'answer-failed': null,
  },
  thinking: {
    'caller-candidate': null,
    'caller-withdrawn': null,
    'caller-started': to('caller-speaking', 'call-off'),
    'caller-stopped': null,
    'agent-started': to('agent-speaking', 'report-latency', 'rearm'),
    'agent-ended': null,
    'answer-failed': to('listening'),
  },
  'agent-speaking': {
    'caller-candidate': to('yielding', 'yield'),
    'caller-withdrawn': null,
    'caller-started': to('caller-speaking', 'barge-in'),
    'caller-stopped': null,
    'agent-started': null,
    'agent-ended': to('listening'),
    'answer-failed': null,
  },
  yielding: {
    'caller-candidate': null,
    'caller-withdrawn': to('agent-speaking', 'resume'),
    'caller-started': to('caller-speaking', 'barge-in'),
    'caller-stopped': null,
    'agent-started': null,
    'agent-ended': to('listening', 'resume'),
    'answer-failed': null,
  },
};
