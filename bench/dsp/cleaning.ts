/** What the cleaning of the caller's voice costs: rows for the bench of the signal chain. */
import type { DspModule } from '../../src/dsp/dsp-module.ts';

/** One measured thing: runs one frame of 20 ms and returns its result. */
export interface CleaningRow {
  readonly name: string;
  readonly frame: (n: number) => Int16Array;
}

/** High-pass, suppression and gain control at 8 and 16 kHz, and mixing; `frames` are 20 ms each of that rate. */
export function cleaningRows(
  module: DspModule,
  frames: (rateHz: 8000 | 16000) => readonly Int16Array[],
): CleaningRow[] {
  return ([8000, 16000] as const).flatMap((rateHz) => {
    const input = frames(rateHz);
    const row = (name: string, prepare: (core: Core) => void, step: (core: Core, at: number) => void): CleaningRow => {
      const core = module.instantiate();
      const at = core.CAPTURE_PCM.value;
      const pcm = new Int16Array(core.memory.buffer, at, rateHz / 50);
      prepare(core);
      return {
        name: `${name} at ${rateHz / 1000} kHz`,
        frame: (n) => {
          pcm.set(input[n % input.length]!);
          step(core, at);
          return pcm;
        },
      };
    };
    const samples = rateHz / 50;
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

type Core = ReturnType<DspModule['instantiate']>;
