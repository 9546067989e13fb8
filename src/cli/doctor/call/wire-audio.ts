/** Samples to a leg's bytes and back, and as what else those bytes can be read. Our G.711 tables stand apart from the core's. */
import type { Codec, MediaFormat } from '../../../core/media.ts';
import { A_LAW, MU_LAW } from '../../../simulator/g711-table.ts';
import { SIGNAL_RATE_HZ } from './test-signal.ts';

/** A way to read bytes: as a codec, or as L16 in the other byte order. */
export type Reading = Codec | 'l16-swapped';

/** Every way, the declared one first. */
export function readingsOf(codec: Codec): readonly Reading[] {
  const all: readonly Reading[] = ['l16', 'l16-swapped', 'pcmu', 'pcma'];
  return [codec, ...all.filter((reading) => reading !== codec)];
}

/** `samples` at {@link SIGNAL_RATE_HZ} as frames of `format`; the last one is filled up with silence. */
export function framesOf(samples: Int16Array, format: MediaFormat): Uint8Array[] {
  const factor = format.sampleRateHz / SIGNAL_RATE_HZ;
  const count = (SIGNAL_RATE_HZ / 1000) * format.ptimeMs;
  const frames: Uint8Array[] = [];
  for (let from = 0; from < samples.length; from += count) {
    const frame = new Int16Array(count * factor);
    for (let n = 0; n < frame.length; n += 1) frame[n] = interpolated(samples, from + n / factor);
    frames.push(encode(frame, format.codec));
  }
  return frames;
}

/** Bytes as samples at the rate that they have, one after the other. */
export function decode(bytes: Uint8Array, reading: Reading): Int16Array {
  if (reading === 'pcmu') return Int16Array.from(bytes, (code) => MU_LAW.decode[code] ?? 0);
  if (reading === 'pcma') return Int16Array.from(bytes, (code) => A_LAW.decode[code] ?? 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int16Array.from({ length: bytes.length >> 1 }, (_, n) => view.getInt16(2 * n, reading === 'l16'));
}

/** Down to {@link SIGNAL_RATE_HZ} by means of as many samples as make one. */
export function toSignalRate(samples: Int16Array, sampleRateHz: number): Int16Array {
  const factor = sampleRateHz / SIGNAL_RATE_HZ;
  if (factor === 1) return samples;
  return Int16Array.from({ length: Math.floor(samples.length / factor) }, (_, n) => {
    let sum = 0;
    for (let k = 0; k < factor; k += 1) sum += samples[n * factor + k] ?? 0;
    return Math.round(sum / factor);
  });
}

function encode(samples: Int16Array, codec: Codec): Uint8Array {
  if (codec === 'l16') {
    const bytes = new Uint8Array(2 * samples.length);
    const view = new DataView(bytes.buffer);
    for (const [n, sample] of samples.entries()) view.setInt16(2 * n, sample, true);
    return bytes;
  }
  const law = codec === 'pcmu' ? MU_LAW : A_LAW;
  return Uint8Array.from(samples, (sample) => law.encode[sample + 32_768] ?? 0);
}

/** Windowed sinc over 16 samples; the signal has nothing near half the rate but speech, which was filtered when it was made. */
function interpolated(samples: Int16Array, at: number): number {
  const middle = Math.floor(at);
  const fraction = at - middle;
  if (fraction === 0) return samples[middle] ?? 0;
  let sum = 0;
  for (let k = -7; k <= 8; k += 1) {
    const x = fraction - k;
    const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / 8.5);
    sum += (samples[middle + k] ?? 0) * (Math.sin(Math.PI * x) / (Math.PI * x)) * window;
  }
  return Math.max(-32_768, Math.min(32_767, Math.round(sum)));
}
