import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('a tick of a stream allocates nothing of ours, and the measurement sees what allocates', async () => {
  const probe = fileURLToPath(new URL('stream-heap-probe.ts', import.meta.url));
  const flags = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128', '--import', 'tsx', probe];
  const { stdout } = await promisify(execFile)(process.execPath, flags);
  const { mono, mixed, stereo, control } = JSON.parse(stdout) as Record<
    'mono' | 'mixed' | 'stereo' | 'control',
    number
  >;
  for (const bytes of [mono, mixed, stereo]) assert.ok(bytes <= 16, `${bytes} bytes a tick`);
  assert.ok(control > 64, `the control left ${control} bytes`);
});

test.run();
