/** What a WebSocket server says in texts: audio to play, orders about it, marks; everything else is the application's. */
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { isJson } from './event-fields.ts';
import type { Json } from './event-fields.ts';
import { streamPlayBody } from './stream-event-bodies.ts';
import { isStreamRate } from './stream-clip.ts';
import type { StreamSound } from './stream-clip.ts';
import { readStreamWav } from './stream-wav.ts';

/** One text of the server, understood. */
export type StreamMessage =
  | { readonly type: 'audio'; readonly sound: StreamSound; /** Body of `::play`. */ readonly play: string }
  /** Drop what has not been heard. */
  | { readonly type: 'flush' }
  | { readonly type: 'mark'; readonly name: string }
  | { readonly type: 'clear-marks' }
  /** The application's business. */
  | { readonly type: 'other' }
  /** Meant for us, and not usable: recoverable. */
  | { readonly type: 'fault'; readonly error: TalkspurtError };

/** How texts are read. */
export interface StreamMessageRules {
  /** The stream's name, for messages. */
  readonly name: string;
  readonly maxAudioBase64: number;
}

/** Never throws: a text that is not for us, or no JSON at all, is `other`, as in the module. */
export function readStreamMessage(text: string, rules: StreamMessageRules): StreamMessage {
  const message = parse(text);
  if (message === null) return passedOn(text, rules);
  switch (message['type']) {
    case 'streamAudio':
      return readAudio(message['data'], rules) ?? passedOn(text, rules);
    case 'killAudio':
    case 'break':
    case 'clear':
      return FLUSH;
    case 'clearMarks':
      return CLEAR_MARKS;
    case 'mark':
      return readMark(message['data']) ?? passedOn(text, rules);
    default:
      return passedOn(text, rules);
  }
}

const FLUSH: StreamMessage = { type: 'flush' };
const CLEAR_MARKS: StreamMessage = { type: 'clear-marks' };
const OTHER: StreamMessage = { type: 'other' };
/** What nothing here can decode. */
const COMPRESSED: readonly unknown[] = ['mp3', 'ogg'];

function parse(text: string): Json | null {
  try {
    const value: unknown = JSON.parse(text);
    return isJson(value) ? value : null;
  } catch {
    // Servers may send any text.
    return null;
  }
}

function passedOn(text: string, rules: StreamMessageRules): StreamMessage {
  // Cheap first: UTF-8 is never shorter than its UTF-16 units, nor more than three times as long.
  if (text.length * 3 <= LIMITS.streamTextBytes || Buffer.byteLength(text) <= LIMITS.streamTextBytes) return OTHER;
  return protocolFault(rules, 'a text that is too long to be passed on', {
    limitBytes: LIMITS.streamTextBytes,
    characters: text.length,
  });
}

function readMark(data: unknown): StreamMessage | null {
  const name = isJson(data) ? data['name'] : undefined;
  if (typeof name !== 'string' || name === '' || name.length > LIMITS.backendIdCharacters) return null;
  return { type: 'mark', name };
}

/** Null: not audio in the module's sense, which passes it on. */
function readAudio(data: unknown, rules: StreamMessageRules): StreamMessage | null {
  if (!isJson(data)) return null;
  const { audioDataType: kind, sampleRate, audioData } = data;
  if (typeof audioData !== 'string' || audioData === '') return null;
  if (COMPRESSED.includes(kind)) {
    return fault(
      new TalkspurtError(
        'ERR_TALKSPURT_NOT_SUPPORTED',
        `stream '${rules.name}' got ${kind as string} audio, which is not decoded: send raw, wav, pcmu or pcma`,
        { details: { audioDataType: kind as string } },
      ),
    );
  }
  const sound = kind === 'wav' ? 'wav' : soundHead(kind, sampleRate);
  if (sound === null) return null;
  if (audioData.length > rules.maxAudioBase64) {
    return protocolFault(rules, 'a streamAudio message that is too long', {
      limitCharacters: rules.maxAudioBase64,
      characters: audioData.length,
    });
  }
  const bytes = decodeBase64Text(audioData);
  if (bytes === null) return protocolFault(rules, 'a streamAudio message whose audioData is no base64', {});
  try {
    return {
      type: 'audio',
      sound: sound === 'wav' ? soundOfWav(bytes) : { ...sound, bytes },
      play: streamPlayBody(data),
    };
  } catch (error) {
    if (error instanceof TalkspurtError) return fault(error);
    throw error;
  }
}

/** Codec and rate where both are known; the module insists on the rate only where it names the file after it. */
function soundHead(kind: unknown, sampleRate: unknown): Omit<StreamSound, 'bytes'> | null {
  if (kind !== 'raw' && kind !== 'pcmu' && kind !== 'pcma') return null;
  const sampleRateHz = sampleRate === undefined && kind !== 'raw' ? 8000 : sampleRate;
  if (!isStreamRate(sampleRateHz)) return null;
  return { codec: kind === 'raw' ? 'l16' : kind, sampleRateHz, channels: 1 };
}

/** @throws ERR_TALKSPURT_WAV_INVALID */
function soundOfWav(bytes: Buffer): StreamSound {
  const { codec, sampleRateHz, channels, data } = readStreamWav(bytes);
  if (!isStreamRate(sampleRateHz)) {
    throw new TalkspurtError(
      'ERR_TALKSPURT_WAV_INVALID',
      `a WAV in a streamAudio message has a rate that is not usable: send 8000, 16000, 24000, 32000, 48000 or 64000 Hz`,
      { details: { sampleRateHz } },
    );
  }
  return { codec, sampleRateHz, channels, bytes: data };
}

/**
 * Strict, but for line breaks, which some encoders put in. The platform's decoder skips garbage silently, so the count of
 * what it wrote is held against what the text must hold.
 */
function decodeBase64Text(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.length === decodedBytes(text)) return bytes;
  const joined = text.replaceAll(/[\r\n\t ]+/g, '');
  return joined.length !== text.length && bytes.length === decodedBytes(joined) ? bytes : null;
}

function decodedBytes(text: string): number {
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  if (padding > 0 && text.length % 4 !== 0) return -1;
  const characters = text.length - padding;
  return characters % 4 === 1 ? -1 : Math.floor((characters * 3) / 4);
}

function protocolFault(rules: StreamMessageRules, what: string, details: Record<string, number>): StreamMessage {
  return fault(new TalkspurtError('ERR_TALKSPURT_BACKEND_PROTOCOL', `stream '${rules.name}' got ${what}`, { details }));
}

function fault(error: TalkspurtError): StreamMessage {
  return { type: 'fault', error };
}
