// Draws what the resampler does, measured on the compiled core: pass band, aliases, images, impulse, and the delay of linear and
// minimum phase by frequency. Writes docs/images/resampler-*.svg:
//
//   npm run build && node --import tsx .dev/resampler-plots.ts
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { groupDelayMs } from '../bench/dsp/tone-analysis.ts';
import { heardDelayMs } from '../bench/resampling/heard-delay.ts';
import type { Resampling } from '../src/dsp/dsp.ts';
import { RESAMPLINGS } from '../src/dsp/dsp.ts';
import { DspModule } from '../src/dsp/dsp-module.ts';
import { resamplingNumber } from '../src/dsp/resampling-number.ts';
import { drawPlot } from './svg-plot.ts';
import type { Curve } from './svg-plot.ts';

const module = await DspModule.load();
const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'images');

/** Samples of an impulse, and of many tones, through the core. */
function through(pcm: Int16Array, fromHz: number, toHz: number, resampling: Resampling): Int16Array {
  const core = module.instantiate();
  core.resampleStart(fromHz, toHz, resamplingNumber(core, resampling));
  const [from, to] = [core.SCRATCH_PCM.value, core.CAPTURE_PCM.value];
  const frame = fromHz / 50;
  const out: number[] = [];
  for (let at = 0; at + frame <= pcm.length; at += frame) {
    new Int16Array(core.memory.buffer, from, frame).set(pcm.subarray(at, at + frame));
    out.push(...new Int16Array(core.memory.buffer, to, core.resample(to, from, frame)));
  }
  return Int16Array.from(out);
}

function tone(hz: number, rateHz: number): Int16Array {
  return Int16Array.from({ length: rateHz / 5 }, (_, n) =>
    Math.round(30_000 * Math.sin((2 * Math.PI * hz * n) / rateHz)),
  );
}

/** Level of everything in `pcm` against the tone that went in, dB, settled. */
function levelDb(pcm: Int16Array, rateHz: number): number {
  const settled = pcm.subarray(rateHz / 50);
  const power = settled.reduce((sum, x) => sum + x * x, 0) / settled.length;
  return 10 * Math.log10((2 * power + 1e-6) / 30_000 ** 2);
}

/** Amplitude of one frequency against the tone that went in, dB, over whole periods. */
function partDb(pcm: Int16Array, hz: number, rateHz: number): number {
  const settled = pcm.subarray(rateHz / 50, rateHz / 50 + rateHz / 10);
  let [c, s] = [0, 0];
  settled.forEach((x, n) => {
    const window = 0.5 - 0.5 * Math.cos((2 * Math.PI * (n + 0.5)) / settled.length);
    c += window * x * Math.cos((2 * Math.PI * hz * n) / rateHz);
    s += window * x * Math.sin((2 * Math.PI * hz * n) / rateHz);
  });
  return 20 * Math.log10((4 * Math.hypot(c, s)) / settled.length / 30_000 + 1e-9);
}

function sweep(hzs: readonly number[], y: (hz: number) => number): [number, number][] {
  return hzs.map((hz) => [hz, y(hz)]);
}

const range = (from: number, to: number, step: number): number[] =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);

/** Upwards minimum phase is nothing of its own. */
const UP = ['strict', 'low-delay'] as const;

function passBand(): string {
  const curve = (from: number, to: number, name: Resampling): Curve => ({
    name: `${from / 1000} → ${to / 1000} kHz, ${name}`,
    points: sweep(range(100, 3900, 50), (hz) => partDb(through(tone(hz, from), from, to, name), hz, to)),
  });
  const curves: Curve[] = [
    ...UP.map((name) => curve(8000, 24_000, name)),
    ...RESAMPLINGS.map((name) => curve(24_000, 8000, name)),
  ];
  return drawPlot({
    title: 'Pass band',
    x: { name: 'Hz', from: 0, to: 4000, step: 500 },
    y: { name: 'dB', from: -0.06, to: 0.02, step: 0.01, digits: 2 },
    curves,
    limits: [
      { from: 300, to: 3400, at: 0.01 },
      { from: 300, to: 3400, at: -0.01 },
    ],
  });
}

function aliases(): string {
  const curves: Curve[] = RESAMPLINGS.map((name) => ({
    name: `24 → 8 kHz, ${name}: what comes out of a tone`,
    points: sweep(range(3000, 11_950, 50), (hz) => levelDb(through(tone(hz, 24_000), 24_000, 8000, name), 8000)),
  }));
  return drawPlot({
    title: 'Tones beyond 4 kHz, folded back',
    x: { name: 'Hz in', from: 3000, to: 12_000, step: 1000 },
    y: { name: 'dB', from: -100, to: 0, step: 10 },
    curves,
    limits: [{ from: 4080, to: 12_000, at: -75 }],
  });
}

function images(): string {
  const curves: Curve[] = UP.map((name) => ({
    name: `8 → 24 kHz, ${name}: the image of a tone at 8 kHz less it`,
    points: sweep(range(100, 3900, 50), (hz) => partDb(through(tone(hz, 8000), 8000, 24_000, name), 8000 - hz, 24_000)),
  }));
  return drawPlot({
    title: 'Images',
    x: { name: 'Hz of the tone', from: 0, to: 4000, step: 500 },
    y: { name: 'dB', from: -130, to: 0, step: 10 },
    curves,
    limits: [{ from: 300, to: 3400, at: -87 }],
  });
}

function impulse(): string {
  const curves: Curve[] = RESAMPLINGS.map((name) => {
    const input = new Int16Array(2400);
    input[480] = 30_000;
    const out = through(input, 24_000, 8000, name);
    return {
      name: `24 → 8 kHz, ${name}`,
      points: Array.from(out.subarray(150, 230), (x, n): [number, number] => [(n - 10) / 8, x / 10_000]),
    };
  });
  return drawPlot({
    title: 'Impulse',
    x: { name: 'ms behind the impulse', from: -1, to: 8, step: 1 },
    y: { name: 'of what went in', from: -0.3, to: 1, step: 0.1, digits: 1 },
    curves,
    limits: [],
  });
}

function phases(): string {
  const late = (hz: number, name: Resampling): number =>
    groupDelayMs((pcm) => through(pcm, 24_000, 8000, name), hz, 24_000, 8000);
  const hzs = range(100, 3950, 50);
  const curve = (name: Resampling): [number, number][] => sweep(hzs, (hz) => late(hz, name));
  const soonest = late(300, 'minimum-phase');
  return drawPlot({
    title: 'Delay by frequency: 24 → 8 kHz',
    x: { name: 'Hz', from: 0, to: 4000, step: 500 },
    y: { name: 'ms', from: 0, to: 4, step: 0.5, digits: 1 },
    curves: [
      { name: 'strict: linear phase', points: curve('strict') },
      { name: 'minimum-phase', points: curve('minimum-phase') },
      {
        name: 'from where it is heard (Blauert and Laws), beside 300 Hz of minimum-phase',
        points: sweep(range(500, 3950, 50), (hz) => soonest + heardDelayMs(hz)),
      },
    ],
    limits: [],
  });
}

mkdirSync(folder, { recursive: true });
for (const [name, draw] of Object.entries({ 'pass-band': passBand, aliases, images, impulse, phases }))
  writeFileSync(join(folder, `resampler-${name}.svg`), draw());
