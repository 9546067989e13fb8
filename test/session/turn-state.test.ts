/** Turns, walked from every state with every event, in any order. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TURN_TABLE } from '../../src/session/turn-state.ts';
import type { TurnEffect, TurnEvent, TurnTransition } from '../../src/session/turn-state.ts';
import type { TurnState } from '../../src/core/events.ts';

const STATES: TurnState[] = ['listening', 'caller-speaking', 'thinking', 'agent-speaking', 'yielding'];
const EVENTS: TurnEvent[] = [
  'caller-candidate',
  'caller-withdrawn',
  'caller-started',
  'caller-stopped',
  'agent-started',
  'agent-ended',
  'answer-failed',
];

test('every pair of state and event is written down, and no other', () => {
  assert.equal(Object.keys(TURN_TABLE), STATES);
  for (const state of STATES) assert.equal(Object.keys(TURN_TABLE[state]), EVENTS, state);
});

test('a transition that changes nothing is written as nothing', () => {
  for (const state of STATES) {
    for (const event of EVENTS) {
      const transition = TURN_TABLE[state][event];
      if (transition !== null) assert.ok(transition.next !== state, `${state} + ${event}`);
    }
  }
});

test('from every state the caller can have the turn, and the agent can be heard', () => {
  for (const wanted of ['caller-speaking', 'agent-speaking', 'listening'] as const) {
    for (const from of STATES) {
      const reached = new Set<TurnState>([from]);
      for (const state of reached) {
        for (const event of EVENTS) {
          const transition = TURN_TABLE[state][event];
          if (transition !== null) reached.add(transition.next);
        }
      }
      assert.ok(reached.has(wanted), `${from} never becomes ${wanted}`);
    }
  }
});

test('in any order of events: lowered exactly while yielding, cut off only what is heard, answered only what was said', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...EVENTS), { maxLength: 60 }), (events) => {
      let state: TurnState = 'listening';
      let lowered = false;
      for (const event of events) {
        const previous = state;
        const transition: TurnTransition | null = TURN_TABLE[state][event];
        if (transition === null) continue;
        state = transition.next;
        const did = (effect: TurnEffect): boolean => transition.effects.includes(effect);
        if (did('yield')) lowered = true;
        // A barge-in ramps to silence and gives the next phrase its level back.
        if (did('resume') || did('barge-in')) lowered = false;
        assert.is(lowered, state === 'yielding');
        if (did('barge-in')) assert.ok(previous === 'agent-speaking' || previous === 'yielding');
        assert.is(did('call-off'), previous === 'thinking' && event === 'caller-started');
        assert.is(did('commit-turn'), previous === 'caller-speaking' && event === 'caller-stopped');
        assert.is(
          did('report-latency'),
          event === 'agent-started' && (previous === 'thinking' || previous === 'caller-speaking'),
        );
      }
    }),
  );
});

test.run();
