/** Which benches there are, and what is said when there is none. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { GROUPS, ROOT, bench } from './small-run.ts';

const REAL_PBX = /^(asterisk|ari)-/;

test('every bench that needs nothing else is run by the tests beside this one', () => {
  const folder = join(ROOT, 'bench');
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !REAL_PBX.test(name))
    .filter((name) => /^export async function run\(/m.test(readFileSync(join(folder, name), 'utf8')));
  assert.equal(names.sort(), Object.values(GROUPS).flat().sort());
  for (const group of Object.keys(GROUPS))
    assert.match(readFileSync(join(ROOT, 'test/bench', `${group}.test.ts`), 'utf8'), `testGroup('${group}')`);
});

test('a name that no bench has is an error', async () => {
  const { status, output } = await bench('--small', 'no-such-bench');
  assert.is(status, 1);
  assert.match(output, /none matches/);
});

test('a small run keeps no figures', async () => {
  const { status, output } = await bench('--small', '--report', 'echo-canceller');
  assert.is(status, 1);
  assert.match(output, 'no figures to keep');
});

test.run();
