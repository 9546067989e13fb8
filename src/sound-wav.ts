/**
 * A WAV file that is decoded piece by piece, so that a long one holds nobody up. What a format is and which of them are
 * read, `simulator/wav.ts` decides: each piece is handed to it as a file of its own.
 */
import { TalkspurtError } from './core/errors.ts';
import { LIMITS } from './limits.ts';
import { readWav, toMono } from './simulator/wav.ts';
import type { PcmSource } from './dsp/sound-slices.ts';

/** As much of a format chunk as anybody reads (WAVE_FORMAT_EXTENSIBLE), bytes. */
const FORMAT_BYTES = 40;
/** What is decoded to learn that the format is one that can be: many times the largest block, bytes. */
const TRIAL_BYTES = 1_024;
/** Offset of the block size in a format chunk, and the largest: two channels of 64 bits. */
const BLOCK_AT = 12;
const BLOCK_MAXIMUM_BYTES = 16;

/** A file's audio as mono; `bytes` is borrowed for as long as it lives. */
export class WavSlices implements PcmSource {
  readonly sampleRateHz: number;
  /** Samples, of each channel. */
  readonly length: number;
  readonly #format: Uint8Array;
  readonly #data: Uint8Array;
  readonly #blockBytes: number;

  /** Decodes no more than its beginning. @throws ERR_TALKSPURT_WAV_INVALID, ERR_TALKSPURT_SOUND */
  constructor(bytes: Uint8Array) {
    const { format, data } = chunksOf(bytes);
    this.#format = format;
    this.#data = data;
    this.sampleRateHz = readWav(fileOf(format, data.subarray(0, TRIAL_BYTES))).sampleRateHz;
    this.#blockBytes = new DataView(format.buffer, format.byteOffset).getUint16(BLOCK_AT, true);
    if (this.#blockBytes < 1 || this.#blockBytes > BLOCK_MAXIMUM_BYTES) throw invalid('its block size is none');
    this.length = Math.floor(data.length / this.#blockBytes);
  }

  read(from: number, to: number): Int16Array {
    const block = this.#blockBytes;
    return toMono(readWav(fileOf(this.#format, this.#data.subarray(from * block, to * block))));
  }
}

/** Where format and audio lie. The first audio is what counts. */
function chunksOf(bytes: Uint8Array): { format: Uint8Array; data: Uint8Array } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const tag = (at: number): string => String.fromCharCode(...bytes.subarray(at, at + 4));
  let format: Uint8Array | null = null;
  // Where it does not begin as a WAV does there is nothing to look for.
  let at = bytes.length >= 12 && tag(0) === 'RIFF' && tag(8) === 'WAVE' ? 12 : bytes.length;
  for (let chunk = 0; at + 8 <= bytes.length; chunk += 1) {
    if (chunk >= LIMITS.soundChunks) throw invalid(`it has more than ${LIMITS.soundChunks} chunks before its audio`);
    const length = view.getUint32(at + 4, true);
    // A recorder that was cut off, or wrote to a pipe, leaves the last length open.
    const body = bytes.subarray(at + 8, at + 8 + Math.min(length, bytes.length - at - 8));
    if (tag(at) === 'fmt ') format = body;
    if (tag(at) === 'data' && format !== null && format.length >= 16) return { format, data: body };
    if (tag(at) === 'data') break;
    at += 8 + length + (length % 2);
  }
  // It says what is wrong with it; there is no audio in it that it could decode.
  readWav(bytes);
  throw invalid('it has no format and no audio');
}

/** A file that holds `data` alone. */
function fileOf(format: Uint8Array, data: Uint8Array): Uint8Array {
  const kept = format.subarray(0, FORMAT_BYTES);
  const padded = kept.length + (kept.length % 2);
  const file = new Uint8Array(12 + 8 + padded + 8 + data.length);
  const view = new DataView(file.buffer);
  const put = (at: number, text: string): void => file.set(Buffer.from(text, 'latin1'), at);
  put(0, 'RIFF');
  view.setUint32(4, file.length - 8, true);
  put(8, 'WAVEfmt ');
  view.setUint32(16, kept.length, true);
  file.set(kept, 20);
  put(20 + padded, 'data');
  view.setUint32(24 + padded, data.length, true);
  file.set(data, 28 + padded);
  return file;
}

function invalid(fault: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_SOUND', `the sound cannot be played: ${fault}: record it again`);
}
