/** Cleaning of the caller's voice: high-pass, noise suppression, gain control and limiter; and mixing. */
import type { BenchContext, BenchRow, BenchStage } from '../../src/cli/bench/bench-row.ts';
import type { CoreExports } from '../../src/dsp/dsp-module.ts';

export const stage: BenchStage = { name: 'cleaning', order: 70, rows };

function rows(bench: BenchContext): BenchRow[] {
  return [8000, 16000].flatMap((rateHz) => {
    const input = bench.frames(rateHz);
    const samples = rateHz / 50;
    const row = (
      name: string,
      prepare: (core: CoreExports) => void,
      step: (core: CoreExports, at: number) => void,
    ): BenchRow => {
      const core = bench.core();
      const at = core.CAPTURE_PCM.value;
      const pcm = bench.samples(core, at, samples);
      prepare(core);
      return {
        name: `${name} at ${rateHz / 1000} kHz`,
        step: (n) => {
          pcm.set(bench.at(input, n));
          step(core, at);
          return pcm;
        },
      };
    };
    return [
      row(
        'high-pass',
        (core) => core.highPassStart(100, rateHz),
        (core, at) => core.highPassApply(at, samples),
      ),
      row(
        'noise suppression',
        (core) => core.suppressionStart(12, rateHz),
        (core, at) => core.suppressionApply(at, samples),
      ),
      row(
        'gain control and limiter',
        (core) => core.gainControlStart(-22, rateHz),
        (core, at) => core.gainControlApply(at, samples, 0.9),
      ),
      row(
        'mixing',
        () => undefined,
        (core, at) => core.mix(at, core.SCRATCH_PCM.value, samples),
      ),
    ];
  });
}
