/**
 * The first seconds of calls whose far end sends the agent's voice back, through the real chain, endpointer, playout and turn keeper: the
 * agent is never stopped by itself, the backend hears no turn in it, and a caller is heard all the same.
 */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import { MU_LAW } from '../../src/simulator/g711-table.ts';
import { hybrid, loudspeaker, room } from '../dsp/echo-scene.ts';
import type { Path } from '../dsp/echo-scene.ts';
import { gaussian, say } from '../dsp/speech.ts';
import { LineCall, PTIME_MS } from '../sim/line-call.ts';

const pool = await WasmDspPool.create({ size: 2 });
const decode = (wire: Uint8Array): Int16Array => Int16Array.from(wire, (code) => MU_LAW.decode[code]!);
const encode = (pcm: Int16Array): Uint8Array => Uint8Array.from(pcm, (x) => MU_LAW.encode[x + 32_768]!);

const GREETING = say('Good morning, you have reached the practice of doctor Miller, how may I help you today?', 'slt');
const OFFER = say(
  'I can offer you an appointment on Thursday at a quarter past nine, or on Friday after lunch.',
  'slt',
);
const CALLER = say('No, wait a moment, that is not what I have asked for at all.', 'rms');

interface Line {
  readonly path: Path;
  readonly delayMs: number;
  /** From this moment on it is another one; absent: it stays. */
  readonly slipAtMs?: number;
  readonly slipMs?: number;
  /** Of a loudspeaker that is driven hard; absent: linear. */
  readonly drive?: number;
  /** When the caller begins to speak; absent: never. */
  readonly callerAtMs?: number;
  readonly callerDb?: number;
  readonly echoCanceller?: 'auto' | 'off';
}

/** The agent speaks at once, and again after a pause. */
function converse(line: Line): LineCall {
  const noise = gaussian(7);
  const heard: number[] = [];
  let said = 0;
  const gain = 10 ** ((line.callerDb ?? -6) / 20);
  const call = new LineCall({
    pool,
    decode,
    encode,
    listens: true,
    options: { greeting: '', echoCanceller: line.echoCanceller ?? 'auto' },
    farEnd: (samples) => {
      const given = Float64Array.from(samples);
      heard.push(...(line.drive === undefined ? given : loudspeaker(given, line.drive)));
      return Int16Array.from({ length: 160 }, () => {
        const slipped = said >= (line.slipAtMs ?? Infinity) * 8;
        const newest = said - (line.delayMs + (slipped ? (line.slipMs ?? 0) : 0)) * 8;
        let sum = 6 * noise();
        for (let k = 0; k < line.path.length && k <= newest; k += 1)
          sum += (line.path[k] ?? 0) * (heard[newest - k] ?? 0);
        if (line.callerAtMs !== undefined) sum += gain * (CALLER[said - line.callerAtMs * 8] ?? 0);
        said += 1;
        return Math.max(-32_768, Math.min(32_767, Math.round(sum)));
      });
    },
  });
  call.say(encode(GREETING));
  for (let ms = 0; ms < 12_500; ms += PTIME_MS) {
    if (ms === 6_000) call.say(encode(OFFER));
    call.tick();
  }
  call.close();
  return call;
}

const byCaller = (call: LineCall) =>
  call.of('speech.started').filter(({ event }) => event.by === 'caller' && event.source === 'endpointer');

const ECHOES: readonly (readonly [string, Line])[] = [
  ['a hybrid, 20 ms away', { path: hybrid(-10, 1), delayMs: 20 }],
  ['a hybrid, 100 ms away', { path: hybrid(-6, 2), delayMs: 100 }],
  ['a hybrid, 480 ms away', { path: hybrid(-16, 3), delayMs: 480 }],
  ['a room', { path: room(-10, 4), delayMs: 180 }],
  ['an overdriven loudspeaker in a room', { path: room(-10, 5), delayMs: 250, drive: 4 }],
  ['a faint hybrid', { path: hybrid(-24, 6), delayMs: 60 }],
  [
    'a loudspeaker driven so hard that half of its echo is not predicted',
    { path: room(-10, 3), delayMs: 250, drive: 8 },
  ],
];

for (const [name, line] of ECHOES) {
  test(`${name}: the agent says all that it has to say, and nobody takes it for the caller`, () => {
    const call = converse(line);
    assert.equal(
      call.of('barge-in').map(({ atMs }) => atMs),
      [],
      'stopped',
    );
    assert.equal(
      byCaller(call).map(({ atMs }) => atMs),
      [],
      'heard as a caller',
    );
    assert.equal(call.backendTurns, [], 'heard by the backend');
    assert.is(call.of('speech.stopped').filter(({ event }) => event.by === 'agent').length, 2);
  });
}

for (const [seed, delayMs, slipMs, slipAtMs] of [
  [1, 60, 80, 3_000],
  [3, 60, 80, 3_000],
  [2, 60, 40, 6_800],
  [1, 250, 80, 6_800],
  [3, 250, 120, 6_800],
  [4, 250, 120, 6_800],
  [5, 250, -20, 6_800],
] as const) {
  test(`an overdriven loudspeaker whose delay slips from ${delayMs} ms by ${slipMs} in room ${seed}: nothing stops the agent`, () => {
    const call = converse({ path: room(-10, seed), delayMs, drive: 4, slipAtMs, slipMs });
    const stops = call.of('barge-in').map(({ atMs }) => atMs);
    assert.equal(stops, []);
  });
}

test('just after a slip a caller who is louder than the echo is heard as soon as ever', () => {
  for (const callerAtMs of [6_850, 7_000]) {
    const { stopMs } = cutIn({
      path: room(-10, 3),
      delayMs: 250,
      drive: 4,
      slipAtMs: 6_800,
      slipMs: 120,
      callerAtMs,
      callerDb: 6,
    });
    assert.ok(stopMs <= 500, `${callerAtMs}: ${stopMs} ms`);
  }
});

test('a long room leaves much of its echo, and the agent does not wait for that', () => {
  for (const delayMs of [100, 250])
    assert.is(converse({ path: room(-10, 3), delayMs }).of('barge-in.withdrawn').length, 0);
});

test('with the canceller off the same echo stops the agent: the test can fail', () => {
  const call = converse({ path: hybrid(-10, 1), delayMs: 100, echoCanceller: 'off' });
  assert.ok(call.of('barge-in').length > 0);
  assert.ok(call.backendTurns.length > 0);
});

/** How long the agent went on, and whether the backend heard the caller from the first word on. */
function cutIn(line: Line & { callerAtMs: number }): { stopMs: number; turns: number; heardFromMs: number } {
  const call = converse(line);
  const [stop] = call.of('barge-in');
  assert.ok(stop !== undefined, 'nobody stopped the agent');
  assert.ok(stop.atMs > line.callerAtMs, 'it stopped before anybody spoke');
  const level = (pcm: Int16Array): number => pcm.reduce((sum, x) => sum + x * x, 0) / pcm.length;
  const first = call.forBackend.findIndex((frame) => level(decode(frame)) > 300 ** 2);
  return { stopMs: stop.atMs - line.callerAtMs, turns: call.backendTurns.length, heardFromMs: first * PTIME_MS };
}

test('a caller without an echo cuts into the first two seconds, and the backend hears it', () => {
  for (const callerAtMs of [300, 900, 1_600]) {
    const { stopMs, turns } = cutIn({ path: [], delayMs: 20, callerAtMs });
    assert.ok(stopMs <= 700, `${stopMs} ms`);
    assert.ok(turns >= 1, 'and the backend took it for a turn');
  }
});

test('behind the first seconds what is fainter than -60 dBov stops nobody; what is 10 dB louder does', () => {
  const rms = Math.sqrt(CALLER.reduce((sum, x) => sum + x * x, 0) / CALLER.length);
  const at = (dbov: number): number =>
    converse({ path: [], delayMs: 20, callerAtMs: 7_000, callerDb: dbov - 20 * Math.log10(rms / 32_768) }).of(
      'barge-in',
    ).length;
  // A mean: words are some 8 dB louder.
  assert.is(at(-70), 0);
  assert.ok(at(-50) > 0);
});

test('so does one over an echo, early and late', () => {
  for (const callerAtMs of [900, 3_000, 7_500]) {
    const { stopMs, turns } = cutIn({ path: hybrid(-16, 3), delayMs: 120, callerAtMs, callerDb: 0 });
    assert.ok(stopMs <= 900, `${callerAtMs}: ${stopMs} ms`);
    assert.ok(turns >= 1);
  }
});

test.run();
