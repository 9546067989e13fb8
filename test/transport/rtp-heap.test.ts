/** The way of a packet allocates nothing of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('at most 64 heap bytes a packet each way, and the measurement sees what allocates', async () => {
  const probe = fileURLToPath(new URL('rtp-heap-probe.ts', import.meta.url));
  const flags = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128', '--import', 'tsx'];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, probe]);
  const { control, ...measured } = JSON.parse(stdout) as { control: number } & Record<
    string,
    { receive: number; send: number }
  >;
  assert.is(Object.keys(measured).length, 5);
  for (const [what, { receive, send }] of Object.entries(measured)) {
    assert.ok(receive <= 64, `${what}: ${receive} bytes a received packet`);
    assert.ok(send <= 64, `${what}: ${send} bytes a sent packet`);
  }
  assert.ok(control > 64, `control: ${control} bytes`);
});

test.run();
