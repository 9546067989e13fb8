/** One client of the {@link StreamServer}: what was heard of it, and what can be said to it. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { LIMITS } from '../limits.ts';
import { writeWav } from './wav.ts';

/** How a client's audio comes back: not at all, as binary messages, or as `streamAudio` messages. */
export type StreamEcho = 'none' | 'binary' | 'message';

/** What the server does by itself for a client. */
export interface StreamHabits {
  readonly echo: StreamEcho;
  /** How much later than it came, in bytes of the client's audio. */
  readonly echoDelayBytes: number;
  /** 2: the caller left and the agent right; the left one is echoed. */
  readonly channels: 1 | 2;
  readonly sampleRateHz: number;
}

/** A recorded goodbye. */
export interface StreamGoodbye {
  readonly code: number;
  readonly reason: string;
}

/** See the top of the file. Everything that is kept is bounded; counters go on. */
export class StreamServerClient {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The text that came before any audio; null: there was none. */
  metadata: string | null = null;
  /** The first LIMITS.simulatedItems texts, the metadata included. */
  readonly texts: string[] = [];
  /** How many messages of each size came, bytes. */
  readonly sizes = new Map<number, number>();
  binaries = 0;
  bytes = 0;
  pings = 0;
  /** Null while the connection is open. */
  goodbye: StreamGoodbye | null = null;
  readonly #socket: WebSocket;
  readonly #habits: StreamHabits;
  readonly #kept: Buffer[] = [];
  #keptBytes = 0;
  /** What waits to be echoed. */
  readonly #delayed: Buffer[] = [];
  #delayedBytes = 0;

  constructor(socket: WebSocket, request: IncomingMessage, habits: StreamHabits) {
    this.#socket = socket;
    this.#habits = habits;
    this.path = request.url ?? '/';
    this.headers = request.headers;
    socket.on('message', (data: Buffer, isBinary) => (isBinary ? this.#hear(data) : this.#read(data.toString('utf8'))));
    socket.on('ping', () => (this.pings += 1));
    socket.on('close', (code, reason) => (this.goodbye = { code, reason: reason.toString('utf8') }));
  }

  /** The audio so far, interleaved where there are two channels; at most LIMITS.simulatedBufferedBytes of it. */
  get heard(): Int16Array {
    return samplesOf(Buffer.concat(this.#kept));
  }

  /** Says L16 at the stream's rate as one binary message. */
  sayBinary(pcm: Int16Array): void {
    this.#send(bytesOf(pcm));
  }

  /** Says audio of 16-bit samples as one `streamAudio` message. */
  sayMessage(pcm: Int16Array, sampleRateHz: number, kind: 'raw' | 'wav' = 'raw'): void {
    const bytes = kind === 'raw' ? bytesOf(pcm) : Buffer.from(writeWav({ sampleRateHz, channels: [pcm] }));
    this.sayEncoded(bytes, kind, sampleRateHz);
  }

  /** Says audio that is encoded already, of any `audioDataType`. */
  sayEncoded(bytes: Buffer, audioDataType: string, sampleRateHz: number): void {
    const data = { audioDataType, sampleRate: sampleRateHz, audioData: bytes.toString('base64') };
    this.sayText(JSON.stringify({ type: 'streamAudio', data }));
  }

  /** Takes back what was not heard. */
  kill(): void {
    this.sayText('{"type":"killAudio"}');
  }

  /** Asks to be told when everything before it was heard. */
  mark(name: string): void {
    this.sayText(JSON.stringify({ type: 'mark', data: { name } }));
  }

  /** Answers to marks so far, as `name:event`. */
  get markAnswers(): string[] {
    return this.texts.flatMap((text) => {
      const answer = /^\{"type": ?"mark","data": ?(\{.*\})\}$/.exec(text.replaceAll(/,\s+/g, ','))?.[1];
      if (answer === undefined) return [];
      const { name, event } = JSON.parse(answer) as { name?: unknown; event?: unknown };
      return [`${String(name)}:${String(event)}`];
    });
  }

  /** Any text. */
  sayText(text: string): void {
    this.#send(text);
  }

  /** Ends in good order. */
  close(code = 1000, reason = ''): void {
    this.#socket.close(code, reason);
  }

  /** Cuts the connection without a word, as a crash would. */
  cut(): void {
    this.#socket.terminate();
  }

  #read(text: string): void {
    if (this.binaries === 0) this.metadata ??= text;
    if (this.texts.length < LIMITS.simulatedItems) this.texts.push(text);
  }

  #hear(data: Buffer): void {
    this.binaries += 1;
    this.bytes += data.length;
    // A client of ten thousand sizes is none; the rest goes under the size of nothing.
    const size = this.sizes.has(data.length) || this.sizes.size < LIMITS.simulatedItems ? data.length : 0;
    this.sizes.set(size, (this.sizes.get(size) ?? 0) + 1);
    if (this.#keptBytes + data.length <= LIMITS.simulatedBufferedBytes) {
      this.#kept.push(data);
      this.#keptBytes += data.length;
    }
    if (this.#habits.echo !== 'none') this.#echo(data);
  }

  /** The client's own frames keep the time: one in, one out. */
  #echo(data: Buffer): void {
    const { channels, echoDelayBytes, echo, sampleRateHz } = this.#habits;
    this.#delayed.push(data);
    this.#delayedBytes += data.length;
    while (this.#delayedBytes > echoDelayBytes) {
      const due = this.#delayed.shift();
      if (due === undefined) return;
      this.#delayedBytes -= due.length;
      const pcm = channels === 2 ? leftOf(samplesOf(due)) : samplesOf(due);
      if (echo === 'binary') this.sayBinary(pcm);
      else this.sayMessage(pcm, sampleRateHz);
    }
  }

  #send(message: string | Buffer): void {
    // Who does not read is cut off, as by any server.
    if (this.#socket.bufferedAmount > LIMITS.simulatedBufferedBytes) this.cut();
    else this.#socket.send(message);
  }
}

function samplesOf(bytes: Buffer): Int16Array {
  const pcm = new Int16Array(bytes.length >> 1);
  for (let i = 0; i < pcm.length; i += 1) pcm[i] = bytes.readInt16LE(i * 2);
  return pcm;
}

function bytesOf(pcm: Int16Array): Buffer {
  const bytes = Buffer.alloc(pcm.length * 2);
  for (let i = 0; i < pcm.length; i += 1) bytes.writeInt16LE(pcm[i]!, i * 2);
  return bytes;
}

function leftOf(pcm: Int16Array): Int16Array {
  return Int16Array.from({ length: pcm.length >> 1 }, (_, i) => pcm[2 * i]!);
}
