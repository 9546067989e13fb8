/** An ear and a voice as one path. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { SnoopMedia } from '../../../src/switch/asterisk/snoop-media.ts';
import { FakeTransport } from '../../sim/fake-peers.ts';

const FRAME = new Uint8Array(160);

test('it hears by the ear and speaks by the voice, which comes, changes and goes', async () => {
  const [ear, one, two] = [new FakeTransport(), new FakeTransport(), new FakeTransport()];
  const media = new SnoopMedia(ear);
  assert.equal([media.kind, media.format], ['fake', ear.format]);
  for (const expects of [true, false]) {
    ear.expectsFrames = expects;
    assert.is(media.expectsFrames, expects, 'the ear knows');
  }
  const numbers: number[] = [];
  media.start({ onFrame: (_payload, number) => numbers.push(number), onLost: () => undefined });
  ear.receive(1_000);
  assert.is(numbers.length, 1);
  media.send(FRAME, true);
  assert.equal([media.stats.sentFrames, media.playedFrames()], [0, null], 'nobody to speak to');

  media.speakThrough(one);
  media.send(FRAME, true);
  media.send(FRAME, false);
  media.flush();
  assert.equal(
    one.sent.map(({ startsTalkspurt }) => startsTalkspurt),
    [true, false],
  );
  assert.equal([one.flushes, ear.flushes, ear.sent.length], [1, 0, 0]);
  one.heldFrames = 1;
  assert.equal([media.stats.sentFrames, media.playedFrames()], [2, 1]);

  media.speakThrough(two);
  media.send(FRAME, true);
  two.heldFrames = 0;
  assert.equal([one.sent.length, two.sent.length], [2, 1]);
  assert.equal([media.stats.sentFrames, media.playedFrames()], [3, 3], 'counted on');
  two.stats.unsentFrames = 4;
  ear.stats.receivedFrames = 5;
  ear.stats.rejectedPackets = 6;
  assert.equal([media.stats.unsentFrames, media.stats.receivedFrames, media.stats.rejectedPackets], [4, 5, 6]);

  media.speakThrough(null);
  media.send(FRAME, false);
  assert.equal([media.stats.sentFrames, media.playedFrames(), media.stats.unsentFrames], [3, null, 0]);
  media.speakThrough(two);
  await media.close();
  assert.equal([ear.closes, one.closes, two.closes], [1, 0, 1], 'who was sent away is not ours any more');
});

test("what RTCP tells is the ear's; where it tells nothing, nothing", () => {
  const ear = new FakeTransport();
  assert.equal(new SnoopMedia(ear).rtpStats, { rttMs: null, remoteLost: null, lastHeardMs: Number.NaN });
  const rtpStats = { rttMs: 3, remoteLost: 1, lastHeardMs: 7 };
  assert.is(new SnoopMedia(Object.assign(ear, { rtpStats })).rtpStats, rtpStats);
});

test.run();
