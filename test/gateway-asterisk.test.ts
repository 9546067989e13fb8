/** What an operator sees of those whom the media servers of an Asterisk turn away, and of what calls hold. */
import { connect } from 'node:net';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { loadConfig } from '../src/config.ts';
import type { AsteriskConfig } from '../src/config.ts';
import { fanOut } from '../src/core/events.ts';
import { openGatewayAsterisk } from '../src/gateway-asterisk.ts';
import type { GatewayAsterisk } from '../src/gateway-asterisk.ts';
import { heldResources } from '../src/gateway-resources.ts';
import { LIMITS } from '../src/limits.ts';
import { LogSink } from '../src/observe/log-sink.ts';
import { MetricsSink } from '../src/observe/metrics-sink.ts';
import type { GatewaySnapshot } from '../src/observe/health.ts';
import { globalHealth } from '../src/observe/health.ts';
import { FakeClock } from './sim/fake-clock.ts';
import { FakeAri } from './switch/asterisk/fake-ari.ts';

interface World {
  readonly clock: FakeClock;
  readonly asterisk: GatewayAsterisk;
  readonly lines: Record<string, unknown>[];
  /** Sends `bytes` to that port, and waits until the connection is over. */
  knock(port: number, bytes: Uint8Array): Promise<void>;
  /** The counter of refusals. */
  refused(server: string, reason: string): Promise<number>;
  gauge(line: string): Promise<number | undefined>;
  snapshot(): GatewaySnapshot;
}

async function withAsterisk(media: object, run: (world: World) => Promise<void>): Promise<void> {
  const clock = new FakeClock();
  const lines: Record<string, unknown>[] = [];
  const log = new LogSink({
    clock,
    level: 'info',
    format: 'json',
    personalData: false,
    output: { write: (line) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  });
  const metrics = new MetricsSink({ processMetrics: false, snapshot: () => snapshot() });
  const text = JSON.stringify({
    switches: [{ name: 'pbx', kind: 'asterisk', password: 'x', media }],
    backends: { ai: { kind: 'embedded' } },
    profiles: { p: { backend: 'ai' } },
    limits: { calls: 4 },
  });
  const config = loadConfig({ text, env: {} }).switches[0] as AsteriskConfig;
  const asterisk = await openGatewayAsterisk(config, {
    clock,
    events: fanOut([log, metrics]),
    g722: () => assert.unreachable('no call comes') as never,
    dispatch: () => Promise.resolve(''),
    link: new FakeAri(),
  });
  const snapshot = (): GatewaySnapshot => ({
    ...{ sessions: [], created: 0, destroyed: 0, uptimeMs: 0, version: '1', draining: false, callLimit: 4, links: [] },
    resources: {
      legs: [{ switch: 'pbx', count: 2 }],
      ...heldResources({
        dspPool: { inUse: 1, size: 4 },
        g722: { inUse: 3, size: 8 },
        sip: null,
        modules: null,
        asterisks: [asterisk],
      }),
    },
  });
  const gauge = async (line: string): Promise<number | undefined> => {
    const found = (await metrics.page()).body.split('\n').find((each) => each.startsWith(`${line} `));
    return found === undefined ? undefined : Number(found.slice(line.length + 1));
  };
  const knock = async (port: number, bytes: Uint8Array): Promise<void> => {
    const socket = connect(port, '127.0.0.1');
    socket.on('error', () => socket.destroy());
    socket.resume();
    socket.write(bytes);
    await new Promise((resolve) => socket.on('close', resolve));
  };
  const refused = async (server: string, reason: string): Promise<number> =>
    (await gauge(`talkspurt_connections_refused_total{server="${server}",reason="${reason}"}`)) ?? 0;
  try {
    await run({ clock, asterisk, lines, knock, refused, gauge, snapshot });
  } finally {
    await asterisk.close();
    await asterisk.adapter.stop();
  }
}

/** Where its one media server listens. */
async function portOf(asterisk: GatewayAsterisk): Promise<number> {
  const [server] = asterisk.servers;
  assert.ok(server !== undefined && server.port > 0);
  return server.port;
}

function frame(kind: number, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(kind, payload.length >> 8, payload.length & 0xff), payload]);
}

test('AudioSocket: a thousand are turned away, each is counted, and the log has few lines of it', async () => {
  await withAsterisk({ kind: 'audiosocket', audioSocket: { port: 0 } }, async (world) => {
    const { asterisk, knock, refused, lines, clock, gauge } = world;
    const port = await portOf(asterisk);
    for (let n = 0; n < 900; n += 50) {
      await Promise.all(Array.from({ length: 50 }, () => knock(port, frame(0x01, Buffer.alloc(16, 7)))));
    }
    for (let n = 0; n < 100; n += 1) await knock(port, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    assert.equal(
      [await refused('pbx-audiosocket', 'unknown'), await refused('pbx-audiosocket', 'protocol')],
      [900, 100],
    );
    // Three, and a notice that more of the kind are left out.
    assert.is(lines.length, 4);
    assert.equal(
      [lines[0]?.['event'], lines[0]?.['server'], lines[0]?.['reason'], lines[0]?.['remoteAddress']],
      ['peer.refused', 'pbx-audiosocket', 'unknown', '127.0.0.1'],
    );
    clock.advance(1_000);
    await knock(port, frame(0x01, Buffer.alloc(16, 7)));
    assert.is(lines.length, 4, 'for a minute they are only counted');
    assert.is(await refused('pbx-audiosocket', 'unknown'), 901);

    const silent = connect(port, '127.0.0.1');
    const gone = new Promise((resolve) => silent.on('close', resolve));
    silent.on('error', () => silent.destroy());
    silent.resume();
    await until(async () => (await gauge('talkspurt_media_sockets{server="pbx-audiosocket",state="stranger"}')) === 1);
    clock.advance(LIMITS.mediaStrangerMs);
    await gone;
    assert.is(await refused('pbx-audiosocket', 'silent'), 1);
    await until(async () => (await gauge('talkspurt_media_sockets{server="pbx-audiosocket",state="stranger"}')) === 0);
  });
});

test('chan_websocket: a wrong password, a wrong path, what is no upgrade and what is no HTTP, each under its name', async () => {
  const websocket = { mode: 'server', port: 0, username: 'asterisk', password: 'media-secret' };
  await withAsterisk({ kind: 'websocket', websocket }, async ({ asterisk, knock, refused, lines }) => {
    const port = await portOf(asterisk);
    const request = (path: string, password: string): Buffer =>
      Buffer.from(
        `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
          `Sec-WebSocket-Key: ${Buffer.alloc(16).toString('base64')}\r\n` +
          `Authorization: Basic ${Buffer.from(`asterisk:${password}`).toString('base64')}\r\n\r\n`,
      );
    await knock(port, request('/media', 'guessed-secret'));
    await knock(port, request('/elsewhere', 'media-secret'));
    await knock(
      port,
      Buffer.from(
        request('/media', 'media-secret')
          .toString()
          .replace(/Key: \S+/, 'Key: none'),
      ),
    );
    await knock(port, Buffer.from('GET /media HTTP/1.1\r\nHost: x\r\n\r\n'));
    await knock(port, Buffer.from('\x01\x00\x10 what is this\r\n\r\n'));
    const counts = ['password', 'path', 'protocol', 'silent'].map((reason) => refused('pbx-websocket', reason));
    assert.equal(await Promise.all(counts), [1, 1, 3, 0]);
    // Three, and a notice that more of the kind are left out.
    assert.is(lines.length, 4);
    assert.not.match(JSON.stringify(lines), /guessed-secret|media-secret/);
  });
});

test('what calls hold is a gauge each, and a field of global_health', async () => {
  await withAsterisk({ kind: 'rtp', ports: { from: 47_100, to: 47_199 } }, async ({ gauge, snapshot, asterisk }) => {
    const expected: Record<string, number> = {
      talkspurt_sessions: 0,
      'talkspurt_call_legs{switch="pbx"}': 2,
      'talkspurt_dsp_instances{kind="chain",state="in_use"}': 1,
      'talkspurt_dsp_instances{kind="chain",state="free"}': 3,
      'talkspurt_dsp_instances{kind="g722",state="in_use"}': 3,
      'talkspurt_rtp_port_pairs{pool="pbx",state="in_use"}': 0,
      'talkspurt_rtp_port_pairs{pool="pbx",state="resting"}': 0,
      'talkspurt_rtp_port_pairs{pool="pbx",state="free"}': 50,
      'talkspurt_ari_things{switch="pbx",kind="media"}': 0,
      'talkspurt_ari_things{switch="pbx",kind="snoops"}': 0,
    };
    for (const [line, value] of Object.entries(expected)) assert.is(await gauge(line), value, line);
    assert.equal(asterisk.servers, []);
    assert.equal(globalHealth(snapshot()).resources, {
      call_legs: 2,
      dsp_in_use: 1,
      dsp_size: 4,
      rtp_ports_in_use: 0,
      rtp_ports_resting: 0,
      rtp_ports_free: 50,
      media_sockets: 0,
      media_strangers: 0,
      ari_things: 0,
    });
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  throw new Error('it did not happen');
}

test.run();
