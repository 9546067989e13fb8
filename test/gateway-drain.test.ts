/** Waiting for calls to end: one timer, however often and by whomever it is asked for. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DrainWatch } from '../src/gateway-drain.ts';
import { FakeClock, settle } from './sim/fake-clock.ts';

test('resolves when nothing is left, or when the time is over, with what is left', async () => {
  const clock = new FakeClock();
  let left = 2;
  const watch = new DrainWatch(clock, () => left);
  const outcomes: number[] = [];
  void watch.wait(1_000).then((each) => outcomes.push(each));
  void watch.wait(5_000).then((each) => outcomes.push(each));
  clock.advance(1_100);
  await settle();
  assert.equal(outcomes, [2]);
  left = 0;
  clock.advance(100);
  await settle();
  assert.equal(outcomes, [2, 0]);
  assert.is(clock.pending, 0);
  assert.is(await watch.wait(1_000), 0, 'nothing to wait for');
  assert.is(clock.pending, 0);
});

test('drain said a thousand times: one timer, and the last word counts', async () => {
  const clock = new FakeClock();
  const watch = new DrainWatch(clock, () => 1);
  const outcomes: (number | null)[] = [];
  for (let each = 0; each < 1_000; each += 1) {
    void watch.waitInstead(each === 999 ? 3_000 : 60_000).then((left) => outcomes.push(left));
  }
  assert.is(clock.pending, 1);
  await settle();
  assert.is(outcomes.length, 999, 'who asked before waits no longer');
  assert.ok(outcomes.every((left) => left === null));
  clock.advance(2_900);
  await settle();
  assert.is(outcomes.length, 999);
  clock.advance(200);
  await settle();
  assert.is(outcomes.at(-1), 1);
  assert.is(clock.pending, 0);
});

test('stop: nobody waits any longer', async () => {
  const clock = new FakeClock();
  const watch = new DrainWatch(clock, () => 3);
  const waiting = Promise.all([watch.wait(1_000), watch.waitInstead(1_000)]);
  watch.stop();
  assert.equal(await waiting, [3, 3]);
  assert.is(clock.pending, 0);
});

test.run();
