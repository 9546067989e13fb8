/** The embedded backend on its socket: who may come in, what goes wrong on purpose, and that nothing is left behind. */
import { request } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { hasCode } from '../../src/core/errors.ts';
import type { MalformedFrame, RealtimeFault } from '../../src/simulator/realtime-behaviour.ts';
import { RealtimeServer } from '../../src/simulator/realtime-server.ts';
import type { RealtimeServerOptions } from '../../src/simulator/realtime-server.ts';
import { SpeechSynthesizer } from '../../src/simulator/speech.ts';
import { StillClock, TONE_VOICE, TWO_ANSWERS } from './realtime-bench.ts';
import { startServer } from './realtime-peer.ts';

const speech = new SpeechSynthesizer();
const open: RealtimeServer[] = [];

test.after.each(async () => {
  for (const server of open.splice(0)) {
    await server.close();
    await server.close();
    assert.is(server.stats.sessions, 0);
    assert.is(server.port, 0);
  }
});
test.after(() => speech.close());

async function serve(options: Partial<RealtimeServerOptions> = {}): Promise<RealtimeServer> {
  const server = await startServer(speech, { speech: TONE_VOICE, dialogue: TWO_ANSWERS, ...options });
  open.push(server);
  return server;
}

/** A client that keeps every frame, and how its connection ended. */
class Client {
  readonly frames: { text: string; binary: boolean }[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  #wake: (() => void) | null = null;

  constructor(server: RealtimeServer, path = '/realtime?model=gpt-realtime') {
    this.socket = new WebSocket(`${server.url}${path}`, { headers: { authorization: 'Bearer key' } });
    this.socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => this.socket.once('close', (code) => resolve(code)));
    this.socket.on('message', (data: Buffer, binary) => {
      this.frames.push({ text: data.toString('utf8'), binary });
      this.#wake?.();
    });
  }

  /** Waits until so many frames of the type are there (or the connection is closed) and returns all frames' types. */
  async until(type: string, count = 1): Promise<string[]> {
    for (;;) {
      const types = this.types();
      if (types.filter((known) => known === type).length >= count) return types;
      const more = new Promise<void>((resolve) => (this.#wake = resolve));
      if ((await Promise.race([more, this.closed])) !== undefined) return this.types();
    }
  }

  types(): string[] {
    return this.frames.map(({ text, binary }) => {
      if (binary) return 'binary';
      try {
        return String((JSON.parse(text) as { type?: string }).type);
      } catch {
        return 'not json';
      }
    });
  }

  send(event: object): void {
    this.socket.send(JSON.stringify(event));
  }
}

interface Answer {
  readonly status: number;
  readonly code: string;
}

/** An upgrade request by hand; resolves with the refusal. */
function refusal(server: RealtimeServer, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const upgrade = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    };
    const asked = request({ port: server.port, path, headers: { ...upgrade, ...headers } });
    asked.once('upgrade', (_response, socket) => {
      socket.destroy();
      reject(new Error('it was let in'));
    });
    asked.once('error', reject);
    asked.once('response', (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const body = JSON.parse(Buffer.concat(parts).toString()) as { error: { code: string } };
        resolve({ status: response.statusCode ?? 0, code: body.error.code });
      });
    });
    asked.end();
  });
}

test('without a key, or with a wrong one, at a wrong place or without a model nobody is let in', async () => {
  const server = await serve({ key: 'right' });
  const path = '/v1/realtime?model=m';
  const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
  assert.equal(await refusal(server, path), { status: 401, code: 'invalid_api_key' });
  assert.equal(await refusal(server, path, bearer('wrong')), { status: 401, code: 'invalid_api_key' });
  assert.equal(await refusal(server, path, { authorization: 'Basic right' }), { status: 401, code: 'invalid_api_key' });
  assert.equal(await refusal(server, '/v1/chat', bearer('right')), { status: 404, code: 'not_found' });
  assert.equal(await refusal(server, '//', bearer('right')), { status: 404, code: 'not_found' });
  assert.equal(await refusal(server, '/v1/realtime', bearer('right')), { status: 400, code: 'missing_model' });
  assert.is(server.stats.sessionsOpened, 0);
  const plain = await fetch(`http://127.0.0.1:${server.port}/v1/models`);
  assert.is(plain.status, 404);
  await plain.text();
});

test('more sessions than there is room for are turned away, and room is found again', async () => {
  const server = await serve({ sessions: 1 });
  const first = new Client(server);
  await first.until('session.created');
  assert.equal(await refusal(server, '/v1/realtime?model=m', { authorization: 'Bearer k' }), {
    status: 429,
    code: 'rate_limit_exceeded',
  });
  first.socket.close();
  await first.closed;
  while (server.stats.sessions > 0) await new Promise((resolve) => setImmediate(resolve));
  await new Client(server).until('session.created');
});

test('a port that is taken is a typed error', async () => {
  const server = await serve();
  const second = new RealtimeServer({ clock: new StillClock(), speech: TONE_VOICE, port: server.port, mode: 'echo' });
  const error = await second.listen().catch((reason: unknown) => reason);
  assert.ok(hasCode(error, 'ERR_TALKSPURT_LISTEN'));
  await second.close();
});

test('a whole answer passes the socket, each event with an id of its own', async () => {
  const server = await serve();
  const client = new Client(server);
  await client.until('session.created');
  client.send({ type: 'response.create' });
  const types = await client.until('response.done');
  assert.is(types.filter((type) => type === 'response.output_audio.delta').length, 5);
  const ids = client.frames.map(({ text }) => (JSON.parse(text) as { event_id: string }).event_id);
  assert.is(new Set(ids).size, ids.length);
  assert.ok(ids.every((id) => id.startsWith('event_')));
  const { responses, saidMs } = server.stats;
  assert.equal([responses, saidMs], [1, 1000]);
});

async function answerUnder(fault: RealtimeFault): Promise<{ client: Client; server: RealtimeServer; types: string[] }> {
  const server = await serve();
  const client = new Client(server);
  await client.until('session.created');
  server.inject(fault);
  client.send({ type: 'response.create' });
  return { client, server, types: await client.until('response.done') };
}

test('fault: refused upgrades', async () => {
  const server = await serve({ fault: { kind: 'refuse', status: 503 } });
  assert.equal(await refusal(server, '/v1/realtime?model=m', { authorization: 'Bearer k' }), {
    status: 503,
    code: 'server_error',
  });
});

test('fault: accepted, and never a word', async () => {
  const server = await serve({ fault: { kind: 'mute' } });
  const client = new Client(server);
  await new Promise((resolve) => client.socket.once('open', resolve));
  client.send({ type: 'session.update', session: { type: 'realtime' } });
  // A ping is answered behind whatever else would have been.
  const pong = new Promise((resolve) => client.socket.once('pong', resolve));
  client.socket.ping();
  await pong;
  assert.equal(client.frames, []);
});

test('fault: a session without answers', async () => {
  const server = await serve({ fault: { kind: 'no-response' } });
  const client = new Client(server);
  await client.until('session.created');
  client.send({ type: 'response.create' });
  client.send({ type: 'input_audio_buffer.clear' });
  const types = await client.until('input_audio_buffer.cleared');
  assert.equal(types, ['session.created', 'input_audio_buffer.cleared']);
});

test('fault: cut off in the middle of an answer', async () => {
  const { client, types } = await answerUnder({ kind: 'drop', afterAudioMs: 400 });
  assert.is(await client.closed, 1006);
  assert.is(types.filter((type) => type === 'response.output_audio.delta').length, 2);
  assert.not.ok(types.includes('response.done'));
});

test('fault: an answer that fails', async () => {
  const { client } = await answerUnder({ kind: 'error', code: 'overloaded', message: 'Too much.' });
  const error = client.frames.map(({ text }) => JSON.parse(text) as { type: string; error?: { code: string } });
  assert.is(error.find(({ type }) => type === 'error')?.error?.code, 'overloaded');
  assert.ok(client.frames.some(({ text }) => text.includes('"status":"failed"')));
});

for (const frame of ['json', 'base64', 'binary', 'no-type', 'unknown-type', 'wrong-types'] as MalformedFrame[]) {
  test(`fault: malformed frames (${frame})`, async () => {
    const { types } = await answerUnder({ kind: 'malformed', frame });
    assert.is(types.filter((type) => type === 'response.done').length, 1);
    const strange = {
      json: 'not json',
      binary: 'binary',
      'no-type': 'undefined',
      'unknown-type': 'response.smell.delta',
    };
    const kind = frame in strange ? strange[frame as keyof typeof strange] : 'response.output_audio.delta';
    assert.is(types.filter((type) => type === kind).length, kind === 'response.output_audio.delta' ? 10 : 5);
  });
}

test('fault: slow, in the right order, and cancelled with the connection', async () => {
  const clock = new StillClock();
  const server = await serve({ clock, fault: { kind: 'slow', delayMs: 500 } });
  const client = new Client(server);
  await new Promise((resolve) => client.socket.once('open', resolve));
  await clock.advance(499);
  assert.equal(client.frames, []);
  await clock.advance(1);
  await client.until('session.created');
  client.send({ type: 'input_audio_buffer.clear' });
  client.send({ type: 'nonsense' });
  while (server.stats.refusedEvents === 0) await new Promise((resolve) => setImmediate(resolve));
  await clock.advance(500);
  assert.equal(await client.until('error'), ['session.created', 'input_audio_buffer.cleared', 'error']);
  client.send({ type: 'input_audio_buffer.clear' });
  client.send({ type: 'nonsense' });
  while (server.stats.refusedEvents === 1) await new Promise((resolve) => setImmediate(resolve));
  client.socket.terminate();
  while (server.stats.sessions > 0) await new Promise((resolve) => setImmediate(resolve));
  assert.is(clock.pending, 0);
});

test('a session that is over is closed with its reason', async () => {
  const clock = new StillClock();
  const server = await serve({ clock, sessionMs: 60_000 });
  const client = new Client(server);
  const reason = new Promise((resolve) => client.socket.once('close', (_code, text) => resolve(text.toString())));
  await client.until('session.created');
  await clock.advance(60_000);
  assert.is(await client.closed, 1001);
  assert.is(await reason, 'Your session hit the maximum duration of 1 minutes.');
  assert.ok(client.types().includes('error'));
});

test('echo mode says every piece back at once, under one answer', async () => {
  const server = await serve({ mode: 'echo' });
  const client = new Client(server);
  await client.until('session.created');
  client.send({
    type: 'session.update',
    session: { type: 'realtime', audio: { input: { format: { type: 'audio/pcmu' } } } },
  });
  await client.until('session.updated');
  client.send({ type: 'session.update', session: { type: 'realtime', voise: 1 } });
  await client.until('error');
  const pieces = ['AAAA', 'BBBB', 'CCCC'];
  for (const audio of pieces) client.send({ type: 'input_audio_buffer.append', audio, event_id: `e${audio}` });
  client.send({ event_id: 'first', type: 'input_audio_buffer.append', audio: 'DDDD' });
  client.socket.send('not json');
  client.send({ type: 'session.update', session: { type: 'realtime', voise: 2 } });
  await client.until('error', 3);
  const deltas = client.frames.map(
    ({ text }) => JSON.parse(text) as { type: string; delta?: string; item_id?: string },
  );
  const audio = deltas.filter(({ type }) => type === 'response.output_audio.delta');
  assert.equal(
    audio.map(({ delta }) => delta),
    [...pieces, 'DDDD'],
  );
  assert.is(new Set(audio.map(({ item_id }) => item_id)).size, 1);
  assert.is(client.types().filter((type) => type === 'response.created').length, 1);
  assert.is(server.stats.turns, 4);
});

test('a crash cuts everybody off; closing in the middle of an answer leaves nothing behind', async () => {
  const server = await serve();
  const first = new Client(server);
  await first.until('session.created');
  server.dropConnections();
  assert.is(await first.closed, 1006);
  const second = new Client(server);
  await second.until('session.created');
  second.send({ type: 'response.create' });
  await second.until('response.output_audio.delta');
  await server.close();
  assert.is(await second.closed, 1006);
});

test('speech can be made ready beforehand', async () => {
  const said: string[] = [];
  const voice = {
    synthesize: (text: string) => {
      said.push(text);
      return TONE_VOICE.synthesize(text, 'rms');
    },
  };
  const server = await serve({ speech: voice });
  await server.prepareSpeech();
  assert.equal(said, ['Hello.', 'First.', 'Second.', 'Still here.']);
});

test.run();
