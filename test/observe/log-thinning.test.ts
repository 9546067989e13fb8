import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { LogThinning } from '../../src/observe/log-thinning.ts';
import type { LineFate, LineRequest } from '../../src/observe/log-thinning.ts';

function line(changes: Partial<LineRequest> = {}): LineRequest {
  return { scope: 'call-1', isCall: true, kind: 'media.overflow', repeats: true, ends: false, ...changes };
}

function written(fates: readonly LineFate[]): number {
  return fates.filter((fate) => fate !== null).length;
}

test('three faults of a kind, then the word that the rest is counted, until a while has passed', () => {
  const thinning = new LogThinning();
  const fates = Array.from({ length: 10 }, (_, n) => thinning.fateOf(line(), n * 2_000));
  const first = { write: 'line', suppressed: 0 };
  assert.equal(fates.slice(0, 5), [first, first, first, { write: 'last', suppressed: 1 }, null]);
  assert.is(written(fates.slice(4)), 0);
  const again = thinning.fateOf(line(), LIMITS.logRepeatResetMs);
  assert.equal(again, { write: 'line', suppressed: 7 });
});

test('what never stops is said more and more seldom, and anew once it has paused', () => {
  const thinning = new LogThinning();
  const told: number[] = [];
  const hourMs = 3_600_000;
  for (let nowMs = 0; nowMs < 4 * hourMs; nowMs += 500) {
    if (thinning.fateOf(line(), nowMs)?.write === 'last') told.push(nowMs);
  }
  const gaps = told.slice(1).map((atMs, index) => Math.round((atMs - (told[index] ?? 0)) / LIMITS.logRepeatResetMs));
  assert.equal(gaps.slice(0, 7), [1, 2, 4, 8, 16, 32, 32]);
  thinning.fateOf(line(), 10 * hourMs);
  const fate = thinning.fateOf(line(), 10 * hourMs + LIMITS.logRepeatResetMs);
  assert.equal(fate, { write: 'line', suppressed: 0 });
});

test('each call and each kind has its own count', () => {
  const thinning = new LogThinning();
  for (let n = 0; n < 10; n += 1) thinning.fateOf(line(), n * 1_000);
  assert.is(thinning.fateOf(line(), 10_000), null);
  assert.is.not(thinning.fateOf(line({ scope: 'call-2' }), 10_000), null);
  assert.is.not(thinning.fateOf(line({ kind: 'backend.error' }), 10_000), null);
});

test('a call has a bounded number of lines within any second, whatever they are, and its end is always one of them', () => {
  const thinning = new LogThinning();
  const fates: LineFate[] = [];
  for (let n = 0; n < 200; n += 1) fates.push(thinning.fateOf(line({ kind: `kind-${n}`, repeats: false }), n));
  fates.push(thinning.fateOf(line({ kind: 'call.ended', repeats: false, ends: true }), 500));
  assert.is(written(fates), LIMITS.logCallLines + 1);
  assert.equal(fates.at(-1), { write: 'line', suppressed: 200 - LIMITS.logCallLines });
});

test('the second is any second, not one of a clock', () => {
  const thinning = new LogThinning();
  const times: number[] = [];
  for (let nowMs = 0; nowMs < 10_000; nowMs += 7) {
    const fate = thinning.fateOf(line({ kind: `kind-${nowMs}`, repeats: false }), nowMs);
    if (fate !== null) times.push(nowMs);
  }
  for (const sinceMs of times) {
    const within = times.filter((each) => each >= sinceMs && each < sinceMs + 1_000);
    assert.ok(within.length <= LIMITS.logCallLines, `${within.length} from ${sinceMs} on`);
  }
  assert.ok(times.length > 9 * LIMITS.logCallLines, 'and no fewer than there may be');
});

test('a call that ended has left nothing: the next one on its channel begins anew', () => {
  const thinning = new LogThinning();
  for (let n = 0; n < 10; n += 1) thinning.fateOf(line(), n);
  thinning.fateOf(line({ kind: 'call.ended', ends: true }), 11);
  assert.equal(thinning.fateOf(line(), 12), { write: 'line', suppressed: 0 });
});

test('however many calls there are, it remembers a bounded number: the one not heard of for longest is forgotten', () => {
  const thinning = new LogThinning();
  for (let n = 0; n < 5; n += 1) thinning.fateOf(line({ scope: 'first' }), n);
  assert.is(thinning.fateOf(line({ scope: 'first' }), 5), null);
  for (let n = 1; n < LIMITS.logScopes; n += 1) thinning.fateOf(line({ scope: `other-${n}` }), 2_000 * n);
  assert.is(thinning.fateOf(line({ scope: 'first' }), 6), null, 'still known');
  for (let n = 0; n < LIMITS.logScopes; n += 1) thinning.fateOf(line({ scope: `more-${n}` }), 1e8 + 2_000 * n);
  assert.is.not(thinning.fateOf(line({ scope: 'first' }), 1e9), null);
});

test.run();
