/** The stream and the simulated server, which share no code, over a real socket. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { StreamBackend } from '../../src/backend/stream-backend.ts';
import type { StreamConfig, StreamConversation } from '../../src/backend/stream-backend.ts';
import { StreamServer } from '../../src/simulator/stream-server.ts';
import type { StreamServerClient, StreamServerOptions } from '../../src/simulator/stream-server.ts';
import { ManualClock } from './manual-clock.ts';
import { CALL, StreamSink, l16 } from './stream-rig.ts';

interface Together {
  client: StreamServerClient;
  clock: ManualClock;
  sink: StreamSink;
  stream: StreamConversation;
  server: StreamServer;
}

async function together(
  options: StreamServerOptions,
  config: Partial<StreamConfig>,
  metadata: string | null = null,
): Promise<Together> {
  const server = new StreamServer(options);
  await server.listen();
  const clock = new ManualClock();
  const sink = new StreamSink();
  const backend = new StreamBackend({ url: server.url, ...config }, clock);
  const stream = await backend.open({ ...CALL, metadata }, sink, new AbortController().signal);
  clock.advance(0);
  return { client: server.clients[0]!, clock, sink, stream, server };
}

async function ended({ stream, server, clock }: Together): Promise<void> {
  await stream.close();
  await server.close();
  assert.is(clock.pending, 0);
}

function tick(n: number, samples: number): number[] {
  return Array.from({ length: samples }, (_, i) => (n * samples + i) % 5000);
}

test('the caller is heard, and hears himself', async () => {
  const call = await together({ echo: 'binary', echoDelayMs: 40 }, {}, 'the command said so');
  const sent: number[] = [];
  for (let n = 0; n < 10; n += 1) {
    call.stream.sendAudio(l16(tick(n, 160)));
    sent.push(...tick(n, 160));
  }
  await call.sink.until('audio', 8);
  assert.equal([...call.client.heard], sent);
  assert.is(call.client.metadata, 'the command said so');
  assert.equal([...call.client.sizes], [[320, 10]]);
  assert.equal(call.sink.audioOf('stream-1'), l16(sent.slice(0, 8 * 160)));
  await ended(call);
  assert.equal(call.client.goodbye, { code: 1000, reason: 'Normal closure' });
});

test('echoed as messages, each is a phrase; of two channels the left one comes back', async () => {
  const call = await together(
    { echo: 'message', channels: 2, sampleRateHz: 16000 },
    { mix: 'stereo', sampleRateHz: 16000, metadata: 'configured' },
    'not this',
  );
  for (let n = 0; n < 3; n += 1) {
    call.stream.sendPlayed(l16(tick(n, 320).map((sample) => -sample)));
    call.stream.sendAudio(l16(tick(n, 320)));
  }
  await call.sink.until('done', 3);
  assert.is(call.client.metadata, 'configured');
  assert.equal(call.sink.audioOf('stream-2'), l16(tick(1, 320)));
  await ended(call);
});

test('WAV of another rate, a mark, and an order to stop', async () => {
  const call = await together({}, {});
  call.client.sayMessage(new Int16Array(2400).fill(1000), 24000, 'wav');
  call.client.mark('said');
  call.client.sayBinary(new Int16Array(160));
  call.client.mark('dropped');
  await call.sink.until('done', 2);
  assert.is(call.sink.audioOf('stream-1').length, 800 * 2);
  assert.ok(Math.abs(call.sink.audioOf('stream-1').readInt16LE(800) - 1000) <= 2);
  call.stream.onItemPlayed('stream-1', 100, true);
  call.sink.whenFlushed = () => call.stream.cancelResponse('stream-2', 10);
  call.client.kill();
  call.client.sayText('and now?');
  while (call.client.markAnswers.length < 2) await new Promise<void>((resolve) => setImmediate(resolve));
  assert.equal(call.client.markAnswers, ['said:playout', 'dropped:cleared']);
  await ended(call);
});

test('a server that crashes is found again', async () => {
  const call = await together({}, { reconnectMax: 3, metadata: 'again' });
  call.client.cut();
  await call.sink.until('error');
  call.clock.advance(10_000);
  while (call.server.clients.length < 2 || call.stream.reconnects < 1) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  assert.is(call.stream.sendAudio(l16(tick(0, 160))), true);
  await call.stream.close();
  assert.equal([call.server.clients[1]?.metadata, call.server.clients[1]?.binaries], ['again', 1]);
  await ended(call);
});

test.run();
