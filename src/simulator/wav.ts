/**
 * WAV files, read and written (RIFF/WAVE, Multimedia Programming Interface 1.0): integer PCM of 8, 16, 24 and 32 bits,
 * 32-bit float, and G.711 in; 16-bit PCM out.
 */
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { A_LAW, MU_LAW } from './g711-table.ts';

/** Decoded audio: one array a channel, all of one length. */
export interface WavAudio {
  readonly sampleRateHz: number;
  readonly channels: readonly Int16Array[];
}

const FORMAT = { pcm: 1, float: 3, alaw: 6, ulaw: 7, extensible: 0xfffe } as const;
const HEADER_BYTES = 44;

/** `bytes` of a whole file. @throws ERR_TALKSPURT_WAV_INVALID */
export function readWav(bytes: Uint8Array): WavAudio {
  if (bytes.length > LIMITS.wavBytes) throw invalid(`it is larger than ${LIMITS.wavBytes} bytes: cut it`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || tag(bytes, 0) !== 'RIFF' || tag(bytes, 8) !== 'WAVE') {
    throw invalid('it does not begin with RIFF … WAVE: give a WAV file');
  }
  let format: DataView | null = null;
  let data: DataView | null = null;
  for (let at = 12; at + 8 <= bytes.length && data === null;) {
    const name = tag(bytes, at);
    const length = view.getUint32(at + 4, true);
    // Recorders that were cut off, or wrote to a pipe, leave the last length open.
    const available = Math.min(length, bytes.length - at - 8);
    const body = new DataView(bytes.buffer, bytes.byteOffset + at + 8, available);
    if (name === 'fmt ') format = body;
    if (name === 'data') data = body;
    at += 8 + length + (length % 2);
  }
  if (format === null || format.byteLength < 16) throw invalid('it has no format chunk before its data: write it anew');
  if (data === null) throw invalid('it has no data chunk: it holds no audio');
  return decode(format, data);
}

/** A whole file of 16-bit PCM; channels of different length are filled up with silence. */
export function writeWav(audio: WavAudio): Uint8Array {
  const count = audio.channels.length;
  const length = Math.max(0, ...audio.channels.map((channel) => channel.length));
  const dataBytes = length * count * 2;
  const bytes = new Uint8Array(HEADER_BYTES + dataBytes);
  const view = new DataView(bytes.buffer);
  const put = (at: number, text: string): void => bytes.set(Buffer.from(text, 'latin1'), at);
  put(0, 'RIFF');
  view.setUint32(4, HEADER_BYTES - 8 + dataBytes, true);
  put(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, FORMAT.pcm, true);
  view.setUint16(22, count, true);
  view.setUint32(24, audio.sampleRateHz, true);
  view.setUint32(28, audio.sampleRateHz * count * 2, true);
  view.setUint16(32, count * 2, true);
  view.setUint16(34, 16, true);
  put(36, 'data');
  view.setUint32(40, dataBytes, true);
  for (let i = 0, at = HEADER_BYTES; i < length; i++) {
    for (const channel of audio.channels) {
      view.setInt16(at, channel[i] ?? 0, true);
      at += 2;
    }
  }
  return bytes;
}

/** All channels as one: their mean. */
export function toMono(audio: WavAudio): Int16Array {
  const [first] = audio.channels;
  if (first === undefined) return new Int16Array(0);
  if (audio.channels.length === 1) return first;
  return first.map(
    (_, i) => audio.channels.reduce((sum, channel) => sum + (channel[i] ?? 0), 0) / audio.channels.length,
  );
}

function decode(format: DataView, data: DataView): WavAudio {
  let code = format.getUint16(0, true);
  const count = format.getUint16(2, true);
  const sampleRateHz = format.getUint32(4, true);
  const bits = format.getUint16(14, true);
  // WAVE_FORMAT_EXTENSIBLE keeps the real code in the first two bytes of its sub-format.
  if (code === FORMAT.extensible && format.byteLength >= 26) code = format.getUint16(24, true);
  if (count < 1 || count > 8) throw invalid(`it has ${count} channels: give one or two`);
  if (sampleRateHz < 4000 || sampleRateHz > 192_000)
    throw invalid(`its rate is ${sampleRateHz} Hz: give 8000 to 48000 Hz`);
  const read = sampleReader(code, bits, data);
  const bytes = bits / 8;
  const length = Math.floor(data.byteLength / (bytes * count));
  if (length === 0) throw invalid('it holds no audio');
  const channels = Array.from({ length: count }, (_, channel) => {
    const samples = new Int16Array(length);
    for (let i = 0; i < length; i++) samples[i] = read((i * count + channel) * bytes);
    return samples;
  });
  return { sampleRateHz, channels };
}

function sampleReader(code: number, bits: number, data: DataView): (at: number) => number {
  if (code === FORMAT.pcm && bits === 8) return (at) => (data.getUint8(at) - 128) << 8;
  if (code === FORMAT.pcm && bits === 16) return (at) => data.getInt16(at, true);
  if (code === FORMAT.pcm && bits === 24) return (at) => data.getInt16(at + 1, true);
  if (code === FORMAT.pcm && bits === 32) return (at) => data.getInt16(at + 2, true);
  if (code === FORMAT.float && bits === 32) return (at) => toSixteenBits(data.getFloat32(at, true));
  if (code === FORMAT.ulaw && bits === 8) return (at) => MU_LAW.decode[data.getUint8(at)] ?? 0;
  if (code === FORMAT.alaw && bits === 8) return (at) => A_LAW.decode[data.getUint8(at)] ?? 0;
  throw invalid(
    `its format is ${code} with ${bits} bits: convert it to 16-bit PCM (sox in.wav -b 16 -e signed out.wav)`,
  );
}

function toSixteenBits(value: number): number {
  return Number.isNaN(value) ? 0 : Math.max(-32768, Math.min(32767, Math.round(value * 32768)));
}

function tag(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function invalid(fault: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_WAV_INVALID', `this is not a WAV file that can be played: ${fault}`);
}
