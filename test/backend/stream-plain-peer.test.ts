/**
 * The generic stream against a server that is nothing but `ws` and the page that describes the wire (docs/websocket-stream.md):
 * none of our code stands behind it, so that it is what an operator would write.
 */
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import { StreamBackend } from '../../src/backend/stream-backend.ts';
import type { StreamConfig, StreamConversation } from '../../src/backend/stream-backend.ts';
import { ManualClock } from './manual-clock.ts';
import { CALL, StreamSink } from './stream-rig.ts';

interface PlainServer {
  readonly texts: string[];
  readonly audio: Buffer[];
  readonly protocol: { headers: Record<string, unknown> };
  readonly socket: () => WebSocket;
  readonly goodbye: Promise<[number, string]>;
}

/** A server by the page: it records everything; `answer` is what it does with each piece of the caller's audio. */
async function talk(
  config: Partial<StreamConfig>,
  metadata: string | null,
  answer: (socket: WebSocket, audio: Buffer) => void,
  run: (server: PlainServer, stream: StreamConversation, sink: StreamSink) => Promise<void>,
): Promise<void> {
  const texts: string[] = [];
  const audio: Buffer[] = [];
  const protocol = { headers: {} as Record<string, unknown> };
  let current: WebSocket | null = null;
  let leave: (goodbye: [number, string]) => void = () => undefined;
  const goodbye = new Promise<[number, string]>((resolve) => (leave = resolve));
  const listener = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  listener.on('connection', (socket, request) => {
    current = socket;
    Object.assign(protocol.headers, request.headers);
    socket.on('message', (data: RawData, isBinary) => {
      const bytes = data as Buffer;
      if (!isBinary) texts.push(bytes.toString('utf8'));
      else {
        audio.push(bytes);
        answer(socket, bytes);
      }
    });
    socket.on('close', (code, reason) => leave([code, reason.toString('utf8')]));
  });
  await new Promise((resolve) => listener.once('listening', resolve));
  const url = `ws://127.0.0.1:${(listener.address() as AddressInfo).port}/any/path?who=1001`;
  const clock = new ManualClock();
  const sink = new StreamSink();
  const stream = await new StreamBackend({ url, ...config }, clock).open(
    { ...CALL, metadata },
    sink,
    new AbortController().signal,
  );
  clock.advance(0);
  try {
    await run({ texts, audio, protocol, goodbye, socket: () => current! }, stream, sink);
  } finally {
    await stream.close();
    await new Promise<void>((resolve) => listener.close(() => resolve()));
  }
  assert.is(clock.pending, 0);
}

/** 16-bit samples, the low byte first, by hand. */
function samples(values: readonly number[]): Uint8Array {
  return Uint8Array.from(values.flatMap((value) => [value & 0xff, (value >> 8) & 0xff]));
}

const RISING = Array.from({ length: 160 }, (_, n) => n * 100 - 8_000);

test('metadata first, audio in messages of 20 ms, texts, and a goodbye', () =>
  talk(
    { extraHeaders: { 'X-Call': 'yes' } },
    '{"customer":7}',
    () => undefined,
    async ({ texts, audio, protocol, goodbye, socket }, stream) => {
      assert.is(stream.sendAudio(samples(RISING)), true);
      stream.sendText('a text of the application');
      stream.sendJson?.('{"any":"json"}');
      await new Promise<void>((resolve) => {
        socket().once('pong', () => resolve());
        socket().ping();
      });
      assert.equal(texts, ['{"customer":7}', 'a text of the application', '{"any":"json"}']);
      assert.equal(audio, [Buffer.from(samples(RISING))]);
      assert.is(protocol.headers['x-call'], 'yes');
      assert.is(protocol.headers['sec-websocket-extensions'], undefined);
      await stream.close();
      assert.equal(await goodbye, [1000, 'Normal closure']);
    },
  ));

test('what it answers as binary and as JSON is heard', () =>
  talk(
    {},
    null,
    (socket, heard) => {
      socket.send(heard);
      const audioData = heard.toString('base64');
      const data = { audioDataType: 'raw', sampleRate: 8000, audioData };
      socket.send(JSON.stringify({ type: 'streamAudio', data }));
    },
    async (_server, stream, sink) => {
      stream.sendAudio(samples(RISING));
      await sink.until('done', 2);
      const [first, second] = sink.of('done').map(({ responseId }) => sink.audioOf(responseId));
      assert.equal(first, Buffer.from(samples(RISING)));
      assert.equal(second, Buffer.from(samples(RISING)));
    },
  ));

test('its goodbye ends the stream in good order, its disappearance does not', async () => {
  await talk(
    {},
    null,
    () => undefined,
    async ({ socket }, _stream, sink) => {
      socket().close(1000);
      assert.is((await sink.until('closed')).error, null);
    },
  );
  await talk(
    {},
    null,
    () => undefined,
    async ({ socket }, _stream, sink) => {
      socket().terminate();
      assert.is((await sink.until('closed')).error?.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
    },
  );
});

test.run();
