/** What a report says of the machine it was made on. */
import { cpus, release, type } from 'node:os';
import type { Clock } from '../../core/clock.ts';
import type { BenchReport } from './bench-report.ts';
import { StepTimer } from './slice-times.ts';
import type { SlicePlan } from './slice-times.ts';

/** Names and versions. `compiler` is the first line of `cc --version`, null where there is none. */
export function thisMachine(compiler: string | null): BenchReport['machine'] {
  const all = cpus();
  return {
    processor: all[0]?.model.trim().replaceAll(/\s+/g, ' ') ?? 'unknown',
    cores: all.length,
    system: `${type()} ${release().replace(/[-+].*$/, '')} ${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
    ...(compiler === null ? {} : { compiler }),
  };
}

/**
 * A fixed piece of plain JavaScript that is measured like a row: two runs are compared by how much slower this was, too.
 */
export function yardstick(clock: Clock, plan: SlicePlan): StepTimer {
  const table = Int16Array.from({ length: 256 }, (_, code) => (code * 257) ^ 0x55aa);
  const codes = Uint8Array.from({ length: 1024 }, (_, n) => (n * 31) ^ (n >> 3));
  const pcm = new Int16Array(1024);
  return new StepTimer(
    (n) => {
      for (let i = 0; i < codes.length; i += 1) pcm[i] = table[codes[i]!]! + n;
      return pcm;
    },
    clock,
    plan,
  );
}
