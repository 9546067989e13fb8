/** Who is let in. The clients are ws itself and bare sockets. */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import type { ClientOptions } from 'ws';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { AsteriskWebSocketServer } from '../../../src/switch/asterisk/asterisk-websocket-server.ts';
import type { AsteriskWebSocketServerOptions } from '../../../src/switch/asterisk/asterisk-websocket-server.ts';
import type { MediaRefusal } from '../../../src/transport/stranger-quota.ts';
import { FakeClock } from '../../sim/fake-clock.ts';
import { until } from '../../until.ts';

const TLS = new URL('../../fixtures/tls/', import.meta.url);
const START = 'MEDIA_START connection_id:c channel:x channel_id:w1 format:slin16 optimal_frame_size:640 ptime:20';

interface Serving {
  readonly server: AsteriskWebSocketServer;
  readonly clock: FakeClock;
  readonly refused: MediaRefusal[];
  readonly url: string;
}

async function serve(options: Partial<AsteriskWebSocketServerOptions> = {}): Promise<Serving> {
  const clock = new FakeClock();
  const refused: MediaRefusal[] = [];
  const server = new AsteriskWebSocketServer({
    clock,
    host: '127.0.0.1',
    port: 0,
    onRefused: (reason) => refused.push(reason),
    ...options,
  });
  const { port } = await server.listen();
  return { server, clock, refused, url: `ws://127.0.0.1:${port}/media` };
}

/** The socket, and the status of a refusal or 101. */
function knock(url: string, options: ClientOptions = {}, protocols = ['media']): Promise<[number, WebSocket]> {
  return new Promise((resolve) => {
    const socket = new WebSocket(url, protocols, { perMessageDeflate: false, ...options });
    socket.on('open', () => resolve([101, socket]));
    socket.on('unexpected-response', (_request, response) => {
      resolve([response.statusCode ?? 0, socket]);
      socket.terminate();
    });
    socket.on('error', () => resolve([0, socket]));
  });
}

async function statusOf(url: string, options: ClientOptions = {}, protocols = ['media']): Promise<number> {
  const [status, socket] = await knock(url, options, protocols);
  socket.terminate();
  return status;
}

function closeOf(socket: WebSocket): Promise<number> {
  return new Promise((resolve) => socket.on('close', resolve));
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return error instanceof TalkspurtError ? error.code : String(error);
  }
  return 'nothing';
}

test('a channel is known by what it says, whatever its URL, and comes once', async () => {
  const { server, clock, refused, url } = await serve();
  const place = server.expect('w1');
  assert.is(await codeOf(Promise.resolve().then(() => server.expect('w1'))), 'ERR_TALKSPURT_MEDIA_CONNECTION');
  const [status, socket] = await knock(`${url}?channel_id=another&by=talkspurt`);
  assert.is(status, 101);
  assert.is(socket.protocol, 'media');
  socket.send(START);
  const { connection, start } = await place.arrived(1_000);
  assert.is(start.channelId, 'w1');
  assert.is(connection.remoteAddress, '127.0.0.1');
  assert.equal([server.expected, server.connections, clock.pending], [0, 1, 0]);

  const [, again] = await knock(url);
  const code = closeOf(again);
  again.send(START);
  assert.is(await code, 1008);
  assert.equal(refused, ['unknown']);
  assert.is(server.refused, 1);
  socket.close();
  await server.close();
  await server.close();
});

test('one that comes before it is awaited waits; one that is abandoned is closed', async () => {
  const { server, url } = await serve();
  const first = server.expect('w1');
  const [, socket] = await knock(url);
  const code = closeOf(socket);
  socket.send(START);
  await until(() => server.expected === 0, 'it came');
  await first.abandon();
  assert.is(await code, 1000);
  await first.abandon();
  const second = server.expect('w1');
  await second.abandon();
  assert.is(server.expected, 0);
  await server.close();
});

test('time, a wish withdrawn, a server that closes', async () => {
  const { server, clock } = await serve();
  const late = codeOf(server.expect('w1').arrived(500));
  clock.advance(500);
  assert.is(await late, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  const abort = new AbortController();
  const given = server.expect('w2');
  const never = codeOf(given.arrived(500, abort.signal));
  abort.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'gone'));
  assert.is(await never, 'ERR_TALKSPURT_CALL_GONE');
  assert.is(await codeOf(given.arrived(500, abort.signal)), 'ERR_TALKSPURT_CALL_GONE');
  const last = codeOf(server.expect('w3').arrived(500));
  await server.close();
  assert.is(await last, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  assert.equal([server.expected, clock.pending], [0, 0]);
  assert.is(await codeOf(Promise.resolve().then(() => server.expect('w4'))), 'ERR_TALKSPURT_MEDIA_CONNECTION');
});

test('strangers: address, password, path, sub-protocol', async () => {
  const basicAuth = { username: 'asterisk', password: 'p:w ü' };
  const { server, refused, url } = await serve({ basicAuth });
  const basic = (text: string): ClientOptions => ({
    headers: { authorization: `Basic ${Buffer.from(text).toString('base64')}` },
  });
  assert.is(await statusOf(url), 401);
  assert.is(await statusOf(url, basic('asterisk:wrong')), 401);
  assert.is(await statusOf(url, { headers: { authorization: 'Bearer x' } }), 401);
  // Whether the path is right is not told to those.
  assert.is(await statusOf(`${url}/x`), 401);
  const good = basic('asterisk:p:w ü');
  assert.is(await statusOf(`${url}/x`, good), 404);
  assert.is(await statusOf(url, good), 101);
  assert.is(await statusOf(url, good, []), 101);
  assert.is((await fetch(url.replace('ws:', 'http:'))).status, 426);
  // `silent`: those that were let in and left without a word.
  assert.equal(
    refused.filter((reason) => reason !== 'silent'),
    ['password', 'password', 'password', 'password', 'path', 'protocol'],
  );
  await server.close();

  const far = await serve({ allow: ['192.0.2.0/24', '2001:db8::/32'], path: '/a' });
  assert.is(await statusOf(far.url), 0);
  assert.equal([far.refused, far.server.connections], [['address'], 0]);
  await far.server.close();
  for (const entry of ['localhost', '10.0.0.0/33', '::1/129']) {
    assert.is(await codeOf(serve({ allow: [entry] })), 'ERR_TALKSPURT_CONFIG_INVALID');
  }
});

test('who says nothing is cut off: before the upgrade and after it', async () => {
  const { server, clock, refused, url } = await serve();
  const bare = connect(server.port, '127.0.0.1');
  bare.on('error', () => undefined);
  const gone = new Promise((resolve) => bare.on('close', resolve));
  await until(() => server.strangers === 1, 'it is counted');
  clock.advance(LIMITS.mediaStrangerMs);
  await gone;
  await until(() => server.connections === 0, 'it is gone');
  assert.equal(refused, ['silent']);
  const [, socket] = await knock(url);
  const code = closeOf(socket);
  await until(() => server.connections === 1, 'it is in');
  socket.send('hello');
  clock.advance(LIMITS.mediaStrangerMs);
  assert.is(await code, 1008);
  await until(() => server.connections === 0, 'it is gone as well');
  assert.equal(refused, ['silent', 'silent']);
  assert.is(clock.pending, 0);
  await server.close();
});

test('a message that is too long ends its connection', async () => {
  const { server, url } = await serve();
  const [, socket] = await knock(url);
  const code = closeOf(socket);
  socket.send(Buffer.alloc(LIMITS.chanWebSocketMessageBytes + 1));
  assert.is(await code, 1009);
  await until(() => server.refused === 1, 'it is counted');
  await server.close();
});

test('a thousand who say nothing, upgraded or not, and a call gets in: before them, among them and behind them', async () => {
  const { server, clock, refused, url } = await serve();
  const bare = (): Promise<void> =>
    new Promise((resolve) => {
      const socket = connect(server.port, '127.0.0.1', () => resolve());
      socket.on('error', () => socket.destroy());
    });
  const started = (id: string): string => START.replace('channel_id:w1', `channel_id:${id}`);
  const before = server.expect('before');
  const [, slow] = await knock(url);
  for (let n = 0; n < 350; n += 1) await bare();
  for (let n = 0; n < 50; n += 1) assert.is((await knock(url))[0], 101);
  // The oldest of 401, but it came a moment ago.
  slow.send(started('before'));
  assert.is((await before.arrived(1_000)).start.channelId, 'before');
  for (let n = 0; n < 600; n += 1) await bare();
  const among = server.expect('among');
  (await knock(url))[1].send(started('among'));
  assert.is((await among.arrived(1_000)).start.channelId, 'among');
  assert.ok(server.strangers <= LIMITS.mediaStrangersAtOnce, `${server.strangers} strangers`);

  clock.advance(LIMITS.mediaStrangerGraceMs);
  const behind = server.expect('behind');
  (await knock(url))[1].send(started('behind'));
  assert.is((await behind.arrived(1_000)).start.channelId, 'behind');
  assert.ok(server.strangers <= LIMITS.mediaStrangers, `${server.strangers} strangers are left`);
  clock.advance(LIMITS.mediaStrangerMs);
  await until(() => server.connections === 3, 'three calls are left');
  assert.equal([refused.length, server.refused, server.strangers], [1_000, 1_000, 0]);
  assert.equal(new Set(refused), new Set(['quota', 'silent']));
  await server.close();
  assert.equal([refused.length, clock.pending], [1_000, 0]);
});

test('a call more than there may be', async () => {
  const { server } = await serve();
  for (let at = 0; at < LIMITS.chanWebSocketConnections; at += 1) server.expect(`w${at}`);
  assert.is(await codeOf(Promise.resolve().then(() => server.expect('one more'))), 'ERR_TALKSPURT_CALL_LIMIT');
  await server.close();
});

test('TLS, and a port that is taken', async () => {
  const tls = {
    cert: readFileSync(new URL('stream-example-cert.pem', TLS), 'utf8'),
    key: readFileSync(new URL('stream-example-key.pem', TLS), 'utf8'),
  };
  const { server, clock, refused, url } = await serve({ tls });
  const place = server.expect('w1');
  const [status, socket] = await knock(url.replace('ws:', 'wss:'), { rejectUnauthorized: false });
  assert.is(status, 101);
  socket.send(START);
  await place.arrived(1_000);
  assert.is(await statusOf(url), 0);
  // Over TLS as well it is known which connection has said who it is, and which has gone.
  await until(() => server.connections === 1, 'who speaks no TLS is gone');
  assert.equal([server.strangers, refused], [0, ['protocol']]);
  const [, mute] = await knock(url.replace('ws:', 'wss:'), { rejectUnauthorized: false });
  const gone = closeOf(mute);
  assert.equal([server.connections, server.strangers], [2, 1]);
  clock.advance(LIMITS.mediaStrangerMs);
  assert.is(await gone, 1008);
  socket.close();
  await until(() => server.connections === 0, 'all are gone');
  assert.equal(refused, ['protocol', 'silent']);
  assert.is(await codeOf(serve({ port: server.port })), 'ERR_TALKSPURT_LISTEN');
  await server.close();
});

test.run();
