/** One call's transport against a model of Asterisk's queue, whose clock the test turns. */
import alawmulaw from 'alawmulaw';
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { hasCode } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { chanWebSocketMediaFormat } from '../../src/transport/chan-websocket-transport.ts';
import { settle } from '../sim/fake-clock.ts';
import { makeRig } from './chan-websocket-rig.ts';

const QUIET = new Uint8Array(160).fill(0xff);
const LOUD = Uint8Array.from({ length: 160 }, (_, at) => (at % 2 === 0 ? 0x20 : 0xa0));

test('the formats that Asterisk says', async () => {
  const cases = [
    ['ulaw', 160, { codec: 'pcmu', sampleRateHz: 8_000, ptimeMs: 20 }],
    ['alaw', 160, { codec: 'pcma', sampleRateHz: 8_000, ptimeMs: 20 }],
    ['slin', 320, { codec: 'l16', sampleRateHz: 8_000, ptimeMs: 20 }],
    ['slin16', 640, { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 }],
    ['slin24', 960, { codec: 'l16', sampleRateHz: 24_000, ptimeMs: 20 }],
    ['slin48', 1_920, { codec: 'l16', sampleRateHz: 48_000, ptimeMs: 20 }],
  ] as const;
  for (const [name, bytes, format] of cases) {
    const { transport } = await makeRig({ format: name, optimal_frame_size: bytes });
    assert.equal(transport.format, format);
    assert.equal(chanWebSocketMediaFormat(name), format);
    assert.is(transport.kind, 'websocket');
  }
  for (const [format, size, ptime] of [
    ['opus', 0, 20],
    ['slin16', 0, 20],
    ['slin16', 320, 10],
    ['toString', 160, 20],
  ] as const) {
    try {
      await makeRig({ format, optimal_frame_size: size, ptime });
      assert.unreachable(format);
    } catch (error) {
      assert.ok(hasCode(error, 'ERR_TALKSPURT_MEDIA_FORMAT'), format);
    }
  }
});

test('frames come numbered; messages of another length are put together, however they are cut', async () => {
  const whole = Uint8Array.from({ length: 480 }, (_, at) => at & 0xff);
  for (let cut = 0; cut <= 480; cut += 1) {
    const { asterisk, transport, sink, clock } = await makeRig();
    asterisk.audio(whole.subarray(0, cut));
    asterisk.audio(whole.subarray(cut));
    assert.is(sink.frames.length, 3, `cut at ${cut}`);
    assert.equal(Buffer.concat(sink.frames.map(({ payload }) => payload)), Buffer.from(whole));
    assert.equal(
      sink.frames.map(({ sequenceNumber, timestamp }) => [sequenceNumber, timestamp]),
      [
        [1, 160],
        [2, 320],
        [3, 480],
      ],
    );
    assert.is(sink.frames[0]!.nowMs, clock.nowMs());
    assert.is(transport.stats.receivedFrames, 3);
    assert.is(transport.stats.rejectedPackets, cut === 0 || cut === 480 ? 1 : 0);
  }
});

test('what is sent is a copy, in its own time; another size is not sent', async () => {
  const { asterisk, transport } = await makeRig();
  const frame = Uint8Array.from(LOUD);
  transport.send(frame, true);
  frame.fill(0);
  asterisk.tick();
  assert.equal(asterisk.played[0], Buffer.from(LOUD));
  transport.send(new Uint8Array(159), false);
  transport.send(new Uint8Array(0), false);
  assert.equal([transport.stats.sentFrames, transport.stats.unsentFrames], [1, 2]);
});

for (const json of [true, false]) {
  test(`${json ? 'JSON' : 'plain text'}: a mark every three frames, a question every fifty`, async () => {
    const { asterisk, transport } = await makeRig({}, json);
    for (let at = 0; at < 99; at += 1) {
      transport.send(LOUD, false);
      asterisk.tick();
    }
    const marks = asterisk.texts.filter((text) => text.includes('MARK_MEDIA'));
    assert.is(marks.length, 33);
    assert.is(marks[1], json ? '{"command":"MARK_MEDIA","correlation_id":"1"}' : 'MARK_MEDIA 1');
    assert.is(asterisk.texts.filter((text) => text.includes('GET_STATUS')).length, 1);
    assert.is(transport.playedFrames(), 96);
    asterisk.tick();
    assert.is(transport.playedFrames(), 99);
  });
}

test('the count is never ahead of Asterisk, and behind it by a mark and a ptime at most, whatever happens', async () => {
  const step = fc.record({ send: fc.nat(3), ticks: fc.nat(3), flush: fc.integer({ min: 0, max: 19 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 400 }), async (steps) => {
      const { asterisk, transport, clock } = await makeRig();
      for (const { send, ticks, flush } of steps) {
        for (let at = 0; at < send; at += 1) transport.send(LOUD, false);
        for (let at = 0; at < ticks; at += 1) asterisk.tick();
        clock.advance(20);
        if (flush === 0) transport.flush();
        const done = asterisk.taken + asterisk.dropped;
        const behind = done - transport.playedFrames()!;
        assert.ok(behind >= 0 && behind <= LIMITS.chanWebSocketMarkFrames + 1, `behind by ${behind}`);
        assert.ok(asterisk.dropped <= transport.flushedFrames);
        assert.ok(transport.flushedFrames - asterisk.dropped <= asterisk.taken);
        assert.is(transport.stats.sentFrames, done + asterisk.queued);
      }
    }),
    { numRuns: 60 },
  );
});

test('a flush drops what waits, and the marks with it; an answer that was on its way says nothing', async () => {
  const { asterisk, transport } = await makeRig();
  for (let at = 0; at < 12; at += 1) transport.send(LOUD, at === 0);
  for (let at = 0; at < 6; at += 1) asterisk.tick();
  assert.is(transport.playedFrames(), 3);
  transport.flush();
  assert.is(asterisk.texts.at(-1), '{"command":"FLUSH_MEDIA"}');
  assert.equal([asterisk.queued, transport.playedFrames(), transport.flushedFrames], [0, 12, 9]);
  for (const id of ['0', '1', '255', '256', '-1', '1.5', '', 'x']) asterisk.event('MEDIA_MARK_PROCESSED', id);
  assert.is(transport.playedFrames(), 12);
  for (let at = 0; at < 3; at += 1) transport.send(LOUD, at === 0);
  for (let at = 0; at < 4; at += 1) asterisk.tick();
  assert.is(transport.playedFrames(), 15);
  for (let at = 0; at < 3_000; at += 1) {
    transport.send(LOUD, false);
    asterisk.tick();
  }
  asterisk.tick();
  assert.is(transport.playedFrames(), 3_015);
  assert.is(transport.stats.unsentFrames, 0);
});

test('an Asterisk that does not play is not filled up; one that does not answer marks is', async () => {
  const { asterisk, transport, clock } = await makeRig();
  for (let at = 0; at < 100; at += 1) transport.send(LOUD, false);
  assert.is(asterisk.queued, LIMITS.chanWebSocketHeldFrames);
  assert.is(transport.stats.unsentFrames, 75);
  while (asterisk.queued > 0) asterisk.tick();
  asterisk.tick();
  transport.send(LOUD, false);
  assert.is(transport.stats.sentFrames, 26);

  asterisk.marking = false;
  for (let at = 0; at < 400; at += 1) {
    transport.send(LOUD, false);
    asterisk.tick();
    clock.advance(20);
  }
  // Five seconds are lost to the doubt at most: then marks count no more, and the agent is heard again.
  assert.is(transport.playedFrames(), null);
  const heard = transport.stats.sentFrames - 49;
  assert.ok(heard > 100 && heard <= 150, String(heard));
});

test('marks that come late after all count again', async () => {
  const { asterisk, transport, clock } = await makeRig();
  for (let at = 0; at < 23; at += 1) transport.send(LOUD, false);
  assert.is(transport.playedFrames(), 0);
  clock.advance(LIMITS.chanWebSocketMarkLateMs + 1);
  transport.send(LOUD, false);
  assert.is(transport.playedFrames(), null);
  transport.send(LOUD, false);
  assert.is(transport.stats.unsentFrames, 0);
  for (let at = 0; at < 30; at += 1) asterisk.tick();
  assert.is(transport.playedFrames(), 24);
});

test('between XOFF and XON nothing is sent', async () => {
  const { asterisk, transport } = await makeRig();
  asterisk.event('MEDIA_XOFF');
  transport.send(LOUD, false);
  assert.equal([transport.stats.sentFrames, transport.stats.unsentFrames], [0, 1]);
  asterisk.event('MEDIA_XON');
  transport.send(LOUD, false);
  assert.equal([transport.stats.sentFrames, transport.stats.unsentFrames], [1, 1]);
});

test('a socket that does not drain: frames are dropped, and none that waits is changed', async () => {
  const { asterisk, transport } = await makeRig();
  const lent: Buffer[] = [];
  asterisk.send = (data) => {
    if (typeof data === 'string') return;
    lent.push(data);
    asterisk.bufferedAmount += data.length + 2;
  };
  const said = Array.from({ length: 40 }, (_, at) => new Uint8Array(160).fill(at));
  for (const frame of said) transport.send(frame, false);
  assert.is(transport.stats.sentFrames + transport.stats.unsentFrames, 40);
  assert.ok(lent.length <= LIMITS.chanWebSocketBufferedFrames + 1, `${lent.length}`);
  for (const [at, frame] of lent.entries()) assert.equal(frame, Buffer.from(said[at]!));
});

test('a backlog goes at the pace of silence, never in speech', async () => {
  for (const [frame, left] of [
    [QUIET, LIMITS.chanWebSocketKeptFrames],
    [LOUD, 10],
  ] as const) {
    const { asterisk, transport, clock } = await makeRig();
    for (let at = 0; at < 10; at += 1) transport.send(frame, false);
    for (let at = 0; at < 200; at += 1) {
      asterisk.tick();
      clock.advance(20);
      transport.send(frame, false);
    }
    assert.is(asterisk.queued, left);
    assert.is(transport.stats.unsentFrames, 10 - left);
  }
});

test('what is quiet, in every codec', async () => {
  const whisper = (at: number): number => Math.round(200 * Math.sin(at));
  const said = (at: number): number => (at === 100 ? -900 : whisper(at));
  for (const [format, size, encode] of [
    ['ulaw', 160, (samples: Int16Array) => alawmulaw.mulaw.encode(samples)],
    ['alaw', 160, (samples: Int16Array) => alawmulaw.alaw.encode(samples)],
    ['slin16', 640, (samples: Int16Array) => new Uint8Array(samples.buffer)],
  ] as const) {
    for (const [sound, leaves] of [
      [format === 'ulaw' ? (at: number) => whisper(at) / 2 : whisper, true],
      [said, false],
    ] as const) {
      const { asterisk, transport } = await makeRig({ format, optimal_frame_size: size });
      const count = format === 'slin16' ? 320 : 160;
      const frame = encode(Int16Array.from({ length: count }, (_, at) => sound(at)));
      for (const queued of [6, 6]) asterisk.text(`{"event":"STATUS","queue_length":${queued}}`);
      // The first frame of a talkspurt is never left out.
      transport.send(frame, true);
      assert.is(transport.stats.unsentFrames, 0);
      for (let at = 0; at < 8; at += 1) transport.send(frame, false);
      assert.is(transport.stats.unsentFrames, leaves ? 6 - LIMITS.chanWebSocketKeptFrames : 0, format);
    }
  }
});

test('digits, faults and what is new', async () => {
  const { asterisk, connection, digits, sink } = await makeRig();
  asterisk.text('{"event":"DTMF_END","channel_id":"w1","digit":"#"}');
  asterisk.text('{"event":"ERROR","error_text":"x"}');
  asterisk.text('{"event":"QUEUE_DRAINED"}');
  asterisk.text('{"event":"FROM_LATER"}');
  asterisk.text('nonsense');
  assert.equal(digits, [['#', 0]]);
  assert.equal([connection.unknown, connection.malformed], [1, 1]);
  assert.equal(sink.losses, []);
});

test('the end: told once when it is theirs, not at all when it is ours', async () => {
  const theirs = await makeRig();
  theirs.asterisk.readyState = 3;
  theirs.asterisk.emit('close', 1000);
  assert.is(theirs.sink.losses.length, 1);
  assert.ok(hasCode(theirs.sink.losses[0], 'ERR_TALKSPURT_MEDIA_CONNECTION'));
  theirs.transport.send(QUIET, false);
  theirs.transport.flush();
  assert.is(theirs.transport.stats.unsentFrames, 1);
  await theirs.transport.close();

  const ours = await makeRig();
  const closing = ours.transport.close();
  assert.equal(ours.asterisk.closes, [1000]);
  ours.asterisk.audio(QUIET);
  ours.transport.send(QUIET, false);
  ours.clock.advance(LIMITS.chanWebSocketCloseMs);
  await closing;
  await ours.transport.close();
  assert.is(ours.asterisk.terminated, 1);
  assert.equal([ours.sink.losses.length, ours.sink.frames.length, ours.transport.stats.unsentFrames], [0, 0, 1]);
  await settle();
  assert.is(ours.clock.pending, 0);
});

test.run();
