// Draws what the resampler does, measured on the compiled core: pass band, aliases, images, impulse, and what a filter of
// minimum phase would do instead. Writes docs/images/resampler-*.svg:
//
//   npm run build && node --import tsx .dev/resampler-plots.ts
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DspModule } from '../src/dsp/dsp-module.ts';
import { downFilter } from './design-filters.ts';
import { groupDelayMs, minimumPhase } from './minimum-phase.ts';
import { drawPlot } from './svg-plot.ts';
import type { Curve } from './svg-plot.ts';

const module = await DspModule.load();
const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), 'docs', 'images');

/** Samples of an impulse, and of many tones, through the core. */
function through(pcm: Int16Array, fromHz: number, toHz: number, lowDelay: boolean): Int16Array {
  const core = module.instantiate();
  core.resampleStart(fromHz, toHz, lowDelay);
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

const QUALITIES = [
  ['strict', false],
  ['low-delay', true],
] as const;

function passBand(): string {
  const curves: Curve[] = QUALITIES.flatMap(([name, lowDelay]) =>
    (
      [
        [8000, 24000],
        [24000, 8000],
      ] as const
    ).map(([from, to]) => ({
      name: `${from / 1000} → ${to / 1000} kHz, ${name}`,
      points: sweep(range(100, 3900, 50), (hz) => partDb(through(tone(hz, from), from, to, lowDelay), hz, to)),
    })),
  );
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
  const curves: Curve[] = QUALITIES.map(([name, lowDelay]) => ({
    name: `24 → 8 kHz, ${name}: what comes out of a tone`,
    points: sweep(range(3000, 11_950, 50), (hz) => levelDb(through(tone(hz, 24_000), 24_000, 8000, lowDelay), 8000)),
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
  const curves: Curve[] = QUALITIES.map(([name, lowDelay]) => ({
    name: `8 → 24 kHz, ${name}: the image of a tone at 8 kHz less it`,
    points: sweep(range(100, 3900, 50), (hz) =>
      partDb(through(tone(hz, 8000), 8000, 24_000, lowDelay), 8000 - hz, 24_000),
    ),
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
  const curves: Curve[] = QUALITIES.map(([name, lowDelay]) => {
    const input = new Int16Array(2400);
    input[480] = 30_000;
    const out = through(input, 24_000, 8000, lowDelay);
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
  const linear = downFilter('strict', 3);
  const whole = [...linear.slice(1).reverse(), ...linear];
  const minimum = minimumPhase(whole);
  const hzs = range(50, 3950, 25);
  return drawPlot({
    title: 'Delay by frequency: 24 → 8 kHz, strict',
    x: { name: 'Hz', from: 0, to: 4000, step: 500 },
    y: { name: 'ms', from: 0, to: 9, step: 1 },
    curves: [
      { name: 'linear phase (this one)', points: sweep(hzs, () => (whole.length - 1) / 2 / 24) },
      { name: 'minimum phase', points: sweep(hzs, (hz) => groupDelayMs(minimum, hz, 24_000)) },
    ],
    limits: [],
  });
}

mkdirSync(folder, { recursive: true });
for (const [name, draw] of Object.entries({ 'pass-band': passBand, aliases, images, impulse, phases }))
  writeFileSync(join(folder, `resampler-${name}.svg`), draw());
