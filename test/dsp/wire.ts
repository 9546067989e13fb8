/** Bytes and samples for tests, by an implementation of G.711 that is not ours. */
import * as alawmulaw from 'alawmulaw';
import type { AudioFormat, Codec } from '../../src/core/media.ts';

// Its typings describe named exports; Node finds them on the default one.
const { mulaw, alaw } = (alawmulaw as unknown as { default: typeof alawmulaw }).default;

export function toBytes(codec: Codec, pcm: ArrayLike<number>): Uint8Array {
  const samples = Int16Array.from(pcm);
  if (codec === 'pcmu') return mulaw.encode(samples);
  if (codec === 'pcma') return alaw.encode(samples);
  return new Uint8Array(samples.buffer);
}

export function toSamples(codec: Codec, bytes: Uint8Array): Int16Array {
  if (codec === 'pcmu') return mulaw.decode(bytes);
  if (codec === 'pcma') return alaw.decode(bytes);
  return new Int16Array(bytes.slice().buffer);
}

/** A sine that never falls on a sampling period, from sample `from` on. */
export function sine(hz: number, sampleRateHz: number, from: number, count: number, amplitude: number): Int16Array {
  return Int16Array.from({ length: count }, (_, i) =>
    Math.round(amplitude * Math.sin((2 * Math.PI * hz * (from + i)) / sampleRateHz)),
  );
}

/** How far `pcm` is above all that is not `hz`, in dB, and the amplitude of `hz`. */
export function measureTone(pcm: Int16Array, hz: number, sampleRateHz: number): { amplitude: number; snrDb: number } {
  let [cc, cs, ss, xc, xs] = [0, 0, 0, 0, 0];
  const turn = (n: number): readonly [number, number] => {
    const w = (2 * Math.PI * hz * n) / sampleRateHz;
    return [Math.cos(w), Math.sin(w)];
  };
  pcm.forEach((x, n) => {
    const [c, s] = turn(n);
    cc += c * c;
    cs += c * s;
    ss += s * s;
    xc += x * c;
    xs += x * s;
  });
  const det = cc * ss - cs * cs;
  const a = (xc * ss - xs * cs) / det;
  const b = (xs * cc - xc * cs) / det;
  const rest = pcm.reduce((sum, x, n) => {
    const [c, s] = turn(n);
    return sum + (x - a * c - b * s) ** 2;
  }, 0);
  const amplitude = Math.hypot(a, b);
  return { amplitude, snrDb: 10 * Math.log10((amplitude ** 2 * pcm.length) / (2 * rest + 1e-9)) };
}

export function silenceOf(format: AudioFormat): number {
  return format.codec === 'pcmu' ? 0xff : format.codec === 'pcma' ? 0xd5 : 0;
}
