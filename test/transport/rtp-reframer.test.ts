/** Packets of any duration into frames of one, judged by the audio that comes out: every byte says where it belongs. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { PtimeMs } from '../../src/core/media.ts';
import { NO_PLACE, RtpReframer } from '../../src/transport/rtp-reframer.ts';
import { RtpWireFormat } from '../../src/transport/rtp-wire-format.ts';
import { rtpMedia } from './rtp-rig.ts';

interface Frame {
  readonly number: number;
  readonly timestamp: number;
  readonly wire: Uint8Array;
}

interface Bench {
  readonly reframer: RtpReframer;
  readonly frames: Frame[];
  /** A packet of `ticks` whose bytes count on from `from`; 0 ticks: an event. */
  readonly hear: (
    number: number,
    ticks: number,
    from: number,
    options?: { gapIsAudio?: boolean; marker?: boolean },
  ) => number;
}

function bench(ptimeMs: PtimeMs = 20): Bench {
  const frames: Frame[] = [];
  const media = rtpMedia({ format: { codec: 'pcmu', sampleRateHz: 8000, ptimeMs } });
  const reframer = new RtpReframer(new RtpWireFormat(media), (wire, number, timestamp) =>
    frames.push({ number, timestamp, wire: wire.slice() }),
  );
  return {
    reframer,
    frames,
    hear: (number, ticks, from, { gapIsAudio = true, marker = false } = {}) => {
      const place = reframer.place(number, ticks, gapIsAudio, marker);
      const datagram = Uint8Array.from({ length: 5 + ticks }, (_, n) => from + n - 5);
      if (place !== NO_PLACE && ticks > 0) reframer.cut(datagram, 5, place, ticks, from, 0);
      return place;
    },
  };
}

/** Every byte of every frame is where its timestamp says, and numbers go with timestamps. */
function judge(frames: readonly Frame[], frameTicks: number): void {
  for (const { wire, timestamp } of frames) {
    assert.is(wire.length, frameTicks);
    assert.ok(
      wire.every((byte, n) => byte === ((timestamp + n) & 0xff)),
      `at ${timestamp}`,
    );
  }
}

test('packets of our ptime keep their numbers, over the wrap too', () => {
  const { hear, frames } = bench();
  for (let n = 65_534; n < 65_538; n += 1) hear(n, 160, n * 160);
  assert.equal(
    frames.map(({ number }) => number),
    [65_534, 65_535, 0, 1],
  );
  judge(frames, 160);
});

for (const [packetMs, ptimeMs] of [
  [10, 20],
  [30, 20],
  [40, 20],
  [60, 20],
  [20, 10],
  [20, 30],
  [20, 60],
  [5, 20],
  [60, 40],
] as const) {
  test(`packets of ${packetMs} ms into frames of ${ptimeMs} ms: nothing is lost`, () => {
    const { hear, frames } = bench(ptimeMs);
    const ticks = packetMs * 8;
    const packets = (ptimeMs * packetMs) / 5;
    for (let n = 0; n < packets; n += 1) hear(1000 + n, ticks, n * ticks);
    judge(frames, ptimeMs * 8);
    assert.is(frames.length, (packets * packetMs) / ptimeMs);
    frames.forEach((frame, n) => {
      assert.is(frame.number, (1000 + n) & 0xffff);
      assert.is(frame.timestamp, n * ptimeMs * 8);
    });
  });
}

test('a lost packet of 30 ms costs the frames that it had a part in, and no others', () => {
  const { hear, frames } = bench();
  for (const n of [0, 1, 3, 4, 5]) hear(n, 240, n * 240);
  // Packet 2 is ticks 480 to 719: frames 3 and 4 of 160.
  assert.equal(
    frames.map(({ number }) => number),
    [0, 1, 2, 5, 6, 7, 8].filter((number) => number !== 4),
  );
  judge(frames, 160);
});

test('packets of whole frames may come in any order', () => {
  const { hear, frames } = bench();
  for (const n of [10, 12, 11, 14, 13]) hear(n, 320, n * 320);
  assert.equal(
    frames.map(({ number }) => number).sort((a, b) => a - b),
    Array.from({ length: 10 }, (_, n) => 10 + n),
  );
  judge(frames, 160);
});

test('parts of frames only in order: what is behind is counted', () => {
  const { hear, frames, reframer } = bench();
  for (const n of [0, 2, 1, 3, 4, 5]) hear(n, 80, n * 80);
  assert.is(reframer.late, 1);
  assert.equal(
    frames.map(({ number }) => number),
    [1, 2],
  );
  judge(frames, 160);
});

test('events take numbers but no room: the audio around them is gapless', () => {
  const { hear, frames } = bench();
  hear(1, 160, 0);
  for (let n = 2; n < 12; n += 1) hear(n, 0, 0);
  hear(12, 160, 160);
  assert.equal(
    frames.map(({ number }) => number),
    [1, 2],
  );
});

test('a lost event between events is no lost audio; a lost packet before an event may be', () => {
  const { hear, frames } = bench();
  hear(1, 160, 0);
  hear(2, 0, 0);
  hear(5, 0, 0, { gapIsAudio: false });
  hear(6, 160, 160);
  hear(8, 0, 0);
  hear(9, 160, 320);
  assert.equal(
    frames.map(({ number }) => number),
    [1, 2, 4],
  );
});

test('what is lost after an event has the room of the audio before it', () => {
  const { hear, frames } = bench();
  hear(1, 160, 0);
  hear(2, 0, 0);
  hear(4, 160, 320);
  assert.equal(
    frames.map(({ number }) => number),
    [1, 3],
  );
});

test('an event or a frame that comes behind finds the room it was left', () => {
  const { hear, frames } = bench();
  hear(1, 160, 0);
  hear(3, 160, 320);
  hear(2, 160, 160);
  assert.equal(
    frames.map(({ number }) => number),
    [1, 3, 2],
  );
  hear(5, 160, 480);
  hear(4, 0, 0);
  hear(6, 160, 640);
  assert.equal(
    frames.slice(3).map(({ number }) => number),
    [5, 6],
    'the hole of a late event stays: numbers never go back',
  );
});

test('too old a packet has no place', () => {
  const { hear } = bench();
  for (let n = 0; n < 100; n += 1) hear(n, 160, 0);
  assert.is(hear(36, 160, 0), 36 * 160);
  assert.is(hear(35, 160, 0), NO_PLACE);
});

test('a marked packet starts a frame, a restarted sender goes on after the last', () => {
  const { hear, frames, reframer } = bench();
  hear(1, 80, 0);
  hear(2, 160, 1000, { marker: true });
  assert.equal(
    frames.map(({ number }) => number),
    [2],
  );
  reframer.restart();
  hear(40_000, 160, 7);
  assert.is(frames[1]?.number, 3);
  judge(frames, 160);
});

test('any packets in order: frames are whole, in order and at most as many as there was audio', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<PtimeMs>(10, 20, 30, 40, 60),
      fc.array(fc.record({ ticks: fc.integer({ min: 0, max: 700 }), lost: fc.boolean(), marker: fc.boolean() }), {
        maxLength: 40,
      }),
      (ptimeMs, packets) => {
        const { hear, frames } = bench(ptimeMs);
        let from = 0;
        packets.forEach(({ ticks, lost, marker }, n) => {
          if (!lost) hear(n + 1, ticks, from, { marker });
          from += ticks;
        });
        judge(frames, ptimeMs * 8);
        frames.slice(1).forEach(({ number }, n) => assert.ok(number > frames[n]!.number));
        assert.ok(frames.length * ptimeMs * 8 <= from);
      },
    ),
    { numRuns: 500 },
  );
});

test.run();
