/** `talkspurt serve` as a process: what a signal does to its calls. The switch and the backend are simulated, in this process. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { WebSocketServer } from 'ws';
import { askFrontDoor } from '../../src/cli/ctl.ts';
import { SystemClock, delay } from '../../src/core/clock.ts';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';
import { LevelPhone } from '../sim/whole-host.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const clock = new SystemClock();

interface Served {
  readonly fs: SimulatedSwitch;
  readonly child: ChildProcess;
  readonly backends: WebSocketServer;
  /** `count` calls that talk. */
  calls(count: number): Promise<LevelPhone[]>;
  ready(): Promise<{ status: number; reasons: string[] }>;
  /** Its exit status, when it has ended. */
  readonly ended: Promise<number | null>;
}

async function until(met: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const untilMs = clock.nowMs() + 25_000;
  while (clock.nowMs() < untilMs) {
    if (await met()) return;
    await delay(clock, 20);
  }
  assert.unreachable(what);
}

async function withServe(config: object, run: (served: Served) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-serve-'));
  const fs = new SimulatedSwitch({ clock, password: 'pw' });
  await fs.listen();
  const backends = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await once(backends, 'listening');
  const { port } = backends.address() as { port: number };
  const file = join(folder, 'talkspurt.yaml');
  const text = {
    status: { port: 0 },
    frontDoor: { port: 0, password: 'door' },
    sip: false,
    switches: [{ name: 'fs', kind: 'freeswitch', port: fs.port, password: 'pw', media: { kind: 'unicast' } }],
    backends: { ai: { kind: 'websocket', url: `ws://127.0.0.1:${port}` } },
    profiles: { p: { backend: 'ai' } },
    limits: { calls: 60 },
    ...config,
  };
  writeFileSync(file, JSON.stringify(text));
  const child = spawn(process.execPath, ['--import', 'tsx', join(ROOT, 'src/cli.ts'), 'serve', '-c', file], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'exit').then(([status]) => status as number | null);
  try {
    await until(() => said.includes('"serving"') && said.includes('"link_up"'), `it serves: ${said}`);
    const line = said.split('\n').find((each) => each.includes('"serving"')) ?? '{}';
    const { frontDoorPort = 0, statusPort = 0 } = JSON.parse(line) as Record<string, number>;
    await run({
      fs,
      child,
      backends,
      ended,
      calls: async (count) => {
        const phones = Array.from({ length: count }, () => new LevelPhone());
        const ask = (uuid: string): Promise<string> =>
          askFrontDoor({
            host: '127.0.0.1',
            port: frontDoorPort,
            password: 'door',
            line: `uuid_audio_stream ${uuid} start p`,
          });
        const replies = await Promise.all(phones.map((phone) => ask(fs.createCall({ phone }).uuid)));
        assert.ok(
          replies.every((reply) => reply.startsWith('+OK')),
          replies.find((reply) => !reply.startsWith('+OK')),
        );
        return phones;
      },
      ready: async () => {
        const answer = await fetch(`http://127.0.0.1:${statusPort}/readyz`);
        return { status: answer.status, ...((await answer.json()) as { reasons: string[] }) };
      },
    });
    assert.is(fs.crashed, null, 'the switch lives');
  } finally {
    child.kill('SIGKILL');
    await ended;
    for (const socket of backends.clients) socket.terminate();
    backends.close();
    await fs.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

test('SIGTERM with 50 calls: none is taken any more, all are ended when the time is over, and nothing is left', () =>
  withServe(
    {
      drainSeconds: 1,
      farewell: { action: 'hangup' },
      // What is tested is the end of fifty calls; whether this machine can carry them in time says nothing of that.
      overload: { lateTicksPct: 0, loopLagMs: 0, crowdedPct: 0 },
    },
    async ({ calls, child, ended, ready, fs, backends }) => {
      const phones = await calls(50);
      assert.is(backends.clients.size, 50);
      assert.equal(await ready(), { ok: true, ready: true, status: 200, reasons: [] });
      const sinceMs = clock.nowMs();
      child.kill('SIGTERM');
      await until(async () => (await ready()).reasons.includes('draining'), 'it is not ready');
      assert.is((await ready()).status, 503);
      assert.ok(!phones.some(({ hangupCause }) => hangupCause !== null), 'calls have their time');
      assert.is(await ended, 0);
      assert.ok(clock.nowMs() - sinceMs < 1_000 + 3_000 + 6_000, 'drain, goodbye, and what a slow machine takes');
      await until(() => phones.every(({ hangupCause }) => hangupCause === 16), 'everybody was hung up in good order');
      await until(() => backends.clients.size === 0, 'no backend is held');
      await until(() => fs.channels.size === 0, 'no channel is left');
    },
  ));

test('calls that end by themselves are waited for, and no longer than that; no other is taken', () =>
  withServe({ drainSeconds: 3_600 }, async ({ calls, child, ended, ready, fs }) => {
    const [phone] = await calls(1);
    child.kill('SIGINT');
    await until(async () => (await ready()).reasons.includes('draining'), 'it is not ready');
    const refused = await calls(1).then(
      () => 'taken',
      (error: Error) => error.message,
    );
    assert.match(refused, /ERR_TALKSPURT_DRAINING/);
    assert.is(phone?.hangupCause, null);
    for (const channel of fs.channels.values()) channel.hangup(16);
    assert.is(await ended, 0);
  }));

test('a second signal ends at once; channels are left to the switch', () =>
  withServe({ drainSeconds: 3_600 }, async ({ calls, child, ended, ready, backends }) => {
    const phones = await calls(3);
    child.kill('SIGTERM');
    await until(async () => (await ready()).reasons.includes('draining'), 'it is not ready');
    child.kill('SIGTERM');
    assert.is(await ended, 0);
    await until(() => backends.clients.size === 0, 'no backend is held');
    assert.ok(phones.every(({ hangupCause }) => hangupCause === null));
  }));

test.run();
