/**
 * A Realtime server on real sockets whose agent counts: sentence after sentence, each of its own noise, so that what a caller heard of
 * which can be found again. Told what was said before, it goes on behind it. By the first part of the path it fails in one way.
 */
import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import * as alawmulaw from 'alawmulaw';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';

// Its typings describe named exports; Node finds them on the default one.
const { mulaw } = (alawmulaw as unknown as { default: typeof alawmulaw }).default;

/** A sentence: noise, and a breath. */
export const SENTENCE_MS = 1_000;
const NOISE_MS = 900;
const RATE = 8;
const DELTA_MS = 100;
/** How far ahead of real time it is sent. */
const AHEAD_MS = 400;
/** From the first word to the fault. */
export const FAULT_AFTER_MS = 2_450;
const SLOW_READER_MS = 6_000;

/** The µ-law bytes of sentence `number`, of `SENTENCE_MS`. */
export function sentence(number: number): Uint8Array {
  const bytes = new Uint8Array(SENTENCE_MS * RATE).fill(0xff);
  let state = (number * 2_654_435_761) >>> 0 || 1;
  for (let at = 0; at < NOISE_MS * RATE; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = mulaw.encodeSample(((state >>> 16) & 0x3fff) - 0x2000);
  }
  return bytes;
}

/** See the top of the file. */
export class CountingAgent {
  readonly #http = createServer();
  readonly #sockets = new WebSocketServer({ noServer: true });
  readonly #plain = new Set<Socket>();
  /** Sessions so far, by way. */
  readonly #sessions = new Map<string, number>();
  /** When the fault of a way came, ms of `performance.now`. */
  readonly faultAt = new Map<string, number>();

  async listen(): Promise<void> {
    this.#http.on('connection', (socket) => {
      this.#plain.add(socket);
      socket.once('close', () => this.#plain.delete(socket));
    });
    this.#http.on('clientError', (_error, socket) => socket.destroy());
    this.#http.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      const way = request.url?.split('/')[1] ?? '';
      this.#sessions.set(way, (this.#sessions.get(way) ?? 0) + 1);
      if (/^\d{3}$/.test(way)) {
        this.faultAt.set(way, performance.now());
        socket.end(`HTTP/1.1 ${way} No\r\nRetry-After: 30\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
        return;
      }
      this.#sockets.handleUpgrade(request, socket, head, (peer) => this.#serve(peer, socket, way));
    });
    await new Promise<void>((resolve) => this.#http.listen(0, '127.0.0.1', resolve));
  }

  get port(): number {
    return (this.#http.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const socket of this.#plain) socket.destroy();
    await new Promise((resolve) => this.#http.close(resolve));
  }

  #serve(peer: WebSocket, socket: Socket, way: string): void {
    const first = this.#sessions.get(way) === 1;
    const speaker = new Speaker(peer, () => first && this.#fail(way, peer, socket));
    peer.on('message', (data: Buffer) => speaker.receive(JSON.parse(data.toString()) as Message));
    peer.once('close', () => speaker.stop());
    peer.on('error', () => peer.terminate());
    speaker.send({ type: 'session.created', session: {} });
  }

  /** True: nothing is said any more. */
  #fail(way: string, peer: WebSocket, socket: Socket): boolean {
    if (!['dies', 'freezes', 'slow'].includes(way)) return false;
    this.faultAt.set(way, performance.now());
    if (way === 'dies') peer.terminate();
    else socket.pause();
    if (way === 'slow') setTimeout(() => socket.resume(), SLOW_READER_MS).unref();
    return way !== 'slow';
  }
}

interface Message {
  readonly type: string;
  readonly item?: { readonly role?: string; readonly content?: readonly { readonly text?: string }[] };
}

/** The number first: of a sentence that is cut only the beginning is remembered. */
function wordsOf(number: number): string {
  return `${number} is what I have come to by now`;
}

/** One session. */
class Speaker {
  readonly #peer: WebSocket;
  readonly #onFault: () => boolean;
  #said = 0;
  #timer: NodeJS.Timeout | null = null;
  #startedMs = 0;
  #sentMs = 0;
  #faulty = false;

  constructor(peer: WebSocket, onFault: () => boolean) {
    this.#peer = peer;
    this.#onFault = onFault;
  }

  receive({ type, item }: Message): void {
    if (type === 'session.update') this.send({ type: 'session.updated', session: {} });
    else if (type === 'conversation.item.create' && item?.role === 'assistant') {
      this.#said = Number(/^\d+/.exec(item.content?.[0]?.text ?? '')?.[0] ?? this.#said);
    } else if (type === 'response.create' && this.#timer === null) this.#begin();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  send(message: object): void {
    if (this.#peer.readyState === this.#peer.OPEN) this.#peer.send(JSON.stringify(message));
  }

  #begin(): void {
    this.#startedMs = performance.now();
    this.send({ type: 'response.created', response: { id: 'r', status: 'in_progress' } });
    this.#timer = setInterval(() => this.#speak(), 25);
  }

  #speak(): void {
    const passedMs = performance.now() - this.#startedMs;
    if (passedMs >= FAULT_AFTER_MS && !this.#faulty) {
      this.#faulty = true;
      if (this.#onFault()) {
        this.stop();
        return;
      }
    }
    while (this.#sentMs < passedMs + AHEAD_MS) this.#delta();
  }

  #delta(): void {
    const number = this.#said + 1;
    const at = this.#sentMs % SENTENCE_MS;
    const names = { response_id: 'r', item_id: `s${number}`, output_index: 0, content_index: 0 };
    if (at === 0) {
      this.send({ type: 'response.output_audio_transcript.delta', ...names, delta: wordsOf(number) });
    }
    const audio = sentence(number).subarray(at * RATE, (at + DELTA_MS) * RATE);
    this.send({ type: 'response.output_audio.delta', ...names, delta: Buffer.from(audio).toString('base64') });
    this.#sentMs += DELTA_MS;
    if (at + DELTA_MS < SENTENCE_MS) return;
    this.send({ type: 'response.output_audio.done', ...names });
    this.send({ type: 'response.output_audio_transcript.done', ...names, transcript: wordsOf(number) });
    this.#said = number;
  }
}
