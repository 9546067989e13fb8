/** The echo canceller's bars, on echo that the test makes: every figure is measured from what goes in and comes out. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Signal } from '../dsp/echo-scene.ts';
import { hybrid, loudspeaker, noiseOf, room, through, times } from '../dsp/echo-scene.ts';
import { agent, caller, doubleTalk, erleDb, erleOverTime, runScene, SECONDS } from '../dsp/echo-run.ts';

const LENGTH = SECONDS * 8000;
const reference = agent();
const after = (ms: number) => () => ms * 8;
const from = (signal: Signal, ms: number): Signal => signal.map((x, n) => (n < ms * 8 ? 0 : x));

for (const delayMs of [0, 20, 120, 350, 600]) {
  test(`a hybrid ${delayMs} ms away: 20 dB after one second of echo, and the delay within 10 ms`, () => {
    // Captures come before renders, so nothing can come back within the tick.
    const echo = through(reference, hybrid(-10, 40 + delayMs), after(delayMs));
    const outcome = runScene({ reference, echo, captureFirst: delayMs > 0 });
    assert.ok(erleDb(outcome, delayMs + 1100, 8000) > 20, `${erleDb(outcome, delayMs + 1100, 8000)} dB`);
    const last = outcome.meters[outcome.meters.length - 1];
    assert.ok(Math.abs((last?.delayMs ?? NaN) - delayMs - 2) < 10, `${last?.delayMs} ms`);
    assert.ok(last?.likely);
    assert.ok((last?.erle ?? 0) > 8, `${last?.erle} dB by the filter`);
  });
}

for (const [name, gainDb, seed] of [
  ['a loud hybrid', -6, 81],
  ['a quiet hybrid', -20, 82],
  ['another hybrid', -12, 83],
] as const) {
  test(`${name}: 20 dB`, () => {
    const echo = through(reference, hybrid(gainDb, seed), after(80));
    const outcome = runScene({ reference, echo, noiseRms: 3 });
    assert.ok(erleDb(outcome, 1200, 8000) > 20, `${erleDb(outcome, 1200, 8000)} dB`);
  });
}

test('a room with 200 ms of reverberation: 20 dB', () => {
  const echo = through(reference, room(-10, 5), after(120));
  const outcome = runScene({ reference, echo });
  assert.ok(erleDb(outcome, 1200, 8000) > 20, `${erleDb(outcome, 1200, 8000)} dB`);
});

test('a path of 128 ms: what comes back last is taken out like what comes back first', () => {
  // Two reflections alike, the second one ends 128 ms behind the beginning of the first.
  const [first, last] = [hybrid(-13, 21), hybrid(-13, 22)];
  const apart = 8 * 128 - last.length;
  const path = Array.from({ length: 1024 }, (_, n) => (first[n] ?? 0) + (last[n - apart] ?? 0));
  const outcome = runScene({ reference, echo: through(reference, path, after(60)) });
  assert.ok(erleDb(outcome, 1300, 8000) > 20, `${erleDb(outcome, 1300, 8000)} dB`);
});

test('a loudspeaker that clips softly and remembers: 12 dB', () => {
  const driven = loudspeaker(reference, 4);
  const outcome = runScene({ reference, echo: through(driven, room(-6, 9), after(120)) });
  assert.ok(erleDb(outcome, 1200, 8000) > 12, `${erleDb(outcome, 1200, 8000)} dB`);
});

test('a faint, reverberant echo in noise: the filter is tried where it may be, before the search is sure', () => {
  // The search's score stays between what is worth a trial and what is believed for one to two seconds.
  const speech = reference.slice(0, 9600);
  const driven = loudspeaker(speech, 8);
  const engaged = Array.from({ length: 12 }, (_, n) => {
    const echo = through(driven, room(-16, n + 1, 400), after(200));
    const { meters } = runScene({ reference: speech, echo, noiseRms: 80 });
    return meters.some((frame) => frame.delayMs >= 0);
  });
  // Without trials: none of twelve rooms within these 1.2 s.
  const within = engaged.filter(Boolean).length;
  assert.ok(within >= 4, `${within} of 12 rooms within a second of echo`);
});

test('a step of the delay by 200 ms: 20 dB again within a second of echo', () => {
  const echo = through(reference, hybrid(-10, 6), (n) => (n < 32_000 ? 960 : 2560));
  const outcome = runScene({ reference, echo });
  assert.ok(erleDb(outcome, 1200, 4000) > 20, 'before');
  const again = erleDb(outcome, 5000, 8000);
  assert.ok(again > 20, `${again} dB from one second after the step on`);
  assert.ok(Math.abs((outcome.meters.at(-1)?.delayMs ?? NaN) - 322) < 12);
});

test('a step back by 200 ms, and slips of 10 ms', () => {
  const back = through(reference, hybrid(-10, 6), (n) => (n < 32_000 ? 2560 : 960));
  const outcome = runScene({ reference, echo: back });
  assert.ok(erleDb(outcome, 5000, 8000) > 20, `${erleDb(outcome, 5000, 8000)} dB after the step back`);
  const slips = through(reference, hybrid(-10, 6), (n) => 960 + 80 * Math.floor(n / 20_000));
  const slipping = runScene({ reference, echo: slips });
  for (const [fromMs, toMs] of [
    [1200, 2500],
    [3700, 5000],
    [6300, 7500],
  ] as const) {
    const erle = erleDb(slipping, fromMs, toMs);
    assert.ok(erle > 12, `${erle} dB from ${fromMs} ms on, 1.2 s behind a slip`);
  }
});

test('what sounds like an echo of what was not even sent yet does not keep the filter from the real one', () => {
  // 17.5 ms after the words were handed over, 2.5 ms before they leave: a caller who reads along.
  const echo = through(reference, hybrid(-10, 6), (n) => (n < 20_000 ? 140 : 720));
  const outcome = runScene({ reference, echo, captureFirst: true });
  assert.ok(erleDb(outcome, 4000, 8000) > 25, `${erleDb(outcome, 4000, 8000)} dB`);
});

test('another path at the same delay is learned within a second', () => {
  const one = through(reference, hybrid(-10, 6), after(120));
  const other = through(reference, hybrid(-10, 16), after(120));
  const outcome = runScene({ reference, echo: one.map((x, n) => (n < 32_000 ? x : (other[n] ?? 0))) });
  assert.ok(erleDb(outcome, 5200, 8000) > 20, `${erleDb(outcome, 5200, 8000)} dB`);
});

for (const nearDb of [-6, 0, 6]) {
  test(`double talk, the caller at ${nearDb} dB to the echo: at most 2 dB of the caller lost`, () => {
    // The agent has −22 dBov, the echo 10 dB less.
    const near = from(times(caller(), nearDb - 10), 3000);
    const scene = { reference, echo: through(reference, hybrid(-10, 6), after(120)), near };
    const { lossDb, noiseDb } = doubleTalk(runScene(scene), scene, 3000);
    assert.ok(lossDb < 2, `${lossDb} dB lost`);
    // Uncancelled it would be as loud as the echo.
    assert.ok(noiseDb < -nearDb - 6, `${noiseDb} dB of echo beside the caller`);
  });
}

test('a caller who is muted for seconds sends nothing to learn from: the path is known when the echo is back', () => {
  const echo = through(reference, hybrid(-10, 6), after(120)).map((x, n) => (n >= 24_000 && n < 44_000 ? 0 : x));
  const outcome = runScene({ reference, echo, noiseRms: 0 });
  assert.ok(erleDb(outcome, 2000, 3000) > 20, 'before');
  const again = erleDb(outcome, 5520, 5820);
  assert.ok(again > 20, `${again} dB in the first 300 ms`);
});

test('a line that is digital silence every other 50 ms: the canceller goes on at once behind each', () => {
  const echo = through(reference, hybrid(-10, 6), after(120)).map((x, n) => (n >= 24_000 && (n / 400) % 2 < 1 ? 0 : x));
  const outcome = runScene({ reference, echo, noiseRms: 0 });
  const erle = erleDb(outcome, 4000, 7800);
  assert.ok(erle > 20, `${erle} dB`);
});

test('double talk through a loudspeaker: at most 2 dB of the caller lost', () => {
  const echo = through(loudspeaker(reference, 4), room(-6, 9), after(120));
  const scene = { reference, echo, near: from(times(caller(), -6), 3000) };
  const { lossDb } = doubleTalk(runScene(scene), scene, 3000);
  assert.ok(lossDb < 2, `${lossDb} dB lost`);
});

test('after double talk the path is still known', () => {
  const near = times(caller(), -4).map((x, n) => (n > 24_000 && n < 40_000 ? x : 0));
  const scene = { reference, echo: through(reference, hybrid(-10, 6), after(120)), near };
  const outcome = runScene(scene);
  const steps = erleOverTime(outcome, scene.echo, 250).slice(22);
  assert.ok(
    steps.every((step) => step === null || step > 12),
    String(steps),
  );
});

test('double talk is told from echo', () => {
  const near = from(times(caller(), -8), 4000);
  const echo = through(reference, hybrid(-10, 6), after(120));
  const { meters } = runScene({ reference, echo, near });
  const share = (part: typeof meters): number => part.filter((frame) => frame.doubleTalk).length / part.length;
  assert.ok(share(meters.slice(100, 200)) < 0.05, `echo alone: ${share(meters.slice(100, 200))}`);
  assert.ok(share(meters.slice(200)) > 0.5, `both: ${share(meters.slice(200))}`);
  const coherence = (part: typeof meters): number =>
    part.reduce((sum, frame) => sum + frame.coherence, 0) / part.length;
  assert.ok(coherence(meters.slice(100, 200)) > 0.7, 'echo alone is coherent with the reference');
});

test('no echo: the caller is not touched, not by a bit', () => {
  const silence = new Float64Array(LENGTH);
  for (const near of [times(caller(), 0), times(caller(), -20)]) {
    const { heard, left, meters } = runScene({ reference, echo: silence, near, noiseRms: 20 });
    assert.equal(left, heard);
    assert.ok(meters.every((frame) => !frame.changed && frame.coherence < 0.7));
  }
});

test('no far end: what was learned does not touch the caller', () => {
  const half = reference.map((x, n) => (n < 24_000 ? x : 0));
  const echo = through(half, hybrid(-10, 6), after(120));
  const { heard, left } = runScene({ reference: half, echo, near: from(caller(), 4000) });
  // The last of the echo has been given 600 ms to leave the filter.
  assert.equal(left.subarray(32_000), heard.subarray(32_000));
});

test('nothing at all: nothing is done', () => {
  const silence = new Float64Array(LENGTH);
  const { heard, left } = runScene({ reference: silence, echo: silence, near: caller() });
  assert.equal(left, heard);
});

test('the cut into frames does not show, nor do lost frames spoil what was learned', () => {
  const echo = through(reference, hybrid(-10, 6), after(120));
  const whole = runScene({ reference, echo, captureFirst: false }).left;
  for (const frame of [80, 240, 320, 480]) {
    const { left } = runScene({ reference, echo, captureFirst: false, frame });
    const common = Math.floor(LENGTH / frame) * frame;
    assert.equal(left.subarray(0, common), whole.subarray(0, common), `frames of ${frame} samples`);
  }
  const lossy = runScene({ reference, echo, lost: (n) => n % 11 === 7 });
  const kept = lossy.heard.map((x, n) => (Math.floor(n / 160) % 11 === 7 ? 0 : x));
  assert.ok(erleDb({ ...lossy, heard: kept }, 1500, 8000) > 18, `${erleDb({ ...lossy, heard: kept }, 1500, 8000)} dB`);
});

test('what is put in place of the echo is as loud as the line', () => {
  const echo = through(reference, hybrid(-10, 6), after(120));
  const { left } = runScene({ reference, echo, noiseRms: 40 });
  const rms = (samples: Int16Array): number => Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / samples.length);
  const noise = rms(Int16Array.from(noiseOf(8000, 40, 3)));
  const filled = rms(left.subarray(8000 * 6));
  assert.ok(filled > noise / 3 && filled < noise * 3, `${filled} beside ${noise}`);
});

test.run();
