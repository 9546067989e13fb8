/** Runs benches as `npm run bench` does, on small input. Each group has a test file of its own, so that none takes long. */
import { spawn } from 'node:child_process';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

/** The project's folder. */
export const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** Files under `bench/` that need nothing but this project; those on a real PBX: test/integration/asterisk/bench.test.ts. */
export const GROUPS = {
  dsp: ['dsp.ts'],
  'signal-chain': ['echo-canceller.ts', 'jitter-buffer.ts', 'lie-detector.ts', 'minimum-phase.ts'],
  parts: ['backend-codec.ts', 'esl-parser.ts', 'failover.ts', 'log-volume.ts', 'media-loop.ts'],
  vad: ['vad/compare.ts'],
  'barge-in': ['barge-in.ts'],
  calls: ['calls-per-core.ts', 'response-path.ts'],
  gateway: ['attach-time.ts', 'front-door.ts'],
  'rtp-flood': ['rtp-flood.ts'],
  'switch-load': ['switch-load.ts'],
  soak: ['churn.ts', 'soak.ts'],
} as const;

/** What takes its course differs from run to run. */
const WITHOUT_HASH: ReadonlySet<string> = new Set(['churn.ts', 'soak.ts', 'failover.ts', 'log-volume.ts']);

/** Runs `bench/run.ts`, resolves to what it said. */
export function bench(...args: string[]): Promise<{ status: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', 'bench/run.ts', ...args], { cwd: ROOT });
    let output = '';
    child.stdout.on('data', (chunk) => (output += String(chunk)));
    child.stderr.on('data', (chunk) => (output += String(chunk)));
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, output }));
  });
}

/** Adds the test of a group: each completes, and prints a hash of what it computed; how fast is for people to read. */
export function testGroup(group: keyof typeof GROUPS): void {
  const names = GROUPS[group];
  test(`complete on small input, and print a hash: ${names.join(', ')}`, async () => {
    const { status, output } = await bench('--small', ...names);
    assert.is(status, 0, output);
    const parts = output.split(/^=== /m).slice(1);
    assert.equal(
      parts.map((part) => part.split(' ')[0]),
      [...names].sort(),
      output,
    );
    for (const part of parts)
      if (!WITHOUT_HASH.has(part.split(' ')[0] ?? '')) assert.match(part, /\b[0-9a-f]{8,64}\b/, part);
  });
}
