/** The benches on a real Asterisk run to their end on small input; what they measure is for people to read. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { required } from '../required.ts';
import { asteriskIsThere } from './running-asterisk.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));

test('load, set-up, delay, backlog and requests: each completes and prints a hash', () => {
  if (!required(asteriskIsThere(), 'Asterisk (test/integration/asterisk/get-asterisk.sh)')) return;
  const args = ['--import', 'tsx', 'bench/run.ts', '--small', 'asterisk-', 'ari-'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: 120_000,
  });
  assert.is(status, 0, `${stdout}${stderr}`);
  const parts = stdout.split(/^=== /m).slice(1);
  assert.is(parts.length, 5, stdout);
  for (const part of parts) assert.match(part, /\b[0-9a-f]{16}\b/, part);
});

test.run();
