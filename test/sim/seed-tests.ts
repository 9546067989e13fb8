/** The seeds of one test file: a half of those that are run each time, or the one that is asked for by `SEED`. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { faultPlan } from './fault-plan.ts';
import { runPlan, runSeeds } from './run-seeds.ts';

/** Seeds of `npm test`, both files together. */
const SEEDS = 500;
/** So many are one test: a file that is killed for its time has said how far it came. */
const GROUP = 50;

/** Tests of half number 0 or 1. */
export function seedTests(half: 0 | 1): void {
  const one = process.env['SEED'];
  if (one !== undefined) {
    test(`seed ${one}`, async () => {
      const { wrong, notes } = await runPlan(faultPlan(Number(one)));
      if (half === 0) process.stdout.write(`${notes.join('\n')}\n`);
      assert.is(wrong, null);
    });
    return;
  }
  const [first, end] = [(half * SEEDS) / 2, ((half + 1) * SEEDS) / 2];
  for (let from = first; from < end; from += GROUP) {
    test(`seeds ${from} to ${from + GROUP - 1}: whole calls live through faults of every edge`, async () => {
      const report = await runSeeds(from, from + GROUP);
      assert.ok(report === null, report ?? '');
    });
  }
}
