/** How late the event loop is, with a clock that stands still where a process would. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { LoopLag } from '../../src/observe/loop-lag.ts';
import { FakeClock } from '../sim/fake-clock.ts';

const { loopSampleMs } = LIMITS;

test('a stop counts once, however many timers are made up for, and is forgotten after a minute', () => {
  const clock = new FakeClock();
  const lag = new LoopLag(clock);
  clock.advance(10 * loopSampleMs);
  assert.equal([lag.lagMs, lag.worstMs, lag.p99Ms], [0, 0, 0]);
  clock.stall(loopSampleMs + 400);
  assert.equal([lag.lagMs, lag.worstMs], [400, 400]);
  assert.is(lag.p99Ms, 0, 'one in two hundred is no habit');
  clock.advance(2 * loopSampleMs);
  assert.equal([lag.lagMs, lag.worstMs], [0, 400]);
  clock.advance(LIMITS.loopSamples * loopSampleMs);
  assert.is(lag.worstMs, 0);
  lag.close();
  assert.is(clock.pending, 0);
});

test('the 99th percentile is of ten seconds: three late ones of two hundred make it, and it recovers', () => {
  const clock = new FakeClock();
  const lag = new LoopLag(clock);
  for (const ms of [150, 250, 350]) {
    clock.stall(loopSampleMs + ms);
    clock.advance(1_000);
  }
  assert.is(lag.p99Ms, 150, 'the third worst of two hundred');
  clock.advance(LIMITS.loopRecentSamples * loopSampleMs + 1_000);
  assert.is(lag.p99Ms, 0);
  lag.close();
});

test.run();
