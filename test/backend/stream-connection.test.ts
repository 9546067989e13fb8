/** How a stream comes and goes: refusals, losses, pings, TLS, attempts to connect again. */
import { readFileSync } from 'node:fs';
import { createServer as createTlsServer } from 'node:https';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import { StreamBackend } from '../../src/backend/stream-backend.ts';
import type { StreamModuleEvent, StreamTls } from '../../src/backend/stream-backend.ts';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { LIMITS } from '../../src/limits.ts';
import { ManualClock } from './manual-clock.ts';
import { CALL, StreamPeers, StreamSink, refusal, talk } from './stream-rig.ts';

const SECRET = 'very-secret-0123456789';
const PATH_SECRET = 'token-in-the-query';

/** Everything an operator could see of an error. */
function visible(error: unknown): string {
  const { message, stack, details, cause } = error as TalkspurtError;
  return JSON.stringify([message, stack, details]) + (cause === undefined ? '' : visible(cause));
}

/** A TCP server that answers every upgrade by hand. */
async function rawServer(
  onUpgrade: (socket: Socket, accept: string) => void,
): Promise<{ url: string; close(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', (data) => {
      const key = /sec-websocket-key: (\S+)/i.exec(data.toString('latin1'))?.[1] ?? '';
      const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      onUpgrade(socket, accept);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/?t=${PATH_SECRET}`,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function switching(accept: string): string {
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`;
}

test('an HTTP refusal is typed, and holds no secret', async () => {
  const cases: [number, string][] = [
    [401, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [403, 'ERR_TALKSPURT_BACKEND_AUTH'],
    [404, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [302, 'ERR_TALKSPURT_BACKEND_DENIED'],
    [503, 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ];
  for (const [status, code] of cases) {
    const server = await rawServer((socket) => {
      const body = JSON.stringify({ error: { message: `no: ${SECRET}` } });
      socket.end(`HTTP/1.1 ${status} X\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
    });
    const error = await refusal({ url: server.url, extraHeaders: { Authorization: SECRET } });
    assert.is(error.code, code);
    assert.is(error.details['status'], status);
    // The keys that a stream has.
    if (status < 500) assert.match(error.message, /: check url and extraHeaders$/);
    assert.not.match(error.message, /baseUrl|model/);
    assert.not.match(visible(error), SECRET);
    assert.not.match(visible(error), PATH_SECRET);
    await server.close();
  }
});

test('nobody listens', async () => {
  const peers = await StreamPeers.listen();
  const { url } = peers;
  await peers.close();
  const clock = new ManualClock();
  const events: StreamModuleEvent[] = [];
  const backend = new StreamBackend({ url: `${url}&t=${PATH_SECRET}` }, clock, (_id, event) => events.push(event));
  let error: TalkspurtError | null = null;
  try {
    await backend.open(CALL, new StreamSink(), new AbortController().signal);
  } catch (caught) {
    error = caught as TalkspurtError;
  }
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_REFUSED');
  assert.match(error!.message, /\(ECONNREFUSED\): check url, the network and that the backend runs$/);
  assert.not.match(visible(error), PATH_SECRET);
  assert.equal(events, [
    { name: 'error', body: '{"status":"error","message":{"code":6,"error":"Connection refused (system error 111)"}}' },
  ]);
  assert.is(clock.pending, 0);
});

test('what answers and is no WebSocket server: the key of the address is named', async () => {
  const server = await rawServer((socket) => socket.end('SSH-2.0-OpenSSH_9\r\n'));
  const error = await refusal({ url: server.url });
  assert.is(error.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  assert.match(error.message, /does not speak WebSocket: check url$/);
  assert.not.match(visible(error), PATH_SECRET);
  await server.close();
});

test('a server that does not answer the upgrade runs into the deadline', async () => {
  const clock = new ManualClock();
  const server = await rawServer(() => clock.advance(500));
  const error = await refusal({ url: server.url, openTimeoutMs: 500 }, clock);
  assert.is(error.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  assert.is(clock.pending, 0);
  await server.close();
});

test('an opening that is called off leaves nothing', async () => {
  const controller = new AbortController();
  const server = await rawServer(() => controller.abort(new Error('hung up')));
  const clock = new ManualClock();
  const opening = new StreamBackend({ url: server.url }, clock).open(CALL, new StreamSink(), controller.signal);
  let reason: unknown;
  await opening.catch((error: unknown) => (reason = error));
  assert.is((reason as Error).message, 'hung up');
  assert.is(clock.pending, 0);
  await server.close();
});

test('the end in the middle of a frame is an abnormal one', async () => {
  // A binary message of 320 bytes of which 100 come; a text of which the length is cut off.
  const halves = [Buffer.concat([Buffer.from([0x82, 126, 1, 64]), Buffer.alloc(100)]), Buffer.from([0x81, 126, 4])];
  for (const half of halves) {
    const server = await rawServer((socket, accept) => {
      socket.write(Buffer.concat([Buffer.from(switching(accept)), half]));
      socket.end();
    });
    const clock = new ManualClock();
    const sink = new StreamSink();
    const events: StreamModuleEvent[] = [];
    const backend = new StreamBackend({ url: server.url }, clock, (_id, event) => events.push(event));
    const stream = await backend.open(CALL, sink, new AbortController().signal);
    clock.advance(0);
    const { error } = await sink.until('closed');
    assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
    assert.equal(sink.kinds, ['closed']);
    assert.is(
      events[1]?.body,
      '{"status":"error","message":{"code":1,"error":"Connection closed without WebSocket CLOSE (abnormal EOF)"}}',
    );
    await stream.close();
    assert.is(clock.pending, 0);
    await server.close();
  }
});

test('bytes that are no WebSocket frame end the stream, and only it', async () => {
  // A reserved opcode; a masked server frame; a text that is no UTF-8.
  for (const bytes of [
    [0x83, 0],
    [0x82, 0x81, 1, 2, 3, 4, 5],
    [0x81, 2, 0xc3, 0x28],
  ]) {
    const call = await talk({ reconnectMax: 3 }, undefined);
    const raw = (call.peer.socket as unknown as { _socket: Socket })._socket;
    raw.write(Buffer.from(bytes));
    const { error } = await call.sink.until('closed');
    assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
    await call.end();
  }
});

test('a message beyond the limit ends the stream', async () => {
  const call = await talk();
  call.peer.say(Buffer.alloc(LIMITS.backendMessageBytes + 1));
  const { error } = await call.sink.until('closed');
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  await call.end();
});

test('a text that is too long to be passed on is dropped and reported', async () => {
  const call = await talk();
  call.peer.say('x'.repeat(LIMITS.streamTextBytes + 1));
  call.peer.say('x'.repeat(LIMITS.streamTextBytes));
  await call.peer.settled();
  assert.is(call.sink.of('error')[0]?.error.code, 'ERR_TALKSPURT_BACKEND_PROTOCOL');
  assert.equal(
    call.sink.messages.map((text) => text.length),
    [LIMITS.streamTextBytes],
  );
  await call.end();
});

test('the server goes: in good order, without a word, for a reason of its own', async () => {
  const cases: [number | undefined, string | null, StreamModuleEvent][] = [
    [1000, null, { name: 'disconnect', body: '{"status":"disconnected","message":{"code":1000,"reason":"because"}}' }],
    [undefined, null, { name: 'disconnect', body: '{"status":"disconnected","message":{"code":1005,"reason":""}}' }],
    [
      4001,
      'ERR_TALKSPURT_BACKEND_CLOSED',
      { name: 'disconnect', body: '{"status":"disconnected","message":{"code":4001,"reason":"because"}}' },
    ],
  ];
  for (const [code, expected, event] of cases) {
    // Whoever says goodbye is not called again.
    const call = await talk({ reconnectMax: 5 });
    if (code === undefined) call.peer.socket.close();
    else call.peer.socket.close(code, 'because');
    const { error } = await call.sink.until('closed');
    assert.is(error?.code ?? null, expected);
    assert.equal(call.events.at(-1), event);
    assert.is(call.sink.of('error').length, 0);
    await call.end();
  }
});

test('pings at the heart beat; a silent server is given up', async () => {
  const call = await talk({ heartBeatMs: 5_000 });
  call.clock.advance(5_000);
  await call.peer.until(() => call.peer.pings === 1);
  call.clock.advance(5_000);
  await call.peer.until(() => call.peer.pings === 2);
  call.peer.socket.pause();
  for (let ms = 0; ms <= LIMITS.backendSilentMs + 5_000; ms += 5_000) call.clock.advance(5_000);
  const { error } = await call.sink.until('closed');
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_TIMEOUT');
  assert.is(call.events.at(-1)?.body, '{"status":"error","message":{"code":10,"error":"Timeout"}}');
  await call.end();
});

test('whoever opens another stream owns coming back: this one does not', async () => {
  const call = await talk({ reconnectMax: 5 }, undefined, { reopened: true });
  call.peer.socket.terminate();
  const { error } = await call.sink.until('closed');
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
  assert.is(call.clock.pending, 0);
  assert.is(call.peers.all.length, 1);
  await call.end();
});

test('a server that asks for it is told which call it is, behind the metadata and before what was said', async () => {
  const history = [{ by: 'caller', text: 'how much is it' }] as const;
  const call = await talk({ metadata: 'meta', callNotice: true }, undefined, { history, correlationId: 'order-4711' });
  await call.peer.until(() => call.peer.texts.length === 3);
  const notice = { type: 'call', data: { uuid: CALL.callId, correlationId: 'order-4711' } };
  assert.equal(call.peer.texts.slice(0, 2), ['meta', JSON.stringify(notice)]);
  await call.end();
});

test('what was said before is told behind the metadata, where anything was', async () => {
  const history = [
    { by: 'caller', text: 'how much is it' },
    { by: 'agent', text: 'It is four pounds.' },
  ] as const;
  const call = await talk({ metadata: 'meta' }, undefined, { history });
  await call.peer.until(() => call.peer.texts.length === 2);
  assert.equal(call.peer.texts, ['meta', JSON.stringify({ type: 'history', data: { turns: history } })]);
  await call.end();
});

test('a loss is made good: metadata first again, meanwhile frames are dropped and counted', async () => {
  const call = await talk({ reconnectMax: 2, metadata: 'meta' });
  call.peer.say(Buffer.alloc(320, 1));
  call.peer.say({ type: 'mark', data: { name: 'm' } });
  call.peer.say(Buffer.alloc(320, 2));
  await call.peer.settled();
  call.peer.socket.terminate();
  const { error } = await call.sink.until('error');
  assert.is(error.code, 'ERR_TALKSPURT_BACKEND_CLOSED');
  // What came is all there is of the phrase.
  assert.equal(call.sink.of('done').at(-1), { kind: 'done', responseId: 'stream-2', status: 'incomplete' });
  const frame = Buffer.alloc(320, 9);
  assert.is(call.stream.sendAudio(frame), false);
  call.stream.sendText('lost');
  assert.equal([call.stream.droppedFrames, call.stream.stats.droppedTexts], [1, 1]);
  // Jitter of the fake clock is one half: 125 ms.
  call.clock.advance(124);
  assert.is(call.peers.all.length, 1);
  call.clock.advance(1);
  const second = await call.peers.peer(2);
  await second.until(() => second.texts.length === 1);
  await second.settled();
  assert.is(call.stream.sendAudio(frame), true);
  call.stream.onItemPlayed('stream-1', 20, true);
  await second.settled();
  assert.equal(second.heard, ['meta', frame]);
  assert.is(call.stream.reconnects, 1);
  assert.equal(
    call.events.map(({ name }) => name),
    ['connect', 'error', 'connect'],
  );
  assert.is(call.sink.of('closed').length, 0);
  await call.end();
});

test('attempts are counted and end; a connection that lasted begins a new count', async () => {
  const call = await talk({ reconnectMax: 2 });
  call.peer.socket.terminate();
  await call.sink.until('error');
  call.clock.advance(10_000);
  const second = await call.peers.peer(2);
  await second.settled();
  call.clock.advance(LIMITS.streamStableMs);
  second.socket.terminate();
  await call.sink.until('error', 2);
  call.peers.onUpgrade = (socket) => (socket.end('HTTP/1.1 503 No\r\nConnection: close\r\n\r\n'), true);
  call.clock.advance(10_000);
  await call.sink.until('error', 3);
  call.clock.advance(10_000);
  const { error } = await call.sink.until('closed');
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_REFUSED');
  await call.end();
});

test('a server that refuses for good is not asked again', async () => {
  const call = await talk({ reconnectMax: 50 });
  call.peers.onUpgrade = (socket) => (socket.end('HTTP/1.1 403 No\r\nConnection: close\r\n\r\n'), true);
  call.peer.socket.terminate();
  await call.sink.until('error');
  call.clock.advance(10_000);
  const { error } = await call.sink.until('closed');
  assert.is(error?.code, 'ERR_TALKSPURT_BACKEND_AUTH');
  assert.is(call.sink.of('error').length, 1);
  await call.end();
});

test('the call ends while the stream waits to connect again, or connects', async () => {
  for (const connecting of [false, true]) {
    const call = await talk({ reconnectMax: 5 });
    let reached: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (reached = resolve));
    call.peers.onUpgrade = () => (reached(), true);
    call.peer.socket.terminate();
    await call.sink.until('error');
    if (connecting) {
      call.clock.advance(10_000);
      await asked;
    }
    await call.stream.close();
    assert.is(call.clock.pending, 0);
    assert.is(call.sink.of('closed').length, 0);
    await call.end();
  }
});

test('wss://: whom we trust is configured', async () => {
  const file = (name: string): string => fileURLToPath(new URL(`../fixtures/tls/${name}`, import.meta.url));
  const [certFile, keyFile] = [file('stream-example-cert.pem'), file('stream-example-key.pem')];
  const https = createTlsServer({
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    ca: readFileSync(certFile),
    requestCert: true,
    rejectUnauthorized: false,
  });
  const sockets = new WebSocketServer({ server: https });
  await new Promise<void>((resolve) => https.listen(0, '127.0.0.1', resolve));
  const url = `wss://127.0.0.1:${(https.address() as AddressInfo).port}/`;
  const cases: [StreamTls, string | null][] = [
    [{}, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [{ caFile: 'SYSTEM' }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [{ disableHostnameValidation: true }, 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [{ caFile: certFile }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [{ caFile: certFile, disableHostnameValidation: true, certFile, keyFile }, null],
    [{ rejectUnauthorized: false }, null],
    [{ caFile: 'NONE' }, null],
  ];
  for (const [tls, errno] of cases) {
    if (errno === null) {
      const stream = await new StreamBackend({ url, tls }, new ManualClock()).open(
        CALL,
        new StreamSink(),
        new AbortController().signal,
      );
      await stream.close();
    } else {
      const error = await refusal({ url, tls });
      assert.is(error.details['errno'], errno, JSON.stringify(tls));
    }
  }
  const missing = await refusal({ url, tls: { caFile: '/no/such/file' } });
  assert.is(missing.code, 'ERR_TALKSPURT_CONFIG_INVALID');
  assert.match(missing.message, /caFile.*ENOENT/);
  sockets.close();
  https.closeAllConnections();
  await new Promise<void>((resolve) => https.close(() => resolve()));
});

test.run();
