/**
 * The bench of the signal chain: `talkspurt bench` run from the sources, so that npm peers are there. Its rows are the
 * stages under `bench/dsp/`, one file each; docs/benches.md says how to add one.
 *
 *   npm run bench -- dsp [--small] [--json | --markdown] [--output FILE] [--compare base.json] [--stage PART]
 *
 * `--markdown` alone writes docs/benchmarks.md, and adds the figures that other benches left in bench/results/.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { bench } from '../src/cli/bench.ts';
import type { BenchArguments } from '../src/cli/bench.ts';
import { reportMarkdown } from '../src/cli/bench/report-markdown.ts';
import { barsPage } from './bars/bars-page.ts';
import { keptResults } from './results.ts';

/** Runs all stages, or those that are named. */
export async function run(options: Partial<BenchArguments> & { readonly small: boolean }): Promise<void> {
  const { small, stages = [], json = false, markdown = false, output, compare } = options;
  const page = fileURLToPath(new URL('../docs/benchmarks.md', import.meta.url));
  const file = output ?? (markdown ? page : undefined);
  await bench(
    { small, stages, json, markdown, output: file, compare },
    fileURLToPath(new URL('./dsp/', import.meta.url)),
    (report) => reportMarkdown(report, barsPage({ report, kept: keptResults() })),
  );
  if (!markdown || file === undefined) return;
  // As every page of the project is laid out.
  const layout = await resolveConfig(page);
  writeFileSync(file, await format(readFileSync(file, 'utf8'), { ...layout, parser: 'markdown' }));
}
