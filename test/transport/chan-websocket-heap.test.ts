/** A frame costs no memory of ours: counted in bytes, in a process whose young generation is never collected. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('at most 32 heap bytes a frame over 100,000 frames, and the measurement sees what allocates', async () => {
  const probe = fileURLToPath(new URL('chan-websocket-heap-probe.ts', import.meta.url));
  const flags = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128', '--import', 'tsx'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, probe]);
  const { control, ...bytes } = JSON.parse(stdout) as Record<'sent' | 'received' | 'cut' | 'control', number>;
  for (const [what, each] of Object.entries(bytes)) assert.ok(each <= 32, `${what}: ${each} bytes a frame`);
  assert.ok(control > 64, `the control left ${control} bytes`);
});

test.run();
