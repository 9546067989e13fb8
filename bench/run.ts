/**
 * Runs the benches: every file under bench/ that exports `run({ small })`, each in a process of its own, one after another.
 *
 *   npm run bench [-- --small] [name part …]
 *
 * A bench prints its figures and a hash of what it computed. Figures are for people and for comparing two versions on one
 * machine: nothing here passes or fails by time, unless `dsp` is told to compare. The other options are those of `dsp`.
 *
 *   npm run bench -- --report [name part …]
 *
 * runs those whose figures are kept in bench/results/, writes them anew, and then docs/benchmarks.md.
 */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/** What a bench file exports. */
interface Bench {
  run(options: BenchRun): Promise<void>;
}

type BenchRun = Omit<typeof values, 'only' | 'stage'> & { stages: readonly string[] };

/** Run only when named: they take an hour, or minutes. */
const BY_NAME: ReadonlySet<string> = new Set(['churn.ts', 'soak.ts']);
/** It writes docs/benchmarks.md. */
const PAGE_BENCH = 'dsp.ts';
const here = dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    small: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    markdown: { type: 'boolean', default: false },
    report: { type: 'boolean', default: false },
    output: { type: 'string' },
    compare: { type: 'string' },
    stage: { type: 'string', multiple: true },
  },
});
/** Another program reads what comes out: nothing of ours may stand around it. */
const bare = values.json && values.output === undefined;

if (values.small && values.report) {
  process.stderr.write('bench: a small run has no figures to keep\n');
  process.exitCode = 1;
} else if (values.only !== undefined) {
  const bench = (await import(pathToFileURL(join(here, values.only)).href)) as Bench;
  const { only: _file, stage = [], ...options } = values;
  await bench.run({ ...options, stages: stage });
} else {
  await runAll();
}

async function runAll(): Promise<void> {
  const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && isBench(name))
    .filter((name) => values.small || positionals.length > 0 || !BY_NAME.has(name))
    .filter((name) => positionals.length === 0 || positionals.some((part) => name.includes(part)))
    .filter((name) => !values.report || /\bkeepResults\(/.test(readFileSync(join(here, name), 'utf8')))
    .sort();
  // The page that shows them comes last.
  if (values.report && files.length > 0) files.push(PAGE_BENCH);
  if (files.length === 0) {
    process.stderr.write(`bench: none matches ${positionals.join(' ')}\n`);
    process.exitCode = 1;
    return;
  }
  let failed = 0;
  for (const name of files) {
    if (!bare) process.stdout.write(`\n=== ${name}${values.small ? ' (small)' : ''}\n`);
    const status = await inProcess(name);
    if (status === 0) continue;
    failed += 1;
    process.stderr.write(`${name} ended with status ${status}\n`);
  }
  if (!bare) process.stdout.write(`\n${files.length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/** Helpers of a bench (a load generator, say) stand beside it and export no `run`. */
function isBench(name: string): boolean {
  return /^export async function run\(/m.test(readFileSync(join(here, name), 'utf8'));
}

function inProcess(name: string): Promise<number> {
  const given = process.argv
    .slice(2)
    .filter((word) => !positionals.includes(word))
    .map((word) => (word === '--report' && name === PAGE_BENCH ? '--markdown' : word));
  const args = ['--expose-gc', '--import', 'tsx', fileURLToPath(import.meta.url), '--only', name, ...given];
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: dirname(here), stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
