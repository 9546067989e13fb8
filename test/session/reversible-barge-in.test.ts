/** An agent that waits in the middle of a word and goes on: what comes out of the real chain, against a run without a pause. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { AudioFormat, MediaFormat } from '../../src/core/media.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import { Playout } from '../../src/session/playout.ts';
import { CallRig } from '../sim/call-rig.ts';

const LEG: MediaFormat = { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 };
const FRAME = 160;
const pool = await WasmDspPool.create({ size: 1 });

/** Two seconds that never repeat themselves. */
function material(rateHz: number): Int16Array {
  let noise = 1;
  let low = 0;
  return Int16Array.from({ length: 2 * rateHz }, (_, n) => {
    noise = (Math.imul(noise, 1664525) + 1013904223) | 0;
    // Below 2 kHz: what no resampler between the rates touches.
    low += (noise / 2 ** 31 - low) * ((2 * Math.PI * 600) / rateHz);
    return Math.round(4000 * Math.sin((2 * Math.PI * 310 * n) / rateHz) + 12_000 * low);
  });
}

/** What the caller is sent, frame by frame; each pause is `[from, to]` in ticks. */
function said(format: AudioFormat, pauses: readonly (readonly [number, number])[], ticks: number): Int16Array[] {
  const playout = new Playout({ format, ptimeMs: 20, prebufferMs: 40 });
  const dsp = pool.acquire({ leg: LEG, backendInput: LEG, backendOutput: format });
  playout.push(new Uint8Array(material(format.sampleRateHz).buffer));
  const frames: Int16Array[] = [];
  for (let tick = 0; tick < ticks; tick += 1) {
    if (pauses.some(([from]) => from === tick)) {
      playout.pause();
      dsp.rampGain(0, 10);
    }
    if (pauses.some(([, to]) => to === tick)) {
      playout.resume();
      dsp.rampGain(1, 10);
    }
    const wire = dsp.render(playout.pop());
    frames.push(new Int16Array(wire.slice().buffer));
  }
  pool.release(dsp);
  return frames;
}

/** The frames without those of the pauses: what was faded out and what was faded in again lie over each other. */
function without(pauses: readonly (readonly [number, number])[], frames: readonly Int16Array[]): Int16Array[] {
  return frames.flatMap((frame, tick) => {
    const pause = pauses.find(([from, to]) => tick >= from && tick <= to);
    if (pause === undefined) return [frame];
    const faded = frames[pause[0]]!;
    return tick === pause[1] ? [frame.map((sample, at) => sample + faded[at]!)] : [];
  });
}

const PAUSES = [
  [10, 13],
  [30, 36],
  [37, 38],
] as const;
const LOST = PAUSES.reduce((sum, [from, to]) => sum + to - from, 0);

test('nothing is lost and nothing is said twice: the two fades add up to what would have been said', () => {
  const straight = said(LEG, [], 80);
  const paused = said(LEG, PAUSES, 80 + LOST);
  const joined = without(PAUSES, paused);
  assert.is(joined.length, straight.length);
  let worst = 0;
  for (const [n, frame] of joined.entries())
    for (let at = 0; at < FRAME; at += 1) worst = Math.max(worst, Math.abs(frame[at]! - straight[n]![at]!));
  assert.ok(worst <= 2, `${worst} of 32768`);
  for (const [from, to] of PAUSES) {
    assert.ok(
      paused[from]!.subarray(80).every((sample) => sample === 0),
      'silent after 10 ms',
    );
    assert.ok(paused.slice(from + 1, to).every((frame) => frame.every((sample) => sample === 0)));
  }
});

test('through the resampler too, but for what its filter held', () => {
  const format: AudioFormat = { codec: 'l16', sampleRateHz: 24000 };
  const straight = said(format, [], 80);
  const joined = without(PAUSES, said(format, PAUSES, 80 + LOST));
  const fades = new Set(
    PAUSES.map(([from], index) => from - PAUSES.slice(0, index).reduce((sum, [a, b]) => sum + b - a, 0)),
  );
  for (const [n, frame] of joined.entries()) {
    let [error, power] = [0, 0];
    for (let at = 0; at < FRAME; at += 1) {
      error += (frame[at]! - straight[n]![at]!) ** 2;
      power += straight[n]![at]! ** 2;
    }
    const ratioDb = 10 * Math.log10((error + 1e-9) / power);
    assert.ok(ratioDb < (fades.has(n) ? -12 : -60), `frame ${n}: ${ratioDb} dB`);
  }
});

test('audio that comes in while the agent waits is said after it, and a phrase that was complete ends after it', () => {
  const playout = new Playout({ format: { codec: 'pcmu', sampleRateHz: 8000 }, ptimeMs: 20, prebufferMs: 20 });
  playout.push(new Uint8Array(320).fill(1));
  assert.is(playout.pop()?.[0], 1);
  playout.pause();
  assert.is(playout.pop()?.[0], 1, 'lent, to be faded');
  assert.is(playout.lastBytes, 0, 'and not played');
  playout.push(new Uint8Array(160).fill(2));
  playout.complete();
  for (let tick = 0; tick < 500; tick += 1) {
    assert.is(playout.pop(), null);
    assert.is(playout.moment, 'speaking');
  }
  assert.is(playout.underruns, 0);
  playout.resume();
  assert.equal([playout.pop()?.[0], playout.lastBytes], [1, 160]);
  assert.equal([playout.pop()?.[0], playout.lastBytes], [2, 160]);
  assert.is(playout.pop(), null);
  assert.is(playout.moment, 'ended');
});

test('a clear ends the pause', () => {
  const playout = new Playout({ format: { codec: 'pcmu', sampleRateHz: 8000 }, ptimeMs: 20, prebufferMs: 20 });
  playout.push(new Uint8Array(320));
  playout.pop();
  playout.pause();
  playout.clear();
  playout.push(new Uint8Array(160));
  assert.ok(playout.pop() !== null);
  assert.is(playout.paused, false);
});

test('in a call: silent within the frame in which the caller is first heard, on again 60 ms after a cough, all of it said', async () => {
  const rig = await CallRig.talking();
  rig.answer('a', 1000, 0x11);
  await rig.run(400);
  await rig.run(40, 0.9);
  await rig.run(2000);
  const bytes = rig.leg.transport.sent.reduce(
    (sum, { payload }) => sum + payload.filter((byte) => byte === 0x11).length,
    0,
  );
  // The frame that is faded goes out twice.
  assert.is(bytes / 8, 1000 + 20);
  assert.is(rig.session.snapshot().bargeIns, 0);
  assert.equal(rig.pool.dsp.ramps, [
    [0, 10],
    [1, 10],
  ]);
});

/** Bytes of `value` that left for the caller. */
const sentOf = (rig: CallRig, value: number): number =>
  rig.leg.transport.sent.reduce((sum, { payload }) => sum + payload.filter((byte) => byte === value).length, 0);

test('a sound that plays keeps its level when the caller speaks, and one that comes in the pause waits for its end', async () => {
  const rig = await CallRig.talking();
  const { dsp } = rig.pool;
  const quiet: number[] = [];
  const render = dsp.render.bind(dsp);
  dsp.render = (frame) => {
    if (frame?.[0] === 0x33 && dsp.gain !== 1) quiet.push(dsp.gain);
    return render(frame);
  };
  const play = (ms: number): void =>
    rig.session.controls.play(new Uint8Array(ms * 8).fill(0x33), rig.session.controls.soundFormat);
  rig.answer('a', 2000, 0x11);
  await rig.run(400);
  play(300);
  await rig.run(60);
  await rig.run(40, 0.9);
  await rig.run(400);
  assert.is(sentOf(rig, 0x33), 300 * 8);
  await rig.run(20, 0.9);
  play(100);
  await rig.run(200);
  assert.is(sentOf(rig, 0x33), 400 * 8);
  play(300);
  await rig.run(40);
  await rig.run(200, 0.9);
  await rig.run(200);
  assert.is(rig.session.snapshot().bargeIns, 1, 'the agent that waited was cut off');
  assert.is(sentOf(rig, 0x33), 700 * 8);
  assert.equal(quiet, []);
});

test('who is sent both sides gets the frame that is faded once', async () => {
  const rig = await CallRig.talking();
  const played: (number | null)[] = [];
  Object.assign(rig.stream, {
    wantsPlayed: true,
    sendPlayed: (frame: Uint8Array | null) => played.push(frame?.length ?? null),
  });
  rig.answer('a', 400, 0x11);
  await rig.run(100);
  await rig.run(20, 0.9);
  await rig.run(800);
  assert.is(
    played.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0),
    400 * 8,
  );
});

test.run();
