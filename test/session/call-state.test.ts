/** The life of a call, walked from every state with everything that may happen. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CALL_TABLE } from '../../src/session/call-state.ts';
import type { CallHappening, CallTransition } from '../../src/session/call-state.ts';
import type { CallState } from '../../src/core/events.ts';

const STATES: CallState[] = ['new', 'answering', 'opening', 'talking', 'reconnecting', 'ending', 'ended'];
const HAPPENINGS: CallHappening[] = ['start', 'answered', 'opened', 'lost', 'restored', 'end', 'released'];

test('every pair of state and happening is written down, and no other', () => {
  assert.equal(Object.keys(CALL_TABLE), STATES);
  for (const state of STATES) assert.equal(Object.keys(CALL_TABLE[state]), HAPPENINGS, state);
});

test('a call only goes forward, but for a backend that is there again', () => {
  for (const [at, state] of STATES.entries()) {
    for (const happening of HAPPENINGS) {
      const transition = CALL_TABLE[state][happening];
      if (happening === 'restored' && state === 'reconnecting') assert.is(transition?.next, 'talking');
      else if (transition !== null) assert.ok(STATES.indexOf(transition.next) > at, `${state} + ${happening}`);
    }
  }
});

test('whatever ends a call ends it from every state, once, and gives everything back', () => {
  for (const state of STATES) {
    const over = state === 'ending' || state === 'ended';
    assert.equal(CALL_TABLE[state].end, over ? null : { next: 'ending', effects: ['release'] }, state);
  }
  assert.equal(CALL_TABLE.ending.released, { next: 'ended', effects: ['report'] });
});

test('nothing happens to a call that has ended', () => {
  for (const happening of HAPPENINGS) assert.is(CALL_TABLE.ended[happening], null, happening);
});

test('the straight way', () => {
  let state: CallState = 'new';
  const effects: string[] = [];
  for (const happening of ['start', 'answered', 'opened', 'end', 'released'] as const) {
    const transition: CallTransition | null = CALL_TABLE[state][happening];
    assert.ok(transition, `${state} + ${happening}`);
    state = transition?.next ?? state;
    effects.push(...(transition?.effects ?? []));
  }
  assert.is(state, 'ended');
  assert.equal(effects, ['answer', 'open', 'talk', 'release', 'report']);
});

test.run();
