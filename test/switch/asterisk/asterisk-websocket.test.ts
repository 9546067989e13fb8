/** The path both ways round: an Asterisk of the test's own dials us, or is dialled. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket, WebSocketServer } from 'ws';
import { TalkspurtError } from '../../../src/core/errors.ts';
import { LIMITS } from '../../../src/limits.ts';
import { AsteriskWebSocketPath } from '../../../src/switch/asterisk/asterisk-websocket.ts';
import { AsteriskWebSocketServer } from '../../../src/switch/asterisk/asterisk-websocket-server.ts';
import type { MediaWanted } from '../../../src/switch/asterisk/media-path.ts';
import { FakeClock } from '../../sim/fake-clock.ts';
import { until } from '../../until.ts';

const ID = '82a0d9a5-f4c1-4d05-9406-e40fe9d4b732';
const VARIABLES = { MEDIA_WEBSOCKET_CONNECTION_ID: ID };

function wanted(more: Partial<MediaWanted> = {}): MediaWanted {
  const { signal } = new AbortController();
  return {
    channelId: 'w1',
    format: 'slin16',
    callFormat: '',
    linkUp: () => true,
    onDigit: () => undefined,
    signal,
    ...more,
  };
}

function startOf(channelId = 'w1', format = 'slin16', frameBytes = 640): string {
  return JSON.stringify({
    event: 'MEDIA_START',
    channel_id: channelId,
    format,
    optimal_frame_size: frameBytes,
    ptime: 20,
  });
}

async function faultOf(promise: Promise<unknown>): Promise<TalkspurtError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof TalkspurtError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

async function serving(): Promise<{
  clock: FakeClock;
  server: AsteriskWebSocketServer;
  path: AsteriskWebSocketPath;
  url: string;
}> {
  const clock = new FakeClock();
  const server = new AsteriskWebSocketServer({ clock, host: '127.0.0.1', port: 0 });
  const { port } = await server.listen();
  const path = new AsteriskWebSocketPath({ clock, mode: 'server', server, client: 'talkspurt' });
  return { clock, server, path, url: `ws://127.0.0.1:${port}/media` };
}

/** Asterisk's HTTP server: `answer` makes something of each connection. */
async function dialled(
  answer: (socket: WebSocket, url: string) => void,
  status = 101,
): Promise<{ clock: FakeClock; path: AsteriskWebSocketPath; urls: string[]; close(): Promise<void> }> {
  const clock = new FakeClock();
  const http = createServer();
  const sockets = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (offered.has('media') ? 'media' : false),
  });
  const urls: string[] = [];
  const upgraded = new Set<Duplex>();
  http.on('upgrade', (request, socket, head) => {
    urls.push(request.url ?? '');
    upgraded.add(socket);
    if (status === 0) return;
    if (status !== 101) return void socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\n\r\n`);
    sockets.handleUpgrade(request, socket, head, (webSocket) => answer(webSocket, request.url ?? ''));
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const { port } = http.address() as AddressInfo;
  const path = new AsteriskWebSocketPath({ clock, mode: 'client', url: `http://127.0.0.1:${port}/pbx/` });
  const close = async (): Promise<void> => {
    for (const socket of upgraded) socket.destroy();
    http.closeAllConnections();
    await new Promise((resolve) => http.close(resolve));
  };
  return { clock, path, urls, close };
}

test('what Asterisk is asked for', async () => {
  const { path, clock, server } = await serving();
  const media = await path.prepare(wanted({ format: 'slin24' }));
  assert.equal(media.externalMedia, {
    transport: 'websocket',
    encapsulation: 'none',
    direction: 'both',
    format: 'slin24',
    external_host: 'talkspurt',
    connection_type: 'client',
    transport_data: 'f(json)v(by=talkspurt)',
  });
  await media.abandon();
  const plain = { clock, controlFormat: 'plain-text' } as const;
  const dialling = new AsteriskWebSocketPath({ ...plain, mode: 'client', url: 'wss://[2001:db8::1]:8089' });
  assert.equal((await dialling.prepare(wanted({ format: 'ulaw' }))).externalMedia, {
    transport: 'websocket',
    encapsulation: 'none',
    direction: 'both',
    format: 'ulaw',
    external_host: 'INCOMING',
    connection_type: 'server',
    transport_data: 'f(plain-text)',
  });
  await dialling.close();
  assert.is(path.kind, 'websocket');
  for (const [callFormat, format] of Object.entries({
    ulaw: 'ulaw',
    alaw: 'alaw',
    gsm: 'slin',
    opus: 'slin16',
    slin192: 'slin16',
    '': 'slin16',
  })) {
    const auto = await path.prepare(wanted({ format: 'auto', callFormat }));
    assert.is(auto.externalMedia['format'], format, callFormat);
    await auto.abandon();
  }
  for (const format of ['opus', 'g722', 'slin12', 'constructor', '']) {
    assert.is((await faultOf(path.prepare(wanted({ format })))).code, 'ERR_TALKSPURT_MEDIA_FORMAT');
  }
  assert.is(server.expected, 0);
  await path.close();
});

test('configurations that cannot work', async () => {
  const { clock, server, path } = await serving();
  for (const url of ['127.0.0.1', 'ftp://x', 'ws://user:secret@x', 'ws://x/?api_key=secret', 'ws://x/#y', '']) {
    const fault = await faultOf(
      Promise.resolve().then(() => new AsteriskWebSocketPath({ clock, mode: 'client', url })),
    );
    assert.is(fault.code, 'ERR_TALKSPURT_CONFIG_INVALID', url);
    assert.not.match(fault.message, 'secret');
  }
  for (const client of ['', 'a b', 'INCOMING/x', 'x)v(']) {
    const make = (): unknown => new AsteriskWebSocketPath({ clock, mode: 'server', server, client });
    assert.is((await faultOf(Promise.resolve().then(make))).code, 'ERR_TALKSPURT_CONFIG_INVALID', client);
  }
  await path.close();
});

test('server: the connection of this channel becomes its transport', async () => {
  const { path, url, clock, server } = await serving();
  const media = await path.prepare(wanted());
  const connecting = media.connect({});
  const socket = new WebSocket(url, ['media']);
  socket.on('open', () => socket.send(startOf()));
  const transport = await connecting;
  assert.equal(transport.format, { codec: 'l16', sampleRateHz: 16_000, ptimeMs: 20 });
  await media.abandon();
  assert.is(server.connections, 1);
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await transport.close();
  assert.is(await closed, 1000);
  assert.is(clock.pending, 0);
  await path.close();
});

test('server: another format, no connection, the call ends meanwhile', async () => {
  const { path, url, clock, server } = await serving();
  const media = await path.prepare(wanted());
  const odd = faultOf(media.connect({}));
  const socket = new WebSocket(url, ['media']);
  socket.on('open', () => socket.send(startOf('w1', 'opus', 0)));
  assert.is((await odd).code, 'ERR_TALKSPURT_MEDIA_FORMAT');
  await until(() => server.connections === 0, 'it is closed');

  const nobody = await path.prepare(wanted());
  const late = faultOf(nobody.connect({}));
  clock.advance(LIMITS.chanWebSocketConnectMs);
  assert.is((await late).code, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  await nobody.abandon();

  const abort = new AbortController();
  const gone = await path.prepare(wanted({ signal: abort.signal }));
  const ended = faultOf(gone.connect({}));
  abort.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'gone'));
  assert.is((await ended).code, 'ERR_TALKSPURT_CALL_GONE');
  await gone.abandon();
  assert.is((await faultOf(path.prepare(wanted({ signal: abort.signal })))).code, 'ERR_TALKSPURT_CALL_GONE');
  assert.equal([server.expected, clock.pending], [0, 0]);
  await path.close();
});

test("client: Asterisk is dialled with the channel's own id", async () => {
  const heard: string[] = [];
  const { path, urls, clock, close } = await dialled((socket) => {
    socket.on('message', (data: Buffer, isBinary) => heard.push(isBinary ? `${data.length}` : data.toString()));
    socket.send(startOf());
  });
  const digits: string[] = [];
  const media = await path.prepare(wanted({ onDigit: (digit) => digits.push(digit) }));
  const transport = await media.connect(VARIABLES);
  assert.equal(urls, [`/pbx/media/${ID}`]);
  transport.send(new Uint8Array(640), true);
  transport.flush();
  await until(() => heard.length === 2, 'it is heard');
  assert.equal(heard, ['640', '{"command":"FLUSH_MEDIA"}']);
  await media.abandon();
  await transport.close();
  await transport.close();
  assert.is(clock.pending, 0);
  await path.close();
  await close();
});

test('client: refused, silent, another channel, given up; the id is in no error', async () => {
  const said: (readonly [string, (socket: WebSocket) => void, number])[] = [
    ['status 404', () => undefined, 404],
    ['status 409', () => undefined, 409],
    ['is another channel', (socket) => socket.send(startOf('w2')), 101],
    ['was closed before', (socket) => socket.close(), 101],
  ];
  for (const [words, answer, status] of said) {
    const { path, clock, close } = await dialled(answer, status);
    const fault = await faultOf((await path.prepare(wanted())).connect(VARIABLES));
    assert.is(fault.code, 'ERR_TALKSPURT_MEDIA_CONNECTION');
    assert.match(fault.message, words);
    assert.not.match(JSON.stringify([fault.message, fault.details, String(fault.cause)]), ID);
    await close();
    assert.is(clock.pending, 0);
  }
  const { path, clock, close, urls } = await dialled(() => undefined, 0);
  const late = faultOf((await path.prepare(wanted())).connect(VARIABLES));
  await until(() => urls.length === 1, 'it was asked');
  clock.advance(LIMITS.chanWebSocketHandshakeMs);
  assert.is((await late).code, 'ERR_TALKSPURT_MEDIA_CONNECTION');

  const abort = new AbortController();
  const ending = faultOf((await path.prepare(wanted({ signal: abort.signal }))).connect(VARIABLES));
  await until(() => urls.length === 2, 'it was asked again');
  abort.abort(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'gone'));
  assert.is((await ending).code, 'ERR_TALKSPURT_CALL_GONE');

  const media = await path.prepare(wanted());
  for (const variables of [{}, { MEDIA_WEBSOCKET_CONNECTION_ID: '../ari' }] as Record<string, string>[]) {
    assert.is((await faultOf(media.connect(variables))).code, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  }
  await media.abandon();
  assert.is((await faultOf(media.connect(VARIABLES))).code, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  await close();
  assert.is((await faultOf((await path.prepare(wanted())).connect(VARIABLES))).code, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  assert.is(clock.pending, 0);

  const quiet = await dialled(() => undefined);
  const silent = faultOf((await quiet.path.prepare(wanted())).connect(VARIABLES));
  await until(() => quiet.urls.length === 1 && quiet.clock.pending === 1, 'it was asked');
  // The deadline of the handshake has gone, that of MEDIA_START has come.
  for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  quiet.clock.advance(LIMITS.chanWebSocketStartMs);
  assert.is((await silent).code, 'ERR_TALKSPURT_MEDIA_CONNECTION');
  assert.is(quiet.clock.pending, 0);
  await quiet.close();
});

test.run();
