/**
 * The benches run to their end on small input and compute something; how fast is for people to read. Those on a real PBX:
 * test/integration/asterisk/bench.test.ts.
 */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const REAL_PBX = /^(asterisk|ari)-/;

function bench(...args: string[]): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'bench/run.ts', ...args], { cwd: root });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (output += String(chunk)));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
}

test('every bench that needs nothing else completes on small input and prints a hash of what it computed', async () => {
  const names = readdirSync(join(root, 'bench'), { recursive: true, encoding: 'utf8' });
  const { status, output } = await bench(
    '--small',
    ...names.filter((name) => name.endsWith('.ts') && !REAL_PBX.test(name)),
  );
  assert.is(status, 0, output);
  const parts = output.split(/^=== /m).slice(1);
  assert.ok(parts.length > 0, output);
  for (const part of parts) assert.match(part, /\b[0-9a-f]{8,64}\b/, part);
});

test('a name that no bench has is an error', async () => {
  const { status, output } = await bench('--small', 'no-such-bench');
  assert.is(status, 1);
  assert.match(output, /none matches/);
});

test.run();
