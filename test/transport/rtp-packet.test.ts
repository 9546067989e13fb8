/** RTP headers against bytes that were put together by hand from RFC 3550 §5.1, and against anything at all. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { RTP_HEADER_BYTES, isRtcp, makeRtpPacket, parseRtp, writeRtpHeader } from '../../src/transport/rtp-packet.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const PLAIN = '80 00 1234 89abcdef deadbeef';

function parsed(bytes: Uint8Array): ReturnType<typeof makeRtpPacket> | null {
  const packet = makeRtpPacket();
  return parseRtp(bytes, packet) ? packet : null;
}

function payloadOf(text: string): string | null {
  const bytes = hex(text);
  const packet = parsed(bytes);
  return packet === null ? null : Buffer.from(bytes.subarray(packet.payloadStart, packet.payloadEnd)).toString('hex');
}

test('every field of a header', () => {
  assert.equal(parsed(hex(`${PLAIN} 0102`)), {
    marker: false,
    payloadType: 0,
    sequenceNumber: 0x1234,
    timestamp: 0x89abcdef,
    ssrc: 0xdeadbeef,
    payloadStart: 12,
    payloadEnd: 14,
  });
  assert.equal(parsed(hex('80 e5 ffff ffffffff ffffffff'))?.payloadType, 101);
  assert.is(parsed(hex('80 e5 ffff ffffffff ffffffff'))?.marker, true);
  assert.is(parsed(hex('80 e5 ffff ffffffff ffffffff'))?.timestamp, 0xffffffff);
});

test('contributing sources, extension and padding are stepped over', () => {
  assert.is(payloadOf('82 00 0001 00000000 00000001 0000000a 0000000b aabb'), 'aabb');
  assert.is(payloadOf('90 00 0001 00000000 00000001 bede 0001 10ff0000 aabb'), 'aabb');
  assert.is(payloadOf('90 00 0001 00000000 00000001 bede 0000 aabb'), 'aabb');
  assert.is(payloadOf('a0 00 0001 00000000 00000001 aabb 000003'), 'aabb');
  assert.is(payloadOf('b1 00 0001 00000000 00000001 0000000a 0000 0001 00000000 cc 0002'), 'cc');
  assert.is(payloadOf('a0 00 0001 00000000 00000001 00000003'), '00', 'three of four are padding');
  assert.is(payloadOf('a0 00 0001 00000000 00000001 00000004'), '', 'padding may be all there is');
});

test('what is no packet is refused', () => {
  for (const [text, why] of [
    ['', 'nothing'],
    ['80 00 1234 89abcdef deadbe', 'short'],
    [PLAIN.replace('80', '40'), 'version 1'],
    [PLAIN.replace('80', 'c0'), 'version 3'],
    [PLAIN.replace('80', '81'), 'a contributing source that is not there'],
    [PLAIN.replace('80', '90'), 'an extension that is not there'],
    [`${PLAIN.replace('80', '90')} bede 0002 00000000`, 'an extension longer than the datagram'],
    [PLAIN.replace('80', 'a0'), 'padding in an empty payload'],
    [`${PLAIN.replace('80', 'a0')} 0000`, 'padding of no byte'],
    [`${PLAIN.replace('80', 'a0')} 0003`, 'padding that reaches into the header'],
  ] as const) {
    assert.is(parsed(hex(text)), null, why);
  }
});

test('a packet that ends anywhere too early is refused or has the shorter payload', () => {
  const whole = hex('b1 00 0001 00000000 00000001 0000000a 0000 0001 00000000 cc 0002');
  for (let length = 0; length < 24; length += 1) assert.is(parsed(whole.subarray(0, length)), null, `${length}`);
});

test('any bytes: never a throw, and a payload inside the datagram', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      const packet = parsed(bytes);
      if (packet === null) return;
      assert.ok(packet.payloadStart >= RTP_HEADER_BYTES && packet.payloadStart <= packet.payloadEnd);
      assert.ok(packet.payloadEnd <= bytes.length);
    }),
    { numRuns: 2000 },
  );
});

test('what is written is what RFC 3550 draws', () => {
  const bytes = new Uint8Array(14).fill(0x55);
  writeRtpHeader(bytes, true, 101, 0xfffe, 0x80000001, 0xcafebabe);
  assert.is(Buffer.from(bytes).toString('hex'), '80e5fffe80000001cafebabe5555');
  writeRtpHeader(bytes, false, 0, 1, 2, 3);
  assert.is(Buffer.from(bytes).toString('hex'), '8000000100000002000000035555');
});

test('RTCP on a port for both is told by its type (RFC 5761 §4)', () => {
  for (const type of [200, 201, 202, 203, 204, 205, 206, 207]) assert.ok(isRtcp(Uint8Array.of(0x80, type)));
  for (const second of [0, 8, 13, 101, 127, 0x80, 0x88, 0xe5]) assert.not.ok(isRtcp(Uint8Array.of(0x80, second)));
  assert.not.ok(isRtcp(new Uint8Array(0)));
});

test.run();
