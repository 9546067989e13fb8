/** Shaping of the agent's voice: low-pass, compressor and ceiling. */
import type { BenchContext, BenchRow, BenchStage } from '../../src/cli/bench/bench-row.ts';

export const stage: BenchStage = { name: 'shaping', order: 60, rows };

function rows(bench: BenchContext): BenchRow[] {
  return [8000, 16000, 48000].map((rateHz) => {
    const core = bench.core();
    core.shapingStart(-18, 3, 3400, rateHz);
    const input = bench.frames(rateHz);
    const address = core.SCRATCH_PCM.value;
    const pcm = bench.samples(core, address, rateHz / 50);
    return {
      name: `at ${rateHz / 1000} kHz`,
      step: (n) => {
        pcm.set(bench.at(input, n));
        core.shapingApply(address, pcm.length);
        return pcm;
      },
    };
  });
}
