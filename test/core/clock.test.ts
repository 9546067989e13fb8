/** The machine's own clock, whose timers are given a millisecond or none, and `delay` over a clock that a test moves. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SystemClock, delay } from '../../src/core/clock.ts';
import type { Clock, Timer } from '../../src/core/clock.ts';

/** Keeps what it is asked for; runs it when told. */
class StillClock implements Clock {
  readonly pending = new Map<object, { delayMs: number; run: () => void }>();

  nowMs(): number {
    return 0;
  }

  wallTimeMs(): number {
    return 0;
  }

  after(delayMs: number, run: () => void): Timer {
    const key = {};
    this.pending.set(key, { delayMs, run });
    return { cancel: () => this.pending.delete(key) };
  }

  every(): Timer {
    throw new Error('delay needs no period');
  }

  random(): number {
    return 0;
  }

  /** Runs what waits. */
  elapse(): void {
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const { run } of waiting) run();
  }
}

test('monotonic time does not go back, wall time is the date, chance stays in its range', () => {
  const clock = new SystemClock();
  let last = clock.nowMs();
  for (let n = 0; n < 1000; n += 1) {
    const nowMs = clock.nowMs();
    assert.ok(nowMs >= last);
    last = nowMs;
    const drawn = clock.random();
    assert.ok(drawn >= 0 && drawn < 1);
  }
  const before = Date.now();
  const wallMs = clock.wallTimeMs();
  assert.ok(wallMs >= before && wallMs <= Date.now());
});

test('a timer of the machine runs once, a cancelled one never, and cancelling twice is harmless', async () => {
  const clock = new SystemClock();
  let cancelledRan = false;
  const cancelled = clock.after(0, () => (cancelledRan = true));
  cancelled.cancel();
  cancelled.cancel();
  let runs = 0;
  await new Promise<void>((resolve) => {
    clock.after(-5, () => {
      runs += 1;
      // Later than the cancelled one would have been.
      clock.after(1, resolve);
    });
  });
  assert.is(runs, 1);
  assert.is(cancelledRan, false);
});

test('a period of the machine goes on until it is cancelled', async () => {
  const clock = new SystemClock();
  let runs = 0;
  await new Promise<void>((resolve) => {
    const period = clock.every(0, () => {
      runs += 1;
      if (runs < 3) return;
      period.cancel();
      clock.after(5, resolve);
    });
  });
  assert.is(runs, 3);
});

test('delay waits for its time and leaves no listener behind', async () => {
  const clock = new StillClock();
  const abort = new AbortController();
  let listeners = 0;
  const { signal } = abort;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...args);
  };
  const waiting = delay(clock, 250, signal);
  assert.equal(
    [...clock.pending.values()].map(({ delayMs }) => delayMs),
    [250],
  );
  assert.is(listeners, 1);
  clock.elapse();
  await waiting;
  assert.is(listeners, 0);
});

test('an abort ends the delay with its reason and cancels the timer', async () => {
  const clock = new StillClock();
  const abort = new AbortController();
  const waiting = delay(clock, 250, abort.signal);
  const reason = new Error('enough');
  abort.abort(reason);
  assert.is(await waiting.catch((error: unknown) => error), reason);
  assert.is(clock.pending.size, 0);
});

test('a signal that was aborted before arms nothing', async () => {
  const clock = new StillClock();
  const reason = new Error('too late');
  assert.is(await delay(clock, 1, AbortSignal.abort(reason)).catch((error: unknown) => error), reason);
  assert.is(clock.pending.size, 0);
});

test.run();
