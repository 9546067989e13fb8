import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TurnBuffer } from '../../src/simulator/turn-buffer.ts';
import { activeLevelDbov, fromLinear, toLinear } from '../../src/simulator/wire-audio.ts';
import { tone } from './realtime-bench.ts';

test('it keeps the newest bytes, as a plain array would', () => {
  const steps = fc.array(fc.tuple(fc.nat(70_000), fc.nat(100_000), fc.boolean()), { maxLength: 12 });
  fc.assert(
    fc.property(steps, (todo) => {
      const buffer = new TurnBuffer();
      let model: number[] = [];
      let next = 0;
      for (const [bytes, kept, take] of todo) {
        const audio = Uint8Array.from({ length: bytes }, () => next++ & 255);
        buffer.add(audio, kept);
        model = kept === 0 ? [] : [...model, ...audio].slice(-kept);
        assert.is(buffer.bytes, model.length);
        if (!take) continue;
        assert.equal(buffer.take(), Uint8Array.from(model));
        model = [];
        assert.is(buffer.bytes, 0);
      }
    }),
    { numRuns: 30 },
  );
});

test('what it was given may change afterwards, and what it gave does not', () => {
  const buffer = new TurnBuffer();
  const audio = Uint8Array.of(1, 2, 3);
  buffer.add(audio, 100);
  audio.fill(9);
  const taken = buffer.take();
  buffer.add(audio, 100);
  assert.equal([...taken], [1, 2, 3]);
  buffer.clear();
  assert.is(buffer.take().length, 0);
});

test('samples become bytes of the wire and come back', () => {
  const samples = Int16Array.of(0, 1, -1, 32767, -32768, 256);
  assert.equal([...fromLinear(samples, 'l16')], [0, 0, 1, 0, 255, 255, 255, 127, 0, 128, 0, 1]);
  assert.equal([...toLinear(Uint8Array.of(9, ...fromLinear(samples, 'l16')).subarray(1), 'l16')], [...samples]);
  assert.equal([...toLinear(Uint8Array.of(1, 0, 7), 'l16')], [1]);
  // ITU-T G.711: silence and full scale.
  assert.equal([...fromLinear(Int16Array.of(0, 32767, -32768), 'pcmu')], [0xff, 0x80, 0x00]);
  assert.equal([...fromLinear(Int16Array.of(32767, -32768), 'pcma')], [0xaa, 0x2a]);
  assert.equal([...toLinear(Uint8Array.of(0xff, 0x80, 0x00), 'pcmu')], [0, 32124, -32124]);
});

test('the level of speech leaves its pauses out', () => {
  // A sine of amplitude 8000 is 8000 / √2 / 32768 of full scale.
  const expected = 20 * Math.log10(8000 / Math.SQRT2 / 32768);
  const half = new Int16Array(16_000);
  half.set(tone(1000, 8000));
  assert.ok(Math.abs(activeLevelDbov(half, 8000) - expected) < 0.05);
  assert.is(activeLevelDbov(new Int16Array(8000), 8000), -127);
  assert.is(activeLevelDbov(new Int16Array(0), 8000), -127);
});

test.run();
