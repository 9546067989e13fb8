/** Unicast's socket against a peer that is a plain UDP socket. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { UnicastTransport } from '../../src/transport/unicast-transport.ts';
import type { UnicastOptions } from '../../src/transport/unicast-transport.ts';
import { HandClock, until } from '../switch/freeswitch/hand-clock.ts';

function codeOf(error: unknown): string {
  assert.instance(error, TalkspurtError);
  return (error as TalkspurtError).code;
}

const never = new AbortController().signal;

interface Frame {
  readonly payload: Buffer;
  readonly sequenceNumber: number;
  readonly timestamp: number;
}

interface Bench {
  readonly transport: UnicastTransport;
  readonly clock: HandClock;
  readonly peer: Socket;
  readonly heard: Buffer[];
  readonly frames: Frame[];
  readonly lost: TalkspurtError[];
  readonly say: (payload: Uint8Array, socket?: Socket) => Promise<void>;
  /** Says `first` and starts the transport. */
  readonly begin: (first: Uint8Array) => Promise<void>;
}

async function bench(options: Partial<UnicastOptions>, run: (bench: Bench) => Promise<void>): Promise<void> {
  const clock = new HandClock();
  const peer = await udp();
  let gone = false;
  peer.on('close', () => (gone = true));
  const heard: Buffer[] = [];
  peer.on('message', (payload) => heard.push(payload));
  const audio = { codec: 'pcmu', sampleRateHz: 8000 } as const;
  const transport = await UnicastTransport.open({
    clock,
    bindHost: '127.0.0.1',
    sourceHost: '127.0.0.1',
    audio,
    ptimeMs: null,
    ...options,
  });
  const frames: Frame[] = [];
  const lost: TalkspurtError[] = [];
  const { port } = transport;
  const say = (payload: Uint8Array, socket = peer): Promise<void> =>
    new Promise((resolve, reject) =>
      socket.send(payload, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error))),
    );
  try {
    await run({
      transport,
      clock,
      peer,
      heard,
      frames,
      lost,
      say,
      begin: async (first) => {
        const flowing = transport.firstDatagram(1000, never);
        await say(first);
        await flowing;
        transport.start({
          onFrame: (payload, sequenceNumber, timestamp) =>
            frames.push({ payload: Buffer.from(payload), sequenceNumber, timestamp }),
          onLost: (error) => lost.push(error),
        });
      },
    });
  } finally {
    await transport.close();
    await transport.close();
    if (!gone) peer.close();
  }
  assert.is(clock.pending, 0, 'no timer is left');
}

async function udp(): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return socket;
}

const turns = async (): Promise<void> => {
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
const bytes = (size: number, value: number): Uint8Array => new Uint8Array(size).fill(value);

for (const [what, options, first, ptimeMs] of [
  ['µ-law of 20 ms', {}, bytes(160, 0x42), 20],
  ['µ-law of 10 ms', {}, bytes(80, 0x42), 10],
  ['µ-law of 30 ms', {}, bytes(240, 0x42), 30],
  ['µ-law of 60 ms', {}, bytes(480, 0x42), 60],
  ['a silent far end at 20 ms', {}, bytes(320, 0xff), 20],
  ['a silent far end at 30 ms', {}, bytes(480, 0xff), 30],
  ['µ-law silence of 20 ms', {}, bytes(160, 0xff), 20],
  ['a silent far end at 10 ms, as told', { ptimeMs: 10 }, bytes(160, 0xff), 10],
  ['µ-law silence of 40 ms, as told', { ptimeMs: 40 }, bytes(320, 0xff), 40],
  ['L16 at 8 kHz', { audio: { codec: 'l16', sampleRateHz: 8000 } }, bytes(320, 1), 20],
  ['L16 at 16 kHz, 30 ms', { audio: { codec: 'l16', sampleRateHz: 16_000 } }, bytes(960, 1), 30],
  ['L16 at 48 kHz', { audio: { codec: 'l16', sampleRateHz: 48_000 } }, bytes(1920, 1), 20],
] as const) {
  test(`the packet duration is learned from the first datagram: ${what}`, () =>
    bench(options, async ({ transport, begin }) => {
      await begin(first);
      assert.is(transport.format.ptimeMs, ptimeMs);
    }));
}

test('stereo and sizes that are no packet of the codec are ERR_TALKSPURT_MEDIA_FORMAT, with the size', () =>
  bench({ audio: { codec: 'l16', sampleRateHz: 48_000 }, ptimeMs: 20 }, async ({ transport, say }) => {
    const refusal = transport.firstDatagram(1000, never).catch((error: unknown) => error);
    await say(bytes(3840, 1));
    const error = (await refusal) as TalkspurtError;
    assert.is(error.code, 'ERR_TALKSPURT_MEDIA_FORMAT');
    assert.match(error.message, '3840');
  }));

test('no datagram is ERR_TALKSPURT_UNICAST_SILENT, and an abort is its reason', () =>
  bench({}, async ({ transport, clock }) => {
    const silent = transport.firstDatagram(2000, never).catch(codeOf);
    clock.advance(2001);
    assert.is(await silent, 'ERR_TALKSPURT_UNICAST_SILENT');
    const reason = new Error('enough');
    assert.is(await transport.firstDatagram(2000, AbortSignal.abort(reason)).catch((error: unknown) => error), reason);
  }));

test('frames are numbered and dated across both overflows', () =>
  bench({}, async ({ frames, begin, say }) => {
    await begin(bytes(160, 1));
    for (let n = 0; n < 3; n += 1) await say(bytes(160, n));
    await until(() => frames.length === 3, 'three frames');
    assert.equal(
      frames.map(({ payload }) => payload[0]),
      [0, 1, 2],
    );
    assert.equal(
      frames.map(({ timestamp }) => timestamp - frames[0]!.timestamp),
      [0, 160, 320],
    );
    assert.equal(
      frames.map(({ sequenceNumber }) => sequenceNumber - frames[0]!.sequenceNumber),
      [0, 1, 2],
    );
  }));

test('a far end that sends nothing is a gap first, then silence, and audio again', () =>
  bench({}, async ({ frames, begin, say, transport }) => {
    await begin(bytes(160, 1));
    await say(bytes(160, 2));
    for (let n = 0; n < LIMITS.unicastConcealedFrames + 2; n += 1) await say(bytes(320, 0xff));
    await say(bytes(160, 3));
    await until(() => frames.length === 4, 'four frames');
    assert.equal(
      frames.map(({ payload }) => payload[0]),
      [2, 0xff, 0xff, 3],
    );
    assert.ok(frames.every(({ payload }) => payload.length === 160));
    assert.is(frames[1]!.sequenceNumber - frames[0]!.sequenceNumber, LIMITS.unicastConcealedFrames + 1);
    assert.is(transport.stats.rejectedPackets, 0);
  }));

test('nobody else is heard: another port, before and after the path is known', () =>
  bench({}, async ({ frames, begin, say, transport, heard }) => {
    const stranger = await udp();
    const got: Buffer[] = [];
    stranger.on('message', (payload) => got.push(payload));
    await begin(bytes(160, 1));
    for (let n = 0; n < 5; n += 1) await say(bytes(160, 9), stranger);
    await say(bytes(160, 2));
    await until(() => frames.length >= 1, 'the frame');
    await turns();
    assert.equal(
      frames.map(({ payload }) => payload[0]),
      [2],
    );
    transport.send(bytes(160, 7), false);
    await until(() => heard.length === 1, 'what we say');
    assert.is(got.length, 0);
    stranger.close();
  }));

test('another address than the switch’s does not open the path', () =>
  bench({ sourceHost: '127.0.0.9' }, async ({ transport, say, clock }) => {
    const silent = transport.firstDatagram(2000, never).catch(codeOf);
    await say(bytes(160, 1));
    await until(() => transport.stats.rejectedPackets === 1, 'the refusal');
    clock.advance(2001);
    assert.is(await silent, 'ERR_TALKSPURT_UNICAST_SILENT');
  }));

test('only whole frames are sent: nothing shorter, nothing longer, nothing empty, nothing too early or too late', () =>
  bench({}, async ({ transport, begin, heard }) => {
    transport.send(bytes(160, 1), true);
    await begin(bytes(160, 1));
    for (const size of [0, 1, 80, 159, 161, 320]) transport.send(bytes(size, 1), false);
    transport.send(bytes(160, 5), false);
    await until(() => heard.length === 1, 'the one frame');
    await turns();
    assert.equal(
      heard.map((payload) => payload.length),
      [160],
    );
    assert.is(transport.stats.unsentFrames, 7);
    assert.is(transport.stats.sentFrames, 1);
    await transport.close();
    transport.send(bytes(160, 1), false);
    assert.is(transport.stats.unsentFrames, 8);
  }));

test('sizes that change for good are told once as ERR_TALKSPURT_MEDIA_FORMAT; a stray one is only counted', () =>
  bench({}, async ({ begin, say, lost, transport, frames }) => {
    await begin(bytes(160, 1));
    for (let n = 0; n < LIMITS.unicastWrongSizes - 1; n += 1) await say(bytes(n % 2 === 0 ? 240 : 0, 1));
    await say(bytes(160, 2));
    await until(() => frames.length === 1, 'a right one');
    assert.equal(lost, []);
    for (let n = 0; n < LIMITS.unicastWrongSizes + 5; n += 1) await say(bytes(240, 1));
    await until(() => transport.stats.rejectedPackets === 2 * LIMITS.unicastWrongSizes + 4, 'all of them');
    assert.equal(
      lost.map((error) => error.code),
      ['ERR_TALKSPURT_MEDIA_FORMAT'],
    );
  }));

test('a peer whose port is gone is counted and ends nothing', () =>
  bench({}, async ({ begin, transport, peer }) => {
    await begin(bytes(160, 1));
    const { port } = peer.address();
    await new Promise<void>((resolve) => peer.close(() => resolve()));
    for (let n = 0; n < 10; n += 1) {
      transport.send(bytes(160, 1), false);
      await turns();
    }
    const { stats } = transport;
    assert.ok(stats.unsentFrames + stats.rejectedPackets > 0, `ICMP from port ${port}`);
  }));

test('a range of ports is used to its end, and then said to be', async () => {
  const taken = await udp();
  const { port } = taken.address();
  const options = {
    clock: new HandClock(),
    bindHost: '127.0.0.1',
    sourceHost: '127.0.0.1',
    audio: { codec: 'pcmu', sampleRateHz: 8000 },
    ptimeMs: null,
    portRange: { from: port, to: port },
  } as const;
  const codes: string[] = [];
  await UnicastTransport.open(options).catch((error: unknown) => codes.push(codeOf(error)));
  await new Promise<void>((resolve) => taken.close(() => resolve()));
  await UnicastTransport.open({ ...options, portRange: undefined as never, bindHost: '203.0.113.1' }).catch(
    (error: unknown) => codes.push(codeOf(error)),
  );
  assert.equal(codes, ['ERR_TALKSPURT_PORTS_EXHAUSTED', 'ERR_TALKSPURT_MEDIA_BIND']);
});

test.run();
