/** The simulated modules against what mod_audio_stream 1.0.3 was recorded to say, with ws itself as their server. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { ModuleClient } from '../../src/simulator/module-client.ts';
import type { ModuleKind } from '../../src/simulator/module-stream.ts';
import { until } from '../until.ts';

const UUID = 'dd6a1581';
const RECORDED = JSON.parse(
  readFileSync(new URL('../fixtures/freeswitch-transcripts/mod-audio-stream.json', import.meta.url), 'utf8'),
) as {
  readonly upgrade: readonly string[];
  readonly events: readonly { section: string; event: string; body: string }[];
};

interface Rig {
  readonly url: string;
  readonly module: ModuleClient;
  readonly events: [string, string][];
  readonly variables: Map<string, string>;
  readonly heard: (string | number)[];
  peer(): Promise<{ socket: WebSocket; request: IncomingMessage }>;
  close(): Promise<void>;
}

async function rigOf(kind: ModuleKind): Promise<Rig> {
  const server = new WebSocketServer({
    host: '127.0.0.1',
    port: 0,
    handleProtocols: (offered) => [...offered][0] ?? false,
  });
  await new Promise((resolve) => server.once('listening', resolve));
  const variables = new Map<string, string>();
  const events: [string, string][] = [];
  const heard: (string | number)[] = [];
  let last: { socket: WebSocket; request: IncomingMessage } | null = null;
  server.on('connection', (socket, request) => {
    last = { socket, request };
    socket.on('message', (data: Buffer, isBinary) => heard.push(isBinary ? data.length : data.toString()));
  });
  const module = new ModuleClient({
    kind,
    channels: new Map([[UUID, variables]]),
    onEvent: (_uuid, subclass, body) => events.push([subclass, body]),
  });
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/stream?call=1`,
    module,
    events,
    variables,
    heard,
    peer: async () => {
      await until(() => last !== null, 'a connection');
      return last!;
    },
    close: async () => {
      module.hangUp(UUID);
      for (const socket of server.clients) socket.terminate();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const USAGE =
  '-USAGE: <uuid> [start | stop | send_text | pause | resume | graceful-shutdown ] [wss-url | path] [mono | mixed | stereo] [8000 | 16000] [metadata]\n';

test('replies, one by one as recorded', async () => {
  const rig = await rigOf('mod_audio_stream');
  const failed = '-ERR Operation Failed\n';
  const { url, module } = rig;
  for (const [line, reply] of [
    ['', USAGE],
    ['abc', USAGE],
    [`${UUID} bogus`, failed],
    [`no-such-uuid start ${url} mono 8k`, failed],
    [`${UUID} start ${url}`, USAGE],
    [`${UUID} start ${url} weird 8k`, '-ERR no reply\n'],
    [`${UUID} start http://127.0.0.1:9201/ mono 8k`, failed],
    [`${UUID} start ws://user:pw@127.0.0.1:9201/ mono 8k`, failed],
    [`${UUID} start ${url} mono 11025`, failed],
    [`${UUID} start ${url} mono abc`, failed],
    [`${UUID} start ${url} mono`, '+OK Success\n'],
    [`${UUID} start ${url} mono 8k`, failed],
    [`${UUID} stop`, '+OK Success\n'],
    [`${UUID} stop`, failed],
    [`${UUID} pause`, failed],
    [`${UUID} resume`, failed],
    [`${UUID} send_text`, '-ERR no reply\n'],
    [`${UUID} send_text hi`, failed],
    [`${UUID} graceful-shutdown`, failed],
  ] as const) {
    assert.is(module.api(line), reply, line);
  }
  await rig.close();
});

test('the upgrade, metadata, audio and the goodbye', async () => {
  const rig = await rigOf('mod_audio_stream');
  rig.variables.set('STREAM_EXTRA_HEADERS', '{"Authorization":"Bearer t0k","X-Call":"a b"}');
  rig.module.api(`${UUID} start ${rig.url} mono 8k {"callId":"x 1","n":[1,2]}`);
  const { socket, request } = await rig.peer();
  const names = RECORDED.upgrade.slice(1).map((line) => line.slice(0, line.indexOf(':')).toLowerCase());
  for (const name of names) assert.ok(request.headers[name] !== undefined, name);
  for (const name of ['sec-websocket-protocol', 'sec-websocket-extensions', 'user-agent'])
    assert.is(request.headers[name], undefined, name);
  assert.is(request.headers['authorization'], 'Bearer t0k');
  assert.is(request.headers['x-call'], 'a b');
  assert.is(request.headers.origin, rig.url.replace('ws', 'http').replace('/stream?call=1', ''));
  await until(() => rig.heard.length === 1, 'metadata');
  rig.module.stream(UUID)?.capture(new Uint8Array(320));
  assert.is(rig.module.api(`${UUID} pause`), '+OK Success\n');
  rig.module.stream(UUID)?.capture(new Uint8Array(320));
  assert.is(rig.module.api(`${UUID} resume`), '+OK Success\n');
  rig.module.api(`${UUID} send_text one two three`);
  rig.module.api(`${UUID} send_text 'one two three'`);
  let code = 0;
  socket.on('close', (value) => (code = value));
  rig.module.api(`${UUID} stop {"bye": 1}`);
  await until(() => code !== 0, 'the goodbye');
  assert.is(code, 1000);
  assert.is(rig.heard[0], '{"callId":"x 1","n":[1,2]}');
  assert.is(rig.heard[1], 320);
  assert.is(rig.heard.length, 5);
  assert.equal(rig.events, [['mod_audio_stream::connect', '{"status":"connected"}']], 'no disconnect for a stop');
  await rig.close();
});

test('texts of the server are the recorded events', async () => {
  const rig = await rigOf('mod_audio_stream');
  rig.module.api(`${UUID} start ${rig.url} mono 8k`);
  const { socket } = await rig.peer();
  for (const text of [
    '{"type":"hello","x":1}',
    'not json at all',
    '{"type":"streamAudio","data":{"audioDataType":"raw","sampleRate":8000,"foo":"bar","audioData":"AAAA"}}',
    '{"type":"streamAudio","data":{"audioDataType":"raw","sampleRate":11025,"audioData":"AAAA"}}',
    '{"type":"streamAudio","data":{"audioDataType":"flac","audioData":"AAAA"}}',
    '{"type":"streamAudio"}',
  ]) {
    socket.send(text);
  }
  await until(() => rig.events.length === 7, 'events');
  const recorded = RECORDED.events
    .filter(({ section }) => section.startsWith('server text'))
    .map(({ event, body }) => [event, body.replace(/<temp_dir>\/[^_]+/, `/tmp/${UUID}`)]);
  assert.equal(rig.events, recorded);
  assert.equal([...rig.module.files.keys()], [`/tmp/${UUID}_0.tmp.r8`]);
  rig.module.api(`${UUID} stop`);
  assert.is(rig.module.files.size, 0, 'deleted at stop');
  await rig.close();
});

test('a server that hangs up leaves the bug behind; one that vanishes does not', async () => {
  const rig = await rigOf('mod_audio_stream');
  rig.module.api(`${UUID} start ${rig.url} mono 8k`);
  const first = await rig.peer();
  await until(() => rig.events.length === 1, 'connected');
  first.socket.close(4001, 'because');
  await until(() => rig.events.length === 2, 'disconnected');
  assert.equal(rig.events[1], [
    'mod_audio_stream::disconnect',
    '{"status":"disconnected","message":{"code":4001,"reason":"because"}}',
  ]);
  assert.is(rig.module.api(`${UUID} start ${rig.url} mono 8k`), '-ERR Operation Failed\n');
  assert.is(rig.module.api(`${UUID} stop`), '+OK Success\n');
  assert.is(rig.module.api(`${UUID} start ${rig.url} mono 8k`), '+OK Success\n');
  await until(() => rig.events.length === 3, 'connected again');
  (await rig.peer()).socket.terminate();
  await until(() => rig.events.length === 4, 'cut');
  assert.equal(rig.events[3], [
    'mod_audio_stream::error',
    '{"status":"error","message":{"code":1,"error":"Connection closed without WebSocket CLOSE (abnormal EOF)"}}',
  ]);
  assert.is(rig.module.api(`${UUID} start ${rig.url} mono 8k`), '+OK Success\n');
  await rig.close();
});

test('nobody listens', async () => {
  const rig = await rigOf('mod_audio_stream');
  const { url } = rig;
  await rig.close();
  assert.is(rig.module.api(`${UUID} start ${url} mono 8k`), '+OK Success\n');
  await until(() => rig.events.length === 1, 'error');
  assert.equal(rig.events[0], [
    'mod_audio_stream::error',
    '{"status":"error","message":{"code":6,"error":"Connection refused (system error 111)"}}',
  ]);
  assert.is(rig.module.stream(UUID), undefined);
});

test('mod_audio_fork: its sub-protocol, password, files and end of audio', async () => {
  const rig = await rigOf('mod_audio_fork');
  rig.variables.set('MOD_AUDIO_BASIC_AUTH_USERNAME', 'u').set('MOD_AUDIO_BASIC_AUTH_PASSWORD', 'p');
  rig.module.api(`${UUID} start ${rig.url} mono 16k name '{"a": 1}'`);
  const { socket, request } = await rig.peer();
  assert.is(request.headers['sec-websocket-protocol'], 'audio.drachtio.org');
  assert.is(request.headers['authorization'], `Basic ${Buffer.from('u:p').toString('base64')}`);
  await until(() => rig.heard.length === 1, 'metadata');
  assert.equal(rig.heard, ['{"a": 1}']);
  socket.send('{"type":"playAudio","data":{"audioContentType":"raw","sampleRate":16000,"audioContent":"AAAA"}}');
  socket.send(new Uint8Array(320));
  await until(() => rig.events.length === 2, 'play_audio');
  assert.equal(rig.events[1], [
    'mod_audio_fork::play_audio',
    `{"audioContentType":"raw","sampleRate":16000,"file":"/tmp/${UUID}_0.tmp.r16"}`,
  ]);
  rig.module.api(`${UUID} graceful-shutdown name`);
  await until(() => rig.heard.at(-1) === 0, 'an empty message');
  socket.close(1000);
  await until(() => rig.events.length === 3, 'disconnect');
  assert.equal(rig.events[2], ['mod_audio_fork::disconnect', '']);
  await rig.close();
});

test('jambonz: a prebuffer, and marks that a resampler loses', async () => {
  const rig = await rigOf('jambonz');
  rig.module.api(`${UUID} start ${rig.url} mono 8k name '' true true 16000`);
  const { socket } = await rig.peer();
  await until(() => rig.module.stream(UUID)?.open === true, 'open');
  const stream = rig.module.stream(UUID)!;
  socket.send('{"type":"mark","data":{"name":"m1"}}');
  for (let i = 0; i < 7; i += 1) socket.send(new Uint8Array(320).fill(1));
  await until(() => stream.binaries === 7, 'seven');
  assert.equal(Array.from(stream.dub(2)), [0, 0], 'less than 80 ms');
  socket.send(new Uint8Array(320).fill(1));
  await until(() => stream.binaries === 8, 'eight');
  assert.equal(Array.from(stream.dub(3)), [0, 257, 257], 'the mark has become a sample');
  stream.dub(2_000);
  assert.equal(rig.heard, []);
  await rig.close();
});

test.run();
