/** Back-off: the ceiling doubles up to the cap, and the wait is uniform below it. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Backoff } from '../../src/core/backoff.ts';

/** The ceilings themselves: the wait at the top of the range. */
function ceilings(backoff: Backoff, count: number): number[] {
  return Array.from({ length: count }, () => backoff.nextMs());
}

test('the ceiling doubles from the base and stays at the cap', () => {
  const backoff = new Backoff({ baseMs: 250, capMs: 3000, random: () => 1 });
  assert.equal(ceilings(backoff, 6), [250, 500, 1000, 2000, 3000, 3000]);
  assert.is(backoff.attempt, 6);
});

test('the wait is the drawn share of the ceiling, nothing at the least', () => {
  const draws = [0, 0.5, 0.25];
  const backoff = new Backoff({ baseMs: 100, capMs: 10_000, random: () => draws.shift() ?? 0 });
  assert.equal(ceilings(backoff, 3), [0, 100, 100]);
});

test('after a success it starts over', () => {
  const backoff = new Backoff({ baseMs: 100, capMs: 10_000, random: () => 1 });
  ceilings(backoff, 5);
  backoff.reset();
  assert.is(backoff.attempt, 0);
  assert.is(backoff.nextMs(), 100);
});

test('a base above the cap waits no longer than the cap', () => {
  assert.is(new Backoff({ baseMs: 500, capMs: 200, random: () => 1 }).nextMs(), 200);
});

test('no number of failures makes it anything but a finite wait', () => {
  const backoff = new Backoff({ baseMs: 250, capMs: 15_000, random: () => 1 });
  for (let attempt = 0; attempt < 5000; attempt += 1) assert.ok(backoff.nextMs() <= 15_000);
  assert.is(backoff.nextMs(), 15_000);
});

test.run();
