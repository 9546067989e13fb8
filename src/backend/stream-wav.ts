/** WAV as a server sends it inside a message (RIFF/WAVE): 16-bit PCM and G.711, one or two channels. */
import { TalkspurtError } from '../core/errors.ts';

/** Where the samples of a WAV are. `data` is part of the bytes that were given, and holds whole blocks only. */
export interface StreamWav {
  readonly codec: 'l16' | 'pcmu' | 'pcma';
  readonly sampleRateHz: number;
  readonly channels: 1 | 2;
  readonly data: Buffer;
}

/** Finds the samples in the bytes of a whole file. @throws ERR_TALKSPURT_WAV_INVALID */
export function readStreamWav(bytes: Buffer): StreamWav {
  if (bytes.length < 12 || tag(bytes, 0) !== 'RIFF' || tag(bytes, 8) !== 'WAVE') {
    throw invalid('it does not begin with RIFF … WAVE');
  }
  let format: Buffer | null = null;
  for (let at = 12; at + 8 <= bytes.length;) {
    const name = tag(bytes, at);
    const length = bytes.readUInt32LE(at + 4);
    // Who writes while it still speaks leaves the last length open: FFFFFFFF, or more than there is.
    const body = bytes.subarray(at + 8, Math.min(at + 8 + length, bytes.length));
    if (name === 'data') {
      if (format === null) throw invalid('it has no format chunk before its data');
      return describe(format, body);
    }
    if (name === 'fmt ') format = body;
    at += 8 + length + (length % 2);
  }
  throw invalid('it has no data chunk');
}

const EXTENSIBLE = 0xfffe;
const CODECS: Readonly<Record<number, { readonly codec: StreamWav['codec']; readonly bits: number }>> = {
  1: { codec: 'l16', bits: 16 },
  6: { codec: 'pcma', bits: 8 },
  7: { codec: 'pcmu', bits: 8 },
};

function describe(format: Buffer, data: Buffer): StreamWav {
  if (format.length < 16) throw invalid('its format chunk is cut off');
  const plain = format.readUInt16LE(0);
  // WAVE_FORMAT_EXTENSIBLE: the real one begins the sub-format's GUID.
  const kind = plain === EXTENSIBLE && format.length >= 26 ? format.readUInt16LE(24) : plain;
  const channels = format.readUInt16LE(2);
  const known = CODECS[kind];
  if (known === undefined || known.bits !== format.readUInt16LE(14)) {
    throw invalid('it is neither 16-bit PCM nor G.711');
  }
  if (channels !== 1 && channels !== 2) throw invalid('it has neither one channel nor two');
  const blockBytes = (known.bits / 8) * channels;
  return {
    codec: known.codec,
    sampleRateHz: format.readUInt32LE(4),
    channels,
    data: data.subarray(0, data.length - (data.length % blockBytes)),
  };
}

function tag(bytes: Buffer, at: number): string {
  return bytes.toString('latin1', at, at + 4);
}

function invalid(reason: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_WAV_INVALID', `a WAV in a streamAudio message is not usable: ${reason}`);
}
