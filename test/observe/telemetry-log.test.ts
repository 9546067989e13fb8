import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import type { SessionSnapshot } from '../../src/observe/health.ts';
import { LogSink } from '../../src/observe/log-sink.ts';
import { TelemetryLog } from '../../src/observe/telemetry-log.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { session } from './session-snapshot.ts';

interface Line {
  readonly level: string;
  readonly outcome: string;
  readonly session_uuid: string;
  readonly [fact: string]: unknown;
}

class Rig {
  readonly clock = new FakeClock();
  readonly lines: Line[] = [];
  sessions: SessionSnapshot[] = [session({ callId: 'a' })];
  readonly telemetry: TelemetryLog;

  constructor(level: 'debug' | 'info' | 'warn' = 'debug') {
    const output = { write: (line: string): void => void this.lines.push(JSON.parse(line) as Line) };
    const log = new LogSink({ clock: this.clock, level, format: 'json', personalData: false, output });
    this.telemetry = new TelemetryLog({ clock: this.clock, log, sessions: () => this.sessions });
  }

  /** The counters of every call go on by these. */
  pass(
    counters: Partial<
      Record<
        | 'capturedFrames'
        | 'sentFrames'
        | 'lostFrames'
        | 'underrunTicks'
        | 'lateTicks'
        | 'overflows'
        | 'speechTicks'
        | 'ticks',
        number
      >
    > = {},
  ): Line {
    const added = { capturedFrames: 500, sentFrames: 500, ticks: 500, speechTicks: 200, ...counters };
    this.sessions = this.sessions.map((each) => {
      const changed = Object.entries(added).map(([key, value]) => [
        key,
        ((each as unknown as Record<string, number | undefined>)[key] ?? 0) + value,
      ]);
      return { ...each, ...(Object.fromEntries(changed) as object) };
    });
    this.clock.advance(LIMITS.logTelemetryMs);
    const line = this.lines.at(-1);
    if (line === undefined) throw new Error('there is no line');
    return line;
  }
}

test('every 10 s one line for each call that talks, of what came since the one before', () => {
  const rig = new Rig();
  rig.pass();
  const { time: _time, ...line } = rig.pass({ lostFrames: 5 });
  assert.equal(line, {
    level: 'debug',
    component: 'CAPTURE',
    operation: 'telemetry',
    outcome: 'ok',
    session_uuid: 'a',
    rx: 500,
    tx: 500,
    loss: 1,
    jitter: 1,
    buffer: 22,
    in: -32,
    out: -127,
    vad: 40,
    latency: 641,
    underrun: 0,
    late: 0,
    msg: 'media of the call',
  });
  assert.is(rig.lines.length, 2);
  rig.sessions = [...rig.sessions, session({ callId: 'b' }), session({ callId: 'c', state: 'opening' })];
  rig.pass();
  assert.equal(
    rig.lines.slice(2).map((each) => each.session_uuid),
    ['a', 'b'],
  );
});

test('a call that is well is at `info` once a minute', () => {
  const rig = new Rig('info');
  for (let n = 0; n < 60; n += 1) rig.clock.advance(LIMITS.logTelemetryMs);
  assert.is(rig.lines.length, 10);
});

test('trouble is at `info` at once, three times; then once a minute; and at once again after a pause', () => {
  for (const trouble of [{ lostFrames: 20 }, { lateTicks: 10 }, { underrunTicks: 1 }, { overflows: 1 }]) {
    const rig = new Rig();
    rig.pass();
    rig.pass();
    const levels = Array.from({ length: 5 }, () => rig.pass(trouble)).map(
      ({ level, outcome }) => `${level} ${outcome}`,
    );
    assert.equal(levels, ['info degraded', 'info degraded', 'info degraded', 'debug degraded', 'debug degraded']);
    assert.is(rig.pass().outcome, 'ok');
    assert.is(rig.pass(trouble).level, 'info');
  }
});

test('a new call on the same channel begins anew', () => {
  const rig = new Rig();
  rig.pass();
  rig.sessions = [session({ callId: 'a', capturedFrames: 30, ticks: 40, lostFrames: 0 })];
  rig.clock.advance(LIMITS.logTelemetryMs);
  assert.is(rig.lines.at(-1)?.['rx'], 30);
});

test('nothing is measured where nobody would read it, and nothing is left after `stop`', () => {
  const rig = new Rig('warn');
  rig.clock.advance(100_000);
  assert.is(rig.lines.length, 0);
  rig.telemetry.stop();
  rig.telemetry.stop();
  assert.is(rig.clock.pending, 0);
});

test.run();
