/** Prometheus' own tool, where the machine has it. */
import { spawnSync } from 'node:child_process';

/** What it said, and whether all was well. */
export interface PromtoolVerdict {
  readonly fine: boolean;
  readonly said: string;
}

/** Runs `promtool` with `words`. */
export function promtool(words: readonly string[], input = ''): PromtoolVerdict {
  const { status, stdout, stderr } = spawnSync('promtool', words, { input, encoding: 'utf8', timeout: 60_000 });
  return { fine: status === 0, said: `${stdout}${stderr}` };
}

/** Whether it is there; says so where it is not. */
export function hasPromtool(): boolean {
  const there = spawnSync('promtool', ['--version']).status === 0;
  if (!there) console.log('skipped: promtool is not here (Debian: prometheus)');
  return there;
}
