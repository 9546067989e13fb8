/** Between 16-bit samples and the bytes of a format; G.711 by the simulator's own tables. */
import type { Codec } from '../core/media.ts';
import { A_LAW, MU_LAW } from './g711-table.ts';

/** 16-bit samples of audio in any of the wire's formats; an odd last byte of L16 is left out. */
export function toLinear(bytes: Uint8Array, codec: Codec): Int16Array {
  if (codec === 'l16') {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Int16Array.from({ length: bytes.length >> 1 }, (_, i) => view.getInt16(i * 2, true));
  }
  const { decode } = codec === 'pcmu' ? MU_LAW : A_LAW;
  return Int16Array.from(bytes, (code) => decode[code] ?? 0);
}

/** The wire's bytes for 16-bit samples. */
export function fromLinear(samples: Int16Array, codec: Codec): Uint8Array {
  if (codec === 'l16') return new Uint8Array(samples.slice().buffer);
  const { encode } = codec === 'pcmu' ? MU_LAW : A_LAW;
  return Uint8Array.from(samples, (sample) => encode[sample + 32768] ?? 0);
}

/** Level of the louder half of a recording in dBov (RFC 6464), by 20 ms: pauses do not count. */
export function activeLevelDbov(samples: Int16Array, sampleRateHz: number): number {
  const step = Math.floor(sampleRateHz / 50);
  const powers: number[] = [];
  for (let at = 0; at + step <= samples.length; at += step) {
    let sum = 0;
    for (let i = at; i < at + step; i++) sum += (samples[i] ?? 0) ** 2;
    powers.push(sum / step / 32768 ** 2);
  }
  const loud = powers.sort((a, b) => b - a).slice(0, Math.ceil(powers.length / 2));
  const mean = loud.reduce((sum, power) => sum + power, 0) / Math.max(1, loud.length);
  return mean <= 0 ? -127 : Math.max(-127, 10 * Math.log10(mean));
}
