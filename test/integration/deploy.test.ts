/**
 * Another version is put into service while a call is up: real processes, the real HAProxy, and the scripts of examples/deploy. What
 * systemd does is done by a stand-in (fixtures/deploy/systemctl) that starts a process with the slot's environment.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { askFrontDoor } from '../../src/cli/ctl.ts';
import { SystemClock } from '../../src/core/clock.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import { SimulatedSwitch } from '../../src/simulator/simulated-switch.ts';
import { LevelPhone } from '../sim/whole-host.ts';
import { required } from './required.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEPLOY = join(ROOT, 'examples/deploy');
const STAND_IN = fileURLToPath(new URL('../fixtures/deploy', import.meta.url));
const SLOTS = ['blue', 'green', 'amber'] as const;

interface Machine {
  readonly fs: SimulatedSwitch;
  readonly doorPort: number;
  readonly folder: string;
  /** Runs the script; resolves to its status and what it said. */
  deploy(...words: string[]): Promise<{ status: number; said: string }>;
  /** The same while it is at it. */
  deployed(...words: string[]): { child: ChildProcess; done: Promise<{ status: number; said: string }> };
  /** One command through HAProxy; what was answered. */
  ask(line: string): Promise<string>;
  /** Puts a release there whose `talkspurt` is this one, or `script` in its place. */
  release(version: string, script?: string): void;
  /** What HAProxy has told since this was last asked. */
  balancerSaid(): string;
}

const installed = (program: string): boolean => spawnSync('which', [program]).status === 0;
const HAVE = installed('haproxy') && installed('curl') && installed('flock');

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  for (const server of servers) server.close();
  return ports;
}

async function withMachine(use: (machine: Machine) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-deploy-'));
  const fs = new SimulatedSwitch({ clock: new SystemClock(), password: 'ClueCon' });
  await fs.listen();
  const [doorPort = 0, statusPort = 0, outboundPort = 0, ...slotPorts] = await freePorts(3 + SLOTS.length * 4);
  const etc = join(folder, 'etc');
  mkdirSync(join(etc, 'deploy.d'), { recursive: true });
  mkdirSync(join(folder, 'root/releases'), { recursive: true });
  let haproxy = readFileSync(join(DEPLOY, 'haproxy.cfg'), 'utf8')
    .replace('127.0.0.1:8022', `127.0.0.1:${doorPort}`)
    .replace('127.0.0.1:8084', `127.0.0.1:${outboundPort}`)
    .replace('127.0.0.1:9464', `127.0.0.1:${statusPort}`);
  SLOTS.forEach((slot, n) => {
    const ports = slotPorts.slice(n * 4, n * 4 + 4);
    let text = readFileSync(join(DEPLOY, `${slot}.env`), 'utf8').replaceAll(/^TALKSPURT_SIP__RTP.*\n/gm, '');
    for (const name of ['STATUS', 'FRONT_DOOR', 'OUTBOUND_SOCKET', 'SIP']) {
      const port = ports.shift() ?? 0;
      const pattern = new RegExp(`^TALKSPURT_${name}__PORT=(\\d+)$`, 'm');
      const before = pattern.exec(text)?.[1] ?? '';
      text = text.replace(pattern, `TALKSPURT_${name}__PORT=${port}`);
      haproxy = haproxy.replaceAll(new RegExp(`\\b${before}\\b`, 'g'), String(port));
    }
    writeFileSync(join(etc, `${slot}.env`), text);
  });
  const yaml = readFileSync(join(DEPLOY, 'talkspurt.yaml'), 'utf8')
    .replace(
      'kind: openai\n    model: gpt-realtime\n    instructions: You answer the telephone of a bicycle shop. Be brief and kind.',
      'kind: embedded',
    )
    .replace('kind: freeswitch', `kind: freeswitch\n    port: ${fs.port}\n    password: ClueCon`)
    .replace('frontDoor:\n', 'frontDoor:\n  password: of-the-door\n')
    .replace('leaveSeconds: 2', 'leaveSeconds: 1.5');
  writeFileSync(join(etc, 'talkspurt.yaml'), yaml);
  writeFileSync(join(folder, 'haproxy.cfg'), haproxy);
  cpSync(join(STAND_IN, 'systemctl'), join(folder, 'bin/systemctl'));
  chmodSync(join(folder, 'bin/systemctl'), 0o755);
  const environment = {
    ...process.env,
    PATH: `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    DEPLOY_ROOT: join(folder, 'root'),
    DEPLOY_ETC: etc,
    DEPLOY_READY_SECONDS: '25',
    DEPLOY_SEEN_SECONDS: '1',
    UNITS: join(folder, 'units'),
  };
  const balancer = spawn('haproxy', ['-db', '-f', join(folder, 'haproxy.cfg')], { stdio: ['ignore', 'pipe', 'pipe'] });
  let told = '';
  for (const stream of [balancer.stdout, balancer.stderr]) {
    stream.on('data', (chunk: Buffer) => (told += chunk.toString()));
  }
  const deployed: Machine['deployed'] = (...words) => {
    const child = spawn(join(DEPLOY, 'talkspurt-deploy'), words, {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    return { child, done: once(child, 'close').then(([status]) => ({ status: status as number, said })) };
  };
  try {
    await use({
      fs,
      doorPort,
      folder,
      deploy: (...words) => deployed(...words).done,
      deployed,
      balancerSaid: () => {
        const said = told;
        told = '';
        return said;
      },
      ask: async (line) => {
        try {
          return await askFrontDoor({ host: '127.0.0.1', port: doorPort, password: 'of-the-door', line });
        } catch (error) {
          if (error instanceof TalkspurtError) return error.code;
          throw error;
        }
      },
      release: (version, script) => {
        const bin = join(folder, 'root/releases', version, 'node_modules/.bin');
        mkdirSync(bin, { recursive: true });
        const program = script ?? `#!/bin/sh\nexec ${process.execPath} ${join(ROOT, 'build/lib/cli.js')} "$@"\n`;
        writeFileSync(join(bin, 'talkspurt'), program, { mode: 0o755 });
      },
    });
  } catch (error) {
    for (const name of existsSync(environment.UNITS) ? readdirSync(environment.UNITS) : []) {
      process.stdout.write(`--- ${name}\n${readFileSync(join(environment.UNITS, name), 'utf8').slice(-2_000)}\n`);
    }
    throw error;
  } finally {
    balancer.kill('SIGKILL');
    for (const name of existsSync(environment.UNITS) ? readdirSync(environment.UNITS) : []) {
      if (!name.endsWith('.pid')) continue;
      try {
        process.kill(Number(readFileSync(join(environment.UNITS, name), 'utf8')), 'SIGKILL');
      } catch (error) {
        assert.is((error as NodeJS.ErrnoException).code, 'ESRCH');
      }
    }
    await fs.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function until(holds: () => boolean | Promise<boolean>, what: string, withinMs = 20_000): Promise<void> {
  for (const deadline = performance.now() + withinMs; ; await sleep(50)) {
    if (await holds()) return;
    assert.ok(performance.now() < deadline, what);
  }
}

test('a new version takes the calls, the old one ends its own, and the one before is back within seconds', async () => {
  if (!required(HAVE, 'haproxy, curl and flock')) return;
  await withMachine(async ({ fs, deploy, ask, release, balancerSaid }) => {
    for (const version of ['1.0.0', '1.1.0', '1.2.0']) release(version);
    const first = await deploy('switch', '1.0.0');
    assert.is(first.status, 0, first.said);
    const phone = new LevelPhone();
    const one = fs.createCall({ phone });
    await until(async () => (await ask('uuid_audio_stream version')).includes('talkspurt'), 'the balancer sees blue');
    assert.match(await ask(`uuid_audio_stream ${one.uuid} start reception`), '+OK');
    assert.match(balancerSaid(), /front-door\/blue is UP/);

    // Calls keep coming while the version changes: not one is refused.
    const over = new AbortController();
    const refused: string[] = [];
    let started = 0;
    const coming = (async () => {
      while (!over.signal.aborted) {
        const { uuid } = fs.createCall({ phone: new LevelPhone() });
        const said = await ask(`uuid_audio_stream ${uuid} start reception`);
        if (said.includes('+OK')) started += 1;
        else refused.push(said);
        fs.channels.get(uuid)?.hangup(16);
        await sleep(100);
      }
    })();
    const second = await deploy('switch', '1.1.0');
    assert.is(second.status, 0, second.said);
    await sleep(3_000);
    over.abort();
    await coming;
    assert.equal(refused, []);
    assert.ok(started > 3, `${started} calls came`);
    const seen = balancerSaid();
    assert.match(seen, /front-door\/green is UP/);
    assert.match(seen, /front-door\/blue is DOWN/);
    assert.not.match(seen, 'no server available');
    assert.match((await deploy('status')).said, /^ {2}blue +deactivating +1\.0\.0\n\* green +active +1\.1\.0$/m);

    // The call of before goes on in the old process, and new ones are the new one's.
    assert.is(fs.channels.has(one.uuid), true);
    const own = JSON.parse(await ask('uuid_audio_stream global_health')) as { active_ai_sessions: number };
    assert.is(own.active_ai_sessions, 0, 'the new process has none');
    const heardBefore = phone.heardFrames;
    await until(() => phone.heardFrames > heardBefore + 50, 'the old process speaks to it');

    const beganMs = performance.now();
    const back = await deploy('rollback');
    assert.is(back.status, 0, back.said);
    assert.ok(performance.now() - beganMs < 60_000);
    process.stdout.write(`rolled back in ${((performance.now() - beganMs) / 1000).toFixed(1)} s\n`);
    assert.match((await deploy('status')).said, /\* amber +active +1\.0\.0/);
    assert.is(fs.channels.has(one.uuid), true, 'a call of two versions ago');
    assert.not.match(balancerSaid(), 'no server available');
    one.hangup(16);
    await until(async () => /blue +inactive/.test((await deploy('status')).said), 'the old process ends by itself');
  });
});

test('a version that does not get ready, or dies at once, changes nothing', async () => {
  if (!required(HAVE, 'haproxy, curl and flock')) return;
  await withMachine(async ({ deploy, ask, release, folder }) => {
    release('1.0.0');
    release('2.0.0', '#!/bin/sh\nexit 3\n');
    release('2.0.1', '#!/bin/sh\nexec sleep 1000\n');
    release('2.0.2');
    assert.is((await deploy('switch', '1.0.0')).status, 0);
    const dead = await deploy('switch', '2.0.0');
    assert.is(dead.status, 1);
    assert.match(dead.said, 'nothing was changed: 1.0.0 in blue goes on');
    process.env['DEPLOY_READY_SECONDS'] = '2';
    const silent = await deploy('switch', '2.0.1');
    assert.is(silent.status, 1);
    assert.match(silent.said, 'did not get ready');
    writeFileSync(join(folder, 'etc/deploy.d/10-switch'), '#!/bin/sh\n[ "$1" = blue ]\n', { mode: 0o755 });
    const untold = await deploy('switch', '2.0.2');
    assert.is(untold.status, 1);
    assert.match(untold.said, '10-switch failed');
    assert.match((await deploy('status')).said, /\* blue +active +1\.0\.0\n {2}green +(inactive|failed)/);
    await until(async () => (await ask('uuid_audio_stream version')).includes('talkspurt'), 'blue answers');
    assert.is((await deploy('switch', '9.9.9')).status, 1);
    assert.is((await deploy('switch', '../etc')).status, 2);
    assert.is((await deploy('switch')).status, 2);
  });
});

test('a packed release is installed once, and the oldest of more than five is taken away', async () => {
  if (!required(HAVE && installed('npm'), 'npm, haproxy, curl and flock')) return;
  await withMachine(async ({ deploy, release, folder }) => {
    for (const version of ['0.0.1', '0.0.2', '0.0.3', '0.0.4', '0.0.5', '0.0.6']) {
      release(version);
      await sleep(20);
    }
    const source = join(folder, 'source');
    mkdirSync(source);
    const manifest = { name: 'talkspurt', version: '1.0.0', description: 'a small one', bin: { talkspurt: 'cli.js' } };
    writeFileSync(join(source, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
    writeFileSync(join(source, 'cli.js'), '#!/usr/bin/env node\n');
    const packed = spawnSync('npm', ['pack', '--silent'], { cwd: source, encoding: 'utf8' });
    const archive = join(source, packed.stdout.trim());
    const added = await deploy('add', archive);
    assert.is(added.status, 0, added.said);
    assert.ok(existsSync(join(folder, 'root/releases/1.0.0/node_modules/.bin/talkspurt')));
    assert.equal((await deploy('list')).said.trim().split('\n'), ['1.0.0', '0.0.6', '0.0.5', '0.0.4', '0.0.3']);
    assert.is((await deploy('add', archive)).status, 1, 'it is here already');
    assert.is((await deploy('add', join(dirname(archive), 'nothing.tgz'))).status, 1);
  });
});

/** Says that it is ready, and no more. */
const READY =
  `#!/bin/sh\nexec ${process.execPath} -e '` +
  `require("http").createServer((_, r) => r.end()).listen(+process.env.TALKSPURT_STATUS__PORT, "127.0.0.1")'\n`;

test('after a crash the version before is still known; an interrupted switch, and a hook that stays, leave nothing', async () => {
  if (!required(HAVE, 'haproxy, curl and flock')) return;
  await withMachine(async ({ deploy, deployed, release, folder }) => {
    for (const version of ['1.0.0', '2.0.0', '3.0.0']) release(version, READY);
    assert.is((await deploy('switch', '1.0.0')).status, 0);
    process.kill(Number(readFileSync(join(folder, 'units/blue.pid'), 'utf8')), 'SIGKILL');
    await until(async () => /blue +failed/.test((await deploy('status')).said), 'it has crashed');
    const second = await deploy('switch', '2.0.0');
    assert.is(second.status, 0, second.said);
    assert.match((await deploy('status')).said, /^\* blue +active +2\.0\.0$/m);
    assert.is((await deploy('switch', '2.0.0')).status, 0, 'the same again is nothing to go back to');
    const back = await deploy('rollback');
    assert.match(back.said, '1.0.0 in ');
    const enabled = readdirSync(join(folder, 'units')).filter((name) => name.endsWith('.enabled'));
    assert.is(enabled.length, 1, 'after a reboot one slot comes up');
    assert.match(back.said, `1.0.0 in ${enabled[0]?.split('.')[0]} takes the calls now`);

    release('4.0.0', '#!/bin/sh\nexec sleep 1000\n');
    await until(async () => /inactive|failed/.test((await deploy('status')).said), 'a slot is free');
    const before = (await deploy('status')).said;
    const under = deployed('switch', '4.0.0');
    await until(
      async () => (await deploy('status')).said.includes('4.0.0'),
      'the switch is under way, and can be looked at',
    );
    under.child.kill('SIGTERM');
    const { status, said } = await under.done;
    assert.is(status, 1);
    assert.match(said, 'interrupted: nothing was changed: 1.0.0 in');
    const field = (text: string): string[] => text.split('\n').map((line) => `${line[0]} ${line.split(/ +/).at(-1)}`);
    assert.equal(field((await deploy('status')).said), field(before));

    writeFileSync(join(folder, 'etc/deploy.d/10-stays'), '#!/bin/sh\nsleep 20 >/dev/null 2>&1 &\n', { mode: 0o755 });
    assert.is((await deploy('switch', '3.0.0')).status, 0);
    const beganMs = performance.now();
    assert.is((await deploy('rollback')).status, 0);
    assert.ok(performance.now() - beganMs < 15_000, 'what a hook leaves behind does not hold the lock');
  });
});

test.run();
