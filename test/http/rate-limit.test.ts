import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RateLimit } from '../../src/http/rate-limit.ts';
import { LIMITS } from '../../src/limits.ts';

test('a burst, and then one for every part of a second', () => {
  const rate = new RateLimit({ burst: 3, perSecond: 2 });
  assert.equal(
    [0, 1, 2, 3].map(() => rate.take('a', 1_000)),
    [0, 0, 0, 500],
  );
  assert.is(rate.take('b', 1_000), 0, 'another has its own');
  assert.is(rate.waitMs('a', 1_250), 250);
  assert.is(rate.take('a', 1_500), 0);
  assert.is(rate.take('a', 1_500), 500);
  assert.is(rate.waitMs('c', 1_500), 0);
  assert.is(rate.size, 2, 'looking is not asking');
});

test('never more than the burst and the rate allow, and never less, whenever it is asked', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 20 }), (pauses, burst, perSecond) => {
      const rate = new RateLimit({ burst, perSecond });
      const taken: number[] = [];
      let nowMs = 5_000;
      let refused = 0;
      for (const pause of pauses) {
        nowMs += pause;
        const waitMs = rate.take('a', nowMs);
        if (waitMs === 0) taken.push(nowMs);
        else refused += 1;
        assert.ok(waitMs <= 1000 / perSecond + 1e-6);
      }
      for (const [index, fromMs] of taken.entries()) {
        const within = taken.slice(index).filter((ms) => ms - fromMs < 1_000).length;
        assert.ok(within <= burst + perSecond, `${within} within a second`);
      }
      if (refused > 0) assert.ok(taken.length >= burst);
    }),
  );
});

test('the table is bounded: whoever was quiet for longest is forgotten', () => {
  const rate = new RateLimit({ burst: 1, perSecond: 1 });
  for (let n = 0; n < LIMITS.httpClients; n += 1) rate.take(`10.0.${n >> 8}.${n & 255}`, 0);
  assert.is(rate.size, LIMITS.httpClients);
  assert.ok(rate.take('10.0.0.0', 0) > 0, 'seen again');
  assert.is(rate.take('192.0.2.1', 0), 0);
  assert.is(rate.size, LIMITS.httpClients);
  assert.ok(rate.take('10.0.0.0', 0) > 0, 'is still known');
  assert.is(rate.take('10.0.0.1', 0), 0, 'was forgotten');
});

test('a network of IPv6 addresses counts as one, and IPv4 in IPv6 as IPv4', () => {
  const rate = new RateLimit({ burst: 1, perSecond: 1 });
  assert.is(rate.take('2001:db8:0:1::1', 0), 0);
  for (const same of ['2001:db8:0:1:ffff:1:2:3', '2001:0DB8:0:1::', '2001:db8::1:0:0:0:5']) {
    assert.ok(rate.take(same, 0) > 0, same);
  }
  assert.is(rate.take('2001:db8:0:2::1', 0), 0);
  assert.is(rate.take('fe80::1%eth0', 0), 0);
  assert.ok(rate.take('fe80::2%eth0', 0) > 0);
  assert.is(rate.take('::1', 0), 0);
  assert.is(rate.take('::ffff:192.0.2.7', 0), 0);
  assert.ok(rate.take('192.0.2.7', 0) > 0);
});

test.run();
