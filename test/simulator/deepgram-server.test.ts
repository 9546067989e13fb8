/** The embedded Voice Agent's rules of time, and what goes wrong with it on purpose. What it says to a client of the vendor's: deepgram-sdk.test.ts. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocket } from 'ws';
import { SystemClock } from '../../src/core/clock.ts';
import { WasmDspPool } from '../../src/dsp/dsp-pool.ts';
import type { DspPool } from '../../src/dsp/dsp.ts';
import { DeepgramServer } from '../../src/simulator/deepgram-server.ts';
import type { DeepgramServerOptions } from '../../src/simulator/deepgram-server.ts';
import { DeepgramServerSession } from '../../src/simulator/deepgram-session.ts';
import type { DeepgramServerMessage } from '../../src/simulator/deepgram-message.ts';
import { FERRY_OFFICE } from '../../src/simulator/dialogue.ts';
import { FakeClock } from '../sim/fake-clock.ts';

/** A tenth of a second of a tone for every sentence: no voice is needed here. */
const speech = {
  synthesize: () =>
    Promise.resolve({
      samples: Int16Array.from({ length: 1600 }, (_, n) => 8000 * Math.sin((2 * Math.PI * 440 * n) / 16_000)),
      sampleRateHz: 16_000,
    }),
};

const SETTINGS = JSON.stringify({
  type: 'Settings',
  audio: { input: { encoding: 'mulaw', sample_rate: 8000 }, output: { encoding: 'mulaw', sample_rate: 8000 } },
  agent: { greeting: 'Hello.' },
});

interface Rig {
  readonly clock: FakeClock;
  readonly pool: DspPool;
  readonly said: DeepgramServerMessage[];
  readonly session: DeepgramServerSession;
  readonly ended: () => boolean;
  tell(message: string | Buffer): void;
}

async function rig(): Promise<Rig> {
  const clock = new FakeClock();
  const pool = await WasmDspPool.create({ size: 1 });
  const said: DeepgramServerMessage[] = [];
  let ended = false;
  const session = new DeepgramServerSession(
    {
      ...{ clock, dspPool: pool, speech, hearing: null, dialogue: FERRY_OFFICE, voice: 'rms' as const },
      ...{ thinkMs: 100, pieceMs: 100, speedUp: 4, sessionMs: 7_200_000, idleMs: 10_000, closesInterrupted: true },
      fault: () => null,
    },
    {
      send: (message) => said.push(message),
      sendAudio: () => undefined,
      end: () => (ended = true),
      count: () => undefined,
    },
  );
  return {
    ...{ clock, pool, said, session },
    ended: () => ended,
    tell: (message) => session.receive(Buffer.from(message as string), typeof message !== 'string'),
  };
}

test('a client that is silent for too long is sent away; KeepAlive, or audio, keeps it', async () => {
  const { clock, said, tell, ended, session } = await rig();
  tell(SETTINGS);
  for (let n = 0; n < 10; n += 1) {
    clock.advance(8_000);
    tell(n % 2 === 0 ? '{"type":"KeepAlive"}' : Buffer.alloc(160, 0xff));
  }
  assert.is(ended(), false);
  clock.advance(12_000);
  const last = said.at(-1);
  assert.is(last?.type === 'Error' ? last.code : '', 'CLIENT_MESSAGE_TIMEOUT');
  assert.is(ended(), true);
  assert.is(clock.pending, 0);
  session.close();
});

test('two hours, and a word five minutes before', async () => {
  const { clock, said, tell, ended } = await rig();
  tell(SETTINGS);
  const codes = (): string[] => said.flatMap((message) => ('code' in message ? [message.code] : []));
  const until = (ms: number): void => {
    for (; clock.nowMs() < 1_000 + ms; tell('{"type":"KeepAlive"}')) clock.advance(5_000);
  };
  until(6_895_000);
  assert.equal(codes(), []);
  until(6_900_000);
  assert.equal(codes(), ['MAXIMUM_SESSION_LENGTH_APPROACHING']);
  until(7_195_000);
  assert.is(ended(), false);
  clock.advance(5_000);
  assert.equal(codes(), ['MAXIMUM_SESSION_LENGTH_APPROACHING', 'MAXIMUM_SESSION_LENGTH_REACHED']);
  assert.is(ended(), true);
});

test('nothing is said or held after the end, and the signal chain is given back', async () => {
  const { clock, said, tell, session, pool } = await rig();
  tell(SETTINGS);
  session.close();
  session.close();
  const before = said.length;
  tell('{"type":"UpdatePrompt","prompt":"x"}');
  await Promise.resolve();
  clock.advance(60_000);
  assert.is(said.length, before);
  assert.is(clock.pending, 0);
  const leg = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 } as const;
  pool.release(pool.acquire({ leg, backendInput: leg, backendOutput: leg }));
});

test('what is no message of the wire', async () => {
  for (const wrong of [
    '',
    '{',
    '[]',
    '{"type":"Sneeze"}',
    '{"type":"KeepAlive","more":1}',
    '{"type":"UpdatePrompt"}',
  ]) {
    const { said, tell, ended } = await rig();
    tell(SETTINGS);
    tell(wrong);
    const last = said.at(-1);
    assert.is(last?.type === 'Error' ? last.code : '', 'UNPARSABLE_CLIENT_MESSAGE', wrong);
    assert.is(ended(), true);
  }
});

/** A client without any habits: all that came, in order, until `enough` of it did or the connection was gone. */
async function listen(
  options: Partial<DeepgramServerOptions>,
  enough: (told: string[]) => boolean,
  headers: Record<string, string> = { Authorization: 'Token key' },
): Promise<{ told: string[]; status: number | null; closed: number | null }> {
  const server = new DeepgramServer({
    clock: new SystemClock(),
    speech,
    sessions: 1,
    speedUp: 50,
    thinkMs: 1,
    ...options,
  });
  await server.listen();
  const told: string[] = [];
  let status: number | null = null;
  let closed: number | null = null;
  const socket = new WebSocket(server.url, { headers });
  await new Promise<void>((resolve) => {
    socket.on('message', (data: Buffer, isBinary) => {
      const text = isBinary ? 'audio' : data.toString('utf8');
      const type = text.startsWith('{"type') ? (JSON.parse(text) as { type: string }).type : text;
      told.push(type);
      if (type === 'Welcome') socket.send(SETTINGS);
      if (enough(told)) resolve();
    });
    socket.on('unexpected-response', (_request, response) => {
      status = response.statusCode ?? 0;
      resolve();
    });
    socket.on('error', () => resolve());
    socket.on('close', (code) => {
      closed = code;
      resolve();
    });
    if (options.fault?.kind === 'mute') socket.on('open', () => resolve());
  });
  socket.terminate();
  await server.close();
  return { told, status, closed };
}

test('faults on purpose', async () => {
  const done = (told: string[]): boolean => told.includes('AgentAudioDone');
  assert.is((await listen({ fault: { kind: 'refuse', status: 503 } }, done)).status, 503);
  assert.equal((await listen({ fault: { kind: 'mute' } }, done)).told, []);
  assert.equal((await listen({ fault: { kind: 'stalled-settings' } }, ({ length }) => length === 1)).told, ['Welcome']);
  const silent = (told: string[]): boolean => told.includes('SettingsApplied');
  assert.equal((await listen({ fault: { kind: 'no-response' } }, silent)).told, ['Welcome', 'SettingsApplied']);
  const dropped = await listen({ fault: { kind: 'drop', afterAudioMs: 50 } }, done);
  assert.is(dropped.closed, 1006);
  assert.ok(dropped.told.includes('audio'));
  const failed = await listen({ fault: { kind: 'error', code: 'FAILED_TO_THINK', description: 'x' } }, () => false);
  assert.equal(failed.told, ['Welcome', 'SettingsApplied', 'Error']);
  assert.is(failed.closed, 1008);
  const warned = await listen({ fault: { kind: 'warning', code: 'SLOW_THINK_REQUEST', description: 'x' } }, done);
  assert.ok(warned.told.includes('Warning') && warned.told.includes('audio'));
  const garbled = await listen({ fault: { kind: 'malformed', text: 'no JSON' } }, done);
  assert.ok(garbled.told.includes('no JSON'));
});

test('who may come in: a key or a token, by header or by sub-protocol, and not too many', async () => {
  const welcome = (told: string[]): boolean => told.includes('Welcome');
  assert.is((await listen({}, welcome, {})).status, 401);
  assert.is((await listen({ key: 'right' }, welcome, { Authorization: 'Token wrong' })).status, 401);
  assert.equal((await listen({ key: 'right' }, welcome, { Authorization: 'token right' })).told, ['Welcome']);
  assert.equal((await listen({}, welcome, { Authorization: 'Bearer eyJ.a.b' })).told, ['Welcome']);
  const server = new DeepgramServer({ clock: new SystemClock(), speech, sessions: 1 });
  await server.listen();
  const first = new WebSocket(server.url, { headers: { Authorization: 'Token key' } });
  await new Promise((resolve) => first.once('message', resolve));
  const second = new WebSocket(server.url, { headers: { Authorization: 'Token key' } });
  const error = await new Promise<Error>((resolve) => second.once('error', resolve));
  assert.match(error.message, '429');
  await server.close();
});

test.run();
