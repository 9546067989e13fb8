/** Whatever comes in, the echo canceller gives samples and figures in range, and a started one knows nothing of the past. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readMeters } from '../dsp/echo-run.ts';
import { CoreInstance } from './core-instance.ts';

const FRAME = 160;
const core = new CoreInstance();
const { exports } = core;
const region = core.samples(core.to, FRAME + 8);
const render = core.samples(exports.RENDER_PCM.value, FRAME);

/** A frame of one of the kinds that hurt: noise, overload, steps, silence, single bits. */
const kinds = ['noise', 'overload', 'square', 'silence', 'bits', 'dc'] as const;
const frames = fc.array(
  fc.record({
    said: fc.constantFrom(...kinds),
    heard: fc.constantFrom(...kinds),
    lost: fc.boolean(),
    repeat: fc.nat(30),
  }),
  { minLength: 1, maxLength: 12 },
);

function fill(target: Int16Array, kind: (typeof kinds)[number], n: number): void {
  let state = n + 1;
  for (let i = 0; i < FRAME; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    const noise = state >> 16;
    target[i] = {
      noise,
      overload: noise < 0 ? -32768 : 32767,
      square: (i >> 3) & 1 ? 32767 : -32768,
      silence: 0,
      bits: noise & 1,
      dc: -32768,
    }[kind];
  }
}

function meters(): number[] {
  return Array.from(new Float32Array(exports.memory.buffer, exports.METERS.value, exports.METERS_BYTES.value / 4));
}

test('any samples: in range, and not one figure that is not a number', () => {
  fc.assert(
    fc.property(frames, fc.constantFrom(1, 2), fc.constantFrom(0, 1, 2), (parts, mode, codec) => {
      exports.echoStart(mode, codec);
      region.subarray(FRAME).fill(12345);
      let n = 0;
      for (const { said, heard, lost, repeat } of parts) {
        for (let turn = 0; turn <= repeat; turn += 1) {
          n += 1;
          fill(region, heard, n);
          if (lost && turn % 3 === 0) exports.echoSkip(FRAME);
          else exports.echoCancel(core.to, FRAME);
          fill(render, said, n % 50);
          exports.echoReference(exports.RENDER_PCM.value, FRAME);
          const { residual, erle, coherence, delayMs } = readMeters(core, false);
          assert.ok(meters().every(Number.isFinite), String(meters()));
          assert.ok(residual >= -127 && residual <= 40, `residual ${residual}`);
          assert.ok(erle >= 0 && erle < 100, `erle ${erle}`);
          assert.ok(coherence >= 0 && coherence <= 1, `coherence ${coherence}`);
          assert.ok(delayMs >= -1 && delayMs <= 608, `delay ${delayMs}`);
        }
      }
      assert.ok(
        region.subarray(FRAME).every((sample) => sample === 12345),
        'nothing is written behind the frame',
      );
    }),
    { numRuns: 60 },
  );
});

test('after the worst an echo is found and taken out as from the start', () => {
  exports.echoStart(1, 0);
  for (let n = 0; n < 200; n += 1) {
    fill(region, 'overload', n);
    exports.echoCancel(core.to, FRAME);
    fill(render, 'square', n);
    exports.echoReference(exports.RENDER_PCM.value, FRAME);
  }
  let [inside, outside] = [0, 0];
  const line = new Float64Array(8000 * 5);
  for (let n = 0; n < 250; n += 1) {
    for (let i = 0; i < FRAME; i += 1) region[i] = 0.3 * (line[n * FRAME + i - 960] ?? 0);
    const before = region.slice(0, FRAME);
    exports.echoCancel(core.to, FRAME);
    if (n >= 200) {
      inside += before.reduce((sum, x) => sum + x * x, 0);
      outside += region.subarray(0, FRAME).reduce((sum, x) => sum + x * x, 0);
    }
    fill(render, 'noise', n);
    for (let i = 0; i < FRAME; i += 1) render[i] = (render[i] ?? 0) >> 3;
    line.set(render, n * FRAME);
    exports.echoReference(exports.RENDER_PCM.value, FRAME);
  }
  assert.ok(10 * Math.log10(inside / (outside + 1)) > 20, `${10 * Math.log10(inside / (outside + 1))} dB`);
});

test('started again it does to the bit what a new one does', () => {
  const run = (instance: CoreInstance): Int16Array => {
    const out = new Int16Array(FRAME * 100);
    const at = instance.samples(instance.to, FRAME);
    const said = instance.samples(instance.exports.RENDER_PCM.value, FRAME);
    for (let n = 0; n < 100; n += 1) {
      fill(at, 'noise', n % 40);
      instance.exports.echoCancel(instance.to, FRAME);
      out.set(at, n * FRAME);
      fill(said, 'noise', (n + 2) % 40);
      instance.exports.echoReference(instance.exports.RENDER_PCM.value, FRAME);
    }
    return out;
  };
  const fresh = new CoreInstance();
  fresh.exports.echoStart(1, 0);
  const expected = run(fresh);
  exports.echoStart(1, 0);
  run(core);
  exports.echoStart(1, 0);
  assert.equal(run(core), expected);
});

test('render and capture that drift apart are brought together again', () => {
  exports.echoStart(1, 0);
  for (let n = 0; n < 5000; n += 1) {
    fill(render, 'noise', n);
    exports.echoReference(exports.RENDER_PCM.value, FRAME);
  }
  for (let n = 0; n < 5000; n += 1) {
    fill(region, 'noise', n);
    exports.echoCancel(core.to, FRAME);
  }
  assert.ok(meters().every(Number.isFinite));
});

test.run();
