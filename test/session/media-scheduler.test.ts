/** One timer for all calls: no drift, no burst, no call that another could harm. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { MediaScheduler } from '../../src/session/media-scheduler.ts';
import type { Tickable } from '../../src/session/media-scheduler.ts';
import { FakeClock } from '../sim/fake-clock.ts';

class Recorder implements Tickable {
  readonly ptimeMs: number;
  readonly atMs: number[] = [];
  faults: unknown[] = [];
  shiftMs = 0;
  onTick: () => void = () => undefined;

  constructor(ptimeMs = 20) {
    this.ptimeMs = ptimeMs;
  }

  tick(nowMs: number): number {
    this.atMs.push(nowMs);
    this.onTick();
    return this.shiftMs;
  }

  onFault(error: unknown): void {
    this.faults.push(error);
  }
}

/** A clock whose timers are always late, as a busy process has them. */
class LateClock extends FakeClock {
  override after(delayMs: number, run: () => void): ReturnType<FakeClock['after']> {
    return super.after(delayMs + 0.7, run);
  }
}

function differences(times: readonly number[]): Set<number> {
  return new Set(times.slice(1).map((time, index) => time - (times[index] ?? 0)));
}

test('every packet duration is ticked once in itself, for an hour, without a drift', () => {
  for (const ptimeMs of [10, 20, 30, 40, 60]) {
    const clock = new LateClock();
    const scheduler = new MediaScheduler({ clock });
    const call = new Recorder(ptimeMs);
    const ticking = scheduler.add(call);
    const startMs = clock.nowMs();
    for (let minute = 0; minute < 60; minute += 1) clock.advance(60_000);
    assert.ok(Math.abs(call.atMs.length - 3_600_000 / ptimeMs) <= 1, `${ptimeMs}: ${call.atMs.length}`);
    for (const [index, atMs] of call.atMs.entries()) {
      const lateMs = atMs - (startMs + (index + 1) * ptimeMs);
      if (lateMs < 0 || lateMs > 1) assert.unreachable(`${ptimeMs} ms, tick ${index}: ${lateMs} ms late`);
    }
    assert.is(ticking.ticks, call.atMs.length);
    assert.is(ticking.lateTicks, 0);
  }
});

test('no timer while there is no call, one while there are any', () => {
  const clock = new FakeClock();
  const scheduler = new MediaScheduler({ clock });
  assert.is(clock.pending, 0);
  const ticks = [1, 2, 3].map(() => scheduler.add(new Recorder()));
  assert.is(clock.pending, 1);
  for (const ticking of ticks) ticking.remove();
  ticks[0]?.remove();
  clock.advance(60);
  assert.is(clock.pending, 0);
  assert.is(scheduler.size, 0);
  const again = new Recorder();
  scheduler.add(again);
  clock.advance(40);
  assert.is(again.atMs.length, 2, 'and starts again');
});

test('a call keeps the phase in which it came', () => {
  const clock = new FakeClock();
  const scheduler = new MediaScheduler({ clock });
  const calls = Array.from({ length: 20 }, () => new Recorder());
  for (const call of calls) {
    scheduler.add(call);
    clock.advance(1);
  }
  clock.advance(1000);
  for (const [index, call] of calls.entries()) {
    assert.is(call.atMs[0], 1000 + index + 20);
    assert.equal(differences(call.atMs), new Set([20]));
  }
});

test('a call moves by 1 ms a tick at most, either way, and its neighbour does not', () => {
  const clock = new FakeClock();
  const scheduler = new MediaScheduler({ clock });
  const early = new Recorder();
  const late = new Recorder();
  const still = new Recorder();
  early.shiftMs = -7;
  late.shiftMs = 7;
  for (const call of [early, late, still]) scheduler.add(call);
  clock.advance(2000);
  assert.equal(
    [differences(early.atMs), differences(late.atMs), differences(still.atMs)],
    [new Set([19]), new Set([21]), new Set([20])],
  );
});

test('a call that throws is told, is never ticked again, and harms nobody', () => {
  const clock = new FakeClock();
  const scheduler = new MediaScheduler({ clock });
  const before = new Recorder();
  const bad = new Recorder();
  const after = new Recorder();
  const fault = new Error('ours');
  bad.onTick = () => {
    if (bad.atMs.length === 3) throw fault;
  };
  for (const call of [before, bad, after]) scheduler.add(call);
  clock.advance(2000);
  assert.equal(bad.faults, [fault]);
  assert.is(bad.atMs.length, 3);
  assert.is(scheduler.size, 2);
  assert.equal([before.atMs.length, after.atMs.length], [100, 100]);
});

test('a short stop of the process is made up for, a long one is left out and counted', () => {
  const clock = new FakeClock();
  const scheduler = new MediaScheduler({ clock });
  const call = new Recorder();
  const ticking = scheduler.add(call);
  clock.advance(200);
  clock.stall(50);
  assert.is(call.atMs.length, 12);
  assert.is(ticking.lateTicks, 1, 'the first by 30 ms; the second by half a packet, which is still in time');
  clock.advance(150);
  assert.is(call.atMs.length, 20);
  clock.stall(10_000);
  assert.ok(call.atMs.length <= 21, `${call.atMs.length - 20} ticks at once`);
  assert.ok(ticking.lateTicks >= 1 + 498, `${ticking.lateTicks} late`);
  const ticksBefore = call.atMs.length;
  clock.advance(1000);
  assert.is(call.atMs.length - ticksBefore, 50, 'and it goes on in its phase');
  assert.is((call.atMs.at(-1) ?? 0) % 20, 0);
});

test('a call may add and remove calls, or stop everything, from within its tick', () => {
  const clock = new FakeClock();
  const scheduler = new MediaScheduler({ clock });
  const first = new Recorder();
  const second = new Recorder();
  const added = new Recorder();
  scheduler.add(first);
  const ticking = scheduler.add(second);
  first.onTick = () => {
    if (first.atMs.length !== 1) return;
    ticking.remove();
    scheduler.add(added);
  };
  clock.advance(100);
  assert.ok(second.atMs.length <= 1);
  assert.is(added.atMs.length, 4);
  first.onTick = () => scheduler.stop();
  clock.advance(100);
  const { length } = added.atMs;
  clock.advance(100);
  assert.is(added.atMs.length, length);
  assert.is(clock.pending, 0);
  assert.is(scheduler.size, 0);
});

test('a call that is added from within a tick shares the one timer, also right after a stop', () => {
  for (const stopFirst of [false, true]) {
    const clock = new FakeClock();
    const scheduler = new MediaScheduler({ clock });
    const first = new Recorder();
    const added = new Recorder();
    scheduler.add(first);
    first.onTick = () => {
      if (first.atMs.length > 1) return;
      if (stopFirst) scheduler.stop();
      scheduler.add(added);
    };
    for (let step = 0; step < 200; step += 1) {
      clock.advance(1);
      assert.is(clock.pending, 1, `after ${step + 1} ms`);
    }
    assert.is(added.atMs.length, 9);
    assert.is(first.atMs.length, stopFirst ? 1 : 10);
    scheduler.stop();
    assert.is(clock.pending, 0);
  }
});

test('poked while the timer is held back, what is overdue runs, once, and the timer goes on from there', () => {
  /** Time passes, and no timer gets its turn. */
  class HeldClock extends FakeClock {
    heldMs = 0;
    override nowMs(): number {
      return super.nowMs() + this.heldMs;
    }
  }
  const clock = new HeldClock();
  const scheduler = new MediaScheduler({ clock });
  const call = new Recorder();
  scheduler.poke(clock.nowMs());
  const ticking = scheduler.add(call);
  call.onTick = () => scheduler.poke(clock.nowMs() + 1_000);
  clock.heldMs = 19;
  scheduler.poke(clock.nowMs());
  assert.is(call.atMs.length, 0, 'nothing is due');
  clock.heldMs = 45;
  scheduler.poke(clock.nowMs());
  scheduler.poke(clock.nowMs());
  assert.is(call.atMs.length, 2);
  assert.is(ticking.lateTicks, 1);
  assert.is(clock.pending, 1);
  clock.advance(15);
  assert.is(call.atMs.length, 3);
  assert.equal(call.atMs.at(-1), 1_060);
});

test.run();
