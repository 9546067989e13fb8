/** Who has to go, among those who have not said who they are. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { StrangerQuota } from '../../src/transport/stranger-quota.ts';
import { FakeClock } from '../sim/fake-clock.ts';

function world() {
  const clock = new FakeClock();
  const quota = new StrangerQuota(clock);
  const away: string[] = [];
  const admit = (name: string) => quota.admit(LIMITS.mediaStrangerMs, (reason) => away.push(`${name} ${reason}`));
  return { clock, quota, away, admit };
}

test('the oldest goes when the places are taken, and not the newest', () => {
  const { clock, quota, away, admit } = world();
  for (let n = 0; n < LIMITS.mediaStrangers; n += 1) {
    admit(`s${n}`);
    clock.advance(1);
  }
  clock.advance(LIMITS.mediaStrangerGraceMs);
  assert.equal([quota.size, away], [LIMITS.mediaStrangers, []]);
  admit('new');
  admit('newer');
  assert.equal([quota.size, away], [LIMITS.mediaStrangers, ['s0 quota', 's1 quota']]);
});

test('one that has said who it is, or is gone, takes no place, and is never told to go', () => {
  const { clock, quota, away, admit } = world();
  const first = admit('first');
  first.known();
  first.known();
  for (let n = 0; n < LIMITS.mediaStrangers; n += 1) admit(`s${n}`);
  assert.is(quota.size, LIMITS.mediaStrangers);
  clock.advance(LIMITS.mediaStrangerMs);
  assert.is(away.length, LIMITS.mediaStrangers);
  assert.not.ok(away.some((each) => each.startsWith('first')));
  assert.ok(away.every((each) => each.endsWith(' silent')));
  assert.equal([quota.size, clock.pending], [0, 0]);
});

test('nobody goes in its first moments, unless there are very many; a later one sends all of them that are too many', () => {
  const { clock, quota, away, admit } = world();
  for (let n = 0; n < LIMITS.mediaStrangersAtOnce; n += 1) admit(`s${n}`);
  assert.equal([quota.size, away], [LIMITS.mediaStrangersAtOnce, []]);
  admit('one more');
  assert.equal([quota.size, away], [LIMITS.mediaStrangersAtOnce, ['s0 quota']]);
  clock.advance(LIMITS.mediaStrangerGraceMs - 1);
  admit('and one more');
  assert.equal(away, ['s0 quota', 's1 quota']);
  clock.advance(1);
  admit('late');
  assert.is(quota.size, LIMITS.mediaStrangers);
  assert.is(away.at(-1), `s${LIMITS.mediaStrangersAtOnce - LIMITS.mediaStrangers + 2} quota`);
});

test('forgotten, none of them is told anything', () => {
  const { clock, quota, away, admit } = world();
  for (let n = 0; n < 3; n += 1) admit(`s${n}`);
  quota.clear();
  clock.advance(LIMITS.mediaStrangerMs);
  assert.equal([quota.size, away, clock.pending], [0, [], 0]);
});

test.run();
