// What README.md and docs/benches.md say of calls per core, from the runs that `npm run bench -- calls-per-core --report` has kept.
import type { BenchResults } from '../bench/results.ts';

type Figures = BenchResults['figures'];

/** For the README: how many calls, and what each costs. With several runs from the least to the most. */
export function callsSentence(results: BenchResults): string {
  const runs = runsOf(results);
  const lost = Math.max(...runs.map((run) => run['lost frames'] ?? Number.NaN));
  const peer = costed(runs, '% of a core a call, ordinary bridge', ', ');
  return (
    `**${range(runs, 'calls')} duplex G.711 calls on one core** (\`calls-per-core\`): voice activity detector and echo canceller on, ` +
    `${lost} frames lost, ${range(runs, '% of a core a call')} % of a core a call. ` +
    `An ordinary bridge of npm packages in the same ${runs.length === 1 ? 'run' : 'runs'}: ${range(runs, 'calls, ordinary bridge')} calls${peer}.`
  );
}

/** For the page of the benches: every run that is kept, the last one first. */
export function callsRows(results: BenchResults): string[][] {
  return runsOf(results).map((run, nth) => [
    nth === 0 ? 'the last' : `${nth} before it`,
    ...[
      'calls',
      '% of a core a call',
      'late p99, ms',
      'lost frames',
      'calls, messages of 20 ms always',
      'calls, ordinary bridge',
    ].map((name) => String(run[name] ?? '')),
  ]);
}

/** Columns of {@link callsRows}. */
export const CALLS_HEAD: readonly string[] = [
  ...['run', 'calls', '% of a core a call', 'late p99, ms', 'frames lost', 'calls with messages of 20 ms always'],
  'calls of an ordinary bridge of npm packages',
];

function runsOf({ figures, earlier = [] }: BenchResults): readonly Figures[] {
  return [figures, ...earlier];
}

function range(runs: readonly Figures[], name: string): string {
  const values = runs.flatMap((run) => run[name] ?? []);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? String(least) : `${least} to ${most}`;
}

/** Older runs did not keep what the bridge costs. */
function costed(runs: readonly Figures[], name: string, before: string): string {
  return runs.some((run) => run[name] !== undefined) ? `${before}${range(runs, name)} % of a core a call` : '';
}
