/**
 * Nothing of the configuration's secrets is ever seen, and nothing of what people say, dial or are called from, unless it
 * is asked for: a canary in each place, calls that succeed and calls that fail in every way, and everything that an
 * operator could read is searched.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import { askFrontDoor } from '../src/cli/ctl.ts';
import { loadConfig } from '../src/config.ts';
import { SystemClock } from '../src/core/clock.ts';
import type { TalkspurtEvent } from '../src/core/events.ts';
import { startRuntime } from '../src/gateway-from-config.ts';
import { SimulatedSwitch } from '../src/simulator/simulated-switch.ts';
import { LEAKS, LeakyBackend, SPOKEN } from './sim/leaky-backend.ts';
import { LevelPhone } from './sim/whole-host.ts';

const clock = new SystemClock();
const folder = mkdtempSync(join(tmpdir(), 'talkspurt-leak-'));
test.after(() => rmSync(folder, { recursive: true }));

/** One for each field of the configuration that is a secret. */
const SECRETS = {
  frontDoor: 'SECRET-CANARY-front-door',
  sip: 'SECRET-CANARY-sip',
  modules: 'SECRET-CANARY-modules',
  esl: 'SECRET-CANARY-esl',
  ari: 'SECRET-CANARY-ari',
  media: 'SECRET-CANARY-ari-media',
  apiKey: 'SECRET-CANARY-api-key',
  openAiHeader: 'SECRET-CANARY-openai-header',
  streamHeader: 'SECRET-CANARY-stream-header',
  deepgramKey: 'SECRET-CANARY-deepgram-key',
  deepgramHeader: 'SECRET-CANARY-deepgram-header',
  geminiKey: 'SECRET-CANARY-gemini-key',
  geminiHeader: 'SECRET-CANARY-gemini-header',
  readToken: 'SECRET-CANARY-read-token',
  controlToken: 'SECRET-CANARY-control-token',
  speechKey: 'SECRET-CANARY-speech-key',
} as const;
/** And those that come with a call, or stand in an address. */
const OF_CALLS = [
  'SECRET-CANARY-in-the-query',
  'SECRET-CANARY-of-the-channel',
  'SECRET-CANARY-in-the-command',
] as const;
const PERSONAL = {
  ...SPOKEN,
  from: '4930901820555',
  to: '4930901820777',
  metadata: 'METADATA-CANARY',
  message: 'MESSAGE-CANARY',
  said: 'SAID-CANARY',
} as const;

test('the canaries are as many as there are secret fields', () => {
  const sources = readdirSync(new URL('../src/config', import.meta.url)).map((name) =>
    readFileSync(new URL(`../src/config/${name}`, import.meta.url), 'utf8'),
  );
  const fields = sources.join('\n').match(/^ +\w+: (?:secret\b|z\.record\(z\.string\(\), secret\))/gm) ?? [];
  const known = Object.keys(SECRETS).length;
  assert.is(fields.length, known, 'give the new secret field a canary in test/gateway-leak.test.ts');
});

/** A phone that presses keys when it is told to. */
class KeyPhone extends LevelPhone {
  keys = '';

  override takeDigits(): string {
    const { keys } = this;
    this.keys = '';
    return keys;
  }
}

interface Seen {
  readonly log: string;
  readonly elsewhere: string;
  readonly events: readonly TalkspurtEvent[];
}

async function seenAt(level: 'trace' | 'info', format: 'json' | 'pretty', personalData: boolean): Promise<Seen> {
  const fs = new SimulatedSwitch({ clock, password: SECRETS.esl });
  await fs.listen();
  const stranger = new SimulatedSwitch({ clock, password: 'another' });
  await stranger.listen();
  const leaky = new LeakyBackend();
  const port = await leaky.listen();
  const streams = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await new Promise((resolve) => streams.once('listening', resolve));
  streams.on('connection', (socket) => socket.send(PERSONAL.message));
  const streamUrl = `ws://127.0.0.1:${(streams.address() as AddressInfo).port}/s?key=${OF_CALLS[0]}`;
  const closed = await closedPort();
  const file = join(folder, `${level}-${format}-${personalData}.log`);
  const openai = (baseUrl: string): object => ({
    kind: 'openai',
    model: 'm',
    apiKey: SECRETS.apiKey,
    extraHeaders: { 'X-Secret': SECRETS.openAiHeader },
    baseUrl,
    openTimeoutMs: baseUrl.includes('/never/') ? 500 : 15_000,
  });
  const backends: Record<string, object> = {
    ...Object.fromEntries(LEAKS.map((way) => [way, openai(`ws://127.0.0.1:${port}/${way}/v1`)])),
    // TLS to a server that speaks none, and nobody at all.
    tls: openai(`wss://127.0.0.1:${port}/v1`),
    spoken: {
      ...openai(`ws://127.0.0.1:${port}/refuses/v1`),
      speech: { engine: 'openai', baseUrl: `http://127.0.0.1:${port}/v1`, apiKey: SECRETS.speechKey },
    },
    nobody: openai(`ws://127.0.0.1:${closed}/v1`),
    deepgram: {
      kind: 'deepgram',
      url: `ws://127.0.0.1:${port}/refuses`,
      apiKey: SECRETS.deepgramKey,
      extraHeaders: { 'X-Secret': SECRETS.deepgramHeader },
    },
    gemini: {
      kind: 'gemini',
      model: 'm',
      url: `ws://127.0.0.1:${port}/refuses?key=${OF_CALLS[0]}`,
      apiKey: SECRETS.geminiKey,
      extraHeaders: { 'X-Secret': SECRETS.geminiHeader },
    },
    stream: { kind: 'websocket', url: streamUrl, extraHeaders: { 'X-Secret': SECRETS.streamHeader } },
  };
  const events: TalkspurtEvent[] = [];
  const config = loadConfig({
    text: JSON.stringify({
      log: { level, format, file, personalData },
      status: { port: 0, readToken: SECRETS.readToken, controlToken: SECRETS.controlToken },
      frontDoor: { port: 0, password: SECRETS.frontDoor },
      sip: { port: 0, username: 'u', password: SECRETS.sip },
      modules: { port: 0, username: 'u', password: SECRETS.modules },
      switches: [
        { name: 'fs', kind: 'freeswitch', port: fs.port, password: SECRETS.esl },
        { name: 'wrong', kind: 'freeswitch', port: stranger.port, password: SECRETS.esl },
        {
          name: 'pbx',
          kind: 'asterisk',
          port: closed,
          password: SECRETS.ari,
          media: { kind: 'websocket', websocket: { port: 0, username: 'u', password: SECRETS.media } },
        },
      ],
      backends,
      profiles: Object.fromEntries(Object.keys(backends).map((name) => [name, { backend: name }])),
      limits: { calls: 16 },
    }),
    env: {},
  });
  const runtime = await startRuntime(config, { clock, sinks: [{ emit: (event) => events.push(event) }] });
  let elsewhere = '';
  try {
    const ask = async (line: string, password: string = SECRETS.frontDoor): Promise<void> => {
      const host = { host: '127.0.0.1', port: runtime.frontDoorPort ?? 0 };
      elsewhere += await askFrontDoor({ ...host, password, line }).catch((error: unknown) => String(error));
    };
    const watch = async (): Promise<void> => {
      for (const path of ['metrics', 'healthz', 'readyz', 'calls']) {
        elsewhere += await (await fetch(`http://127.0.0.1:${runtime.statusPort}/${path}`)).text();
      }
    };
    await ask('list', `${SECRETS.frontDoor}-wrong`);
    const call = async (target: string): Promise<void> => {
      const variables = {
        STREAM_EXTRA_HEADERS: JSON.stringify({ 'X-Own': OF_CALLS[1] }),
        STREAM_HEART_BEAT: 'not a number',
        AUDIO_STREAM_AI_OPENAI_MODEL: '',
      };
      const phone = new KeyPhone();
      const channel = fs.createCall({ phone, from: PERSONAL.from, to: PERSONAL.to, variables });
      await ask(`uuid_audio_stream ${channel.uuid} start ${target}`);
      phone.keys = '7';
      const over = ({ callId, type }: TalkspurtEvent): boolean =>
        callId === channel.uuid && (type === 'dtmf' || type === 'call.ended');
      for (let n = 0; n < 250 && !events.some(over); n += 1) await pause(20);
      await pause(100);
      await watch();
      await ask(`uuid_audio_stream ${channel.uuid} say ${PERSONAL.said}`);
      await ask(`uuid_audio_stream ${channel.uuid} send_text ${PERSONAL.said}`);
      await ask(`uuid_audio_stream ${channel.uuid} transfer ${PERSONAL.to}-none`);
      await ask(`uuid_audio_stream ${channel.uuid} health`);
      await ask(`uuid_audio_stream ${channel.uuid} stop ${PERSONAL.metadata}`);
      if (fs.channels.has(channel.uuid)) channel.hangup(16);
    };
    await Promise.all([
      ...Object.keys(backends).map(call),
      call(`${streamUrl.replace(OF_CALLS[0], OF_CALLS[2])} mono 8k {"m": "${PERSONAL.metadata}"}`),
      call(`ws://127.0.0.1:${closed}/s?key=${OF_CALLS[2]} mono 8k ${PERSONAL.metadata}`),
    ]);
    await watch();
  } finally {
    await runtime.close();
    await fs.close();
    await stranger.close();
    await leaky.close();
    for (const socket of streams.clients) socket.terminate();
    await new Promise((resolve) => streams.close(resolve));
  }
  return { log: readFileSync(file, 'utf8'), elsewhere, events };
}

for (const [level, format] of [
  ['trace', 'json'],
  ['info', 'pretty'],
] as const) {
  test(`at ${level}, ${format}: no secret and nothing personal in log, metrics, health, records and replies`, async () => {
    const { log, elsewhere, events } = await seenAt(level, format, false);
    assert.ok(log.split('\n').length > 50, 'something was written');
    happened(events);
    for (const canary of [...Object.values(SECRETS), ...OF_CALLS, ...Object.values(PERSONAL)]) {
      assert.not(log.includes(canary), `in the log: ${around(log, canary)}`);
      assert.not(elsewhere.includes(canary), `elsewhere: ${around(elsewhere, canary)}`);
    }
    assert.not.match(log, /"digit":|digit=/);
    for (const canary of [...Object.values(SECRETS), ...OF_CALLS]) {
      const text = events.map(wholeText).join('\n');
      assert.not(text.includes(canary), `in an event: ${around(text, canary)}`);
    }
  });
}

test('with `personalData` what was said is in the log, and still no secret', async () => {
  const { log, elsewhere } = await seenAt('trace', 'json', true);
  for (const canary of [...Object.values(SECRETS), ...OF_CALLS]) {
    assert.not(log.includes(canary), around(log, canary));
    assert.not(elsewhere.includes(canary), around(elsewhere, canary));
  }
  for (const word of [SPOKEN.transcript, SPOKEN.answer, SPOKEN.argument, PERSONAL.message])
    assert.ok(log.includes(word), word);
  assert.match(log, /"digit":"7"/);
});

/** The test is worth nothing when calls did not do what they were made to do. */
function happened(events: readonly TalkspurtEvent[]): void {
  const kinds = new Set<string>(events.map(({ type }) => type));
  for (const kind of [
    'transcript',
    'tool.call',
    'dtmf',
    'backend.error',
    'backend.message',
    'backend.refused',
    'variable.clamped',
    'link.down',
  ]) {
    assert.ok(kinds.has(kind), `no ${kind} happened`);
  }
  const codes = new Set(events.flatMap((event) => ('error' in event && event.error ? [event.error.code] : [])));
  for (const code of ['AUTH', 'DENIED', 'TIMEOUT', 'REFUSED', 'API']) {
    assert.ok(codes.has(`ERR_TALKSPURT_BACKEND_${code}` as never), `no ${code} in ${[...codes].join(' ')}`);
  }
  assert.ok(codes.has('ERR_TALKSPURT_LINK_AUTH'), [...codes].join(' '));
}

/** What a sink of somebody's own could write of an event: its error's cause and stack too. */
function wholeText(event: TalkspurtEvent): string {
  const parts: unknown[] = [event];
  let error: unknown = 'error' in event ? event.error : undefined;
  while (error instanceof Error) {
    parts.push(error.message, error.stack, Object.entries(error));
    error = error.cause;
  }
  return JSON.stringify(parts);
}

function around(text: string, canary: string): string {
  const at = text.indexOf(canary);
  return text.slice(Math.max(0, at - 200), at + canary.length + 80);
}

async function closedPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => clock.after(ms, resolve));
}

test.run();
