/** What a process has to bear: the event loop's watchdog, and what turns new calls away. Time is a test's. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GatewayLoad } from '../src/gateway-load.ts';
import type { CallLoad } from '../src/gateway-load.ts';
import { LIMITS } from '../src/limits.ts';
import { DEFAULT_ADMISSION } from '../src/resilience/admission.ts';
import { FakeClock } from './sim/fake-clock.ts';
import { RecordingEvents } from './sim/fake-peers.ts';

function host(policy = { ...DEFAULT_ADMISSION, lateTicksPct: 5, loopLagMs: 250 }) {
  const clock = new FakeClock();
  const events = new RecordingEvents();
  const now = { ticks: 0, lateTicks: 0, calls: 0, stormingCalls: 0, free: 10, resident: 1e8 };
  const load = new GatewayLoad({
    clock,
    events,
    policy,
    loopLag: { warnMs: 100, errorMs: 500, stopMs: 1_000 },
    residentBytes: () => now.resident,
    calls: (): CallLoad => now,
    rtpPorts: () => [
      { pool: 'a', inUse: 0, resting: 0, free: 0 },
      { pool: 'b', inUse: 0, resting: 0, free: now.free },
    ],
  });
  /** Seconds in which `late` of the 500 ticks of each are late. */
  const seconds = (count: number, late = 0): void => {
    for (let second = 0; second < count; second += 1) {
      now.ticks += 500;
      now.lateTicks += late;
      clock.advance(LIMITS.hostLookMs);
    }
  };
  return { clock, events, now, load, seconds };
}

/** The loop stands still for `ms`, again and again, for eleven seconds. */
function lagging(clock: FakeClock, ms: number): void {
  for (let passed = 0; passed < 11_000; passed += ms + LIMITS.loopSampleMs) clock.stall(ms + LIMITS.loopSampleMs);
  clock.advance(LIMITS.hostLookMs);
}

test('lag: a warning, an error when it grows, and neither again before it was well', () => {
  const { clock, events, load } = host();
  const said = (): string[] => events.of('host.watchdog').map(({ severity, limitMs }) => `${severity} ${limitMs}`);
  lagging(clock, 50);
  assert.equal(said(), []);
  lagging(clock, 150);
  lagging(clock, 150);
  assert.equal(said(), ['warn 100']);
  lagging(clock, 600);
  lagging(clock, 150);
  lagging(clock, 600);
  assert.equal(said(), ['warn 100', 'error 500']);
  clock.advance(12_000);
  lagging(clock, 150);
  assert.equal(said(), ['warn 100', 'error 500', 'warn 100']);
  load.close();
  assert.is(clock.pending, 0);
});

test('one long stop is told at once, those of the next minute together, and it turns no call away', () => {
  const { clock, events, load } = host();
  const stops = () =>
    events.of('host.watchdog').map((event) => [event.dog, event.valueMs, event.dog === 'loop-stop' ? event.stops : 0]);
  clock.advance(20_000);
  clock.stall(900 + LIMITS.loopSampleMs);
  clock.advance(2_000);
  assert.equal(stops(), [], 'short of the limit');
  clock.stall(1_300 + LIMITS.loopSampleMs);
  clock.advance(LIMITS.hostLookMs);
  assert.equal(stops(), [['loop-stop', 1_300, 1]]);
  const { loopLagP99Ms, loopLagWorstMs, refusing } = load.snapshot();
  assert.equal([loopLagP99Ms, loopLagWorstMs, refusing], [0, 1_300, []], 'no percentile knows of it');
  clock.advance(8_000);
  for (const ms of [2_000, 5_000, 1_000]) {
    clock.stall(ms + LIMITS.loopSampleMs);
    clock.advance(12_000);
  }
  assert.is(stops().length, 1, 'no flood');
  clock.advance(LIMITS.loopStopQuietMs);
  assert.equal(stops().at(-1), ['loop-stop', 5_000, 3]);
  clock.advance(10 * LIMITS.loopStopQuietMs);
  assert.is(stops().filter(([dog]) => dog === 'loop-stop').length, 2);
  load.close();
  assert.is(clock.pending, 0);
});

test('what stops of the loop do to new calls, as the page says', () => {
  const { clock, load, seconds, now } = host({ ...DEFAULT_ADMISSION });
  /** All that was due meanwhile is late. */
  const stop = (ms: number): void => {
    now.ticks += ms / 2;
    now.lateTicks += ms / 2;
    clock.stall(ms + LIMITS.loopSampleMs);
    seconds(1);
  };
  seconds(20);
  stop(1_000);
  assert.equal(load.admission.reasons, [], 'one of a second is over');
  seconds(20);
  stop(3_000);
  assert.equal(load.admission.reasons, ['late-ticks'], 'one of three was heard by every call');
  seconds(14);
  assert.equal(load.admission.reasons, ['late-ticks'], 'until it is past, and calm for a while');
  seconds(8);
  assert.equal(load.admission.reasons, []);
  for (let nth = 0; nth < 3; nth += 1) {
    clock.stall(1_100 + LIMITS.loopSampleMs);
    seconds(1);
  }
  assert.equal(load.admission.reasons, ['loop-lag'], 'three of them are a habit');
  load.close();
});

test('late ticks: their share of ten seconds; too few ticks say nothing', () => {
  const { events, load, seconds, now, clock } = host();
  now.ticks = 200;
  now.lateTicks = 200;
  clock.advance(LIMITS.hostLookMs);
  assert.equal(load.admission.reasons, []);
  seconds(20, 20);
  assert.equal(load.admission.reasons, [], '4 %');
  seconds(10, 40);
  assert.equal(load.admission.reasons, ['late-ticks']);
  assert.equal(load.snapshot().refusing, ['late-ticks']);
  seconds(30);
  assert.equal(load.admission.reasons, []);
  assert.equal(
    events.of('host.overload').map(({ refusing, reasons }) => [refusing, reasons]),
    [
      [true, 'late-ticks'],
      [false, ''],
    ],
  );
  load.close();
});

test('queues, ports and memory', () => {
  const { load, now, clock } = host({ ...DEFAULT_ADMISSION, freePorts: 2, memoryMb: 500 });
  now.calls = 4;
  now.stormingCalls = 1;
  clock.advance(1_000);
  assert.equal(load.admission.reasons, [], 'one call says nothing of the host');
  now.stormingCalls = 2;
  clock.advance(1_000);
  assert.equal(load.admission.reasons, ['queues']);
  now.free = 2;
  now.resident = 501e6;
  clock.advance(1_000);
  assert.equal(load.admission.reasons, ['queues', 'ports', 'memory']);
  Object.assign(now, { stormingCalls: 0, free: 9, resident: 1e8 });
  clock.advance(12_000);
  assert.equal(load.admission.reasons, []);
  load.close();
});

test.run();
