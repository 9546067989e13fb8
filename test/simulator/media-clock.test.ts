import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { MediaClock } from '../../src/simulator/media-clock.ts';
import { HandClock } from '../switch/freeswitch/hand-clock.ts';

const test = suite('MediaClock');

test('runs every member once a ptime, without drift, however the time comes', () => {
  for (const steps of [1, 7, 10, 33, 100, 250]) {
    const clock = new HandClock();
    const media = new MediaClock(clock);
    const counts = { ten: 0, twenty: 0, sixty: 0 };
    const leave = [
      media.join(10, () => (counts.ten += 1)),
      media.join(20, () => (counts.twenty += 1)),
      media.join(60, () => (counts.sixty += 1)),
    ];
    for (let ms = 0; ms < 60_000; ms += steps) clock.advance(Math.min(steps, 60_000 - ms));
    assert.equal(counts, { ten: 6000, twenty: 3000, sixty: 1000 }, `in steps of ${steps} ms`);
    for (const each of leave) each();
    assert.is(clock.pending, 0, 'no timer without members');
  }
});

test('a timer that fires late is caught up with, a standstill is not', () => {
  class LateClock extends HandClock {
    override after(delayMs: number, run: () => void): ReturnType<HandClock['after']> {
      return super.after(delayMs + late, run);
    }
  }
  let late = 3;
  const clock = new LateClock();
  const media = new MediaClock(clock);
  let ticks = 0;
  const leave = media.join(20, () => (ticks += 1));
  clock.advance(20_003);
  assert.ok(Math.abs(ticks - 1000) <= 1, `${ticks} ticks in 20 s`);
  late = 5000;
  ticks = 0;
  clock.advance(5100);
  assert.ok(ticks <= 30, `${ticks} ticks after 5 s of standstill`);
  leave();
});

test('members share out the slots of their ptime', () => {
  const clock = new HandClock();
  const media = new MediaClock(clock);
  const at: number[][] = [[], []];
  media.join(20, () => at[0]!.push(clock.nowMs()));
  media.join(20, () => at[1]!.push(clock.nowMs()));
  clock.advance(60);
  assert.equal(at, [
    [20, 40, 60],
    [10, 30, 50],
  ]);
});

test('who joins inside a tick changes nobody else’s time', () => {
  const clock = new HandClock();
  const media = new MediaClock(clock);
  const at: number[] = [];
  const joined: number[] = [];
  let leave = (): void => undefined;
  const first = media.join(20, () => {
    at.push(clock.nowMs());
    if (at.length === 10) leave = media.join(20, () => joined.push(clock.nowMs()));
  });
  clock.advance(300);
  assert.equal(
    at,
    Array.from({ length: 15 }, (_, n) => 20 * (n + 1)),
  );
  assert.equal(joined, [210, 230, 250, 270, 290]);
  first();
  leave();
  assert.is(clock.pending, 0);
});

test('joining and leaving inside a tick', () => {
  const clock = new HandClock();
  const media = new MediaClock(clock);
  const seen: string[] = [];
  const leaveA = media.join(10, () => {
    seen.push('a');
    leaveA();
    if (seen.length === 1) media.join(10, () => seen.push('b'));
  });
  clock.advance(30);
  assert.is(seen[0], 'a');
  assert.is(seen.filter((name) => name === 'a').length, 1);
  assert.ok(seen.filter((name) => name === 'b').length >= 2);
});

test.run();
