/** What a turn of the event loop may take for work in pieces, whose it is, and what becomes of it when nobody wants it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TurnBudget } from '../../src/speech/turn-budget.ts';
import { FakeClock, settle } from '../sim/fake-clock.ts';

/** Pieces that take `ms` each, by name, as they are run. */
function rig(turnMs: number) {
  const clock = new FakeClock();
  const budget = new TurnBudget(clock, turnMs);
  const ran: string[] = [];
  return {
    ...{ clock, budget, ran },
    do(name: string, ms: number, urgent = false, signal = new AbortController().signal): Promise<string> {
      const piece = (): string => {
        clock.work(ms);
        ran.push(name);
        return name;
      };
      return budget.run(piece, { urgent, signal });
    },
    async turn(): Promise<void> {
      clock.advance(0);
      await settle();
    },
  };
}

test('a turn takes pieces until its time is used up, and the next one goes on in order', async () => {
  const { budget, ran, turn, ...work } = rig(1);
  const all = ['a', 'b', 'c', 'd', 'e'].map((name) => work.do(name, 0.6));
  assert.equal(ran, ['a', 'b'], 'what fits is done at once');
  assert.is(budget.waiting, 3);
  await turn();
  assert.equal(ran, ['a', 'b', 'c', 'd']);
  await turn();
  assert.equal(await Promise.all(all), ['a', 'b', 'c', 'd', 'e']);
  await turn();
  assert.equal([work.clock.pending, budget.waiting], [0, 0]);
});

test('what somebody waits for in silence goes before what is ahead of its hearer', async () => {
  const { ran, turn, ...work } = rig(1);
  const all = [
    work.do('a', 1),
    work.do('b', 1),
    work.do('c', 1),
    work.do('first', 1, true),
    work.do('second', 1, true),
  ];
  for (let count = 0; count < 5; count += 1) await turn();
  await Promise.all(all);
  assert.equal(ran, ['a', 'first', 'second', 'b', 'c']);
});

test('what nobody wants any more is not run, and holds nobody up', async () => {
  const { budget, ran, turn, ...work } = rig(1);
  const stop = new AbortController();
  const first = work.do('a', 1);
  const cut = work.do('b', 1, false, stop.signal);
  const last = work.do('c', 1);
  stop.abort(new Error('cut in'));
  assert.is(budget.waiting, 1);
  assert.is(((await cut.catch((error: unknown) => error)) as Error).message, 'cut in');
  await turn();
  assert.equal(await Promise.all([first, last]), ['a', 'c']);
  assert.equal(ran, ['a', 'c']);
  const late = work.do('d', 1, true, stop.signal);
  assert.is(((await late.catch((error: unknown) => error)) as Error).message, 'cut in');
});

test('a piece that throws fails alone', async () => {
  const { budget, clock, turn, ...work } = rig(1);
  const { signal } = new AbortController();
  const bad = budget.run(() => void JSON.parse('{'), { urgent: true, signal });
  const good = work.do('a', 1);
  assert.instance(await bad.catch((error: unknown) => error), SyntaxError);
  assert.is(await good, 'a');
  await turn();
  assert.is(clock.pending, 0);
});

test.run();
