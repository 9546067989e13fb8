/** The source lock against RFC 3550's appendices, written out slowly. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { makeRtpPacket } from '../../src/transport/rtp-packet.ts';
import { REFUSED, RtpSource } from '../../src/transport/rtp-source.ts';
import { seededRandom } from '../sim/network-model.ts';

interface Arrival {
  readonly ssrc?: number;
  readonly sequenceNumber: number;
  readonly marker?: boolean;
  readonly good?: boolean;
  readonly address?: string;
  readonly port?: number;
  readonly atMs?: number;
}

function hear(source: RtpSource, arrival: Arrival): number {
  const packet = makeRtpPacket();
  packet.ssrc = arrival.ssrc ?? 1;
  packet.sequenceNumber = arrival.sequenceNumber & 0xffff;
  packet.marker = arrival.marker ?? false;
  const { good = true, address = '127.0.0.1', port = 4000, atMs = 0 } = arrival;
  return source.accept(packet, good, address, port, atMs);
}

const source = (byAddress = true): RtpSource => new RtpSource({ clockRateHz: 8000, byAddress });

test('numbers are extended over the wrap; what is lost, repeated or behind is counted as in A.3', () => {
  const one = source();
  const numbers = [65_534, 65_535, 0, 2, 1, 1, 5].map((sequenceNumber) => hear(one, { sequenceNumber }));
  assert.equal(numbers, [65_534, 65_535, 65_536, 65_538, 65_537, 65_537, 65_541]);
  assert.is(one.extendedSequence, 65_541);
  assert.is(one.expected, 8);
  assert.is(one.received, 7);
  assert.is(one.cumulativeLost, 1, 'a duplicate hides a loss, as the RFC says');
  assert.is(one.behind, 2);
  assert.is(one.takeFractionLost(), Math.floor((1 * 256) / 8));
  assert.is(one.takeFractionLost(), 0, 'nothing since');
  hear(one, { sequenceNumber: 9 });
  assert.is(one.takeFractionLost(), 192, 'three of four');
});

test('a packet from behind the wrap keeps its own cycle', () => {
  const one = source();
  hear(one, { sequenceNumber: 65_535 });
  hear(one, { sequenceNumber: 1 });
  assert.is(hear(one, { sequenceNumber: 65_534 }), 65_534);
});

test('duplicates alone make the loss negative', () => {
  const one = source();
  for (let n = 0; n < 4; n += 1) hear(one, { sequenceNumber: 7 });
  assert.is(one.cumulativeLost, -3);
  assert.is(one.lost, 0);
});

test('a jump is followed at its second packet in a row (A.1), and the count of losses starts anew', () => {
  const one = source();
  hear(one, { sequenceNumber: 100 });
  assert.is(hear(one, { sequenceNumber: 103 }), 103);
  assert.is(hear(one, { sequenceNumber: 20_000 }), REFUSED);
  assert.is(hear(one, { sequenceNumber: 104 }), 104, 'a stray one changes nothing');
  assert.is(hear(one, { sequenceNumber: 20_000 }), REFUSED);
  assert.is(hear(one, { sequenceNumber: 20_001 }), 20_001);
  assert.ok(one.fresh);
  assert.is(one.cumulativeLost, 0);
  assert.is(one.lost, 2, 'those before are not forgotten');
  assert.is(one.changes, 0);
  assert.is(hear(one, { sequenceNumber: 20_001 + 2999 }), 23_000, 'MAX_DROPOUT less one is a loss');
});

test('A.8: the jitter is that of the RFC, done in floating point', () => {
  const one = source();
  const random = seededRandom(7);
  let expected = 0;
  let previous = Number.NaN;
  for (let n = 0; n < 500; n += 1) {
    const timestamp = (0xfffff000 + n * 160) >>> 0;
    const atMs = 1000 + n * 20 + Math.floor(random() * 30);
    one.measure(timestamp, atMs);
    const transit = atMs * 8 - (0xfffff000 + n * 160);
    if (n > 0) expected += (Math.abs(transit - previous) - expected) / 16;
    previous = transit;
  }
  assert.ok(expected > 20, 'there was some');
  assert.ok(Math.abs(one.jitter - expected) < 1e-9, `${one.jitter}, not ${expected}`);
  assert.is(one.jitterMs, one.jitter / 8);
  one.measure(5, 500_000);
  assert.ok(Math.abs(one.jitter - expected) < 1e-9, 'a sender that set its clock is no jitter');
});

test('the first good packet is locked on to; what is not good never is', () => {
  const one = source();
  assert.is(hear(one, { sequenceNumber: 1, good: false }), REFUSED);
  assert.not.ok(one.locked);
  assert.is(hear(one, { sequenceNumber: 2, ssrc: 9 }), 2);
  assert.ok(one.fresh);
  assert.is(one.ssrc, 9);
  assert.is(hear(one, { sequenceNumber: 3, ssrc: 9, good: false }), 3, 'it counts once it is locked on to');
  assert.not.ok(one.fresh);
});

test('another source takes over after a few packets in sequence while the first says nothing', () => {
  const one = source();
  hear(one, { sequenceNumber: 1 });
  for (let n = 1; n < LIMITS.rtpProbationPackets; n += 1) {
    assert.is(hear(one, { sequenceNumber: 70 + n, ssrc: 2 }), REFUSED);
  }
  assert.is(hear(one, { sequenceNumber: 70 + LIMITS.rtpProbationPackets, ssrc: 2 }), 70 + LIMITS.rtpProbationPackets);
  assert.ok(one.fresh);
  assert.is(one.changes, 1);
  assert.is(one.received, 1);
});

test('and not: between packets of the first, out of sequence, or from several at once', () => {
  const one = source();
  for (let n = 0; n < 50; n += 1) {
    assert.is(hear(one, { sequenceNumber: n }), n);
    assert.is(hear(one, { sequenceNumber: 900 + 2 * n, ssrc: 2 }), REFUSED);
    assert.is(hear(one, { sequenceNumber: 901 + 2 * n, ssrc: 2 }), REFUSED);
  }
  for (let n = 0; n < 50; n += 1) assert.is(hear(one, { sequenceNumber: 2 * n, ssrc: 2 }), REFUSED);
  for (let n = 0; n < 50; n += 1) assert.is(hear(one, { sequenceNumber: n, ssrc: 3 + (n % 2) }), REFUSED);
  assert.is(one.changes, 0);
});

test('at once: marked after a silence, after a goodbye, after another address was agreed on', () => {
  const silent = LIMITS.rtpSourceSilentMs;
  const one = source();
  hear(one, { sequenceNumber: 1, atMs: 0 });
  assert.is(hear(one, { sequenceNumber: 5, ssrc: 2, marker: true, atMs: silent - 1 }), REFUSED);
  assert.is(hear(one, { sequenceNumber: 8, ssrc: 2, marker: false, atMs: silent }), REFUSED);
  assert.is(hear(one, { sequenceNumber: 11, ssrc: 2, marker: true, atMs: silent }), 11);
  one.expectChange();
  assert.is(hear(one, { sequenceNumber: 12, ssrc: 2, atMs: silent }), 12, 'packets on their way are heard');
  assert.is(hear(one, { sequenceNumber: 3, ssrc: 3, atMs: silent }), 3);
  assert.is(hear(one, { sequenceNumber: 3, ssrc: 4, atMs: silent }), REFUSED, 'once');
  assert.is(one.changes, 2);
});

test('the same source from another port is another one, unless addresses do not matter', () => {
  const bound = source(true);
  hear(bound, { sequenceNumber: 1 });
  assert.is(hear(bound, { sequenceNumber: 2, port: 4001 }), REFUSED);
  assert.is(hear(bound, { sequenceNumber: 2, address: '127.0.0.2' }), REFUSED);
  const free = source(false);
  hear(free, { sequenceNumber: 1 });
  assert.is(hear(free, { sequenceNumber: 2, port: 4001 }), 2);
});

test.run();
