/**
 * The whole host against a switch and a backend that misbehave: every fault ends in a typed error, a reply, and nothing
 * left behind. Sockets are real; what is open before and after is counted by the platform itself.
 */
import { connect } from 'node:net';
import { createSocket } from 'node:dgram';
import { createServer } from 'node:http';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../src/config.ts';
import { SystemClock } from '../src/core/clock.ts';
import type { TalkspurtEvent } from '../src/core/events.ts';
import { startRuntime } from '../src/gateway-from-config.ts';
import type { Runtime } from '../src/gateway-from-config.ts';
import type { SimulatedPhone } from '../src/simulator/phone.ts';
import { RealtimeServer } from '../src/simulator/realtime-server.ts';
import { SimulatedSwitch } from '../src/simulator/simulated-switch.ts';
import { SpeechSynthesizer } from '../src/simulator/speech.ts';
import { askFrontDoor } from '../src/cli/ctl.ts';

const clock = new SystemClock();

class QuietPhone implements SimulatedPhone {
  hungUp = false;
  speak(): boolean {
    return true;
  }
  hear(): void {
    // Nobody listens.
  }
  takeDigits(): string {
    return '';
  }
  onHangup(): void {
    this.hungUp = true;
  }
}

interface World {
  readonly fs: SimulatedSwitch;
  readonly runtime: Runtime;
  readonly events: TalkspurtEvent[];
  /** A line at the front door. */
  ask(line: string): Promise<string>;
  settle(until: () => boolean): Promise<void>;
}

/** Sockets, servers and timers that keep the process up, by kind. */
function openHandles(): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Network handles only: the test runner has timers and pipes of its own. */
function networkHandles(): number {
  return Object.entries(openHandles()).reduce((sum, [kind, count]) => (/TCP|UDP/.test(kind) ? sum + count : sum), 0);
}

async function withWorld(
  backendUrl: string,
  run: (world: World) => Promise<void>,
  switchPassword = 'pw',
): Promise<void> {
  // What an earlier test closed leaves the loop a turn later.
  await new Promise((resolve) => clock.after(50, () => resolve(null)));
  const before = networkHandles();
  const fs = new SimulatedSwitch({ clock, password: 'pw' });
  await fs.listen();
  const events: TalkspurtEvent[] = [];
  const config = loadConfig({
    text: JSON.stringify({
      status: { port: 0 },
      frontDoor: { port: 0, password: 'door' },
      sip: { port: 0 },
      switches: [
        { name: 'fs', kind: 'freeswitch', port: fs.port, password: switchPassword, media: { kind: 'unicast' } },
      ],
      backends: {
        ai: { kind: 'openai', model: 'm', baseUrl: backendUrl, apiKey: 'key-of-the-test', openTimeoutMs: 700 },
      },
      profiles: { p: { backend: 'ai', reconnect: { attempts: 2 } } },
      limits: { calls: 2 },
    }),
    env: {},
  });
  const runtime = await startRuntime(config, { clock, quiet: true, sinks: [{ emit: (event) => events.push(event) }] });
  try {
    await run({
      fs,
      runtime,
      events,
      ask: (line) => askFrontDoor({ host: '127.0.0.1', port: runtime.frontDoorPort ?? 0, password: 'door', line }),
      settle: async (until) => {
        const untilMs = clock.nowMs() + 8_000;
        while (!until() && clock.nowMs() < untilMs)
          await new Promise((resolve) => clock.after(20, () => resolve(null)));
        assert.ok(until(), 'settled');
      },
    });
    assert.is(fs.crashed, null, 'the switch lives');
    assert.is(runtime.gateway.callCount, 0, 'no call is left');
  } finally {
    await runtime.close();
    await fs.close();
  }
  // A closed handle leaves the loop a turn later.
  await new Promise((resolve) => clock.after(50, () => resolve(null)));
  assert.ok(networkHandles() <= before, `open: ${JSON.stringify(openHandles())}`);
}

async function withBackend(
  options: Partial<ConstructorParameters<typeof RealtimeServer>[0]>,
  run: (url: string, server: RealtimeServer) => Promise<void>,
): Promise<void> {
  const speech = new SpeechSynthesizer();
  const server = new RealtimeServer({ clock, speech, sessions: 2, ...options });
  await server.listen();
  try {
    await run(server.url, server);
  } finally {
    await server.close();
    await speech.close();
  }
}

test('a command about a channel that is not there', () =>
  withWorld('ws://127.0.0.1:9/v1', async ({ ask }) => {
    assert.match(
      await ask('uuid_audio_stream 00000000-0000-0000-0000-000000000000 start p'),
      /^-ERR .*ERR_TALKSPURT_UNKNOWN_CALL/,
    );
    assert.match(
      await ask('uuid_audio_stream 00000000-0000-0000-0000-000000000000 stop'),
      /^-ERR .*ERR_TALKSPURT_NOT_RUNNING/,
    );
    assert.match(
      await ask('uuid_audio_stream 00000000-0000-0000-0000-000000000000 health'),
      /^-ERR .*ERR_TALKSPURT_NOT_RUNNING/,
    );
    assert.match(await ask('uuid_audio_stream'), /^-USAGE: /);
    assert.match(await ask('uuid_audio_stream x dance'), /^-(ERR|USAGE)/);
    const health = JSON.parse(await ask('uuid_audio_stream global_health')) as Record<string, unknown>;
    assert.is(health['active_ai_sessions'], 0);
  }));

test('an unknown profile, and a second start of the same call', () =>
  withBackend({}, (url) =>
    withWorld(url, async ({ fs, ask }) => {
      const { uuid } = fs.createCall({ phone: new QuietPhone() });
      assert.match(await ask(`uuid_audio_stream ${uuid} start nobody`), /^-ERR .*ERR_TALKSPURT_UNKNOWN_PROFILE/);
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^-ERR .*ERR_TALKSPURT_ALREADY_RUNNING/);
      const health = JSON.parse(await ask(`uuid_audio_stream ${uuid} health`)) as Record<string, unknown>;
      assert.is(health['session_uuid'], uuid);
      assert.is(health['state'], 'TALKING');
      assert.match(await ask(`uuid_audio_stream ${uuid} stop`), /^\+OK/);
      assert.is(fs.channels.has(uuid), true, 'the channel stays on the switch');
    }),
  ));

test('more calls than there is room for', () =>
  withBackend({}, (url) =>
    withWorld(url, async ({ fs, ask, runtime }) => {
      const uuids = [1, 2, 3].map(() => fs.createCall({ phone: new QuietPhone() }).uuid);
      const replies = await Promise.all(uuids.map((uuid) => ask(`uuid_audio_stream ${uuid} start p`)));
      assert.is(replies.filter((reply) => reply.startsWith('+OK')).length, 2);
      assert.is(replies.filter((reply) => /ERR_TALKSPURT_(CALL_LIMIT|DSP_POOL_EMPTY)/.test(reply)).length, 1);
      await runtime.gateway.close();
    }),
  ));

for (const [name, fault, code] of [
  ['refuses the key', { kind: 'refuse', status: 401 }, 'ERR_TALKSPURT_BACKEND_AUTH'],
  ['is over its limit', { kind: 'refuse', status: 429 }, 'ERR_TALKSPURT_BACKEND_REFUSED'],
  ['accepts and never answers', { kind: 'mute' }, 'ERR_TALKSPURT_BACKEND_TIMEOUT'],
] as const) {
  test(`a backend that ${name}`, () =>
    withBackend({ fault }, (url) =>
      withWorld(url, async ({ fs, ask, events }) => {
        const { uuid } = fs.createCall({ phone: new QuietPhone() });
        const reply = await ask(`uuid_audio_stream ${uuid} start p`);
        assert.match(reply, new RegExp(`^-ERR .*${code}`));
        assert.not.match(reply, /key-of-the-test/);
        assert.not.match(JSON.stringify(events), /key-of-the-test/);
        const ended = events.filter((event) => event.type === 'call.ended');
        assert.is(ended.length, 1);
        assert.is(fs.channels.has(uuid), true, 'the channel stays on the switch');
      }),
    ));
}

test('a backend that is not there, and one that is no WebSocket', async () => {
  await withWorld('ws://127.0.0.1:9/v1', async ({ fs, ask }) => {
    const { uuid } = fs.createCall({ phone: new QuietPhone() });
    assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^-ERR .*ERR_TALKSPURT_BACKEND_REFUSED/);
  });
  const page = createServer((_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => page.listen(0, '127.0.0.1', resolve));
  const { port } = page.address() as { port: number };
  await withWorld(`ws://127.0.0.1:${port}/v1`, async ({ fs, ask }) => {
    const { uuid } = fs.createCall({ phone: new QuietPhone() });
    assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^-ERR .*ERR_TALKSPURT_BACKEND/);
  });
  page.closeAllConnections();
  await new Promise((resolve) => page.close(resolve));
});

test('a backend that has failed five times is left alone: the sixth call is refused before its channel is touched', async () => {
  await withWorld('ws://127.0.0.1:9/v1', async ({ fs, ask, events, runtime }) => {
    const { uuid } = fs.createCall({ phone: new QuietPhone() });
    for (let n = 0; n < 5; n += 1)
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /ERR_TALKSPURT_BACKEND_REFUSED/);
    const before = events.length;
    assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^-ERR .*BREAKER_OPEN/);
    assert.equal(
      events.slice(before).map(({ type }) => type),
      ['command'],
      'no call came of it',
    );
    const open = runtime.gateway.globalHealth().breakers.filter(({ state }) => state === 'open');
    assert.is(open.length, 1);
    assert.match(open[0]!.name, /^\w+:[0-9a-f]{8}:connection$/);
    assert.ok(events.some((event) => event.type === 'breaker' && event.state === 'open'));
  });
});

test('a backend that drops the line in mid-call is had back', () =>
  withBackend({}, (url, server) =>
    withWorld(url, async ({ fs, ask, events, settle }) => {
      const { uuid } = fs.createCall({ phone: new QuietPhone() });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
      server.dropConnections();
      await settle(() => events.some((event) => event.type === 'backend.reconnected'));
      assert.match(await ask(`uuid_audio_stream ${uuid} health`), /"state":"TALKING"/);
      assert.not.ok(events.some((event) => event.type === 'call.ended'));
      assert.match(await ask(`uuid_audio_stream ${uuid} stop`), /^\+OK/);
    }),
  ));

test('a backend that drops the line in mid-call and is gone', () =>
  withBackend({}, (url, server) =>
    withWorld(url, async ({ fs, ask, events, settle }) => {
      const { uuid } = fs.createCall({ phone: new QuietPhone() });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
      await server.close();
      await settle(() => events.some((event) => event.type === 'call.ended'));
      const ended = events.find((event) => event.type === 'call.ended');
      assert.is(ended?.type === 'call.ended' && ended.reason, 'backend-failed');
      assert.ok(events.some((event) => event.type === 'backend.failed'));
    }),
  ));

test('a channel that hangs up while it starts, and while it talks', () =>
  withBackend({ fault: { kind: 'mute' } }, (url) =>
    withWorld(url, async ({ fs, ask }) => {
      const channel = fs.createCall({ phone: new QuietPhone() });
      const starting = ask(`uuid_audio_stream ${channel.uuid} start p`);
      await new Promise((resolve) => clock.after(250, () => resolve(null)));
      channel.hangup(16);
      assert.match(await starting, /^-ERR .*ERR_TALKSPURT_CALL_GONE/);
    }),
  ));

test('the ESL link drops in mid-call: the call goes on, commands fail, the link comes back', () =>
  withBackend({}, (url) =>
    withWorld(url, async ({ fs, ask, events, runtime, settle }) => {
      const channel = fs.createCall({ phone: new QuietPhone() });
      assert.match(await ask(`uuid_audio_stream ${channel.uuid} start p`), /^\+OK/);
      const before = runtime.gateway.session(channel.uuid)?.snapshot().sentFrames ?? 0;
      fs.dropConnections();
      await settle(() => events.some((event) => event.type === 'link.down'));
      await settle(() => events.filter((event) => event.type === 'link.up').length === 2);
      await settle(() => (runtime.gateway.session(channel.uuid)?.snapshot().sentFrames ?? 0) > before + 5);
      channel.hangup(16);
      await settle(() => events.some((event) => event.type === 'call.ended'));
    }),
  ));

test('a wrong ESL password: no call, a clear word, and the password nowhere', () =>
  withWorld(
    'ws://127.0.0.1:9/v1',
    async ({ fs, ask, events }) => {
      const { uuid } = fs.createCall({ phone: new QuietPhone() });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^-ERR .*ERR_TALKSPURT_LINK_DOWN/);
      const down = events.find((event) => event.type === 'link.down');
      assert.is(down?.type === 'link.down' && down.error.code, 'ERR_TALKSPURT_LINK_AUTH');
      assert.not.match(JSON.stringify(events), /not-the-password/);
    },
    'not-the-password',
  ));

test('rubbish at the front door and at the media port harms nobody', () =>
  withBackend({}, (url) =>
    withWorld(url, async ({ fs, ask, runtime }) => {
      const { uuid } = fs.createCall({ phone: new QuietPhone() });
      assert.match(await ask(`uuid_audio_stream ${uuid} start p`), /^\+OK/);
      const socket = connect(runtime.frontDoorPort ?? 0, '127.0.0.1');
      socket.on('error', () => socket.destroy());
      socket.resume();
      socket.write(Buffer.alloc(200_000, 0xff));
      await new Promise((resolve) => socket.once('close', resolve));
      const stray = createSocket('udp4');
      for (let port = 1024; port < 1034; port++) stray.send(Buffer.alloc(3), port, '127.0.0.1');
      await new Promise((resolve) => clock.after(30, () => resolve(null)));
      await new Promise<void>((resolve) => stray.close(() => resolve()));
      assert.is((JSON.parse(await ask(`uuid_audio_stream ${uuid} health`)) as { state: string }).state, 'TALKING');
      assert.match(await ask(`uuid_audio_stream ${uuid} stop`), /^\+OK/);
    }),
  ));

test('a drain refuses new calls and waits for the old ones', () =>
  withBackend({}, (url) =>
    withWorld(url, async ({ fs, ask, runtime }) => {
      const channel = fs.createCall({ phone: new QuietPhone() });
      const other = fs.createCall({ phone: new QuietPhone() });
      assert.match(await ask(`uuid_audio_stream ${channel.uuid} start p`), /^\+OK/);
      const drained = runtime.gateway.drained(5_000);
      assert.match(await ask(`uuid_audio_stream ${other.uuid} start p`), /^-ERR .*ERR_TALKSPURT_DRAINING/);
      assert.equal(runtime.gateway.notReady(), ['draining']);
      channel.hangup(16);
      assert.is(await drained, 0);
    }),
  ));

test.run();
