/** Who is let in. The clients are ws itself and bare sockets. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { TalkspurtError } from '../../../../src/core/errors.ts';
import { LIMITS } from '../../../../src/limits.ts';
import type { ModuleConnection } from '../../../../src/switch/freeswitch/module/module-connection.ts';
import { ModuleServer } from '../../../../src/switch/freeswitch/module/module-server.ts';
import type { ModuleServerOptions } from '../../../../src/switch/freeswitch/module/module-server.ts';
import { FakeClock } from '../../../sim/fake-clock.ts';
import { until } from './module-rig.ts';

const TLS = new URL('../../../fixtures/tls/', import.meta.url);

async function serve(options: Partial<ModuleServerOptions> = {}): Promise<{ server: ModuleServer; clock: FakeClock }> {
  const clock = new FakeClock();
  const server = new ModuleServer({ clock, host: '127.0.0.1', port: 0, ...options });
  await server.listen();
  return { server, clock };
}

/** The status of a refusal, or 101. */
function knock(url: string, options: ClientOptions = {}, protocols: string[] = []): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    socket.on('open', () => resolve(101));
    socket.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on('error', () => resolve(0));
  });
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof TalkspurtError ? error.code : String(error);
  }
  return 'nothing';
}

test('a token lets in one connection, once', async () => {
  const { server, clock } = await serve();
  const token = server.newToken();
  assert.match(server.url(token), /^ws:\/\/127\.0\.0\.1:\d+\/talkspurt\/[A-Za-z0-9_-]{32}$/);
  assert.is(server.url(token, '2001:db8::1').slice(0, 17), 'ws://[2001:db8::1');
  assert.is.not(server.newToken(), token);
  const expected = server.expect(token);
  assert.is(server.expected, 1);
  assert.is(await knock(`${server.url(token)}?call=1`), 101);
  const connection = await expected;
  assert.is(connection.remoteAddress, '127.0.0.1');
  assert.is(connection.protocol, '');
  assert.is(server.expected, 0);
  assert.is(server.connections, 1);
  assert.is(clock.pending, 0);
  assert.is(await knock(server.url(token)), 404);
  assert.is(await knock(server.url(server.newToken())), 404);
  assert.is(await knock(`ws://127.0.0.1:${server.port}/`), 404);
  assert.is(server.refused, 3);
  await server.close();
  await server.close();
});

test('the sub-protocol is agreed on where it is offered', async () => {
  const { server } = await serve();
  for (const [offered, agreed] of [
    [['audio.drachtio.org'], 'audio.drachtio.org'],
    [['x', 'audio.drachtio.org'], 'audio.drachtio.org'],
    [[], ''],
  ] as const) {
    const token = server.newToken();
    const expected = server.expect(token);
    await knock(server.url(token), {}, [...offered]);
    assert.is((await expected).protocol, agreed);
  }
  await server.close();
});

test('strangers, and who does not know the password', async () => {
  const credentials = { username: 'fs', password: 'p:w ü' };
  const { server } = await serve({ basicAuth: credentials });
  const token = server.newToken();
  const expected = server.expect(token);
  assert.is(await knock(server.url(token)), 401);
  assert.is(
    await knock(server.url(token), {
      headers: { authorization: `Basic ${Buffer.from('fs:wrong').toString('base64')}` },
    }),
    401,
  );
  assert.is(await knock(server.url(token), { headers: { authorization: 'Bearer x' } }), 401);
  // Whether the token is right is not told to those.
  assert.is(await knock(server.url(server.newToken())), 401);
  const authorization = `Basic ${Buffer.from('fs:p:w ü').toString('base64')}`;
  assert.is(await knock(server.url(token), { headers: { authorization } }), 101);
  await expected;
  await server.close();
  const far = await serve({ allow: ['192.0.2.0/24', '2001:db8::/32'] });
  const other = far.server.newToken();
  const never = codeOf(far.server.expect(other));
  assert.is(await knock(far.server.url(other)), 403);
  await far.server.close();
  assert.is(await never, 'ERR_TALKSPURT_MODULE_SILENT');
  for (const entry of ['localhost', '10.0.0.0/33', '::1/129', '10.0.0.0/', '10.0.0.0/-1']) {
    assert.throws(
      () => new ModuleServer({ clock: new FakeClock(), host: '127.0.0.1', port: 0, allow: [entry] }),
      (error: unknown) => error instanceof TalkspurtError && error.code === 'ERR_TALKSPURT_CONFIG_INVALID',
    );
  }
});

test('nobody comes: time, and a wish withdrawn', async () => {
  const { server, clock } = await serve();
  const late = codeOf(server.expect('a-token-that-is-long', { withinMs: 500 }));
  clock.advance(500);
  assert.is(await late, 'ERR_TALKSPURT_MODULE_SILENT');
  const abort = new AbortController();
  const given = codeOf(server.expect('another-token-as-long', { signal: abort.signal }));
  abort.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'gone'));
  assert.is(await given, 'ERR_TALKSPURT_CALL_GONE');
  assert.is(await codeOf(server.expect('another-token-as-long', { signal: abort.signal })), 'ERR_TALKSPURT_CALL_GONE');
  assert.is(server.expected, 0);
  assert.is(clock.pending, 0);
  await server.close();
});

test('who says nothing, or what is no upgrade, is cut off', async () => {
  const { server, clock } = await serve();
  const silent = connect(server.port, '127.0.0.1');
  silent.on('error', () => undefined);
  let gone = false;
  silent.on('close', () => (gone = true));
  await until(() => clock.pending === 1, 'the connection is counted');
  clock.advance(LIMITS.moduleHandshakeMs);
  await until(() => gone, 'it is cut off');
  assert.is(clock.pending, 0);
  for (const [request, status] of [
    ['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 426],
    ['GARBAGE\r\n\r\n', 400],
    [`GET / HTTP/1.1\r\nX: ${'y'.repeat(20_000)}\r\n\r\n`, 400],
  ] as const) {
    const socket = connect(server.port, '127.0.0.1');
    socket.on('error', () => undefined);
    let answer = '';
    socket.on('data', (data) => (answer += data.toString()));
    let ended = false;
    socket.on('close', () => (ended = true));
    socket.write(request);
    await until(() => ended, `the end of ${request.slice(0, 10)}`);
    assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `));
  }
  await server.close();
});

test('an upgrade that is none spends the token, and whoever waited is told', async () => {
  const { server } = await serve();
  const token = server.newToken();
  const waiting = codeOf(server.expect(token));
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(
    `GET /talkspurt/${token} HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: short\r\nSec-WebSocket-Version: 13\r\n\r\n`,
  );
  assert.is(await waiting, 'ERR_TALKSPURT_MODULE_SILENT');
  await server.close();
});

async function connected(): Promise<{
  server: ModuleServer;
  clock: FakeClock;
  peer: WebSocket;
  connection: ModuleConnection;
}> {
  const { server, clock } = await serve();
  const token = server.newToken();
  const expected = server.expect(token);
  const peer = new WebSocket(server.url(token), { perMessageDeflate: false });
  peer.on('error', () => undefined);
  return { server, clock, peer, connection: await expected };
}

interface Heard {
  readonly audio: number[];
  readonly texts: string[];
  readonly closed: number[];
}

function listenTo(connection: ModuleConnection): Heard {
  const heard: Heard = { audio: [], texts: [], closed: [] };
  connection.listen({
    onAudio: (bytes) => heard.audio.push(bytes.length),
    onText: (text) => heard.texts.push(text),
    onClosed: (code) => heard.closed.push(code),
  });
  return heard;
}

test('what comes before anybody listens is kept, in order and within bounds', async () => {
  const { server, peer, connection } = await connected();
  await until(() => peer.readyState === WebSocket.OPEN, 'open');
  for (let i = 1; i <= LIMITS.moduleEarlyMessages + 3; i += 1) peer.send(new Uint8Array(i));
  await until(() => connection.droppedEarly === 3, 'three are dropped');
  const heard = listenTo(connection);
  assert.is(heard.audio.length, LIMITS.moduleEarlyMessages);
  assert.is(heard.audio[0], 4);
  peer.send('text');
  await until(() => heard.texts.length === 1, 'text');
  peer.close(4001);
  await until(() => heard.closed.length === 1, 'closed');
  assert.equal(heard.closed, [4001]);
  assert.is(connection.sendAudio(new Uint8Array(2)), false);
  await connection.close();
  await server.close();
});

test('a message beyond the bound ends the connection', async () => {
  const { server, peer, connection } = await connected();
  const heard = listenTo(connection);
  await until(() => peer.readyState === WebSocket.OPEN, 'open');
  peer.send(new Uint8Array(LIMITS.moduleMessageBytes + 1));
  await until(() => heard.closed.length === 1, 'closed');
  assert.equal(heard.audio, []);
  await server.close();
});

test('a goodbye that is not answered is cut', async () => {
  const { server, clock, peer, connection } = await connected();
  await until(() => peer.readyState === WebSocket.OPEN, 'open');
  peer.pause();
  const heard = listenTo(connection);
  const closing = connection.close();
  assert.is(connection.close(), closing);
  clock.advance(LIMITS.moduleCloseMs);
  await closing;
  assert.equal(heard.closed, [], 'not told of what one does oneself');
  assert.is(clock.pending, 0);
  peer.terminate();
  await server.close();
});

test('what the far end does not read is not piled up', async () => {
  const { server, peer, connection } = await connected();
  await until(() => peer.readyState === WebSocket.OPEN, 'open');
  peer.pause();
  const megabyte = new Uint8Array(1024 * 1024);
  let sent = 0;
  while (sent < 64 && connection.sendAudio(megabyte)) {
    sent += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(sent < 64, 'it says no');
  peer.terminate();
  await server.close();
});

test('over TLS', async () => {
  const cert = readFileSync(new URL('stream-example-cert.pem', TLS), 'utf8');
  const key = readFileSync(new URL('stream-example-key.pem', TLS), 'utf8');
  const { server, clock } = await serve({ tls: { cert, key } });
  const token = server.newToken();
  assert.match(server.url(token), /^wss:/);
  const expected = server.expect(token);
  assert.is(await knock(server.url(token), { ca: cert, ...({ servername: 'stream.example' } as object) }), 101);
  await expected;
  assert.is(await knock(server.url(token).replace('wss', 'ws')), 0);
  assert.is(await knock(server.url(token)), 0, 'a client that does not trust it');
  await until(() => clock.pending === 0, 'no timer is left');
  await server.close();
});

test('a port that is taken', async () => {
  const { server } = await serve();
  const second = new ModuleServer({ clock: new FakeClock(), host: '127.0.0.1', port: server.port });
  assert.is(await codeOf(second.listen()), 'ERR_TALKSPURT_LISTEN');
  await second.close();
  await server.close();
});

test.run();
