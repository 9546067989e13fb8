/** Rate conversion of a frame, copied in; the result is read where it is. */
import type {
  BenchBar,
  BenchContext,
  BenchFigure,
  BenchRow,
  BenchStage,
  NativePeer,
  NpmPeer,
} from '../../src/cli/bench/bench-row.ts';
import type { Resampling } from '../../src/dsp/dsp.ts';
import { RESAMPLINGS } from '../../src/dsp/dsp.ts';
import { resamplingNumber } from '../../src/dsp/resampling-number.ts';
import { resamplerFigures, rippleOf } from './resampler-figures.ts';

type SpeexPackage = typeof import('@echogarden/speex-resampler-wasm/simd');

export const stage: BenchStage = { name: 'resampler', order: 30, rows };

const PAIRS = [
  [8000, 16000],
  [8000, 24000],
  [8000, 48000],
  [16000, 24000],
  [16000, 48000],
  [24000, 48000],
  [16000, 8000],
  [24000, 8000],
  [48000, 8000],
  [24000, 16000],
  [48000, 16000],
  [48000, 24000],
] as const;

async function rows(bench: BenchContext): Promise<BenchRow[]> {
  const speex = await bench.peer<SpeexPackage>('@echogarden/speex-resampler-wasm/simd');
  const made: BenchRow[] = [];
  for (const resampling of RESAMPLINGS) {
    for (const [fromHz, toHz] of PAIRS) {
      // Every other pair of rates is the strict one, sample for sample.
      if (resampling === 'minimum-phase' && (toHz > fromHz || fromHz % toHz !== 0)) continue;
      made.push(await rowOf(bench, fromHz, toHz, resampling, speex));
    }
  }
  return made;
}

async function rowOf(
  bench: BenchContext,
  fromHz: number,
  toHz: number,
  resampling: Resampling,
  speex: SpeexPackage | null,
): Promise<BenchRow> {
  const core = bench.core();
  core.resampleStart(fromHz, toHz, resamplingNumber(core, resampling));
  const input = bench.frames(fromHz);
  const [from, to] = [core.SCRATCH_PCM.value, core.CAPTURE_PCM.value];
  const source = bench.samples(core, from, fromHz / 50);
  const result = bench.samples(core, to, toHz / 50);
  const rates = `${fromHz / 1000} → ${toHz / 1000} kHz`;
  const strict = resampling === 'strict';
  const peers =
    speex === null || !strict ? [] : [3, 5].map((quality) => speexPeer(bench, speex, fromHz, toHz, quality));
  return {
    name: `${rates}, ${resampling.replace('-', ' ')}`,
    step: (n) => {
      source.set(bench.at(input, n));
      core.resample(to, from, source.length);
      return result;
    },
    npm: await Promise.all(peers),
    native: strict ? [nativePeer(fromHz, toHz)] : [],
    figures: [
      ...resamplerFigures(bench, fromHz, toHz, resampling),
      ...(speex === null || !strict ? [] : [await speexRipple(speex, fromHz, toHz)]),
    ],
    bars: barsOf(fromHz, toHz, resampling),
  };
}

function barsOf(fromHz: number, toHz: number, resampling: Resampling): BenchBar[] {
  if (resampling === 'minimum-phase') return minimumPhaseBars();
  return resampling === 'strict' ? strictBars(fromHz, toHz) : lowDelayBars(fromHz, toHz);
}

function strictBars(fromHz: number, toHz: number): BenchBar[] {
  const bars: BenchBar[] = [
    { of: 'ripple', atMost: 0.01 },
    { of: 'npm', atLeast: 3 },
  ];
  if (toHz > fromHz) bars.push({ of: 'images', atMost: -87 }, { of: 'delay', atMost: 3 });
  else bars.push({ of: 'folded back', atMost: -75 }, { of: 'delay', atMost: 4 });
  if (fromHz === 8000 && toHz === 24000) bars.push({ of: 'native', atMost: 0.25 });
  if (fromHz === 24000 && toHz === 8000) bars.push({ of: 'native', atMost: 0.4 });
  return bars;
}

function lowDelayBars(fromHz: number, toHz: number): BenchBar[] {
  return [
    { of: 'ripple', atMost: 0.01 },
    { of: toHz > fromHz ? 'images' : 'folded back', atMost: -75 },
    { of: 'delay', atMost: 2 },
  ];
}

/** The strict bounds; sooner by more than a millisecond; and all frequencies within the least delay that was ever heard. */
function minimumPhaseBars(): BenchBar[] {
  return [
    { of: 'ripple', atMost: 0.01 },
    { of: 'folded back', atMost: -75 },
    { of: 'delay at 1 kHz', atMost: 0.25 },
    { of: 'spread', atMost: 1 },
  ];
}

function nativePeer(fromHz: number, toHz: number): NativePeer {
  return {
    name: 'speexdsp q3',
    source: 'speexdsp.c',
    libraries: ['speexdsp'],
    arguments: [String(fromHz), String(toHz), '3'],
  };
}

/** The pass band of what our time is held against: the package is `speexdsp` itself, compiled. */
async function speexRipple(speexPackage: SpeexPackage, fromHz: number, toHz: number): Promise<BenchFigure> {
  const speex = await speexPackage.default();
  const [from, to, lengths] = [speex._malloc(6000), speex._malloc(6000), speex._malloc(8)];
  const value = rippleOf(
    (pcm) => {
      const state = speex._speex_resampler_init(1, fromHz, toHz, 3, lengths);
      const out: number[] = [];
      for (let at = 0; at < pcm.length; at += fromHz / 50) {
        const frame = pcm.subarray(at, at + fromHz / 50);
        speex.HEAP16.set(frame, from >> 1);
        speex.HEAPU32[lengths >> 2] = frame.length;
        speex.HEAPU32[(lengths >> 2) + 1] = 2880;
        speex._speex_resampler_process_int(state, 0, from, lengths, to, lengths + 4);
        out.push(...speex.HEAP16.subarray(to >> 1, (to >> 1) + speex.HEAPU32[(lengths >> 2) + 1]!));
      }
      return Int16Array.from(out);
    },
    fromHz,
    toHz,
  );
  return { name: "speexdsp q3's ripple", value, unit: 'dB', digits: 2 };
}

/** Quality 5 is the first that is flat to 3.4 kHz; quality 3 is down by up to 1 dB there, and is shown only. */
async function speexPeer(
  bench: BenchContext,
  speexPackage: SpeexPackage,
  fromHz: number,
  toHz: number,
  quality: number,
): Promise<NpmPeer> {
  const speex = await speexPackage.default();
  const state = speex._speex_resampler_init(1, fromHz, toHz, quality, speex._malloc(4));
  const [from, to, lengths] = [speex._malloc(6000), speex._malloc(6000), speex._malloc(8)];
  const input = bench.frames(fromHz);
  const out = new Int16Array(speex.HEAP16.buffer, to, toHz / 50);
  return {
    name: '@echogarden/speex-resampler-wasm',
    detail: `q${quality}`,
    equal: quality > 3,
    step: (n) => {
      const frame = bench.at(input, n);
      speex.HEAP16.set(frame, from >> 1);
      speex.HEAPU32[lengths >> 2] = frame.length;
      speex.HEAPU32[(lengths >> 2) + 1] = 2880;
      speex._speex_resampler_process_int(state, 0, from, lengths, to, lengths + 4);
      return out;
    },
  };
}
