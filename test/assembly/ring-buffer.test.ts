/** The ring against a model: an ordinary array with a limit. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CoreInstance } from './core-instance.ts';

const core = new CoreInstance();
const { exports } = core;

type Step = { readonly write: number } | { readonly read: number };

const steps = fc.array(
  fc.oneof(
    fc.record({ write: fc.integer({ min: 0, max: 90 }) }),
    fc.record({ read: fc.integer({ min: 0, max: 90 }) }),
  ) as fc.Arbitrary<Step>,
  { maxLength: 200 },
);

test('behaves as a queue with a limit, for any order of writes and reads', () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 16, 64, exports.HOP_RING_SAMPLES.value), steps, (capacity, script) => {
      exports.ringStart(capacity);
      const model: number[] = [];
      let next = 0;
      for (const step of script) {
        if ('write' in step) {
          const offered = Array.from({ length: step.write }, (_, i) => ((next + i) % 65536) - 32768);
          core.samples(core.from, step.write).set(offered);
          const taken = exports.ringWrite(core.from, step.write);
          assert.is(taken, Math.min(step.write, capacity - model.length));
          model.push(...offered.slice(0, taken));
          next += taken;
        } else {
          core.samples(core.to, 100).fill(99);
          const given = exports.ringRead(core.to, step.read);
          const expected = model.splice(0, step.read);
          assert.is(given, expected.length);
          assert.equal(
            [...core.samples(core.to, 100)],
            [...expected, ...Array.from({ length: 100 - given }, () => 99)],
          );
        }
        assert.is(exports.ringWaiting(), model.length);
      }
    }),
  );
});

test('a negative count moves nothing', () => {
  exports.ringStart(64);
  assert.is(exports.ringWrite(core.from, -1), 0);
  exports.ringWrite(core.from, 10);
  assert.is(exports.ringRead(core.to, -5), 0);
  assert.is(exports.ringWaiting(), 10);
});

test('starting again empties it', () => {
  exports.ringStart(64);
  exports.ringWrite(core.from, 40);
  exports.ringStart(64);
  assert.is(exports.ringWaiting(), 0);
  assert.is(exports.ringRead(core.to, 64), 0);
});

test.run();
