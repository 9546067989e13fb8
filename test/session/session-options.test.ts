/** Defaults that hang together, and what a profile gives over them. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { DEFAULT_ENDPOINTER } from '../../src/session/endpointer.ts';
import { DEFAULT_SESSION_OPTIONS } from '../../src/session/session-options.ts';
import { CallRig } from '../sim/call-rig.ts';

test('the defaults hang together', () => {
  const { speechThreshold, silenceThreshold, startMs, bargeInMs, stopMs } = DEFAULT_ENDPOINTER;
  assert.ok(0 < silenceThreshold && silenceThreshold <= speechThreshold && speechThreshold < 1);
  assert.ok(startMs <= bargeInMs, 'it takes more to cut in than to begin');
  assert.ok(bargeInMs < stopMs);
  const { duckGain, prebufferMs, maxDurationMs } = DEFAULT_SESSION_OPTIONS;
  assert.is(duckGain, 0, 'the agent waits');
  assert.ok(prebufferMs >= 20 && prebufferMs < 200);
  assert.ok(maxDurationMs > 0, 'no call lasts for ever by accident');
});

test('what is given is taken, what is not keeps its default, also inside the endpointer', async () => {
  const endpointer = { ...DEFAULT_ENDPOINTER, bargeInMs: 60 };
  const rig = await CallRig.talking({ options: { endpointer, duckGain: 0.5, prebufferMs: 100 } });
  rig.say('a', 80);
  await rig.run(100);
  assert.is(rig.session.snapshot().turn, 'listening', 'it waits for 100 ms');
  rig.say('a', 900);
  await rig.run(100);
  await rig.run(60, 0.9);
  assert.equal(rig.pool.dsp.ramps[0], [0.5, 40]);
  assert.is(rig.session.snapshot().bargeIns, 1, 'after 60 ms');
});

test('a maximum of 0 is none', async () => {
  const rig = await CallRig.talking({ options: { maxDurationMs: 0 } });
  for (let minutes = 0; minutes < 5 * 60; minutes += 0.25) {
    rig.clock.stall(15_000);
    rig.leg.transport.receive(rig.clock.nowMs());
  }
  assert.is(rig.session.state, 'talking');
});

test.run();
