/** AudioSocket's transport against a peer that is a plain TCP socket. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { SampleRateHz } from '../../src/core/media.ts';
import { LIMITS } from '../../src/limits.ts';
import type { AudioSocketConnection } from '../../src/transport/audiosocket-connection.ts';
import { AudioSocketTransport } from '../../src/transport/audiosocket-transport.ts';
import { UUID, frame, listenTo, rig, until, uuidFrame } from './audiosocket-rig.ts';
import type { Ear, Peer, Rig } from './audiosocket-rig.ts';

interface Call extends Rig, Ear {
  readonly transport: AudioSocketTransport;
  readonly peer: Peer;
  readonly digits: string[];
}

const KIND: Record<SampleRateHz, number> = { 8000: 0x10, 16000: 0x12, 24000: 0x13, 48000: 0x16 };

/** One call at `sampleRateHz` that is up; closed in the end. */
async function call(sampleRateHz: SampleRateHz, run: (call: Call) => Promise<void>): Promise<void> {
  await rig({}, async (here) => {
    const expected = here.server.expect(UUID);
    const peer = await here.dial();
    peer.say(uuidFrame());
    const digits: string[] = [];
    const transport = new AudioSocketTransport({
      clock: here.clock,
      connection: await expected,
      format: { codec: 'l16', sampleRateHz, ptimeMs: 20 },
      onDigit: (digit, durationMs) => digits.push(`${digit} ${durationMs}`),
    });
    const ear = listenTo(transport);
    await run({ ...here, ...ear, transport, peer, digits });
    const closing = transport.close();
    peer.socket.destroy();
    await closing;
    await until(() => here.server.connections === 0, 'gone');
    assert.is(here.clock.pending, 0, 'no timer is left');
  });
}

function ramp(bytes: number, from = 0): Buffer {
  return Buffer.from(Uint8Array.from({ length: bytes }, (_, n) => n + from));
}

for (const sampleRateHz of [8000, 16000, 24000, 48000] as const) {
  const bytes = sampleRateHz / 25;
  const kind = KIND[sampleRateHz];

  test(`${sampleRateHz} Hz: whatever sizes come, frames of 20 ms come out, numbered`, async () => {
    await call(sampleRateHz, async ({ peer, frames, transport }) => {
      const audio = ramp(bytes * 10);
      let at = 0;
      // One frame; half of one; two and a half; two samples; the rest.
      for (const size of [bytes, bytes / 2, bytes * 2.5, 4, bytes * 6 - 4]) {
        peer.say(frame(kind, audio.subarray(at, at + size)));
        at += size;
      }
      await until(() => frames.length === 10, 'ten frames');
      assert.ok(Buffer.concat(frames.map(({ payload }) => payload)).equals(audio));
      assert.equal(
        frames.map(({ sequenceNumber }) => sequenceNumber),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
      );
      assert.equal(
        frames.map(({ timestamp }) => timestamp),
        [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((n) => (n * bytes) / 2),
      );
      assert.equal([transport.stats.receivedFrames, transport.stats.rejectedPackets], [10, 0]);
    });
  });

  test(`${sampleRateHz} Hz: what is sent is one frame of this kind, at once, before anything has come`, async () => {
    await call(sampleRateHz, async ({ peer, transport }) => {
      transport.send(ramp(bytes), true);
      transport.send(ramp(bytes, 7), false);
      transport.send(ramp(bytes - 2), false);
      const expected = Buffer.concat([frame(kind, ramp(bytes)), frame(kind, ramp(bytes, 7))]);
      await until(() => peer.heard().length >= expected.length, 'it was heard');
      assert.ok(peer.heard().equals(expected));
      assert.equal([transport.stats.sentFrames, transport.stats.unsentFrames], [2, 1]);
      assert.equal([transport.playedFrames(), transport.kind, transport.expectsFrames], [null, 'audiosocket', false]);
      transport.flush();
    });
  });
}

test('frames cut at every byte are the same frames', async () => {
  await call(8000, async ({ peer, frames }) => {
    const stream = Buffer.concat([frame(0x10, ramp(6)), frame(0x10, ramp(314, 6)), frame(3, Buffer.from('5'))]);
    for (const byte of stream) {
      peer.say(Uint8Array.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => frames.length === 1, 'a frame');
    assert.ok(frames[0]!.payload.equals(ramp(320)));
  });
});

test('digits are told, wrong frames are counted, and the audio goes on', async () => {
  await call(16000, async ({ peer, digits, transport, frames, lost }) => {
    peer.say(
      Buffer.concat([
        frame(3, Buffer.from('1')),
        frame(0x02),
        frame(0x12, ramp(3)),
        frame(0x12),
        frame(3, Buffer.from('#')),
      ]),
    );
    peer.say(frame(0x12, ramp(640)));
    await until(() => frames.length === 1, 'audio');
    assert.equal(digits, ['1 0', '# 0']);
    assert.equal([transport.stats.rejectedPackets, lost.length], [3, 0]);
    for (let n = 1; n < LIMITS.audioSocketFaults; n += 1) peer.say(frame(0x42));
    peer.say(frame(0x12, ramp(640)));
    await until(() => frames.length === 2, 'still there');
    for (let n = 0; n < LIMITS.audioSocketFaults; n += 1) peer.say(frame(0x42));
    await until(() => lost.length === 1, 'this is something else');
    assert.equal([lost[0]!.code, lost[0]!.details['reason']], ['ERR_TALKSPURT_MEDIA_CONNECTION', 'protocol']);
    transport.send(new Uint8Array(640), false);
    assert.is(transport.stats.unsentFrames, 1);
  });
});

const ENDINGS: readonly [string, (peer: Peer) => void, string, RegExp][] = [
  ['a hang-up', ({ say }) => say(frame(0)), 'ERR_TALKSPURT_CALL_GONE', /hung up/],
  ['FIN', ({ socket }) => void socket.end(), 'ERR_TALKSPURT_CALL_GONE', /hung up/],
  ['a hang-up and FIN', ({ socket }) => void socket.end(frame(0)), 'ERR_TALKSPURT_CALL_GONE', /hung up/],
  ['RST', ({ socket }) => void socket.resetAndDestroy(), 'ERR_TALKSPURT_MEDIA_CONNECTION', /reset/],
  ['an error', ({ say }) => say(frame(0xff, Buffer.from([4]))), 'ERR_TALKSPURT_MEDIA_CONNECTION', /code 4/],
  [
    'an error without a word',
    ({ say }) => say(frame(0xff)),
    'ERR_TALKSPURT_MEDIA_CONNECTION',
    /an AudioSocket error: see/,
  ],
  [
    '192 kHz',
    ({ say }) => say(frame(0x18, ramp(7_680))),
    'ERR_TALKSPURT_MEDIA_FORMAT',
    /192000 Hz.*c\(slin16\), which is one/,
  ],
  [
    'another rate of ours',
    ({ say }) => say(frame(0x10, ramp(320))),
    'ERR_TALKSPURT_MEDIA_FORMAT',
    /c\(slin16\), or expect slin of/,
  ],
];

for (const [name, ends, code, message] of ENDINGS) {
  test(`${name} is told once, after what was said before`, async () => {
    await call(16000, async ({ peer, lost, frames, transport }) => {
      peer.say(frame(0x12, ramp(640)));
      await until(() => frames.length === 1, 'audio');
      ends(peer);
      await until(() => lost.length > 0, 'it is lost');
      peer.socket.destroy();
      await until(() => peer.socket.closed, 'all is over');
      assert.equal(
        lost.map((error) => error.code),
        [code],
      );
      assert.match(lost[0]!.message, message);
      transport.send(new Uint8Array(640), false);
      assert.equal([frames.length, transport.stats.unsentFrames], [1, 1]);
    });
  });
}

test('an end that came before the start is told at the start; after close nothing is', async () => {
  await rig({}, async ({ server, dial, clock }) => {
    const expected = server.expect(UUID);
    const peer = await dial();
    peer.socket.end(Buffer.concat([uuidFrame(), frame(0x10, ramp(640)), frame(0)]));
    const transport = new AudioSocketTransport({
      clock,
      connection: await expected,
      format: { codec: 'l16', sampleRateHz: 8000, ptimeMs: 20 },
    });
    await until(() => transport.stats.receivedFrames === 2, 'it came');
    const { lost } = listenTo(transport);
    assert.equal(
      lost.map((error) => error.code),
      ['ERR_TALKSPURT_CALL_GONE'],
    );
    await transport.close();
    assert.equal(listenTo(transport).lost, []);
    assert.is(clock.pending, 0);
  });
  await call(8000, async ({ transport, peer, lost, frames }) => {
    const closing = transport.close();
    transport.send(new Uint8Array(320), false);
    peer.say(frame(0x10, ramp(320)));
    await until(() => peer.ends.includes('end'), 'our FIN');
    assert.is(peer.heard().toString('hex'), '000000', 'a hang-up and nothing else');
    peer.socket.end();
    await closing;
    await transport.close();
    assert.equal([lost.length, frames.length, transport.stats.unsentFrames], [0, 0, 1]);
  });
});

test('a far end that does not close its side is cut off', async () => {
  await call(8000, async ({ transport, peer, clock }) => {
    let closed = false;
    const closing = transport.close().then(() => (closed = true));
    await until(() => peer.ends.includes('end'), 'our FIN');
    clock.advance(LIMITS.audioSocketCloseMs - 1);
    await new Promise((resolve) => setImmediate(resolve));
    assert.not(closed);
    clock.advance(1);
    await closing;
  });
});

test('a far end that does not read: frames are dropped and counted, none is changed on its way; then the path is lost', async () => {
  await call(48000, async ({ transport, peer, clock, lost }) => {
    peer.socket.pause();
    const payload = new Uint8Array(1920);
    let sent = 0;
    // Each turn the system takes what it takes; when its buffers are full no more than 200 ms may wait in ours.
    for (; transport.stats.unsentFrames < 50; sent += 1) {
      payload.fill(sent % 251);
      transport.send(payload, false);
      if (sent % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(sent < 100_000, 'the buffers are full at some time');
    }
    const { sentFrames } = transport.stats;
    assert.is(sentFrames, sent - 50);
    const total = sentFrames * 1923;
    peer.socket.resume();
    await until(() => peer.heard().length >= total, 'all was read');
    const heard = peer.heard();
    assert.is(heard.length, total);
    for (let n = 0; n < sentFrames; n += 1) {
      const part = heard.subarray(n * 1923, n * 1923 + 1923);
      assert.equal([part[0], part.readUInt16BE(1)], [0x16, 1920]);
      assert.ok(
        part.subarray(3).every((byte) => byte === n % 251),
        `frame ${n} of ${sentFrames}`,
      );
    }
    transport.send(payload, false);
    assert.is(transport.stats.sentFrames, sentFrames + 1, 'it reads again: we send again');

    peer.socket.pause();
    const before = transport.stats.unsentFrames;
    while (transport.stats.unsentFrames === before) {
      transport.send(payload, false);
      await new Promise((resolve) => setImmediate(resolve));
    }
    clock.advance(LIMITS.mediaLostMs);
    transport.send(payload, false);
    assert.is(lost.length, 0);
    clock.advance(1);
    transport.send(payload, false);
    assert.equal(
      lost.map((error) => error.code),
      ['ERR_TALKSPURT_MEDIA_STALLED'],
    );
  });
});

test('while nobody says anything a frame of silence goes now and then; while somebody does, none', async () => {
  await call(8000, async ({ transport, peer, clock, frames }) => {
    const silence = frame(0x10, Buffer.alloc(320));
    clock.advance(LIMITS.audioSocketIdleMs);
    clock.advance(LIMITS.audioSocketIdleMs);
    await until(() => peer.heard().length === 2 * silence.length, 'two of them');
    assert.ok(peer.heard().equals(Buffer.concat([silence, silence])));
    transport.send(ramp(320), true);
    clock.advance(LIMITS.audioSocketIdleMs);
    peer.say(frame(0x10, ramp(320)));
    await until(() => frames.length === 1, 'audio');
    clock.advance(LIMITS.audioSocketIdleMs);
    await until(() => peer.heard().length === 3 * silence.length, 'what we said');
    clock.advance(LIMITS.audioSocketIdleMs);
    await until(() => peer.heard().length === 4 * silence.length, 'silence again');
    assert.is(transport.stats.sentFrames, 1);
  });
});

test('the numbers go round', async () => {
  await call(8000, async ({ peer, frames, transport }) => {
    const second = frame(0x10, Buffer.alloc(32_000));
    for (let n = 0; n < 656; n += 1) {
      peer.say(second);
      await until(() => transport.stats.receivedFrames === (n + 1) * 100, 'a hundred frames');
    }
    const numbers = frames.slice(65_534, 65_537).map(({ sequenceNumber, timestamp }) => [sequenceNumber, timestamp]);
    assert.equal(numbers, [
      [65_535, 65_535 * 160],
      [0, 65_536 * 160],
      [1, 65_537 * 160],
    ]);
  });
});

test('only L16', () => {
  const options = { clock: null as never, connection: {} as AudioSocketConnection };
  for (const codec of ['pcmu', 'pcma'] as const)
    try {
      const transport = new AudioSocketTransport({ ...options, format: { codec, sampleRateHz: 8000, ptimeMs: 20 } });
      assert.unreachable(transport.kind);
    } catch (error) {
      assert.instance(error, TalkspurtError);
      assert.match((error as TalkspurtError).message, /c\(slin\)/);
    }
});

test.run();
