/** RTCP: bytes drawn by hand from RFC 3550 §6, the round trip of its figure 2, and two sessions that report to each other. */
import { fc } from '../chance.ts';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { LIMITS } from '../../src/limits.ts';
import { RTCP_BYTES, makeRtcpReading, parseRtcp, writeRtcp } from '../../src/transport/rtcp-packet.ts';
import { RtcpSession } from '../../src/transport/rtcp-session.ts';
import { makeRtpPacket } from '../../src/transport/rtp-packet.ts';
import { RtpSource } from '../../src/transport/rtp-source.ts';
import { FakeClock } from '../sim/fake-clock.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));
const OURS = 0xcafe0001;
const BLOCK = 'cafe0001 40 fffffe 00010005 00000050 b7058000 00054000';
const SENDER = '81 c8 000c 11111111 b44db705 20000000 00000001 00000002 00000140';
const SDES = '81 ca 0003 11111111 01 04 61406200 00 00';

test('a compound of SR, SDES and BYE', () => {
  const reading = makeRtcpReading();
  assert.ok(parseRtcp(hex(`${SENDER} ${BLOCK} ${SDES} 81 cb 0001 11111111`), OURS, reading));
  assert.equal(reading, {
    senderSsrc: 0x11111111,
    hasSenderInfo: true,
    ntpMiddle: 0xb7052000,
    hasReport: true,
    fractionLost: 0x40,
    cumulativeLost: -2,
    jitter: 0x50,
    lastReport: 0xb7058000,
    sinceLastReport: 0x00054000,
    goodbyeSsrc: 0x11111111,
  });
});

test('a report about others is not about us; the right block of several is found', () => {
  const reading = makeRtcpReading();
  const other = BLOCK.replace('cafe0001', '00000009');
  assert.ok(parseRtcp(hex(`82 c9 000d 11111111 ${other} ${BLOCK}`), OURS, reading));
  assert.ok(reading.hasReport);
  assert.not.ok(reading.hasSenderInfo);
  assert.ok(parseRtcp(hex(`81 c9 0007 11111111 ${other}`), OURS, reading));
  assert.not.ok(reading.hasReport);
  assert.is(reading.goodbyeSsrc, null);
});

test('what is no compound is refused (A.2)', () => {
  for (const [text, why] of [
    ['', 'nothing'],
    ['80 c9 0001', 'short'],
    ['40 c9 0001 00000001', 'version'],
    [SDES, 'does not begin with a report'],
    ['80 c9 0002 00000001', 'longer than the datagram'],
    ['80 c9 0000 00000001', 'no room for its sender'],
    ['80 c9 0001 00000001 80', 'a rest'],
    ['80 c9 0001 00000001 00 ca 0000', 'version of the second'],
  ] as const) {
    assert.is(parseRtcp(hex(text), OURS, makeRtcpReading()), false, why);
  }
});

test('counts that lie, and any bytes: never a throw', () => {
  const reading = makeRtcpReading();
  assert.ok(parseRtcp(hex(`9f c8 0006 11111111 b44db705 20000000 00000001 00000002 00000140`), OURS, reading));
  assert.not.ok(reading.hasReport);
  assert.ok(parseRtcp(hex('9f c8 0001 11111111'), OURS, reading));
  assert.not.ok(reading.hasSenderInfo);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 128 }), fc.constantFrom(200, 201), (bytes, type) => {
      if (bytes.length > 4) bytes.set([0x80 | (bytes[0]! & 0x1f), type, 0, bytes[3]! & 0x0f]);
      parseRtcp(bytes, OURS, reading);
    }),
    { numRuns: 2000 },
  );
});

test('what is written is what is drawn', () => {
  const bytes = new Uint8Array(RTCP_BYTES).fill(0x55);
  const block = {
    ssrc: 0xcafe0001,
    fractionLost: 0x40,
    cumulativeLost: -2,
    extendedSequence: 0x10005,
    jitter: 0x50,
    lastReport: 0xb7058000,
    sinceLastReport: 0x54000,
  };
  const sender = { ntpSeconds: 0xb44db705, ntpFraction: 0x20000000, rtpTimestamp: 1, packets: 2, octets: 320 };
  const length = writeRtcp(bytes, { ssrc: 0x11111111, sender, block, cname: 'a@b', goodbye: true });
  const sdes = '81 ca 0003 11111111 01 03 614062 000000';
  assert.equal(bytes.subarray(0, length), hex(`${SENDER} ${BLOCK} ${sdes} 81 cb 0001 11111111`));
  const empty = writeRtcp(bytes, { ssrc: 1, sender: null, block: null, cname: 'ab', goodbye: false });
  assert.equal(bytes.subarray(0, empty), hex('80 c9 0001 00000001 81 ca 0003 00000001 01 02 6162 00000000'));
  const widest = writeRtcp(bytes, { ssrc: 1, sender, block, cname: 'x'.repeat(300), goodbye: true });
  assert.ok(widest <= RTCP_BYTES && parseRtcp(bytes.subarray(0, widest), 0, makeRtcpReading()));
});

/** One end, and what it sent. */
function end(clock: FakeClock, ssrc: number) {
  const sent = { ssrc, packets: 0, octets: 0, timestamp: 1000, sentMs: Number.NaN };
  const source = new RtpSource({ clockRateHz: 8000, byAddress: true });
  const reports: Uint8Array[] = [];
  const session = new RtcpSession({ clock, clockRateHz: 8000, sent, source, send: (bytes) => reports.push(bytes) });
  return { sent, source, reports, session };
}

function hear(source: RtpSource, ssrc: number, sequenceNumber: number, nowMs: number): void {
  const packet = { ...makeRtpPacket(), ssrc, sequenceNumber };
  source.accept(packet, true, '127.0.0.1', 4000, nowMs);
}

test("RFC 3550 figure 2: 6.125 s round trip from A, LSR and DLSR, at an end's own clock", () => {
  const clock = new FakeClock();
  const { session, sent, reports, source } = end(clock, OURS);
  hear(source, 5, 1, clock.nowMs());
  sent.packets = 1;
  sent.sentMs = clock.nowMs();
  session.start();
  clock.advance(LIMITS.rtcpReportMs);
  const [report] = reports;
  assert.ok(report !== undefined);
  const middle = new DataView(report.buffer).getUint32(10);
  const sentAtMs = clock.nowMs();
  // The far end keeps it for 5.25 s; it comes back 6.125 + 5.25 s after it left.
  const answer = hex('81 c9 0007 00000005 cafe0001 00000000 00000001 00000000 00000000 00054000');
  new DataView(answer.buffer).setUint32(24, middle);
  const leftAtMs = 1000 + (LIMITS.rtcpReportMs / 2) * (1 / (Math.E - 1.5));
  clock.advance(leftAtMs + 5250 + 6125 - sentAtMs);
  assert.ok(session.receive(answer, clock.nowMs()));
  assert.ok(Math.abs((session.rttMs ?? 0) - 6125) < 0.1, `${session.rttMs}`);
  session.stop();
});

test('two ends: who sent says so in an SR, who did not in an RR; loss, jitter and round trip arrive', () => {
  const clock = new FakeClock();
  const one = end(clock, 1);
  const two = end(clock, 2);
  one.session.start();
  one.session.start();
  two.session.start();
  hear(two.source, 1, 10, clock.nowMs());
  hear(two.source, 1, 13, clock.nowMs());
  one.sent.packets = 4;
  one.sent.octets = 640;
  one.sent.sentMs = clock.nowMs();
  clock.advance(2100);
  assert.is(one.reports.length, 1);
  assert.is(one.reports[0]![1], 200);
  assert.is(two.reports[0]![1], 201);
  const delivered = clock.nowMs();
  assert.ok(two.session.receive(one.reports[0]!, delivered));
  clock.advance(4200);
  assert.is(two.reports.length, 2);
  assert.ok(one.session.receive(two.reports[1]!, clock.nowMs()));
  assert.is(one.session.remoteLost, 2);
  assert.ok((one.session.rttMs ?? -1) >= 0 && one.session.rttMs! < 2100);
  assert.is(one.session.remoteJitterMs, 0);
  assert.is(one.reports[1]![1], 201, 'nothing was sent since');
  assert.is(two.session.rttMs, null);
  one.session.stop();
  two.session.stop();
  assert.is(clock.pending, 0);
});

test('the interval is five seconds on the average, the first one half of that (§6.3.1)', () => {
  const clock = new FakeClock();
  const delays: number[] = [];
  for (const chance of [0, 0.5, 0.999]) {
    const { session, reports } = end(Object.assign(clock, { random: () => chance }), 1);
    session.start();
    const startMs = clock.nowMs();
    while (reports.length < 1) clock.advance(1);
    delays.push(clock.nowMs() - startMs);
    session.stop();
  }
  const mean = 2500 / (Math.E - 1.5);
  assert.equal(
    delays.map((delayMs) => Math.round(delayMs / 10)),
    [0.5, 1, 1.499].map((factor) => Math.round((factor * mean) / 10)),
  );
});

test('a sender report is in step with the media: its timestamp is that of its time', () => {
  const clock = new FakeClock();
  const { session, sent, reports } = end(clock, 1);
  sent.packets = 1;
  sent.timestamp = 0xffffff00;
  sent.sentMs = clock.nowMs();
  session.start();
  clock.advance(3000);
  const view = new DataView(reports[0]!.buffer);
  const wallMs = (view.getUint32(8) - 2_208_988_800) * 1000 + (view.getUint32(12) / 2 ** 32) * 1000;
  const sinceMs = wallMs - 1_700_000_000_000 - 1000;
  assert.ok(Math.abs(sinceMs - 2500 / (Math.E - 1.5)) < 1, `${sinceMs}`);
  assert.ok(Math.abs(view.getUint32(16) - ((0xffffff00 + sinceMs * 8) % 2 ** 32)) <= 8);
  session.stop();
});

test('a goodbye of the source lets another one in; one of a stranger does not', () => {
  const clock = new FakeClock();
  const { session, source } = end(clock, 1);
  hear(source, 5, 1, 0);
  assert.ok(session.receive(hex('80 c9 0001 00000006 81 cb 0001 00000006'), 0));
  hear(source, 6, 1, 0);
  assert.is(source.ssrc, 5);
  assert.ok(session.receive(hex('80 c9 0001 00000005 81 cb 0001 00000005'), 0));
  hear(source, 6, 1, 0);
  assert.is(source.ssrc, 6);
  assert.is(session.goodbye()[1], 201);
});

test.run();
