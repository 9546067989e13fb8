/** What a session says of itself at each point of its life. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { sessionHealth } from '../../src/observe/health.ts';
import { CallRig } from '../sim/call-rig.ts';

test('before anything is there: nothing, and no number that is none', () => {
  const snapshot = new CallRig().session.snapshot();
  assert.is(snapshot.state, 'new');
  assert.is(snapshot.transport, 'none');
  assert.is(snapshot.leg, null);
  assert.is(snapshot.lastFrameAgeMs, null);
  assert.is(snapshot.captureLevelDbov, -127);
  for (const [key, value] of Object.entries(snapshot))
    assert.ok(typeof value !== 'number' || Number.isFinite(value), key);
  sessionHealth(snapshot);
});

test('in the middle of a call', async () => {
  const rig = await CallRig.talking();
  rig.say('a', 1000);
  await rig.run(500);
  const snapshot = rig.session.snapshot();
  assert.is(snapshot.callId, 'call-1');
  assert.is(snapshot.profile, 'default');
  assert.is(snapshot.switchName, 'pbx');
  assert.is(snapshot.backend, 'fake');
  assert.is(snapshot.uptimeMs, 500);
  assert.is(snapshot.turn, 'agent-speaking');
  assert.is(snapshot.lastFrameAgeMs, 2);
  assert.is(snapshot.capturedFrames, 24, 'two gather before the first is heard');
  assert.is(snapshot.sentFrames, 25);
  assert.is(snapshot.ticks, 25);
  assert.is(snapshot.lateTicks, 0);
  assert.is(snapshot.speakingTicks, 25);
  assert.is(snapshot.playoutMs, 500);
  assert.is(snapshot.playoutBytes, 4000);
  assert.is(snapshot.playoutPhrases, 1);
  assert.is(snapshot.passThrough, true);
  assert.is(snapshot.captureLevelDbov, -30);
  assert.is(sessionHealth(snapshot).health, 'HEALTHY');
});

test('after the end the counters stay, and say why', async () => {
  const rig = await CallRig.talking();
  await rig.run(100);
  await rig.session.stop('backend-failed');
  const snapshot = rig.session.snapshot();
  assert.is(snapshot.state, 'ended');
  assert.is(snapshot.endReason, 'backend-failed');
  assert.is(snapshot.backendConnected, false);
  assert.is(snapshot.sentFrames, 5);
});

test.run();
