/**
 * A wrong rate told with every piece of speech: audio that is sent at one rate and taken for another. Time counts as it is heard, from the
 * first frame above −45 dBov. A piece that is heard for less than a second and a half is joined with the next ones of its voice.
 */
import type { SampleRateHz } from '../../src/core/media.ts';
import type { DspModule } from '../../src/dsp/dsp-module.ts';
import type { DspLibrary } from '../../src/dsp/library.ts';
import { AUDIBLE, powerOf, summary } from './told-lies.ts';
import type { ToldLie } from './told-lies.ts';

/** Speech of one voice, at its own rate. */
export interface VoicePiece {
  readonly voice: string;
  readonly rateHz: 8000 | 16_000;
  readonly pcm: Int16Array;
}

type Pair = readonly [sentHz: SampleRateHz, asHz: SampleRateHz];
const LEAST_SECONDS = 1.5;

/** What is sent, and what it is taken for: of speech at 8 kHz, and of wide-band speech, which stays as wide as can be. */
const LIES: readonly (readonly [name: string, narrow: readonly Pair[], wide: readonly Pair[]])[] = [
  ['three times too slow', [[24_000, 8000]], [[24_000, 8000]]],
  ['three times too fast', [[8000, 24_000]], [[16_000, 48_000]]],
  ['twice too slow', [[16_000, 8000]], [[16_000, 8000]]],
  ['twice too fast', [[8000, 16_000]], [[24_000, 48_000]]],
];

/** Each direction, and both together. */
export function tellRates(module: DspModule, dsp: DspLibrary, pieces: readonly VoicePiece[]): ToldLie[] {
  const core = module.instantiate();
  const bits = [core.SUSPECT_TOO_SLOW.value, core.SUSPECT_TOO_FAST.value];
  const times = LIES.map(([name, narrow, wide]) => {
    const bit = bits[name.endsWith('fast') ? 1 : 0] ?? 0;
    return ([8000, 16_000] as const).flatMap((rateHz) =>
      (rateHz === 8000 ? narrow : wide).flatMap((pair) =>
        joined(pieces, rateHz, pair).map((pcm) => secondsUntilFound(dsp.resample(pcm, rateHz, pair[0]), pair[1], bit)),
      ),
    );
  });
  const [slow3 = [], fast3 = [], slow2 = [], fast2 = []] = times;
  return [
    summary('rate, three times off', [...slow3, ...fast3]),
    ...LIES.slice(0, 2).map(([name], n) => summary(`… ${name}`, times[n] ?? [])),
    summary('rate, twice off', [...slow2, ...fast2]),
    ...LIES.slice(2).map(([name], n) => summary(`… ${name}`, times[n + 2] ?? [])),
  ];

  function secondsUntilFound(sent: Int16Array, asHz: number, bit: number): number {
    const size = asHz / 50;
    const frame = new Int16Array(core.memory.buffer, core.CAPTURE_PCM.value, size);
    let begin = -1;
    core.rateStart(asHz);
    for (let at = 0; at + size <= sent.length; at += size) {
      const heard = sent.subarray(at, at + size);
      if (begin < 0 && powerOf(heard) >= AUDIBLE ** 2) begin = at;
      frame.set(heard);
      if (((core.rateHear(size) >> bit) & 1) === 1) return (at + size - Math.max(0, begin)) / asHz;
    }
    return Infinity;
  }
}

/** Pieces that are heard for long enough, made of as many as it takes. */
function joined(pieces: readonly VoicePiece[], rateHz: number, [sentHz, asHz]: Pair): Int16Array[] {
  const least = (LEAST_SECONDS * rateHz * asHz) / sentHz;
  const out: Int16Array[] = [];
  let waiting: number[] = [];
  let voice = '';
  for (const piece of pieces.filter((one) => one.rateHz === rateHz)) {
    if (piece.voice !== voice) waiting = [];
    voice = piece.voice;
    for (const x of piece.pcm) waiting.push(x);
    if (waiting.length < least) continue;
    out.push(Int16Array.from(waiting));
    waiting = [];
  }
  return out;
}
