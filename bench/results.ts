/**
 * Figures that are kept: what a bench measured, as a small file in `bench/results/` that is committed, because the run takes long.
 * `npm run bench -- NAME --report` writes it anew; docs/benchmarks.md shows it. No dates: the same code on the same machine gives the
 * same file, but for what times differ.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format } from 'prettier';
import { z } from 'zod';
import { thisMachine } from '../src/cli/bench/this-machine.ts';
import { VERSION } from '../src/version.ts';

const resultsSchema = z.strictObject({
  format: z.literal(1),
  /** Which bench, as `npm run bench` takes it. */
  bench: z.string(),
  version: z.string(),
  machine: z.string(),
  /** What it ran on: how much of what. */
  on: z.string(),
  /** Of everything that was computed; absent where time decides. */
  hash: z.string().optional(),
  figures: z.record(z.string(), z.number()),
  /** Of the runs before on the same machine, the newest first: where what else the machine does counts as much as the code. */
  earlier: z.array(z.record(z.string(), z.number())).optional(),
});

/** What one bench measured. */
export type BenchResults = z.infer<typeof resultsSchema>;
/** What a bench says of its run. */
export type MeasuredRun = Pick<BenchResults, 'on' | 'hash' | 'figures'>;

/** Runs of a bench that are kept beside the last one, where it keeps any. */
const EARLIER = 9;

/** Where the files are. */
export const RESULTS_FOLDER: string = fileURLToPath(new URL('./results/', import.meta.url));

/** Writes the figures of `bench`, in place of those of its last run; with `keepsEarlier` those stay beside them, if they are of the same machine. */
export async function keepResults(
  bench: string,
  run: MeasuredRun,
  { folder = RESULTS_FOLDER, keepsEarlier = false }: { folder?: string; keepsEarlier?: boolean } = {},
): Promise<void> {
  const { processor, cores, system, node } = thisMachine(null);
  const machine = `${processor}, ${cores} cores, ${system}, Node ${node}`;
  const before = keepsEarlier ? keptResults(folder).get(bench) : undefined;
  const comparable = before !== undefined && before.machine === machine && before.on === run.on;
  const earlier = comparable ? [before.figures, ...(before.earlier ?? [])].slice(0, EARLIER) : [];
  const more = earlier.length > 0 ? { earlier } : {};
  const results = resultsSchema.parse({ format: 1, bench, version: VERSION, machine, ...run, ...more });
  mkdirSync(folder, { recursive: true });
  const text = await format(JSON.stringify(results), { parser: 'json', printWidth: 120 });
  writeFileSync(join(folder, `${bench.replaceAll('/', '-')}.json`), text);
}

/** What is kept, by bench. @throws Error for a file that is none of ours. */
export function keptResults(folder = RESULTS_FOLDER): Map<string, BenchResults> {
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : [];
  return new Map(
    names.sort().map((name) => {
      const results = resultsSchema.parse(JSON.parse(readFileSync(join(folder, name), 'utf8')));
      return [results.bench, results];
    }),
  );
}
