/** RTP over real UDP on loopback against a peer that is a plain socket. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { AddressList } from '../../src/core/address-list.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import type { RtpMedia } from '../../src/transport/rtp-media.ts';
import { RtpPortPool } from '../../src/transport/rtp-port-pool.ts';
import type { RtpPortPair } from '../../src/transport/rtp-port-pool.ts';
import { RtpTransport } from '../../src/transport/rtp-transport.ts';
import type { RtpTransportOptions } from '../../src/transport/rtp-transport.ts';
import { HandClock, until } from '../switch/freeswitch/hand-clock.ts';
import { event, packet, read, rtpMedia, udpPeer } from './rtp-rig.ts';
import type { UdpPeer, WrittenPacket } from './rtp-rig.ts';

interface Frame {
  readonly payload: Buffer;
  readonly sequenceNumber: number;
  readonly timestamp: number;
}

interface Bench {
  readonly transport: RtpTransport;
  readonly clock: HandClock;
  readonly pool: RtpPortPool;
  readonly ports: RtpPortPair;
  readonly peer: UdpPeer;
  readonly frames: Frame[];
  /** Payloads of comfort noise. */
  readonly silences: readonly (readonly number[])[];
  readonly digits: string[];
  /** The peer's packet arrives. */
  readonly say: (fields: Partial<WrittenPacket>, from?: UdpPeer) => Promise<void>;
  /** One tick of the call. */
  readonly tick: (startsTalkspurt?: boolean) => void;
  /** What the peer has heard, when it is `count` packets. */
  readonly heard: (count: number, at?: UdpPeer) => Promise<WrittenPacket[]>;
}

type Changes = Partial<Omit<RtpTransportOptions, 'media'>> & { readonly media?: (peer: UdpPeer) => RtpMedia };

const pool = new RtpPortPool({ clock: new HandClock(), bindHost: '127.0.0.1', from: 42_000, to: 46_000 });

/** PCMU towards the peer. */
function towards(peer: UdpPeer, changes: Partial<RtpMedia> = {}): RtpMedia {
  return rtpMedia({ remoteHost: '127.0.0.1', remotePort: peer.port, remoteRtcpPort: peer.port, ...changes });
}

async function bench(changes: Changes, run: (bench: Bench) => Promise<void>): Promise<void> {
  const { media = towards, ...options } = changes;
  const clock = new HandClock();
  const peer = await udpPeer();
  const ports = await pool.acquire();
  const digits: string[] = [];
  const transport = new RtpTransport({
    clock,
    ports,
    media: media(peer),
    sources: ['127.0.0.1'],
    onDigit: (digit, durationMs) => digits.push(`${digit} ${durationMs}`),
    ...options,
  });
  const frames: Frame[] = [];
  const silences: number[][] = [];
  transport.start({
    onSilence: (payload) => silences.push([...payload]),
    onFrame: (payload, sequenceNumber, timestamp) =>
      frames.push({ payload: Buffer.from(payload), sequenceNumber, timestamp }),
    onLost: () => assert.unreachable('RTP is never lost'),
  });
  const frame = new Uint8Array(transport.format.codec === 'l16' ? 640 : 160).fill(0x91);
  try {
    await run({
      transport,
      clock,
      pool,
      ports,
      peer,
      frames,
      silences,
      digits,
      say: (fields, from = peer) => from.say(packet({ payload: Buffer.alloc(160, 0x55), ...fields }), ports.rtpPort),
      tick: (startsTalkspurt = false) => {
        clock.advance(20);
        transport.send(frame, startsTalkspurt);
      },
      heard: async (count, at = peer) => {
        await until(() => at.heard.filter((bytes) => !isReport(bytes)).length >= count, `${count} packets`);
        return at.heard.filter((bytes) => !isReport(bytes)).map(read);
      },
    });
  } finally {
    await transport.close();
    await peer.close();
    assert.is(clock.pending, 0, 'no timer is left');
  }
}

function isReport(bytes: Buffer): boolean {
  return bytes[1]! >= 200 && bytes[1]! <= 203;
}

test('a frame each way: numbers, timestamps, marker', () =>
  bench({}, async ({ transport, frames, say, tick, heard }) => {
    assert.is(transport.kind, 'rtp');
    assert.equal(transport.format, { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 });
    await say({ sequenceNumber: 65_535, timestamp: 0xffffffff });
    await say({ sequenceNumber: 0, timestamp: 159, payload: Buffer.alloc(160, 7) });
    await until(() => frames.length === 2, 'two frames');
    assert.equal(frames[1], { payload: Buffer.alloc(160, 7), sequenceNumber: 0, timestamp: 159 });
    assert.is(frames[0]?.sequenceNumber, 65_535);
    assert.is(frames[0]?.timestamp, 0xffffffff);
    for (const starts of [false, false, true, false]) tick(starts);
    const sent = await heard(4);
    assert.equal(
      sent.map(({ marker }) => marker),
      [true, false, false, false],
      'a stream without a pause has no other (RFC 3551 §4.1)',
    );
    sent.slice(1).forEach((after, n) => {
      assert.is(after.sequenceNumber, (sent[n]!.sequenceNumber + 1) & 0xffff);
      assert.is(after.timestamp, (sent[n]!.timestamp + 160) >>> 0);
      assert.is(after.ssrc, transport.rtpStats.ssrc);
      assert.is(after.payloadType, 0);
    });
    assert.equal(sent[0]?.payload, Buffer.alloc(160, 0x91));
    await until(() => transport.stats.sentFrames === 4, 'all are counted');
    assert.equal({ ...transport.stats }, { receivedFrames: 2, sentFrames: 4, rejectedPackets: 0, unsentFrames: 0 });
    assert.is(transport.playedFrames(), null);
    transport.flush();
  }));

test('what is malformed, foreign, oversized or of another type is refused and counted', () =>
  bench({ sources: ['192.0.2.0/24', '127.0.0.1'] }, async ({ transport, frames, peer, ports, say }) => {
    await peer.say(Buffer.from([0x80]), ports.rtpPort);
    await peer.say(Buffer.alloc(0), ports.rtpPort);
    await say({ payload: Buffer.alloc(LIMITS.rtpDatagramBytes) });
    await say({ payloadType: 8 });
    await say({ payload: Buffer.alloc(0) });
    const stranger = await udpPeer('127.0.0.2');
    await new Promise<void>((resolve) =>
      stranger.socket.send(packet({ payload: Buffer.alloc(160) }), ports.rtpPort, '127.0.0.1', () => resolve()),
    );
    await until(() => transport.stats.rejectedPackets === 6, 'six of them');
    await say({ sequenceNumber: 5 });
    await until(() => frames.length === 1, 'a good one');
    await stranger.close();
  }));

test('sources are a list that may grow as well; what is no address is refused', async () => {
  const sources = new AddressList(['127.0.0.0/8']);
  await bench({ sources }, async ({ frames, say }) => {
    await say({});
    await until(() => frames.length === 1, 'heard');
  });
  const ports = await pool.acquire();
  for (const source of ['localhost', '127.0.0.1/33', '::1/129', '127.0.0.1/']) {
    assert.throws(
      () =>
        new RtpTransport({
          clock: new HandClock(),
          ports,
          media: rtpMedia(),
          sources: [source],
          onDigit: () => undefined,
        }),
      (error: unknown) => error instanceof TalkspurtError && error.code === 'ERR_TALKSPURT_CONFIG_INVALID',
    );
  }
  await ports.release();
});

test('symmetric: sends to where packets come from, and to the SDP’s address before any came', () =>
  bench({}, async ({ transport, peer, say, tick, heard }) => {
    const real = await udpPeer();
    tick();
    assert.is((await heard(1)).length, 1);
    await say({ sequenceNumber: 1 }, real);
    await until(() => transport.stats.receivedFrames === 1, 'heard');
    tick();
    tick();
    assert.is((await heard(2, real)).length, 2);
    assert.is(peer.heard.length, 1);
    await real.close();
  }));

test('not symmetric: the SDP’s address stays', () =>
  bench({ symmetric: false }, async ({ transport, say, tick, heard }) => {
    const real = await udpPeer();
    await say({ sequenceNumber: 1 }, real);
    await until(() => transport.stats.receivedFrames === 1, 'heard');
    tick();
    assert.is((await heard(1)).length, 1);
    assert.is(real.heard.length, 0);
    await real.close();
  }));

test('a name in the SDP is not looked up: we wait to be sent to', () =>
  bench({ media: (peer) => towards(peer, { remoteHost: 'pbx.example' }) }, async ({ transport, say, tick, heard }) => {
    tick();
    assert.is(transport.stats.unsentFrames, 1);
    await say({});
    await until(() => transport.stats.receivedFrames === 1, 'heard');
    tick();
    assert.is((await heard(1)).length, 1);
  }));

test('an intruder at the allowed address is not listened to while the call talks; a changed sender is', () =>
  bench({}, async ({ transport, frames, say, tick, heard }) => {
    const intruder = await udpPeer();
    for (let n = 0; n < 10; n += 1) {
      await say({ sequenceNumber: n, timestamp: n * 160, ssrc: 1 });
      await until(() => frames.length === n + 1, 'ours');
      await say({ sequenceNumber: 500 + n, ssrc: 2 }, intruder);
      await until(() => transport.stats.rejectedPackets === n + 1, 'theirs');
    }
    assert.is(transport.rtpStats.ssrcChanges, 0);
    tick();
    await heard(1);
    assert.is(intruder.heard.length, 0);
    for (let n = 0; n < LIMITS.rtpProbationPackets; n += 1) await say({ sequenceNumber: 9000 + n, ssrc: 3 }, intruder);
    await until(() => frames.length === 11, 'the new source');
    assert.is(transport.rtpStats.ssrcChanges, 1);
    assert.is(transport.rtpStats.remoteSsrc, 3);
    assert.is(frames[10]?.sequenceNumber, 10, 'numbers go on: the jitter buffer sees no jump');
    tick();
    assert.is((await heard(1, intruder)).length, 1);
    await intruder.close();
  }));

test('the timestamp goes on with the wall while nothing is sent', () =>
  bench({}, async ({ clock, tick, heard }) => {
    tick();
    clock.advance(1000);
    tick();
    clock.advance(40);
    tick();
    const [first, second, third] = await heard(3);
    assert.is((second!.timestamp - first!.timestamp) >>> 0, 1020 * 8);
    assert.ok(second!.marker, 'after a gap');
    assert.is((third!.timestamp - second!.timestamp) >>> 0, 160, 'a late tick is no gap');
    assert.not.ok(third!.marker);
    assert.is((second!.sequenceNumber - first!.sequenceNumber) & 0xffff, 1);
  }));

test('hold: nothing is sent, nothing is counted as unsent, and the audio goes on in step', () =>
  bench({}, async ({ transport, peer, frames, say, tick, heard }) => {
    tick();
    await heard(1);
    transport.update(towards(peer, { direction: 'inactive' }));
    assert.not.ok(transport.expectsFrames);
    for (let n = 0; n < 50; n += 1) tick();
    await say({ sequenceNumber: 1 });
    await until(() => transport.rtpStats.remoteSsrc === 1, 'heard but not handed on');
    transport.update(towards(peer, { direction: 'recvonly' }));
    assert.not.ok(transport.expectsFrames, 'who holds us may have no music');
    tick();
    await say({ sequenceNumber: 2 });
    await until(() => frames.length === 1, 'music on hold');
    transport.update(towards(peer));
    assert.ok(transport.expectsFrames);
    tick();
    const [before, after] = await heard(2);
    assert.is((after!.timestamp - before!.timestamp) >>> 0, 52 * 160);
    assert.is((after!.sequenceNumber - before!.sequenceNumber) & 0xffff, 1);
    assert.ok(after!.marker);
    assert.is(transport.stats.unsentFrames, 0);
    transport.update(towards(peer, { direction: 'sendonly' }));
    tick();
    assert.is((await heard(3)).length, 3);
  }));

test('a re-INVITE to another address: at once, and stragglers do not turn it back', () =>
  bench({}, async ({ transport, clock, peer, frames, say, tick, heard }) => {
    const moved = await udpPeer();
    await say({ sequenceNumber: 1 });
    await until(() => frames.length === 1, 'heard');
    transport.update(towards(moved));
    assert.is(transport.media.remotePort, moved.port);
    await say({ sequenceNumber: 2 });
    await until(() => frames.length === 2, 'a straggler');
    tick();
    assert.is((await heard(1, moved)).length, 1);
    assert.is(peer.heard.length, 0);
    await say({ sequenceNumber: 70, ssrc: 8 }, moved);
    await until(() => frames.length === 3, 'the new source, without probation');
    assert.is(transport.rtpStats.remoteSsrc, 8);
    transport.update(towards(peer));
    clock.advance(600);
    await say({ sequenceNumber: 71, ssrc: 8 }, moved);
    await until(() => frames.length === 4, 'it did not move after all');
    tick();
    assert.is((await heard(2, moved)).length, 2);
    await moved.close();
  }));

test('a re-INVITE to another payload type is followed, to another codec or ptime refused', () =>
  bench({}, async ({ transport, peer, frames, say, tick, heard }) => {
    transport.update(towards(peer, { payloadType: 96, eventPayloadType: null }));
    tick();
    assert.is((await heard(1))[0]?.payloadType, 96);
    await say({ payloadType: 96 });
    await until(() => frames.length === 1, 'heard');
    const other: Partial<RtpMedia>[] = [
      { codec: 'pcma', format: { codec: 'pcma', sampleRateHz: 8000, ptimeMs: 20 } },
      { format: { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 30 } },
    ];
    for (const changes of other) {
      assert.throws(
        () => transport.update(towards(peer, changes)),
        (error: unknown) => error instanceof TalkspurtError && error.code === 'ERR_TALKSPURT_MEDIA_FORMAT',
      );
    }
    assert.is(transport.media.payloadType, 96, 'as before');
  }));

test('packets of 30 and 10 ms become frames of 20', () =>
  bench({}, async ({ transport, frames, say }) => {
    const audio = Buffer.from(Array.from({ length: 480 }, (_, n) => n & 0xff));
    await say({ sequenceNumber: 5, payload: audio.subarray(0, 240) });
    await say({ sequenceNumber: 6, timestamp: 240, payload: audio.subarray(240) });
    await until(() => frames.length === 3, 'three');
    assert.equal(Buffer.concat(frames.map(({ payload }) => payload)), audio);
    assert.equal(
      frames.map(({ sequenceNumber, timestamp }) => [sequenceNumber, timestamp]),
      [
        [5, 0],
        [6, 160],
        [7, 320],
      ],
    );
    for (let n = 0; n < 4; n += 1)
      await say({ sequenceNumber: 7 + n, timestamp: 480 + n * 80, payload: audio.subarray(n * 80, n * 80 + 80) });
    await until(() => frames.length === 5, 'five');
    assert.equal(Buffer.concat(frames.slice(3).map(({ payload }) => payload)), audio.subarray(0, 320));
    assert.is(transport.rtpStats.lost, 0);
  }));

test('digits are told, take no room in the audio, and comfort noise describes silence', () =>
  bench({}, async ({ transport, frames, silences, digits, say }) => {
    await say({ sequenceNumber: 10, timestamp: 0 });
    for (let n = 0; n < 4; n += 1) {
      await say({
        sequenceNumber: 11 + n,
        timestamp: 160,
        payloadType: 101,
        marker: n === 0,
        payload: event(5, 160 + n * 160, n > 1),
      });
    }
    await say({ sequenceNumber: 15, timestamp: 800, payloadType: 13, payload: Buffer.from([60, 17, 140]) });
    await say({ sequenceNumber: 16, timestamp: 960 });
    await until(() => frames.length === 2, 'the audio around');
    assert.equal(silences, [[60, 17, 140]]);
    assert.equal(digits, ['5 60']);
    assert.equal(
      frames.map(({ sequenceNumber }) => sequenceNumber),
      [10, 11],
    );
    assert.is(transport.rtpStats.eventPackets, 4);
    assert.is(transport.rtpStats.comfortNoisePackets, 1);
    assert.is(transport.rtpStats.lost, 0);
    assert.is(transport.stats.rejectedPackets, 0);
  }));

test('a lost packet within a digit is no lost audio', () =>
  bench({}, async ({ frames, digits, say }) => {
    await say({ sequenceNumber: 10 });
    await say({ sequenceNumber: 11, timestamp: 160, payloadType: 101, payload: event(5, 160) });
    await say({ sequenceNumber: 14, timestamp: 160, payloadType: 101, payload: event(5, 640, true) });
    await say({ sequenceNumber: 15, timestamp: 800 });
    await until(() => frames.length === 2, 'the audio around');
    assert.equal(digits, ['5 80']);
    assert.is(frames[1]?.sequenceNumber, 11);
  }));

test('a digit whose end is lost ends with the audio after it', () =>
  bench({}, async ({ transport, clock, frames, digits, say }) => {
    await say({ sequenceNumber: 1, payloadType: 101, payload: event(0, 800) });
    await until(() => transport.rtpStats.eventPackets === 1, 'heard');
    clock.advance(LIMITS.rtpEventSilentMs + 1);
    await say({ sequenceNumber: 2, timestamp: 1600 });
    await until(() => frames.length === 1, 'audio');
    assert.equal(digits, ['0 100']);
  }));

test('a digit whose end is lost ends with the ticks', () =>
  bench({}, async ({ transport, digits, say, tick }) => {
    await say({ sequenceNumber: 1, payloadType: 101, payload: event(11, 800) });
    await until(() => transport.rtpStats.eventPackets === 1, 'heard');
    for (let n = 0; n < 10; n += 1) tick();
    assert.equal(digits, []);
    tick();
    assert.equal(digits, ['# 100']);
  }));

test('digits that are sent: events in place of audio, one sequence, the audio’s clock goes on', () =>
  bench({}, async ({ transport, tick, heard }) => {
    tick();
    const done = transport.sendDigits('7', 40, 40);
    for (let n = 0; n < 8; n += 1) tick();
    await done;
    const sent = await heard(7);
    const audioTypes = sent.map(({ payloadType }) => payloadType);
    assert.equal(audioTypes.slice(0, 6), [0, 101, 101, 101, 101, 0]);
    assert.equal(
      sent.slice(1, 5).map(({ payload }) => payload),
      [event(7, 160), event(7, 320, true), event(7, 320, true), event(7, 320, true)],
    );
    assert.equal(
      sent.slice(1, 6).map(({ marker }) => marker),
      [true, false, false, false, false],
    );
    assert.ok(sent.slice(1, 5).every(({ timestamp }) => timestamp === (sent[0]!.timestamp + 160) >>> 0));
    assert.is((sent[5]!.timestamp - sent[0]!.timestamp) >>> 0, 6 * 160);
    sent.slice(1).forEach(({ sequenceNumber }, n) => assert.is(sequenceNumber, (sent[n]!.sequenceNumber + 1) & 0xffff));
  }));

test('digits where none are taken, and on a path that closes', async () => {
  const codeOf = (error: unknown): string => (error as TalkspurtError).code;
  await bench({ media: (peer) => towards(peer, { eventPayloadType: null }) }, async ({ transport }) => {
    assert.is(await transport.sendDigits('1').catch(codeOf), 'ERR_TALKSPURT_MEDIA_FORMAT');
  });
  await bench({}, async ({ transport }) => {
    const pending = transport.sendDigits('1').catch(codeOf);
    await transport.close();
    assert.is(await pending, 'ERR_TALKSPURT_CALL_GONE');
    assert.is(await transport.sendDigits('1').catch(codeOf), 'ERR_TALKSPURT_CALL_GONE');
  });
});

test('L16 is big endian outside and little endian inside', () => {
  const l16 = { codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 } as const;
  const media = (peer: UdpPeer): RtpMedia =>
    towards(peer, { codec: 'l16', payloadType: 102, clockRateHz: 16000, format: l16 });
  return bench({ media }, async ({ transport, frames, say, heard, clock }) => {
    const wire = Buffer.alloc(640);
    const inside = Buffer.alloc(640);
    for (let n = 0; n < 320; n += 1) {
      wire.writeInt16BE(n * 100 - 16_000, n * 2);
      inside.writeInt16LE(n * 100 - 16_000, n * 2);
    }
    await say({ payloadType: 102, timestamp: 77, payload: wire });
    await say({ payloadType: 102, sequenceNumber: 1, payload: wire.subarray(1) });
    await until(() => transport.stats.receivedFrames + transport.stats.rejectedPackets === 2, 'both');
    assert.equal(frames, [{ payload: inside, sequenceNumber: 0, timestamp: 77 }]);
    assert.is(transport.stats.rejectedPackets, 1, 'half a sample');
    clock.advance(20);
    transport.send(inside, false);
    assert.equal((await heard(1))[0]?.payload, wire);
    transport.send(new Uint8Array(320), false);
    assert.is(transport.stats.unsentFrames, 1, 'another size');
  });
});

test('G.722: its clock is 8 kHz, its frames are 16 kHz', async () => {
  const format = { codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 } as const;
  const media = (peer: UdpPeer): RtpMedia => towards(peer, { codec: 'g722', payloadType: 9, format });
  const g722 = {
    decode: (wire: Uint8Array, out: Uint8Array) => void out.forEach((_, n) => (out[n] = wire[n >> 2]!)),
    encode: (pcm: Uint8Array, out: Uint8Array) => void out.forEach((_, n) => (out[n] = pcm[n << 2]!)),
  };
  await bench({ media, g722 }, async ({ frames, say, tick, heard }) => {
    await say({ payloadType: 9, timestamp: 0x90000000, payload: Buffer.alloc(320, 3) });
    await until(() => frames.length === 2, 'two frames of one packet');
    assert.equal(frames[0], { payload: Buffer.alloc(640, 3), sequenceNumber: 0, timestamp: 0x20000000 });
    assert.is(frames[1]?.timestamp, 0x20000000 + 320);
    tick();
    tick();
    const [first, second] = await heard(2);
    assert.equal(first?.payload, Buffer.alloc(160, 0x91));
    assert.is((second!.timestamp - first!.timestamp) >>> 0, 160);
  });
  const ports = await pool.acquire();
  for (const wrong of [rtpMedia({ codec: 'g722', format }), rtpMedia({ format })]) {
    assert.throws(
      () => new RtpTransport({ clock: new HandClock(), ports, media: wrong, sources: [], onDigit: () => undefined }),
      (error: unknown) => error instanceof TalkspurtError && error.code === 'ERR_TALKSPURT_MEDIA_FORMAT',
    );
  }
  await ports.release();
});

test('reports go to the RTCP port, and are read; the last one says goodbye', async () => {
  const control = await udpPeer();
  await bench(
    { media: (peer) => towards(peer, { remoteRtcpPort: control.port }) },
    async ({ transport, clock, ports, say, tick, heard }) => {
      await say({ ssrc: 77, sequenceNumber: 4 });
      await say({ ssrc: 77, sequenceNumber: 6 });
      await until(() => transport.stats.receivedFrames === 2, 'heard');
      assert.is(transport.rtpStats.lost, 1);
      tick();
      await heard(1);
      clock.advance(LIMITS.rtcpReportMs);
      // The far end reports from its own RTCP port: there it gets ours.
      const answer = Buffer.from(`81c900070000004d00000000800000050000000000000010${'0'.repeat(16)}`, 'hex');
      answer.writeUInt32BE(transport.rtpStats.ssrc, 8);
      await control.say(answer, ports.rtcpPort);
      await until(() => transport.rtpStats.receivedReports === 1, 'its report');
      assert.is(transport.rtpStats.remoteFractionLost, 0.5);
      assert.is(transport.rtpStats.remoteLost, 5);
      assert.is(transport.rtpStats.remoteJitterMs, 2);
      clock.advance(2 * LIMITS.rtcpReportMs);
      await until(() => control.heard.length >= 1, 'a report of ours');
      await transport.close();
      await until(() => control.heard.at(-1)!.subarray(-8)[1] === 203, 'goodbye');
      assert.is(control.heard.at(-1)!.readUInt32BE(control.heard.at(-1)!.length - 4), transport.rtpStats.ssrc);
      assert.ok(transport.rtpStats.sentReports >= 1);
    },
  );
  await control.close();
});

test('RTCP on the RTP port, both ways (RFC 5761)', () =>
  bench({}, async ({ transport, clock, peer, ports, tick }) => {
    const report = Buffer.from('80c900010000004d', 'hex');
    await peer.say(report, ports.rtpPort);
    await until(() => transport.rtpStats.receivedReports === 1, 'read');
    tick();
    clock.advance(LIMITS.rtcpReportMs);
    await until(() => peer.heard.some(isReport), 'sent');
    await peer.say(Buffer.from('80c90001', 'hex'), ports.rtpPort);
    await until(() => transport.stats.rejectedPackets === 1, 'no report');
  }));

test('after the end: nothing is sent or heard, and the ports are free again', () =>
  bench({}, async ({ transport, pool: used, frames, tick }) => {
    const inUse = used.inUse;
    tick();
    await transport.close();
    await transport.close();
    tick();
    assert.is(transport.stats.unsentFrames, 1);
    assert.is(used.inUse, inUse - 1);
    assert.equal(frames, []);
  }));

test('IPv6', async () => {
  const peer = await udpPeer('::1');
  const six = new RtpPortPool({ clock: new HandClock(), bindHost: '::1', from: 42_000, to: 46_000 });
  const ports = await six.acquire();
  const media = rtpMedia({ remoteHost: '::1', remotePort: peer.port, remoteRtcpPort: peer.port });
  let received = 0;
  const transport = new RtpTransport({
    clock: new HandClock(),
    ports,
    media,
    sources: ['::1'],
    onDigit: () => undefined,
  });
  transport.start({ onFrame: () => (received += 1), onLost: () => undefined });
  transport.send(new Uint8Array(160), true);
  await peer.say(packet({ payload: Buffer.alloc(160) }), ports.rtpPort);
  await until(() => received === 1 && peer.heard.length === 1, 'both ways');
  await transport.close();
  await peer.close();
});

test.run();
