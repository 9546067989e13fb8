/** A heap that is kept compact holds what is in use, and little else, where V8's own choice keeps much more. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const MODULE = fileURLToPath(new URL('../../src/cli/compact-heap.ts', import.meta.url));

/** Calls come and go, as many as there are; prints the most that V8 kept for old objects, and what of that was the least in use, bytes. */
const CHURN = `
const { getHeapSpaceStatistics } = await import('node:v8');
const made = () => Array.from({ length: 1_500 }, (_, i) => ({ i, text: 'x' + i, pair: [i, i + 1] }));
const calls = Array.from({ length: 50 }, made);
let kept = 0;
let used = Infinity;
for (let round = 0; round < 1_000; round += 1) {
  calls[round * 37 % 50] = made();
  const { physical_space_size, space_used_size } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space');
  if (round < 200) continue;
  kept = Math.max(kept, physical_space_size);
  used = Math.min(used, space_used_size);
}
process.stdout.write(JSON.stringify({ kept, used }));
`;

function churn(prelude: string): { kept: number; used: number } {
  const code = `${prelude}${CHURN}`;
  const args = ['--import', 'tsx', '--input-type=module', '--eval', code];
  return JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as { kept: number; used: number };
}

test('what is kept is near what is in use, and less than V8 keeps by itself', () => {
  const own = churn('');
  const compact = churn(`(await import(${JSON.stringify(MODULE)})).keepHeapCompact();`);
  assert.ok(compact.kept < 0.7 * own.kept, `${compact.kept} of ${own.kept} bytes`);
  assert.ok(compact.kept < 3 * compact.used, `${compact.kept} bytes for ${compact.used}`);
});

test.run();
