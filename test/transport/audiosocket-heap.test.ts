/** The way of an AudioSocket frame allocates nothing of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

test('at most 64 heap bytes a frame each way, and the measurement sees what allocates', async () => {
  const probe = fileURLToPath(new URL('audiosocket-heap-probe.ts', import.meta.url));
  const flags = ['--expose-gc', '--min-semi-space-size=128', '--max-semi-space-size=128', '--import', 'tsx'];
  // What the compiler and the collector do beside it only ever adds: the least of a few runs is what a packet takes.
  const least = new Map<string, number>();
  let control = 0;
  for (let run = 0; run < 3; run += 1) {
    const { stdout } = await promisify(execFile)(process.execPath, [...flags, probe]);
    const { control: seen, ...measured } = JSON.parse(stdout) as { control: number } & Record<
      string,
      { receive: number; send: number }
    >;
    control = seen;
    for (const [what, { receive, send }] of Object.entries(measured)) {
      least.set(`${what} received`, Math.min(receive, least.get(`${what} received`) ?? receive));
      least.set(`${what} sent`, Math.min(send, least.get(`${what} sent`) ?? send));
    }
    if ([...least.values()].every((bytes) => bytes <= 64)) break;
  }
  assert.is(least.size, 10);
  for (const [what, bytes] of least) assert.ok(bytes <= 64, `${what}: ${bytes} bytes a frame`);
  assert.ok(control > 64, `control: ${control} bytes`);
});

test.run();
