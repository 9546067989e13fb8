/** The hot path allocates nothing: counted in bytes, in a process whose young generation is never collected. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('at most 64 heap bytes a tick over 100,000 ticks, and the measurement sees what allocates', async () => {
  const probe = fileURLToPath(new URL('heap-probe.ts', import.meta.url));
  const flags = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128', '--import', 'tsx'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, probe]);
  const bytes = JSON.parse(stdout) as Record<
    'passThrough' | 'realtime' | 'echo' | 'shaped' | 'line' | 'g722' | 'control',
    number
  >;
  assert.ok(bytes.passThrough <= 64, `pass-through: ${bytes.passThrough} bytes a tick`);
  assert.ok(bytes.realtime <= 64, `24 kHz: ${bytes.realtime} bytes a tick`);
  assert.ok(bytes.echo <= 64, `echo canceller: ${bytes.echo} bytes a tick`);
  assert.ok(bytes.shaped <= 64, `shaped: ${bytes.shaped} bytes a tick`);
  assert.ok(bytes.line <= 64, `all of the line's stages: ${bytes.line} bytes a tick`);
  assert.ok(bytes.g722 <= 64, `G.722: ${bytes.g722} bytes a tick`);
  assert.ok(bytes.control > 64, `control: ${bytes.control} bytes a tick`);
});

test.run();
