/** Time scale: what is cut out or repeated is not heard, and is exactly what is said to be. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { conversation, onTheLine, say } from '../dsp/speech.ts';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const { exports } = core;

interface Scaled {
  readonly out: Int16Array;
  /** Samples that were left in the line. */
  readonly left: number;
}

/** Runs `pcm` through the line in frames of 20 ms, wanting `ms` more or less all the time. */
function scale(pcm: Int16Array, rate: number, ms: number, ptimeMs = 20): Scaled {
  const frame = (rate / 1000) * ptimeMs;
  exports.scaleStart(rate);
  const out: number[] = [];
  let at = 0;
  let held = 0;
  for (;;) {
    while (held < 2 * frame && at + frame <= pcm.length) {
      core.samples(core.from, frame).set(pcm.subarray(at, at + frame));
      held = exports.scaleAppend(core.from, frame);
      at += frame;
    }
    if (held < frame) return { out: Int16Array.from(out), left: held };
    exports.scaleAdjust(ms, frame, 0);
    held = exports.scaleTake(core.to, frame);
    out.push(...core.samples(core.to, frame));
  }
}

/** Signal to everything that is not the sine of `hz` that fits best, in dB, over pieces of 20 ms. */
function sineSnr(pcm: Int16Array, hz: number, rate: number): number {
  const size = rate / 50;
  let signal = 0;
  let noise = 0;
  for (let at = 0; at + size <= pcm.length; at += size) {
    let [cc, ss, cs, xc, xs] = [0, 0, 0, 0, 0];
    for (let n = 0; n < size; n += 1) {
      const c = Math.cos((2 * Math.PI * hz * n) / rate);
      const s = Math.sin((2 * Math.PI * hz * n) / rate);
      const x = pcm[at + n] ?? 0;
      cc += c * c;
      ss += s * s;
      cs += c * s;
      xc += x * c;
      xs += x * s;
    }
    const det = cc * ss - cs * cs;
    const a = (xc * ss - xs * cs) / det;
    const b = (xs * cc - xc * cs) / det;
    for (let n = 0; n < size; n += 1) {
      const fit = a * Math.cos((2 * Math.PI * hz * n) / rate) + b * Math.sin((2 * Math.PI * hz * n) / rate);
      signal += fit * fit;
      noise += ((pcm[at + n] ?? 0) - fit) ** 2;
    }
  }
  return 10 * Math.log10(signal / noise);
}

const sine = (hz: number, rate: number, seconds: number): Int16Array =>
  Int16Array.from({ length: rate * seconds }, (_, n) => Math.round(12_000 * Math.sin((2 * Math.PI * hz * n) / rate)));

const steepest = (pcm: Int16Array): number =>
  pcm.reduce((most, x, n) => (n === 0 ? 0 : Math.max(most, Math.abs(x - (pcm[n - 1] ?? 0)))), 0);

for (const rate of [8000, 16000, 24000, 48000]) {
  for (const ms of [40, -40]) {
    test(`${rate} Hz, ${ms > 0 ? 'faster' : 'slower'}: a sine stays a sine of its pitch, and no step is steeper than its own`, () => {
      for (const hz of [110, 200, 440, 1000, 2300]) {
        const tone = sine(hz, rate, 4);
        const { out } = scale(tone, rate, ms);
        const ratio = tone.length / out.length;
        assert.ok(ms > 0 ? ratio > 1.1 : ratio < 0.92, `${hz} Hz: something was scaled, ${ratio}`);
        const snr = sineSnr(out, hz, rate);
        // A lag is whole samples: the seam is off by at most half a sample of the highest tone.
        assert.ok(snr > (hz < 2000 ? 24 : 15), `${hz} Hz: ${snr} dB`);
        assert.ok(steepest(out) <= steepest(tone) * 1.1 + 2, `${hz} Hz: ${steepest(out)} against ${steepest(tone)}`);
      }
    });
  }
}

const speech = onTheLine(
  conversation([say('The quick brown fox jumps over the lazy dog, and goes home again.', 'slt')], 300).pcm,
);

test('never faster than 1.15 times, nor slower than by as much', () => {
  for (const [ms, limit] of [
    [500, 1.15],
    [-500, 1 / 1.15],
  ] as const) {
    const { out, left } = scale(speech, 8000, ms);
    // One stretch of 15 ms is free at the start.
    const [consumed, heard] = [speech.length - left, out.length];
    if (ms > 0) assert.ok(consumed - 120 <= heard * limit + 1, `${consumed / heard}`);
    else assert.ok(consumed + 120 >= heard * limit - 1, `${consumed / heard}`);
    if (ms > 0) assert.ok(consumed / heard > 1.12, `${consumed / heard}`);
    else assert.ok(consumed / heard < 0.9, `${consumed / heard}`);
  }
});

test('works at every packet duration, in the direction that was asked for', () => {
  for (const ptimeMs of [10, 20, 30, 60]) {
    for (const ms of [7, 100, -7, -100]) {
      const frame = 8 * ptimeMs;
      const length = Math.floor(speech.length / frame) * frame;
      const { out, left } = scale(speech.subarray(0, length), 8000, ms, ptimeMs);
      const changed = length - out.length - left;
      assert.ok(ms > 0 ? changed >= 0 : changed <= 0, `${changed}`);
      if (Math.abs(ms) > 50 && ptimeMs >= 20) assert.ok(Math.abs(changed) > 0.04 * length, `${ptimeMs} ms: ${changed}`);
    }
  }
});

test('no click: on scaled speech no step is much steeper than on the speech itself', () => {
  for (const ms of [500, -500, 20, -20]) {
    const { out } = scale(speech, 8000, ms);
    assert.ok(steepest(out) <= 1.15 * steepest(speech), `${ms}: ${steepest(out)} against ${steepest(speech)}`);
  }
});

test('not more than was asked for, and nothing where less than 2.5 ms is', () => {
  exports.scaleStart(8000);
  core.samples(core.from, 320).set(sine(200, 8000, 1).subarray(0, 320));
  assert.is(exports.scaleAppend(core.from, 320), 320);
  assert.is(exports.scaleAdjust(2, 160, 0), 320);
  const held = exports.scaleAdjust(6, 160, 0);
  assert.ok(held === 280, `${held}: one period of 5 ms`);
});

test('in a pause the cut ends where a packet does', () => {
  exports.scaleStart(8000);
  core.samples(core.from, 160).fill(0);
  exports.scaleAppend(core.from, 160);
  exports.scaleAppend(core.from, 37);
  exports.scaleAppend(core.from, 160);
  assert.is(exports.scaleAdjust(10, 160, 1), 320);
  assert.is(exports.scaleAdjust(20, 160, 1), 160);
  assert.is(exports.scaleAdjust(20, 160, 1), 160, 'a frame is always left');
});

test('any order, any samples: never more than there is room for, never fewer than none', () => {
  let seed = 1;
  const random = (): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  for (const rate of [8000, 48000]) {
    exports.scaleStart(rate);
    let held = 0;
    for (let n = 0; n < 20_000; n += 1) {
      const count = Math.floor(random() * 2881);
      const what = random();
      if (what < 0.4) {
        core.samples(core.from, count).fill(Math.floor(random() * 65_536) - 32_768);
        held = exports.scaleAppend(core.from, count);
      } else if (what < 0.8) {
        held = exports.scaleTake(core.to, count);
      } else {
        const ms = Math.floor((random() - 0.5) * 2 ** (32 * random()));
        held = exports.scaleAdjust(ms, 1 + Math.floor(random() * 2880), random() < 0.5 ? 1 : 0);
      }
      assert.ok(held >= 0 && held <= exports.SCALE_LINE_SAMPLES.value, `${held}`);
    }
  }
});

test.run();
