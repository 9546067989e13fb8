/** `npm run sim -- [--seeds N] [--from N]`: that many plans of faults, one after another; exit code 1 and the script of the first that fails, 2 where none is asked for. */
import { parseArgs } from 'node:util';
import { runSeeds } from './run-seeds.ts';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '10000' }, from: { type: 'string', default: '0' } },
});
const [from, seeds] = [Number(values.from), Number(values.seeds)];
const STEP = 500;
// Nothing tried is nothing proven: whoever counts exit codes must not take it for a good night.
if (!Number.isSafeInteger(from) || !Number.isSafeInteger(seeds) || from < 0 || seeds < 1) {
  process.stderr.write('sim: --seeds takes a whole number from 1, and --from one from 0\n');
  process.exitCode = 2;
}
for (let at = from; at < from + seeds && process.exitCode === undefined; at += STEP) {
  const end = Math.min(at + STEP, from + seeds);
  const report = await runSeeds(at, end);
  process.stdout.write(report === null ? `seeds ${at} to ${end - 1}: all hold\n` : `${report}\n`);
  if (report !== null) process.exitCode = 1;
}
