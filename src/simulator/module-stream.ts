/**
 * One stream of a simulated WebSocket module: its connection, and what it does with what the server says. Written from recordings of
 * mod_audio_stream and from the sources' behaviour of mod_audio_fork; shares nothing with the server.
 */
import { WebSocket } from 'ws';
import { LIMITS } from '../limits.ts';

/** Which module is simulated. */
export type ModuleKind = 'mod_audio_stream' | 'mod_audio_fork' | 'jambonz';

/** One stream as it was started. */
export interface ModuleStreamOptions {
  readonly kind: ModuleKind;
  readonly uuid: string;
  readonly url: string;
  readonly metadata: string | null;
  /** Request headers beyond the usual ones. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whether binary messages are played (jambonz). */
  readonly binary: boolean;
  /** jambonz: the rates of what it is sent and of the channel, Hz. Marks are lost between different ones. */
  readonly playRateHz: number;
  readonly channelRateHz: number;
  onEvent(subclass: string, body: string): void;
  /** The far end cut the connection without a word: the stream is over. */
  onCut(): void;
  /** Stores what is to be played, and returns its name. */
  onFile(extension: string, bytes: Buffer): string;
}

const RAW_RATES = [8000, 16000, 24000, 32000, 48000, 64000];
const MARK = 0xffff;
const MARKS = 30;
/** jambonz: what gathers before it plays, at 8 kHz a few frames; less once it has played. */
const FIRST_AHEAD_SAMPLES = 1280;
const LATER_AHEAD_SAMPLES = 640;

/** Lives from its start to {@link ModuleStream.close}. */
export class ModuleStream {
  /** The first LIMITS.simulatedItems texts of the server, as they came. */
  readonly texts: string[] = [];
  /** Binary messages of the server. */
  binaries = 0;
  closedWith: number | null = null;
  readonly #options: ModuleStreamOptions;
  readonly #socket: WebSocket;
  /** What was captured while connecting, which goes before the metadata. */
  readonly #early: Uint8Array[] = [];
  #closing = false;
  #paused = false;
  /** jambonz: unsigned samples, marks among them. */
  #gathering: number[] = [];
  #playing: number[] = [];
  #aheadSamples = FIRST_AHEAD_SAMPLES;
  #newMarks: string[] = [];
  #placedMarks: string[] = [];
  #clearedMarks = 0;
  #clear = false;

  constructor(options: ModuleStreamOptions) {
    this.#options = options;
    const fork = options.kind !== 'mod_audio_stream';
    const { origin } = new URL(options.url.replace(/^ws/, 'http'));
    this.#socket = new WebSocket(options.url, fork ? ['audio.drachtio.org'] : [], {
      perMessageDeflate: false,
      origin,
      headers: options.headers,
    });
    this.#socket.on('open', () => this.#opened());
    this.#socket.on('message', (data: Buffer, isBinary) => {
      if (isBinary) this.#binary(data);
      else this.#text(data.toString('utf8'));
    });
    this.#socket.on('unexpected-response', () => this.#failed('WebSocket upgrade failed'));
    this.#socket.on('error', () => this.#failed('Connection refused (system error 111)'));
    this.#socket.on('close', (code, reason) => this.#closed(code, reason.toString('utf8')));
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** The sub-protocol that the server agreed to, or empty. */
  get protocol(): string {
    return this.#socket.protocol;
  }

  /** What the channel's media bug read: sent as one message, whatever its length. */
  capture(bytes: Uint8Array): void {
    if (this.#paused || this.#closing) return;
    if (this.open) this.#socket.send(bytes, { binary: true });
    else if (this.#socket.readyState === WebSocket.CONNECTING && this.#early.length < LIMITS.simulatedItems)
      this.#early.push(Uint8Array.from(bytes));
  }

  pause(paused: boolean): void {
    this.#paused = paused;
  }

  say(text: string): void {
    if (this.open) this.#socket.send(text);
  }

  /** mod_audio_fork: no more audio comes. */
  endAudio(): void {
    if (this.open) this.#socket.send(new Uint8Array(0), { binary: true });
    this.#paused = true;
  }

  close(text: string | null): void {
    if (text !== null) this.say(text);
    this.#closing = true;
    if (this.#socket.readyState === WebSocket.CONNECTING) this.#socket.terminate();
    else this.#socket.close(1000, 'Normal closure');
  }

  /** jambonz: mixes the next `samples` of what the server sent into what is written to the channel. */
  dub(samples: number): Int16Array {
    const out = new Int16Array(samples);
    if (this.#clear) {
      this.#clear = false;
      this.#playing = [];
      for (const name of [...this.#placedMarks, ...this.#newMarks]) this.#echo(name, 'cleared');
      this.#clearedMarks += this.#placedMarks.length;
      this.#placedMarks = [];
      this.#newMarks = [];
      return out;
    }
    let at = 0;
    for (const value of this.#playing.splice(0, samples)) {
      if (value === MARK && this.#placedMarks.length + this.#clearedMarks > 0) this.#passMark();
      else out[at++] = (value << 16) >> 16;
    }
    return out;
  }

  #opened(): void {
    const { kind, metadata } = this.#options;
    for (const bytes of this.#early.splice(0)) this.#socket.send(bytes, { binary: true });
    this.#event('connect', kind === 'mod_audio_stream' ? '{"status":"connected"}' : '');
    if (metadata !== null && metadata !== '') this.#socket.send(metadata);
  }

  #binary(data: Buffer): void {
    this.binaries += 1;
    // The others take nothing binary, and say nothing of it.
    if (!this.#options.binary || this.#playing.length > LIMITS.simulatedBufferedBytes) return;
    const { playRateHz, channelRateHz } = this.#options;
    // A resampler makes something else of a mark.
    const resampled = playRateHz !== channelRateHz;
    for (const name of this.#newMarks.splice(0)) {
      this.#placedMarks.push(name);
      this.#gathering.push(resampled ? 0 : MARK);
    }
    for (let at = 0; at + 1 < data.length; at += 2) this.#gathering.push(data.readUInt16LE(at));
    if (this.#gathering.length < this.#aheadSamples) return;
    this.#aheadSamples = LATER_AHEAD_SAMPLES;
    this.#playing.push(...this.#gathering.splice(0));
  }

  #text(text: string): void {
    if (this.texts.length < LIMITS.simulatedItems) this.texts.push(text);
    const message = objectOf(text);
    if (this.#options.kind === 'mod_audio_stream') return this.#streamText(text, message);
    const data = message?.['data'] as Record<string, unknown> | undefined;
    switch (message?.['type']) {
      case 'playAudio':
        if (data !== undefined && !this.#options.binary) this.#playAudio(data);
        return;
      case 'killAudio':
        this.#event('kill_audio', '');
        this.#clear = true;
        return;
      case 'mark':
        if (this.#options.kind !== 'jambonz' || typeof data?.['name'] !== 'string') return;
        if (this.#newMarks.length + this.#placedMarks.length < MARKS) this.#newMarks.push(data['name']);
        return;
      default:
    }
  }

  /** Whatever is not audio to be written is an event, whole. */
  #streamText(text: string, message: Record<string, unknown> | null): void {
    const data = message?.['data'] as Record<string, unknown> | undefined;
    const { audioDataType, audioData, ...rest } = data ?? {};
    const rate = Number(rest['sampleRate']);
    if (message?.['type'] !== 'streamAudio' || audioDataType !== 'raw' || typeof audioData !== 'string')
      return this.#event('json', text);
    if (!RAW_RATES.includes(rate)) return this.#event('json', text);
    const file = this.#options.onFile(`.tmp.r${rate / 1000}`, Buffer.from(audioData, 'base64'));
    this.#event('play', JSON.stringify({ audioDataType, ...rest, file }));
  }

  #playAudio(data: Record<string, unknown>): void {
    const { audioContent, ...rest } = data;
    if (rest['audioContentType'] !== 'raw' || typeof audioContent !== 'string')
      return this.#event('play_audio', JSON.stringify(rest));
    const rate = RAW_RATES.includes(Number(rest['sampleRate'])) ? Number(rest['sampleRate']) : 16000;
    const file = this.#options.onFile(`.tmp.r${rate / 1000}`, Buffer.from(audioContent, 'base64'));
    this.#event('play_audio', JSON.stringify({ ...rest, file }));
  }

  #passMark(): void {
    if (this.#clearedMarks > 0) {
      this.#clearedMarks -= 1;
      return;
    }
    const name = this.#placedMarks.shift();
    if (name !== undefined) this.#echo(name, 'playout');
  }

  #echo(name: string, event: string): void {
    this.say(`{"type": "mark", "data": {"name":${JSON.stringify(name)}, "event": "${event}"}}`);
  }

  #failed(error: string): void {
    if (this.#closing) return;
    this.#closing = true;
    this.#socket.terminate();
    if (this.#options.kind === 'mod_audio_stream') {
      this.#event('error', JSON.stringify({ status: 'error', message: { code: 6, error } }));
    } else {
      this.#event('connect_failed', JSON.stringify({ reason: error }));
    }
    this.#options.onCut();
  }

  #closed(code: number, reason: string): void {
    this.closedWith = code;
    if (this.#closing) return;
    this.#closing = true;
    if (this.#options.kind !== 'mod_audio_stream') return this.#event('disconnect', '');
    if (code !== 1006) {
      this.#event('disconnect', JSON.stringify({ status: 'disconnected', message: { code, reason } }));
      return;
    }
    const error = 'Connection closed without WebSocket CLOSE (abnormal EOF)';
    this.#event('error', JSON.stringify({ status: 'error', message: { code: 1, error } }));
    this.#options.onCut();
  }

  #event(what: string, body: string): void {
    const module = this.#options.kind === 'mod_audio_stream' ? 'mod_audio_stream' : 'mod_audio_fork';
    this.#options.onEvent(`${module}::${what}`, body);
  }
}

function objectOf(text: string): Record<string, unknown> | null {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null;
  }
}
