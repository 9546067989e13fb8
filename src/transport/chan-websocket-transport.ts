/**
 * One call's audio over a WebSocket with Asterisk's chan_websocket: G.711, or L16 little endian, 20 ms a frame.
 *
 * How does it work? The caller of `send` paces; Asterisk takes a frame every 20 ms of its own clock from a queue, so that what
 *   comes in a lump is played in time. That queue would stay as long as it once became: frames that were too many for two
 *   seconds are left out where nothing is said. A flush empties it.
 * Not for: opus and other formats that Asterisk passes through: it knows neither marks nor a flush there.
 */
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { AudioFormat, Codec, MediaFormat } from '../core/media.ts';
import { frameBytes, frameSamples } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { ChanWebSocketConnection } from './chan-websocket-connection.ts';
import { CHAN_WEBSOCKET_MARKS, ChanWebSocketLedger, NO_MARK } from './chan-websocket-ledger.ts';
import { writeChanWebSocket } from './chan-websocket-message.ts';
import type { ChanWebSocketEvent, ChanWebSocketFormat, ChanWebSocketStart } from './chan-websocket-message.ts';
import type { MediaSink, MediaTransport, MediaTransportStats } from './media-transport.ts';
import type { DigitHandler } from './telephone-event.ts';

/** What one transport works with. */
export interface ChanWebSocketTransportOptions {
  readonly clock: Clock;
  /** Started; owned by the transport from now on. */
  readonly connection: ChanWebSocketConnection;
  readonly start: ChanWebSocketStart;
  /** A digit that the channel was sent. Its duration is not known: 0. */
  readonly onDigit: DigitHandler;
}

interface Counters {
  receivedFrames: number;
  sentFrames: number;
  rejectedPackets: number;
  unsentFrames: number;
}

interface Commands {
  readonly marks: readonly string[];
  readonly flush: string;
  readonly status: string;
}

const PTIME_MS = 20;
const AUDIO: Readonly<Record<string, AudioFormat>> = {
  ulaw: { codec: 'pcmu', sampleRateHz: 8_000 },
  alaw: { codec: 'pcma', sampleRateHz: 8_000 },
  slin: { codec: 'l16', sampleRateHz: 8_000 },
  slin16: { codec: 'l16', sampleRateHz: 16_000 },
  slin24: { codec: 'l16', sampleRateHz: 24_000 },
  slin48: { codec: 'l16', sampleRateHz: 48_000 },
};
/** Every text that is ever sent, made once. */
const COMMANDS: Readonly<Record<ChanWebSocketFormat, Commands>> = {
  json: commandsIn('json'),
  'plain-text': commandsIn('plain-text'),
};

/** What Asterisk's format `name` is to us, or null where we do not have it. */
export function chanWebSocketMediaFormat(name: string): MediaFormat | null {
  const audio = Object.hasOwn(AUDIO, name) ? AUDIO[name] : undefined;
  return audio === undefined ? null : { ...audio, ptimeMs: PTIME_MS };
}

/** One connection's. */
export class ChanWebSocketTransport implements MediaTransport {
  readonly kind = 'websocket';
  readonly format: MediaFormat;
  /** A party that says nothing may send nothing; that Asterisk is gone shows on the connection. */
  readonly expectsFrames = false;
  readonly owesFirstFrame = true;
  readonly #options: ChanWebSocketTransportOptions;
  readonly #commands: Commands;
  readonly #frameBytes: number;
  readonly #frameSamples: number;
  readonly #counters: Counters = { receivedFrames: 0, sentFrames: 0, rejectedPackets: 0, unsentFrames: 0 };
  readonly #ledger = new ChanWebSocketLedger();
  /** What is sent is lent for one tick; the socket may keep it for as many frames as it may hold. */
  readonly #slots: readonly Buffer[];
  readonly #bufferedBytes: number;
  /** A frame whose rest has not come. */
  readonly #part: Uint8Array;
  #partBytes = 0;
  #slot = 0;
  #untilStatus: number = LIMITS.chanWebSocketStatusFrames;
  /** Between MEDIA_XOFF and MEDIA_XON. */
  #stopped = false;
  #sequenceNumber = 0;
  #timestamp = 0;
  #sink: MediaSink | null = null;
  #lost: TalkspurtError | null = null;
  #closing: Promise<void> | null = null;

  /** @throws ERR_TALKSPURT_MEDIA_FORMAT when the channel's frames are none of ours: the connection stays the caller's then */
  constructor(options: ChanWebSocketTransportOptions) {
    const { start, connection } = options;
    this.#options = options;
    this.format = formatOf(start);
    this.#frameBytes = frameBytes(this.format);
    this.#frameSamples = frameSamples(this.format);
    this.#commands = COMMANDS[connection.controlFormat];
    const count = LIMITS.chanWebSocketBufferedFrames + 2;
    this.#slots = Array.from({ length: count }, () => Buffer.alloc(this.#frameBytes));
    this.#bufferedBytes = LIMITS.chanWebSocketBufferedFrames * this.#frameBytes;
    this.#part = new Uint8Array(this.#frameBytes);
    connection.listen({
      onAudio: (bytes) => this.#receive(bytes),
      onEvent: (event) => this.#event(event),
      onClosed: (code) => this.#gone(code),
    });
  }

  get stats(): MediaTransportStats {
    return this.#counters;
  }

  /** Frames that a flush dropped, as far as no mark had confirmed them. */
  get flushedFrames(): number {
    return this.#ledger.flushedFrames;
  }

  start(sink: MediaSink): void {
    this.#sink = sink;
    if (this.#lost !== null && this.#closing === null) sink.onLost(this.#lost);
  }

  /** Hot path. */
  send(payload: Uint8Array, startsTalkspurt: boolean): void {
    const { connection, clock } = this.#options;
    if (payload.length !== this.#frameBytes || !this.#hasRoom(payload, startsTalkspurt)) {
      this.#counters.unsentFrames += 1;
      return;
    }
    const slot = this.#slots[this.#slot]!;
    slot.set(payload);
    if (!connection.sendAudio(slot)) {
      this.#counters.unsentFrames += 1;
      return;
    }
    this.#slot = (this.#slot + 1) % this.#slots.length;
    this.#counters.sentFrames += 1;
    const mark = this.#ledger.sent(clock.nowMs());
    if (mark !== NO_MARK) connection.sendText(this.#commands.marks[mark]!);
    this.#untilStatus -= 1;
    if (this.#untilStatus > 0) return;
    this.#untilStatus = LIMITS.chanWebSocketStatusFrames;
    connection.sendText(this.#commands.status);
  }

  /**
   * Frames that Asterisk is done with. What a flush dropped is among them: it waits nowhere any more. Null while Asterisk
   * leaves marks unanswered.
   */
  playedFrames(): number | null {
    return this.#ledger.settledFrames;
  }

  flush(): void {
    // Also where marks say that nothing waits: the next frame may be on its way.
    if (this.#options.connection.sendText(this.#commands.flush)) this.#ledger.flush();
  }

  close(): Promise<void> {
    this.#sink = null;
    this.#closing ??= this.#options.connection.close();
    return this.#closing;
  }

  #hasRoom(payload: Uint8Array, startsTalkspurt: boolean): boolean {
    const ledger = this.#ledger;
    if (this.#stopped) return false;
    if (ledger.heldFrames >= LIMITS.chanWebSocketHeldFrames) {
      // One that plays and answers no marks any more would leave the agent mute for ever.
      ledger.expire(this.#options.clock.nowMs());
      if (ledger.heldFrames > 0) return false;
    }
    if (this.#options.connection.bufferedBytes > this.#bufferedBytes) return false;
    if (ledger.surplusFrames === 0 || startsTalkspurt || !isQuiet(payload, this.format.codec)) return true;
    ledger.leftOut();
    return false;
  }

  #event(event: ChanWebSocketEvent): void {
    if (event.type === 'MEDIA_MARK_PROCESSED') this.#ledger.marked(event.id);
    else if (event.type === 'STATUS') this.#ledger.queued(event.queuedFrames);
    else if (event.type === 'MEDIA_XOFF') this.#stopped = true;
    else if (event.type === 'MEDIA_XON') this.#stopped = false;
    else if (event.type === 'DTMF_END') this.#options.onDigit(event.digit, 0);
  }

  /** A far end whose ptime is not ours comes in messages of its own size. */
  #receive(bytes: Uint8Array): void {
    if (bytes.length === this.#frameBytes && this.#partBytes === 0) return this.#frame(bytes);
    if (bytes.length === 0) {
      this.#counters.rejectedPackets += 1;
      return;
    }
    const part = this.#part;
    for (let at = 0; at < bytes.length; at += 1) {
      part[this.#partBytes] = bytes[at]!;
      this.#partBytes += 1;
      if (this.#partBytes < part.length) continue;
      this.#partBytes = 0;
      this.#frame(part);
    }
  }

  #frame(frame: Uint8Array): void {
    this.#counters.receivedFrames += 1;
    this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff;
    this.#timestamp = (this.#timestamp + this.#frameSamples) >>> 0;
    this.#sink?.onFrame(frame, this.#sequenceNumber, this.#timestamp, this.#options.clock.nowMs());
  }

  #gone(code: number): void {
    if (this.#closing !== null) return;
    const message = `Asterisk closed the call's WebSocket (${code}): its channel was hung up, or the network failed`;
    this.#lost = new TalkspurtError('ERR_TALKSPURT_MEDIA_CONNECTION', message, { details: { code } });
    this.#sink?.onLost(this.#lost);
  }
}

/** @throws ERR_TALKSPURT_MEDIA_FORMAT */
function formatOf(start: ChanWebSocketStart): MediaFormat {
  const format = chanWebSocketMediaFormat(start.codec);
  if (format === null || start.ptimeMs !== PTIME_MS || start.frameBytes !== frameBytes(format)) {
    const message = `Asterisk's WebSocket has frames of ${start.frameBytes} bytes and ${start.ptimeMs} ms, which are none of ulaw, alaw, slin, slin16, slin24 or slin48: choose one of these, and no option p`;
    throw new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message, { details: { codec: start.codec } });
  }
  return format;
}

/** Below about −42 dBov: leaving it out is not heard. */
function isQuiet(payload: Uint8Array, codec: Codec): boolean {
  if (codec === 'l16') {
    for (let i = 0; i < payload.length; i += 2) {
      const sample = ((payload[i]! | (payload[i + 1]! << 8)) << 16) >> 16;
      if (sample > 256 || sample < -256) return false;
    }
    return true;
  }
  // G.711 in its first segment.
  const inverted = codec === 'pcma' ? 0x55 : 0xff;
  for (let i = 0; i < payload.length; i += 1) {
    if (((payload[i]! ^ inverted) & 0x7f) > 0x0f) return false;
  }
  return true;
}

function commandsIn(format: ChanWebSocketFormat): Commands {
  const ids = Array.from({ length: CHAN_WEBSOCKET_MARKS }, (_, id) => String(id));
  return {
    marks: ids.map((id) => writeChanWebSocket(format, 'MARK_MEDIA', id)),
    flush: writeChanWebSocket(format, 'FLUSH_MEDIA'),
    status: writeChanWebSocket(format, 'GET_STATUS'),
  };
}
