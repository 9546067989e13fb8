/**
 * Runs the benches: every file under bench/ that exports `run({ small })`, each in a process of its own, one after another.
 *
 *   npm run bench [-- --small] [name part …]
 *
 * A bench prints its figures and a hash of what it computed. Figures are for people and for comparing two versions on one
 * machine: nothing here passes or fails by time.
 */
import { spawn } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

/** What a bench file exports. */
interface Bench {
  run(options: { small: boolean }): Promise<void>;
}

const here = dirname(fileURLToPath(import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { small: { type: 'boolean', default: false }, only: { type: 'string' } },
});

if (values.only !== undefined) {
  const bench = (await import(pathToFileURL(join(here, values.only)).href)) as Bench;
  await bench.run({ small: values.small });
} else {
  await runAll();
}

async function runAll(): Promise<void> {
  const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && isBench(name))
    .filter((name) => positionals.length === 0 || positionals.some((part) => name.includes(part)))
    .sort();
  if (files.length === 0) {
    process.stderr.write(`bench: none matches ${positionals.join(' ')}\n`);
    process.exitCode = 1;
    return;
  }
  let failed = 0;
  for (const name of files) {
    process.stdout.write(`\n=== ${name}${values.small ? ' (small)' : ''}\n`);
    const status = await inProcess(name);
    if (status === 0) continue;
    failed += 1;
    process.stdout.write(`${name} ended with status ${status}\n`);
  }
  process.stdout.write(`\n${files.length - failed} passed, ${failed} failed\n`);
  process.exitCode = failed > 0 ? 1 : 0;
}

/** Helpers of a bench (a load generator, say) stand beside it and export no `run`. */
function isBench(name: string): boolean {
  return /^export async function run\(/m.test(readFileSync(join(here, name), 'utf8'));
}

function inProcess(name: string): Promise<number> {
  const args = ['--expose-gc', '--import', 'tsx', fileURLToPath(import.meta.url), '--only', name];
  if (values.small) args.push('--small');
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: dirname(here), stdio: 'inherit' });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
