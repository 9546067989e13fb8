/**
 * A version more than there are slots, while those before still end their calls: the script of examples/deploy with releases that do
 * little, and a stand-in for systemctl.
 */
import { spawn, spawnSync } from 'node:child_process';
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
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { until } from './until.ts';

const SCRIPT = fileURLToPath(new URL('../examples/deploy/talkspurt-deploy', import.meta.url));
const STAND_IN = fileURLToPath(new URL('fixtures/deploy/systemctl', import.meta.url));
const SLOTS = ['blue', 'green', 'amber'];

/** Ready at once, with three calls that do not end by themselves; a second signal ends it, as it does ours. */
const RELEASE = `#!${process.execPath}
let signals = 0;
process.on('SIGTERM', () => ++signals === 2 && process.exit());
const metrics = 'talkspurt_calls{state="talking"} 2\\ntalkspurt_calls{state="reconnecting"} 1\\n';
require('node:http')
  .createServer(({ url }, response) => response.end(url === '/metrics' ? metrics : ''))
  .listen(Number(process.env.TALKSPURT_STATUS__PORT), '127.0.0.1');
`;

interface Run {
  readonly said: () => string;
  readonly status: Promise<number>;
}

class Machine {
  readonly folder = mkdtempSync(join(tmpdir(), 'talkspurt-slots-'));
  readonly #environment = {
    ...process.env,
    PATH: `${join(this.folder, 'bin')}:${process.env['PATH'] ?? ''}`,
    DEPLOY_ROOT: join(this.folder, 'root'),
    DEPLOY_ETC: join(this.folder, 'etc'),
    DEPLOY_SEEN_SECONDS: '0',
    UNITS: join(this.folder, 'units'),
  };

  static async with(versions: readonly string[], use: (machine: Machine) => Promise<void>): Promise<void> {
    const machine = new Machine();
    try {
      await machine.#setUp(versions);
      await use(machine);
    } finally {
      machine.#tearDown();
    }
  }

  run(...words: string[]): Run {
    const child = spawn(SCRIPT, words, { env: this.#environment, stdio: ['ignore', 'pipe', 'pipe'] });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    return { said: () => said, status: once(child, 'close').then(([status]) => status as number) };
  }

  async ran(...words: string[]): Promise<[status: number, said: string]> {
    const { status, said } = this.run(...words);
    return [await status, said()];
  }

  systemctl(...words: string[]): void {
    spawnSync(join(this.folder, 'bin/systemctl'), words, { env: this.#environment });
  }

  async #setUp(versions: readonly string[]): Promise<void> {
    for (const folder of ['bin', 'etc', 'units']) mkdirSync(join(this.folder, folder));
    cpSync(STAND_IN, join(this.folder, 'bin/systemctl'));
    chmodSync(join(this.folder, 'bin/systemctl'), 0o755);
    const servers = SLOTS.map(() => createServer().listen(0, '127.0.0.1'));
    await Promise.all(servers.map((server) => once(server, 'listening')));
    for (const [index, slot] of SLOTS.entries()) {
      const { port } = servers[index]!.address() as AddressInfo;
      writeFileSync(join(this.folder, 'etc', `${slot}.env`), `TALKSPURT_STATUS__PORT=${port}\n`);
    }
    for (const server of servers) server.close();
    for (const version of versions) {
      const bin = join(this.folder, 'root/releases', version, 'node_modules/.bin');
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(bin, 'talkspurt'), RELEASE, { mode: 0o755 });
    }
  }

  #tearDown(): void {
    const units = join(this.folder, 'units');
    for (const name of existsSync(units) ? readdirSync(units).filter((each) => each.endsWith('.pid')) : []) {
      try {
        process.kill(Number(readFileSync(join(units, name), 'utf8')), 'SIGKILL');
      } catch (error) {
        assert.is((error as NodeJS.ErrnoException).code, 'ESRCH');
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const lacking = ['curl', 'flock'].filter((program) => spawnSync('sh', ['-c', `command -v ${program}`]).status !== 0);

/** A machine with these releases and three slots; where it can be had. */
async function withMachine(versions: readonly string[], use: (machine: Machine) => Promise<void>): Promise<void> {
  if (lacking.length > 0) process.stdout.write(`skipped: ${lacking.join(', ')}: not installed here\n`);
  else await Machine.with(versions, use);
}

test('a version more than there are slots is refused at once, with what is in the way and what frees it', async () => {
  await withMachine(['1.0.0', '2.0.0', '3.0.0', '4.0.0'], async (machine) => {
    for (const version of ['1.0.0', '2.0.0', '3.0.0']) {
      const [done, told] = await machine.ran('switch', version);
      assert.is(done, 0, told);
    }
    const [, before] = await machine.ran('status');
    const [status, said] = await machine.ran('switch', '4.0.0');
    assert.is(status, 1);
    assert.equal(said.trim().split('\n'), [
      'talkspurt-deploy: 1.0.0 in blue ends its calls (3 up); to end them now: systemctl kill talkspurt@blue',
      'talkspurt-deploy: 2.0.0 in green ends its calls (3 up); to end them now: systemctl kill talkspurt@green',
      'talkspurt-deploy: 3.0.0 in amber is in service',
      'talkspurt-deploy: every slot is in use: nothing was changed. To wait until one is free: talkspurt-deploy switch 4.0.0 --wait',
    ]);
    assert.equal((await machine.ran('rollback'))[0], 1);
    assert.is((await machine.ran('status'))[1], before);
  });
});

test('whoever says so waits until a slot is free, and keeps nobody else waiting', async () => {
  await withMachine(['1.0.0', '2.0.0', '3.0.0', '4.0.0'], async (machine) => {
    for (const version of ['1.0.0', '2.0.0', '3.0.0']) assert.is((await machine.ran('switch', version))[0], 0);
    const waiting = machine.run('switch', '4.0.0', '--wait');
    await until(() => waiting.said().includes('waiting until a slot is free for 4.0.0'), 'it waits');
    const [status, said] = await machine.ran('switch', '9.9.9');
    assert.is(status, 1);
    assert.match(said, '9.9.9 is not here');
    machine.systemctl('kill', 'talkspurt@green');
    assert.is(await waiting.status, 0, waiting.said());
    assert.match(waiting.said(), '4.0.0 in green takes the calls now');
    assert.match(waiting.said(), '3.0.0 in amber ends its calls');
    assert.match((await machine.ran('status'))[1], /^\* green +active +4\.0\.0$/m);
    assert.is((await machine.ran('status', '--wait'))[0], 2);
  });
});

test('a machine without a slot is told so, and nobody waits for one', async () => {
  await withMachine(['1.0.0'], async (machine) => {
    for (const slot of SLOTS) rmSync(join(machine.folder, 'etc', `${slot}.env`));
    const [status, said] = await machine.ran('switch', '1.0.0', '--wait');
    assert.is(status, 1);
    assert.match(said, /no slot is set up: write .*\/etc\/blue\.env/);
  });
});

test.run();
