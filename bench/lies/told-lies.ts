/**
 * Each lie told with every piece of speech that there is: in how many it is found, and how soon. Time counts from the first frame
 * above −45 dBov (for clipping: from the first that is cut off; for silence and a stuck frame: from the first of all), as the detector
 * cannot know of what nobody has said yet. A wrong rate is told in told-rates.ts.
 */
import type * as alawmulaw from 'alawmulaw';
import type { CoreExports, DspModule } from '../../src/dsp/dsp-module.ts';

/** Speech at 8 kHz, and what it is of. */
export interface SpeechPiece {
  readonly name: string;
  readonly pcm: Float64Array;
}

/** What became of one lie. */
export interface ToldLie {
  readonly lie: string;
  readonly pieces: number;
  readonly found: number;
  /** Found within a second. */
  readonly inTime: number;
  /** Seconds until it was found: the middle one, 19 of 20, and the most. */
  readonly seconds: readonly [median: number, p95: number, most: number];
}

type CodecName = 'pcmu' | 'pcma' | 'l16';
/** G.711 by another implementation. */
export type Laws = Pick<typeof alawmulaw, 'mulaw' | 'alaw'>;

interface Lie {
  readonly name: string;
  /** What the audio is declared to be. */
  readonly codec: CodecName;
  readonly rateHz: number;
  /** Index of its bit. */
  readonly bit: number;
  readonly bytes: (pcm: Int16Array) => Uint8Array;
}

/** A pause is not listened to for longer, and a shorter piece says little. */
const LEAST_SAMPLES = 12_000;
/** The amplitude of −45 dBov. */
export const AUDIBLE = 32_768 * 10 ** (-45 / 20);
/** A second of it, and the frame in which that ends. */
const IN_TIME_SECONDS = 1.02;
const FRAME = 160;

/** All lies but a wrong rate, in the order of the table in docs/signal-chain.md. */
export function tellLies(module: DspModule, laws: Laws, pieces: readonly SpeechPiece[]): ToldLie[] {
  const core = module.instantiate();
  const speech = pieces.filter(({ pcm }) => pcm.length >= LEAST_SAMPLES).map(({ pcm }) => Int16Array.from(pcm));
  return liesOf(core, laws).map((lie) => {
    const times = speech.map((pcm) => secondsUntilFound(core, lie, pcm));
    return summary(lie.name, times);
  });
}

function liesOf(core: CoreExports, { mulaw, alaw }: Laws): Lie[] {
  const linear = (pcm: Int16Array): Uint8Array => new Uint8Array(pcm.slice().buffer);
  const lie = (name: string, codec: CodecName, bit: { value: number }, bytes: Lie['bytes'], rateHz = 8000): Lie => ({
    name,
    codec,
    rateHz,
    bit: bit.value,
    bytes,
  });
  const swapped = (pcm: Int16Array): Uint8Array => linear(pcm).map((_, n, all) => all[n ^ 1]!);
  const twice = (share: number) => (pcm: Int16Array) =>
    linear(Int16Array.from({ length: pcm.length * 2 }, (_, n) => pcm[n >> 1]! * (n & 1 ? share : 1)));
  return [
    lie('silence', 'pcmu', core.SUSPECT_SILENCE, (pcm) => mulaw.encode(new Int16Array(pcm.length))),
    lie('dc', 'pcmu', core.SUSPECT_DC, (pcm) => mulaw.encode(pcm.map((x) => Math.min(32_767, x + 1500)))),
    lie('clipping', 'l16', core.SUSPECT_CLIPPING, (pcm) => linear(overdriven(pcm))),
    lie('constant', 'pcmu', core.SUSPECT_CONSTANT, (pcm) => mulaw.encode(stuck(pcm))),
    lie('stereo', 'l16', core.SUSPECT_STEREO, twice(1), 16_000),
    lie('stereo, one side silent', 'l16', core.SUSPECT_STEREO, twice(0), 16_000),
    lie('byte-order', 'l16', core.SUSPECT_SWAPPED, swapped),
    lie('µ-law as L16', 'l16', core.SUSPECT_ULAW, (pcm) => mulaw.encode(pcm)),
    lie('A-law as L16', 'l16', core.SUSPECT_ALAW, (pcm) => alaw.encode(pcm)),
    lie('A-law as µ-law', 'pcmu', core.SUSPECT_ALAW, (pcm) => alaw.encode(pcm)),
    lie('µ-law as A-law', 'pcma', core.SUSPECT_ULAW, (pcm) => mulaw.encode(pcm)),
    lie('L16 as µ-law', 'pcmu', core.SUSPECT_LINEAR, linear),
    lie('L16 as A-law', 'pcma', core.SUSPECT_LINEAR, linear),
  ];
}

/** Three times as loud as full scale takes. */
function overdriven(pcm: Int16Array): Int16Array {
  const peak = pcm.reduce((most, x) => Math.max(most, Math.abs(x)), 1);
  return pcm.map((x) => Math.max(-32_768, Math.min(32_767, Math.round((x * 3 * 32_768) / peak))));
}

/** The loudest frame over and over, for as long. */
function stuck(pcm: Int16Array): Int16Array {
  let [loudest, most] = [0, -1];
  for (let at = 0; at + FRAME <= pcm.length; at += FRAME) {
    const power = powerOf(pcm.subarray(at, at + FRAME));
    if (power > most) [loudest, most] = [at, power];
  }
  return pcm.map((_, n) => pcm[loudest + (n % FRAME)]!);
}

export function powerOf(frame: Int16Array): number {
  return frame.reduce((sum, x) => sum + x * x, 0) / frame.length;
}

/** Infinity where it is not found. */
function secondsUntilFound(core: CoreExports, lie: Lie, pcm: Int16Array): number {
  const number = { pcmu: core.CODEC_PCMU, pcma: core.CODEC_PCMA, l16: core.CODEC_L16 }[lie.codec].value;
  const samples = lie.rateHz / 50;
  const size = lie.codec === 'l16' ? samples * 2 : samples;
  const bytes = lie.bytes(pcm);
  // What is heard of it per second of the voice: a lie may make it longer or shorter.
  const second = (bytes.length / pcm.length) * 8000;
  const begin = beginOf(lie.name, pcm);
  const frame = new Uint8Array(core.memory.buffer, core.WIRE_IN.value, size);
  core.suspectStart(number, lie.rateHz);
  for (let at = 0; at + size <= bytes.length; at += size) {
    frame.set(bytes.subarray(at, at + size));
    if (((core.suspectHear(number, samples) >> lie.bit) & 1) === 1) {
      // The listener's own seconds.
      const declared = (at + size) / (size * 50);
      return declared - ((begin / 8000) * second) / (size * 50);
    }
  }
  return Infinity;
}

/** From which sample on there is anything to be found. */
function beginOf(lie: string, pcm: Int16Array): number {
  if (lie === 'silence' || lie === 'constant') return 0;
  const loud = lie === 'clipping' ? overdriven(pcm) : pcm;
  const begins = (frame: Int16Array): boolean =>
    lie === 'clipping' ? frame.some((x) => Math.abs(x) >= 32_767) : powerOf(frame) >= AUDIBLE ** 2;
  let at = 0;
  while (at < loud.length && !begins(loud.subarray(at, at + FRAME))) at += FRAME;
  return at;
}

/** How soon, of all pieces; Infinity where it is not found. */
export function summary(lie: string, times: readonly number[]): ToldLie {
  const found = times.filter((time) => Number.isFinite(time)).sort((a, b) => a - b);
  const at = (share: number): number => found[Math.min(found.length - 1, Math.floor(share * found.length))] ?? Infinity;
  return {
    lie,
    pieces: times.length,
    found: found.length,
    inTime: found.filter((time) => time <= IN_TIME_SECONDS).length,
    seconds: [at(0.5), at(0.95), at(1)],
  };
}
