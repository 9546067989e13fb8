/** The door of an overloaded process: it closes at its bounds, and does not flap. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { Admission, DEFAULT_ADMISSION } from '../../src/resilience/admission.ts';
import type { AdmissionPolicy, Load } from '../../src/resilience/admission.ts';
import { FakeClock } from '../sim/fake-clock.ts';

const WELL: Load = { lateTicksPct: 0, loopLagMs: 0, crowdedPct: 0, freePorts: 100, memoryMb: 100 };
const POLICY: AdmissionPolicy = {
  ...DEFAULT_ADMISSION,
  lateTicksPct: 5,
  loopLagMs: 250,
  freePorts: 4,
  memoryMb: 1_000,
};

function door(policy = POLICY) {
  const clock = new FakeClock();
  const changes: string[] = [];
  const admission = new Admission({ policy, clock, onChange: (reasons) => changes.push(reasons.join()) });
  const look = (load: Partial<Load>, seconds = 1): void => {
    for (let second = 0; second < seconds; second += 1) {
      clock.advance(1_000);
      admission.look({ ...WELL, ...load });
    }
  };
  return { admission, changes, look };
}

for (const [reason, bad, between, well] of [
  ['late-ticks', { lateTicksPct: 5.1 }, { lateTicksPct: 4 }, { lateTicksPct: 3 }],
  ['loop-lag', { loopLagMs: 251 }, { loopLagMs: 200 }, { loopLagMs: 170 }],
  ['queues', { crowdedPct: 26 }, { crowdedPct: 20 }, { crowdedPct: 10 }],
  ['ports', { freePorts: 4 }, { freePorts: 5 }, { freePorts: 6 }],
  ['memory', { memoryMb: 1_001 }, { memoryMb: 950 }, { memoryMb: 900 }],
] as const) {
  test(`${reason}: closed beyond the bound, open when it was well below for ten seconds`, () => {
    const { admission, changes, look } = door();
    look({}, 3);
    assert.is(admission.refusal(), null);
    look(bad);
    const refusal = admission.refusal();
    assert.equal([refusal?.code, refusal?.details, refusal?.retryable], ['ERR_TALKSPURT_OVERLOADED', { reason }, true]);
    look(between, 60);
    assert.equal(admission.reasons, [reason], 'under its bound is not yet well');
    look(well, 10);
    assert.equal(admission.reasons, [reason]);
    look(well);
    assert.equal([admission.reasons, admission.refusal()], [[], null]);
    assert.equal(changes, [reason, '']);
  });
}

test('what is 0 in the policy, or was not measured, turns nobody away', () => {
  const none = door({ lateTicksPct: 0, loopLagMs: 0, crowdedPct: 0, freePorts: 0, memoryMb: 0, calmMs: 1 });
  none.look({ lateTicksPct: 100, loopLagMs: 9e9, crowdedPct: 100, freePorts: 0, memoryMb: 9e9 }, 5);
  assert.equal(none.admission.reasons, []);
  const { admission, look } = door();
  look({ lateTicksPct: null, loopLagMs: null, crowdedPct: null, freePorts: null, memoryMb: null }, 5);
  assert.equal(admission.reasons, []);
});

test('several reasons: each comes and goes by itself, and the door is open when none is left', () => {
  const { admission, changes, look } = door();
  look({ loopLagMs: 300 });
  look({ loopLagMs: 300, lateTicksPct: 50 });
  look({ lateTicksPct: 50 }, 12);
  look({}, 12);
  assert.equal(changes, ['loop-lag', 'loop-lag,late-ticks', 'late-ticks', '']);
  assert.is(admission.refusal(), null);
});

test('whatever a load does: the door never opens sooner than ten calm seconds after it closed, and is closed beyond a bound', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 600 }), { minLength: 1, maxLength: 200 }), (lags) => {
      const { admission, look } = door();
      let calm = 0;
      let closed = false;
      for (const loopLagMs of lags) {
        look({ loopLagMs });
        calm = loopLagMs <= 175 ? calm + 1 : 0;
        // The rule, written once more: eleven calm looks in a row are ten seconds.
        closed = loopLagMs > 250 || (closed && calm <= 10);
        assert.is(admission.refusal() !== null, closed);
      }
    }),
    { numRuns: 500 },
  );
});

test('a load that swings around its bound every second closes the door once', () => {
  const { changes, look } = door();
  for (let second = 0; second < 600; second += 1) look({ loopLagMs: second % 2 === 0 ? 260 : 240 });
  assert.equal(changes, ['loop-lag']);
});

test.run();
