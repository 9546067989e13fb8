/** When it opens, for how long, what it lets through then, and what closes it; on a clock that is told the time. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CircuitBreaker } from '../../src/resilience/circuit-breaker.ts';
import type { BreakerAttempt, BreakerChange, BreakerPolicy } from '../../src/resilience/circuit-breaker.ts';
import { FakeClock } from '../sim/fake-clock.ts';

const POLICY: BreakerPolicy = {
  failures: 5,
  windowMs: 60_000,
  coolDownMs: 30_000,
  coolDownMaximumMs: 600_000,
  probes: 3,
  successes: 2,
};
const FAULT = { fatal: false, reason: 'TIMEOUT' };

function rig(policy: Partial<BreakerPolicy> = {}) {
  const clock = new FakeClock();
  const changes: BreakerChange[] = [];
  const onChange = (change: BreakerChange): void => void changes.push(change);
  const breaker = new CircuitBreaker({ name: 'b', clock, policy: { ...POLICY, ...policy }, onChange });
  const fail = (times: number): void => {
    for (let n = 0; n < times; n += 1) breaker.admit()!.failed(FAULT);
  };
  return { clock, changes, breaker, fail };
}

test('the fifth failure within a minute opens it, and nothing is let through for half a minute', () => {
  const { clock, breaker, changes, fail } = rig();
  fail(4);
  assert.is(breaker.state, 'closed');
  fail(1);
  assert.equal([breaker.state, breaker.retryInMs, breaker.lastReason], ['open', 30_000, 'TIMEOUT']);
  assert.is(breaker.admit(), null);
  clock.stall(29_999);
  assert.is(breaker.admit(), null);
  assert.is(breaker.retryInMs, 1);
  clock.stall(1);
  assert.is(breaker.state, 'half-open');
  assert.ok(breaker.admit() !== null);
  assert.equal(
    changes.map(({ previous, state, reason }) => `${previous} ${state} ${reason}`),
    ['closed open TIMEOUT', 'open half-open TIMEOUT'],
  );
});

test('failures further apart than the window never open it; successes in between do not hide them', () => {
  const slow = rig();
  for (let n = 0; n < 100; n += 1) {
    slow.fail(1);
    slow.clock.stall(15_001);
  }
  assert.is(slow.breaker.state, 'closed', 'four in a minute');
  const mixed = rig();
  for (let n = 0; n < 4; n += 1) {
    mixed.fail(1);
    mixed.breaker.admit()!.succeeded();
    mixed.clock.stall(10_000);
  }
  mixed.fail(1);
  assert.is(mixed.breaker.state, 'open');
});

test('a fatal failure opens it at once; a peer that names a time is heeded, up to a maximum', () => {
  const fatal = rig();
  fatal.breaker.admit()!.failed({ fatal: true, reason: 'AUTH' });
  assert.is(fatal.breaker.retryInMs, 30_000);
  const later = rig();
  later.breaker.admit()!.failed({ fatal: false, retryAfterMs: 120_000, reason: 'BUSY' });
  assert.is(later.breaker.retryInMs, 120_000);
  const short = rig();
  short.breaker.admit()!.failed({ fatal: false, retryAfterMs: 100, reason: 'BUSY' });
  assert.is(short.breaker.retryInMs, 100, 'a moment is a moment');
  const often = rig();
  often.fail(4);
  often.breaker.admit()!.failed({ fatal: false, retryAfterMs: 100, reason: 'BUSY' });
  assert.is(often.breaker.retryInMs, 30_000, 'enough has failed');
  const never = rig();
  never.breaker.admit()!.failed({ fatal: false, retryAfterMs: 1e12, reason: 'BUSY' });
  assert.is(never.breaker.retryInMs, 600_000);
});

test('half-open: three at a time, two successes close it, one failure opens it anew', () => {
  const { clock, breaker, fail } = rig();
  fail(5);
  clock.stall(30_000);
  const probes = [breaker.admit(), breaker.admit(), breaker.admit()] as BreakerAttempt[];
  assert.is(breaker.admit(), null, 'a fourth waits');
  probes[0]!.abandoned();
  assert.ok(breaker.admit() !== null, 'one that came to nothing makes room');
  probes[1]!.succeeded();
  assert.is(breaker.state, 'half-open');
  probes[2]!.succeeded();
  assert.is(breaker.state, 'closed');
  fail(4);
  assert.is(breaker.state, 'closed', 'and begins to count anew');

  fail(1);
  clock.stall(30_000);
  breaker.admit()!.failed(FAULT);
  assert.equal([breaker.state, breaker.retryInMs], ['open', 30_000]);
});

test('an outcome counts once, and one that comes home late says nothing of the present', () => {
  const { clock, breaker, fail } = rig();
  const early = breaker.admit()!;
  const twice = breaker.admit()!;
  for (let n = 0; n < 10; n += 1) twice.failed(FAULT);
  assert.is(breaker.state, 'closed');
  fail(4);
  assert.is(breaker.state, 'open');
  clock.stall(30_000);
  const probe = breaker.admit()!;
  early.failed({ fatal: true, reason: 'LATE' });
  assert.is(breaker.state, 'half-open');
  early.succeeded();
  probe.succeeded();
  breaker.admit()!.succeeded();
  assert.is(breaker.state, 'closed');
});

test('in any order: never more probes than allowed, never a try while it cools down, and it always recovers', () => {
  const step = fc.oneof(
    fc.record({ admit: fc.constant(true) }),
    fc.record({ end: fc.nat({ max: 20 }), how: fc.constantFrom('succeeded', 'failed', 'fatal', 'abandoned') }),
    fc.record({ stallMs: fc.integer({ min: 0, max: 40_000 }) }),
    fc.record({ failed: fc.constant(true) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const { clock, breaker } = rig();
      let open: { attempt: BreakerAttempt; probe: boolean }[] = [];
      for (const each of steps) {
        if ('admit' in each) {
          const before = breaker.state;
          const attempt = breaker.admit();
          if (before === 'open') assert.is(attempt, null);
          if (before === 'closed') assert.ok(attempt !== null);
          if (attempt !== null) open.push({ attempt, probe: breaker.state === 'half-open' });
        } else if ('end' in each && open.length > 0) {
          const [{ attempt }] = open.splice(each.end % open.length, 1) as [(typeof open)[number]];
          if (each.how === 'failed' || each.how === 'fatal')
            attempt.failed({ fatal: each.how === 'fatal', reason: 'x' });
          else attempt[each.how]();
        } else if ('stallMs' in each) clock.stall(each.stallMs);
        else if ('failed' in each) breaker.failed(FAULT);
        if (breaker.state !== 'half-open') open = open.map(({ attempt }) => ({ attempt, probe: false }));
        assert.ok(open.filter(({ probe }) => probe).length <= POLICY.probes);
        assert.ok(breaker.retryInMs <= POLICY.coolDownMs);
      }
      for (const { attempt } of open) attempt.abandoned();
      clock.stall(POLICY.coolDownMs);
      for (let n = 0; n < POLICY.successes; n += 1) breaker.admit()!.succeeded();
      assert.is(breaker.state, 'closed');
    }),
  );
});

test.run();
