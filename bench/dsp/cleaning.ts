/** Cleaning of the caller's voice: high-pass, noise suppression, gain control and limiter; and mixing. */
import type { BenchContext, BenchFigure, BenchRow, BenchStage } from '../../src/cli/bench/bench-row.ts';
import type { CoreExports } from '../../src/dsp/dsp-module.ts';
import { sine } from './tone-analysis.ts';

type Frames = readonly Int16Array[];
/** Two seconds through a stage of its own. */
type Through = (frames: Frames) => Frames;
const FRAMES = 100;
const TARGET_DBOV = -22;

export const stage: BenchStage = { name: 'cleaning', order: 70, rows };

function rows(bench: BenchContext): BenchRow[] {
  return [8000, 16000].flatMap((rateHz) => {
    const input = bench.frames(rateHz);
    const samples = rateHz / 50;
    const row = (
      name: string,
      prepare: (core: CoreExports) => void,
      step: (core: CoreExports, at: number) => void,
      quality: (through: Through) => BenchFigure,
    ): BenchRow => {
      const core = bench.core();
      const at = core.CAPTURE_PCM.value;
      const pcm = bench.samples(core, at, samples);
      prepare(core);
      const through: Through = (frames) => {
        const other = bench.core();
        const frame = bench.samples(other, other.CAPTURE_PCM.value, samples);
        prepare(other);
        return frames.map((one) => {
          frame.set(one);
          step(other, other.CAPTURE_PCM.value);
          return frame.slice();
        });
      };
      return {
        name: `${name} at ${rateHz / 1000} kHz`,
        figures: [quality(through)],
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
        (through) => ({ name: 'at 100 Hz', value: changeDb(through, toneOf(100, rateHz)), unit: 'dB', digits: 2 }),
      ),
      row(
        'noise suppression',
        (core) => core.suppressionStart(12, rateHz),
        (core, at) => core.suppressionApply(at, samples),
        (through) => ({ name: 'steady noise', value: changeDb(through, noiseOf(rateHz)), unit: 'dB' }),
      ),
      row(
        'gain control and limiter',
        (core) => core.gainControlStart(TARGET_DBOV, rateHz),
        (core, at) => core.gainControlApply(at, samples, 0.9),
        (through) => ({ name: 'off its target', value: offTargetDb(through, rateHz), unit: 'dB' }),
      ),
      row(
        'mixing',
        () => undefined,
        (core, at) => core.mix(at, core.SCRATCH_PCM.value, samples),
        () => ({ name: 'unlike the sum', value: unlikeTheSum(bench, samples), unit: '', digits: 0 }),
      ),
    ];
  });
}

function toneOf(hz: number, rateHz: number, amplitude = 10_000): Frames {
  return framed(sine(hz, rateHz, (FRAMES * rateHz) / 50, amplitude), rateHz);
}

/** White, −36 dBov. */
function noiseOf(rateHz: number): Frames {
  let state = 1;
  const white = Int16Array.from({ length: (FRAMES * rateHz) / 50 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return Math.round((state / 2 ** 31) * 900);
  });
  return framed(white, rateHz);
}

function framed(pcm: Int16Array, rateHz: number): Frames {
  return Array.from({ length: FRAMES }, (_, n) => pcm.subarray((n * rateHz) / 50, ((n + 1) * rateHz) / 50));
}

/** Level of the second half, dBov. */
function settledDbov(frames: Frames): number {
  const half = frames.slice(FRAMES / 2);
  const power = half.reduce((sum, frame) => sum + frame.reduce((own, x) => own + x * x, 0) / frame.length, 0);
  return 10 * Math.log10(power / half.length / 32_768 ** 2);
}

function changeDb(through: Through, frames: Frames): number {
  return settledDbov(through(frames)) - settledDbov(frames);
}

/** A voice that is 10 dB too quiet. */
function offTargetDb(through: Through, rateHz: number): number {
  const amplitude = 32_768 * Math.SQRT2 * 10 ** ((TARGET_DBOV - 10) / 20);
  return Math.abs(settledDbov(through(toneOf(440, rateHz, amplitude))) - TARGET_DBOV);
}

/** Sums of which the ends of 16 bits take some that are not what arithmetic says. */
function unlikeTheSum(bench: BenchContext, samples: number): number {
  const core = bench.core();
  const [one, other] = [core.CAPTURE_PCM.value, core.SCRATCH_PCM.value].map((at) => bench.samples(core, at, samples));
  one!.forEach((_, n, all) => (all[n] = (n * 7919) & 0xffff));
  other!.forEach((_, n, all) => (all[n] = (n * 104_729) & 0xffff));
  const due = one!.map((x, n) => Math.max(-32_768, Math.min(32_767, x + other![n]!)));
  core.mix(core.CAPTURE_PCM.value, core.SCRATCH_PCM.value, samples);
  return one!.filter((x, n) => x !== due[n]).length;
}
