/**
 * What 50 calls write into the log in a day, measured on the lines of simulated calls on a fake clock: well ones, short
 * ones, ones in which everything fails in every frame, and all details. The figures are exact: no time is measured.
 */
import { LogLoad } from '../test/sim/log-load.ts';
import type { LogLoadOptions } from '../test/sim/log-load.ts';

const CASES: readonly (readonly [string, Partial<LogLoadOptions>])[] = [
  ['info, calls of 3 min', {}],
  ['info, calls of 1 min', { callSeconds: 60 }],
  ['info, everything fails', { flood: true }],
  ['debug, calls of 3 min', { level: 'debug' }],
];

/** Runs the bench; `small` is for the test suite. */
export async function run({ small }: { small: boolean }): Promise<void> {
  console.log('log volume of 50 calls');
  console.log('                           bytes a call and second   MB a day   most lines of a call in a second');
  for (const [name, changes] of CASES) {
    const seconds = small ? 20 : 360;
    const base: LogLoadOptions = { calls: 50, seconds, callSeconds: 180, level: 'info' };
    const { bytesPerCallSecond, megabytesPerDay, mostInASecond } = await new LogLoad({ ...base, ...changes }).run();
    const figures = [bytesPerCallSecond.toFixed(1).padStart(22), megabytesPerDay.toFixed(1).padStart(11)];
    console.log(`  ${name.padEnd(25)}${figures.join('')}${String(mostInASecond).padStart(35)}`);
  }
}
