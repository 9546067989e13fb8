/**
 * What Asterisk's chan_websocket says and is told beside the audio: text messages in one of two formats, chosen for each channel.
 *
 *     MEDIA_MARK_PROCESSED 17
 *     {"event":"MEDIA_MARK_PROCESSED","channel_id":"w1","correlation_id":"17"}
 *
 * Which one a channel speaks is seen by its first character. A message of ours of more than 128 characters is ignored by Asterisk.
 */
import { LIMITS } from '../limits.ts';

/** How a channel's messages are written: `f(json)` or `f(plain-text)` of its dial string. */
export type ChanWebSocketFormat = 'json' | 'plain-text';

/** The channel is there: the first message of every connection. */
export interface ChanWebSocketStart {
  readonly type: 'MEDIA_START';
  /** ARI's id of the channel. */
  readonly channelId: string;
  /** Asterisk's name of its codec. */
  readonly codec: string;
  /** Bytes of one frame; 0: Asterisk passes packets through as they come. */
  readonly frameBytes: number;
  readonly ptimeMs: number;
}

/** Frames that wait in Asterisk at the moment of asking. */
export interface ChanWebSocketStatus {
  readonly type: 'STATUS';
  readonly queuedFrames: number;
}

/** One message of chan_websocket. `UNKNOWN` is one that a later Asterisk may have; `MALFORMED` says nothing. */
export type ChanWebSocketEvent =
  | ChanWebSocketStart
  | ChanWebSocketStatus
  | { readonly type: 'MEDIA_MARK_PROCESSED' | 'MEDIA_BUFFERING_COMPLETED'; readonly id: string }
  /** The digit is personal. */
  | { readonly type: 'DTMF_END'; readonly digit: string }
  | { readonly type: 'MEDIA_XON' | 'MEDIA_XOFF' | 'QUEUE_DRAINED' | 'ERROR' | 'UNKNOWN' | 'MALFORMED' };

/** What we tell it. */
export type ChanWebSocketCommand =
  'MARK_MEDIA' | 'FLUSH_MEDIA' | 'GET_STATUS' | 'REPORT_QUEUE_DRAINED' | 'PAUSE_MEDIA' | 'CONTINUE_MEDIA' | 'HANGUP';

type Fields = (key: string) => unknown;

const MALFORMED: ChanWebSocketEvent = { type: 'MALFORMED' };
const NUMBER = /^\d{1,9}$/;
const DIGIT = /^[0-9*#A-Da-d]$/;

/** The format that `text` is in. */
export function chanWebSocketFormatOf(text: string): ChanWebSocketFormat {
  return text.startsWith('{') ? 'json' : 'plain-text';
}

/** One text message. Never throws. */
export function parseChanWebSocket(text: string): ChanWebSocketEvent {
  if (text.length > LIMITS.chanWebSocketMessageBytes) return MALFORMED;
  return chanWebSocketFormatOf(text) === 'json' ? parseJson(text) : parsePlain(text);
}

/** `command` as a text message; `id` is given back with the event that answers it. Printable ASCII, at most 64 characters. */
export function writeChanWebSocket(format: ChanWebSocketFormat, command: ChanWebSocketCommand, id = ''): string {
  if (format === 'plain-text') return id === '' ? command : `${command} ${id}`;
  return JSON.stringify(id === '' ? { command } : { command, correlation_id: id });
}

function parseJson(text: string): ChanWebSocketEvent {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return MALFORMED;
  }
  if (typeof message !== 'object' || message === null) return MALFORMED;
  const fields = message as Readonly<Record<string, unknown>>;
  const name = fields['event'];
  if (typeof name !== 'string') return MALFORMED;
  return eventOf(name, idOf(fields['correlation_id']), (key) => (Object.hasOwn(fields, key) ? fields[key] : undefined));
}

/** `NAME id` or `NAME key:value key:value`; a value has no space. */
function parsePlain(text: string): ChanWebSocketEvent {
  const [name = '', ...words] = text.trim().split(' ');
  if (!/^[A-Z][A-Z_]{0,63}$/.test(name)) return MALFORMED;
  return eventOf(name, idOf(words[0] ?? ''), (key) => {
    // The last one counts: what comes before may be a name that somebody chose.
    const word = words.findLast((each) => each.startsWith(`${key}:`));
    return word?.slice(key.length + 1);
  });
}

function eventOf(type: string, id: string | null, field: Fields): ChanWebSocketEvent {
  switch (type) {
    case 'MEDIA_START':
      return startOf(field) ?? MALFORMED;
    case 'MEDIA_MARK_PROCESSED':
    case 'MEDIA_BUFFERING_COMPLETED':
      return id === null ? MALFORMED : { type, id };
    case 'STATUS': {
      const queuedFrames = countOf(field('queue_length'));
      return queuedFrames === null ? MALFORMED : { type, queuedFrames };
    }
    case 'DTMF_END': {
      const digit = field('digit');
      if (typeof digit !== 'string' || !DIGIT.test(digit)) return MALFORMED;
      return { type, digit: digit.toUpperCase() };
    }
    case 'MEDIA_XON':
    case 'MEDIA_XOFF':
    case 'QUEUE_DRAINED':
    case 'ERROR':
      return { type };
    default:
      return { type: 'UNKNOWN' };
  }
}

function startOf(field: Fields): ChanWebSocketStart | null {
  const channelId = idOf(field('channel_id'));
  const codec = idOf(field('format'));
  const frameBytes = countOf(field('optimal_frame_size'));
  const ptimeMs = countOf(field('ptime'));
  if (channelId === null || channelId === '' || codec === null || codec === '') return null;
  if (frameBytes === null || ptimeMs === null) return null;
  return { type: 'MEDIA_START', channelId, codec, frameBytes, ptimeMs };
}

/** Null: not what an id can be. Absent and empty are one. */
function idOf(value: unknown): string | null {
  if (value === undefined) return '';
  return typeof value === 'string' && value.length <= LIMITS.chanWebSocketIdCharacters ? value : null;
}

function countOf(value: unknown): number | null {
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 && value < 1e9 ? value : null;
  return typeof value === 'string' && NUMBER.test(value) ? Number(value) : null;
}
