/** A real Asterisk boots from its scripts and answers ARI: what the Asterisk tests stand on. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { required } from '../required.ts';

const script = fileURLToPath(new URL('./start-asterisk.sh', import.meta.url));
const asterisk = fileURLToPath(new URL('../../../.cache/asterisk', import.meta.url));

test('Asterisk 22 boots on loopback and answers ARI', async () => {
  const there = existsSync(join(asterisk, 'asterisk'));
  if (!required(there, 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  const folder = mkdtempSync(join(tmpdir(), 'talkspurt-asterisk-'));
  const port = await freePort();
  let pid = 0;
  try {
    const { status, stdout, stderr } = spawnSync('bash', [script, folder, asterisk], {
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...process.env, AST_HTTP: String(port) },
    });
    pid = Number(readFileSync(join(folder, 'pid'), 'utf8'));
    assert.is(status, 0, stderr);
    assert.match(stdout, /Asterisk 22\./);
    const authorization = `Basic ${Buffer.from('test:test').toString('base64')}`;
    const ping = await fetch(`http://127.0.0.1:${port}/ari/asterisk/ping`, { headers: { authorization } });
    assert.is(ping.status, 200);
    assert.is(((await ping.json()) as { ping: string }).ping, 'pong');
    assert.is((await fetch(`http://127.0.0.1:${port}/ari/asterisk/ping`)).status, 401);
  } finally {
    if (pid > 0) await end(pid);
    rmSync(folder, { recursive: true, force: true });
  }
});

async function end(pid: number): Promise<void> {
  process.kill(pid, 'SIGTERM');
  for (let tries = 0; tries < 100 && isAlive(pid); tries += 1) await sleep(50);
  if (isAlive(pid)) process.kill(pid, 'SIGKILL');
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // Gone: what was waited for.
    return false;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

test.run();
