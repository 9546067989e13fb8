/**
 * WAV files, read and written (RIFF/WAVE, Multimedia Programming Interface 1.0, and WAVE_FORMAT_EXTENSIBLE): integer PCM
 * of 8, 16, 24 and 32 bits, 32- and 64-bit float, and G.711 in; 16-bit PCM out; one or two channels.
 */
import { readFile, stat } from 'node:fs/promises';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { A_LAW, MU_LAW } from './g711-table.ts';

/** Decoded audio: one array of 16-bit samples a channel, all of one length. */
export interface WavAudio {
  readonly sampleRateHz: number;
  readonly channels: readonly Int16Array[];
}

const FORMAT = { pcm: 1, float: 3, alaw: 6, ulaw: 7, extensible: 0xfffe } as const;
const HEADER_BYTES = 44;
const LOWEST_RATE_HZ = 4_000;
const HIGHEST_RATE_HZ = 192_000;

/** Decodes the `bytes` of a whole file. @throws ERR_TALKSPURT_WAV_INVALID */
export function readWav(bytes: Uint8Array): WavAudio {
  if (bytes.length > LIMITS.wavBytes) throw tooLarge();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || tag(bytes, 0) !== 'RIFF' || tag(bytes, 8) !== 'WAVE') {
    throw invalid('it does not begin with RIFF … WAVE: give a WAV file');
  }
  let format: DataView | null = null;
  let data: DataView | null = null;
  for (let at = 12; at + 8 <= bytes.length && data === null;) {
    const name = tag(bytes, at);
    const length = view.getUint32(at + 4, true);
    // A recorder that was cut off, or wrote to a pipe, leaves the last length open.
    const available = Math.min(length, bytes.length - at - 8);
    const body = new DataView(bytes.buffer, bytes.byteOffset + at + 8, available);
    if (name === 'fmt ') format = body;
    if (name === 'data') data = body;
    at += 8 + length + (length % 2);
  }
  if (data === null) throw invalid('it has no data chunk: record it again');
  if (format === null || format.byteLength < 16) {
    throw invalid('it has no format chunk before its data: convert it (sox in.wav out.wav)');
  }
  return decode(format, data);
}

/**
 * Reads and decodes a file; nothing beyond LIMITS.wavBytes is read.
 * @throws ERR_TALKSPURT_WAV_INVALID also for a file that cannot be read; the path is in `details`.
 */
export async function readWavFile(path: string): Promise<WavAudio> {
  let bytes: Uint8Array;
  try {
    const { size } = await stat(path);
    if (size > LIMITS.wavBytes) throw tooLarge();
    bytes = await readFile(path);
  } catch (error) {
    if (error instanceof TalkspurtError) throw error;
    const reason = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new TalkspurtError(
      'ERR_TALKSPURT_WAV_INVALID',
      `the WAV file ${path} cannot be read (${reason}): check its path and permissions`,
      { cause: error, details: { path } },
    );
  }
  return readWav(bytes);
}

/**
 * A whole file of 16-bit PCM; a channel that is shorter than the other is filled up with silence.
 * @throws ERR_TALKSPURT_WAV_INVALID for other than one or two channels, or a rate that no file has
 */
export function writeWav(audio: WavAudio): Uint8Array {
  const count = audio.channels.length;
  const { sampleRateHz } = audio;
  if (count < 1 || count > 2) throw unwritable(`${count} channels: give one or two`);
  if (!Number.isInteger(sampleRateHz) || sampleRateHz < LOWEST_RATE_HZ || sampleRateHz > HIGHEST_RATE_HZ) {
    throw unwritable(`a rate of ${sampleRateHz} Hz: give ${LOWEST_RATE_HZ} to ${HIGHEST_RATE_HZ} Hz`);
  }
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
  view.setUint32(24, sampleRateHz, true);
  view.setUint32(28, sampleRateHz * count * 2, true);
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

/** Both channels as one: their mean. One channel is returned as it is, not copied. */
export function toMono(audio: WavAudio): Int16Array {
  const [left, right] = audio.channels;
  if (left === undefined) return new Int16Array(0);
  return right === undefined ? left : left.map((sample, i) => (sample + (right[i] ?? 0)) >> 1);
}

function decode(format: DataView, data: DataView): WavAudio {
  let code = format.getUint16(0, true);
  const count = format.getUint16(2, true);
  const sampleRateHz = format.getUint32(4, true);
  const blockBytes = format.getUint16(12, true);
  const bits = format.getUint16(14, true);
  // WAVE_FORMAT_EXTENSIBLE keeps the real code in the first two bytes of its sub-format.
  if (code === FORMAT.extensible && format.byteLength >= 26) code = format.getUint16(24, true);
  if (count < 1 || count > 2) throw invalid(`it has ${count} channels: give one or two (sox in.wav out.wav remix 1)`);
  if (sampleRateHz < LOWEST_RATE_HZ || sampleRateHz > HIGHEST_RATE_HZ) {
    throw invalid(`its rate is ${sampleRateHz} Hz: give ${LOWEST_RATE_HZ} to ${HIGHEST_RATE_HZ} Hz`);
  }
  const read = sampleReader(code, bits, data);
  const bytes = bits / 8;
  if (blockBytes !== bytes * count) {
    throw invalid(`its blocks have ${blockBytes} bytes instead of ${bytes * count}: convert it (sox in.wav out.wav)`);
  }
  const length = Math.floor(data.byteLength / blockBytes);
  if (length === 0) throw invalid('it holds no audio: record it again');
  const channels = Array.from({ length: count }, (_, channel) => {
    const samples = new Int16Array(length);
    for (let i = 0; i < length; i++) samples[i] = read((i * count + channel) * bytes);
    return samples;
  });
  return { sampleRateHz, channels };
}

/** How to take one sample from its first byte on. Integers keep their upper 16 bits. */
function sampleReader(code: number, bits: number, data: DataView): (at: number) => number {
  if (code === FORMAT.pcm && bits === 8) return (at) => (data.getUint8(at) - 128) << 8;
  if (code === FORMAT.pcm && bits === 16) return (at) => data.getInt16(at, true);
  if (code === FORMAT.pcm && bits === 24) return (at) => data.getInt16(at + 1, true);
  if (code === FORMAT.pcm && bits === 32) return (at) => data.getInt16(at + 2, true);
  if (code === FORMAT.float && bits === 32) return (at) => toSixteenBits(data.getFloat32(at, true));
  if (code === FORMAT.float && bits === 64) return (at) => toSixteenBits(data.getFloat64(at, true));
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

function tooLarge(): TalkspurtError {
  return invalid(`it is larger than ${LIMITS.wavBytes} bytes: cut it into pieces`);
}

function invalid(fault: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_WAV_INVALID', `this is not a WAV file that can be played: ${fault}`);
}

function unwritable(fault: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_WAV_INVALID', `a WAV file cannot be written with ${fault}`);
}
