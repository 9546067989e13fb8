/** Runs the demo as people do, in a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';

/** What it says of itself with `--json`. */
export interface DemoReport {
  readonly ok: boolean;
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly measured: string }[];
  readonly bargeIns: readonly unknown[];
  readonly transcript: readonly { readonly by: string; readonly text: string }[];
}

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * The report of a demo that wrote into `out`, with every check of it asserted. `env` replaces variables: without keys nothing
 * leaves the machine, and without a PATH the demo finds no recogniser, as on a machine that has Node alone.
 */
export async function runDemo(
  out: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<DemoReport> {
  const { stdout, stderr, ended } = await new Promise<{ stdout: string; stderr: string; ended: unknown }>((settle) => {
    execFile(
      process.execPath,
      ['build/lib/cli.js', 'demo', '--json', '--out', out, ...args],
      {
        cwd: root,
        timeout: 120_000,
        env: {
          ...process.env,
          DEEPGRAM_API_KEY: '',
          DEEPGRAM_API_KEY_FILE: '',
          GEMINI_API_KEY: '',
          GEMINI_API_KEY_FILE: '',
          ...env,
        },
      },
      (error, written, complaints) =>
        settle({ stdout: written, stderr: complaints, ended: error === null ? 0 : (error.code ?? error.signal) }),
    );
  });
  assert.is(ended, 0, `${args.join(' ')}: ${String(ended)}\n${stdout}\n${stderr}`);
  const report = JSON.parse(stdout) as DemoReport;
  assert.ok(report.ok);
  for (const check of report.checks) assert.ok(check.ok, `${check.name}: ${check.measured}`);
  return report;
}
