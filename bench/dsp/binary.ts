/** What the module weighs, and what a call of it takes. */
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { BenchContext, BenchRow, BenchStage } from '../../src/cli/bench/bench-row.ts';

export const stage: BenchStage = { name: 'module', order: 990, rows };

async function rows(bench: BenchContext): Promise<BenchRow[]> {
  const bytes = await readFile(fileURLToPath(import.meta.resolve('#talkspurt.wasm')));
  return [
    {
      name: 'talkspurt.wasm',
      figures: [
        { name: 'gzipped', value: gzipSync(bytes, { level: 9 }).length / 1024, unit: 'KiB' },
        { name: 'memory a call', value: bench.core().memory.buffer.byteLength / 1024, unit: 'KiB', digits: 0 },
      ],
      bars: [
        { of: 'gzipped', atMost: 100 },
        { of: 'memory a call', atMost: 128 },
      ],
    },
  ];
}
