/** Audio of the caller's that is dropped is told of, place by place, at a bounded rate. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { CallRig } from '../sim/call-rig.ts';
import { FakeBackend } from '../sim/fake-peers.ts';

function told(rig: CallRig): [string, number][] {
  return rig.events.of('media.overflow').map(({ place, droppedBytes }) => [place, droppedBytes]);
}

test('more frames at once than the jitter buffer holds', async () => {
  const rig = await CallRig.talking();
  await rig.run(200);
  assert.equal(told(rig), []);
  for (let frame = 0; frame < LIMITS.jitterFrames + 5; frame += 1) rig.leg.transport.receive(rig.clock.nowMs());
  await rig.run(200);
  const [first] = told(rig);
  assert.is(first?.[0], 'jitter');
  assert.is((first?.[1] ?? 0) % 160, 0);
  assert.ok((first?.[1] ?? 0) >= 160 * 5);
  assert.is(told(rig).length, 1);
});

test('frames that the backend does not take: once a second at the most, with all that was dropped', async () => {
  const rig = await CallRig.talking();
  let dropped = 0;
  Object.defineProperty(rig.stream, 'droppedFrames', { get: () => dropped });
  for (let ms = 0; ms < 3_000; ms += 100) {
    dropped += 5;
    await rig.run(100);
  }
  const reports = told(rig);
  assert.ok(reports.length >= 3 && reports.length <= 4, `${reports.length} reports`);
  assert.ok(reports.every(([place]) => place === 'backend'));
  await rig.run(1_100);
  assert.is(
    told(rig).reduce((sum, [, bytes]) => sum + bytes, 0),
    dropped * 160,
    'nothing is left out',
  );
  assert.is(rig.session.snapshot().droppedToBackend, dropped);
  await rig.session.switchBackend(new FakeBackend());
  assert.is(rig.session.snapshot().droppedToBackend, dropped, 'of all backends of the call');
  await rig.run(1_100);
  assert.is(told(rig).length, reports.length + 1, 'the next stream begins with nothing');
});

test.run();
