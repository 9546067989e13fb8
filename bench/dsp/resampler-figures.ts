/** What a pair of rates does to tones: pass band, images, what folds back, and how late they are. */
import type { BenchContext, BenchFigure } from '../../src/cli/bench/bench-row.ts';
import type { Resampling } from '../../src/dsp/dsp.ts';
import { resamplingNumber } from '../../src/dsp/resampling-number.ts';
import { analyseTone, groupDelayMs, levelAgainstDb, sine } from './tone-analysis.ts';

/** A whole resampling of a piece of audio. */
export type Through = (pcm: Int16Array) => Int16Array;

/** Tones of the pass band, Hz, for 8 kHz as the slower rate. */
const PASS_BAND = [300, 1000, 2000, 2500, 3000, 3200, 3400];
/** Loud tones, so that the noise of sixteen bits lies low. */
const AMPLITUDE = 30_000;

/**
 * The figures of one pair. Frequencies are for 8 kHz as the slower rate, and scale with it. `images` and `folded back` are
 * the loudest single tone that was not there; `beside a tone` is all that is not the tone, with the noise of sixteen bits.
 */
export function resamplerFigures(
  bench: BenchContext,
  fromHz: number,
  toHz: number,
  resampling: Resampling,
): BenchFigure[] {
  const scale = Math.min(fromHz, toHz) / 8000;
  const through: Through = (pcm) => resampled(bench, pcm, fromHz, toHz, resampling);
  const settled = toHz / 50;
  const tones = PASS_BAND.map((hz) => hz * scale);
  const outputs = tones.map((hz) => through(sine(hz, fromHz, fromHz / 5, AMPLITUDE)).subarray(settled));
  const analysed = outputs.map((out, i) => analyseTone(out, tones[i]!, toHz));
  const ripple = rippleDb(analysed.map(({ amplitude }) => amplitude));
  const rising = toHz > fromHz;
  const stop = resampling === 'low-delay' ? 4450 : 4080;
  const images = Math.max(...outputs.map((out, i) => loudestImage(out, tones[i]!, fromHz, toHz)));
  return [
    { name: 'ripple', value: ripple, unit: 'dB to 3.4 kHz', digits: 4 },
    rising
      ? { name: 'images', value: images, unit: 'dB' }
      : {
          name: 'folded back',
          value: folded(through, fromHz, toHz, stop * scale),
          unit: `dB from ${(stop / 1000).toFixed(2)} kHz`,
        },
    { name: 'beside a tone', value: Math.max(...analysed.map(({ restDb }) => restDb)), unit: 'dB' },
    ...delays(through, fromHz, toHz, resampling),
  ];
}

/** Linear phase is as late at all frequencies; minimum phase is not, and its impulse has no centre. */
function delays(through: Through, fromHz: number, toHz: number, resampling: Resampling): BenchFigure[] {
  if (resampling !== 'minimum-phase')
    return [{ name: 'delay', value: delayMs(through, fromHz, toHz), unit: 'ms', digits: 2 }];
  const late = (hz: number): number => groupDelayMs(through, (hz * Math.min(fromHz, toHz)) / 8000, fromHz, toHz);
  const over = Array.from({ length: 32 }, (_, i) => late(300 + 100 * i));
  return [
    { name: 'delay at 1 kHz', value: late(1000), unit: 'ms', digits: 2 },
    { name: 'spread', value: Math.max(...over) - Math.min(...over), unit: 'ms from 300 to 3,400 Hz', digits: 2 },
  ];
}

/** How far the pass band of another resampler is from flat, dB, on the same tones. */
export function rippleOf(through: Through, fromHz: number, toHz: number): number {
  const tones = PASS_BAND.map((hz) => (hz * Math.min(fromHz, toHz)) / 8000);
  const heard = tones.map((hz) => through(sine(hz, fromHz, fromHz / 5, AMPLITUDE)).subarray(toHz / 50));
  return rippleDb(heard.map((out, i) => analyseTone(out, tones[i]!, toHz).amplitude));
}

function rippleDb(amplitudes: readonly number[]): number {
  return Math.max(...amplitudes.map((amplitude) => Math.abs(20 * Math.log10(amplitude / AMPLITUDE))));
}

/** The loudest of the images of `hz` that the new rate can hold, against the tone, dB. */
function loudestImage(out: Int16Array, hz: number, fromHz: number, toHz: number): number {
  let loudest = -Infinity;
  for (let multiple = fromHz; multiple - hz < toHz / 2; multiple += fromHz) {
    for (const image of [multiple - hz, multiple + hz]) {
      if (image >= toHz / 2) continue;
      const { amplitude } = analyseTone(out, image, toHz);
      loudest = Math.max(loudest, 20 * Math.log10(amplitude / AMPLITUDE));
    }
  }
  return loudest;
}

/** The loudest of what is left of tones that the slower rate cannot hold. */
function folded(through: Through, fromHz: number, toHz: number, stopHz: number): number {
  let loudest = -Infinity;
  for (let hz = stopHz; hz < fromHz / 2; hz += toHz / 62)
    loudest = Math.max(
      loudest,
      levelAgainstDb(through(sine(hz, fromHz, fromHz / 8, AMPLITUDE)).subarray(toHz / 50), AMPLITUDE),
    );
  return loudest;
}

/** Where the centre of an impulse comes out, less where it went in. */
function delayMs(through: Through, fromHz: number, toHz: number): number {
  const impulse = new Int16Array(fromHz / 10);
  impulse[fromHz / 100] = AMPLITUDE;
  let [sum, weighted] = [0, 0];
  through(impulse).forEach((x, n) => {
    sum += x * x;
    weighted += x * x * n;
  });
  return (weighted / sum - toHz / 100) / (toHz / 1000);
}

function resampled(
  bench: BenchContext,
  pcm: Int16Array,
  fromHz: number,
  toHz: number,
  resampling: Resampling,
): Int16Array {
  const core = bench.core();
  core.resampleStart(fromHz, toHz, resamplingNumber(core, resampling));
  const [from, to] = [core.SCRATCH_PCM.value, core.CAPTURE_PCM.value];
  const source = bench.samples(core, from, fromHz / 50);
  const result = bench.samples(core, to, 2880);
  const out = new Int16Array(Math.ceil((pcm.length * toHz) / fromHz) + 8);
  let made = 0;
  for (let at = 0; at + source.length <= pcm.length; at += source.length) {
    source.set(pcm.subarray(at, at + source.length));
    const samples = core.resample(to, from, source.length);
    out.set(result.subarray(0, samples), made);
    made += samples;
  }
  return out.subarray(0, made);
}
