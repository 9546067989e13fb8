/** A WebSocket with Asterisk's chan_websocket at its other end, as it was measured: a queue, a timer, marks, and its bounds. */
import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { ChanWebSocketConnection } from '../../src/transport/chan-websocket-connection.ts';
import { ChanWebSocketTransport } from '../../src/transport/chan-websocket-transport.ts';
import type { MediaSink } from '../../src/transport/media-transport.ts';
import { FakeClock } from '../sim/fake-clock.ts';

export const START = {
  event: 'MEDIA_START',
  connection_id: 'b63b2a1d-8d11-4e4e-8a15-f0dbb9ed0a1c',
  channel: 'WebSocket/INCOMING/0x7f',
  channel_id: 'w1',
  format: 'ulaw',
  optimal_frame_size: 160,
  ptime: 20,
  channel_variables: {},
};

/** In place of a `ws` socket; what it is sent goes into the queue at once. */
export class FakeAsterisk extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  bufferedAmount = 0;
  readonly texts: string[] = [];
  readonly closes: number[] = [];
  terminated = 0;
  /** Frames that the caller was given, and that a flush dropped. */
  taken = 0;
  dropped = 0;
  /** Answers marks; false: it is deaf to them. */
  marking = true;
  readonly played: Buffer[] = [];
  readonly #queue: (Buffer | string)[] = [];
  readonly #json: boolean;
  #full = false;

  constructor(json = true) {
    super();
    this.#json = json;
  }

  get queued(): number {
    return this.#queue.filter((each) => typeof each !== 'string').length;
  }

  send(data: Buffer | string): void {
    if (typeof data === 'string') this.#command(data);
    else {
      this.#queue.push(Buffer.from(data));
      if (!this.#full && this.queued >= 900) {
        this.#full = true;
        this.event('MEDIA_XOFF');
      }
    }
  }

  close(code: number): void {
    this.closes.push(code);
    this.readyState = 2;
  }

  terminate(): void {
    this.terminated += 1;
    this.readyState = 3;
    this.emit('close', 1006);
  }

  /** One round of Asterisk's timer: what is said of the queue's head, then one frame. */
  tick(): void {
    if (this.#full && this.queued < 800) {
      this.#full = false;
      this.event('MEDIA_XON');
    }
    for (;;) {
      const head = this.#queue.shift();
      if (head === undefined) return;
      if (typeof head === 'string') this.event('MEDIA_MARK_PROCESSED', head);
      else {
        this.taken += 1;
        this.played.push(head);
        return;
      }
    }
  }

  event(event: string, id?: string): void {
    const json = JSON.stringify(id === undefined ? { event } : { event, channel_id: 'w1', correlation_id: id });
    this.text(this.#json ? json : id === undefined ? event : `${event} ${id}`);
  }

  text(text: string): void {
    this.emit('message', Buffer.from(text), false);
  }

  audio(bytes: Uint8Array): void {
    this.emit('message', Buffer.from(bytes), true);
  }

  #command(text: string): void {
    this.texts.push(text);
    const [command, id = ''] = this.#json ? commandOf(text) : text.split(' ');
    if (command === 'MARK_MEDIA' && this.marking) this.#queue.push(id);
    if (command === 'FLUSH_MEDIA') {
      this.dropped += this.queued;
      this.#queue.length = 0;
    }
    if (command !== 'GET_STATUS') return;
    const status = { event: 'STATUS', channel_id: 'w1', queue_length: this.queued, xon_level: 800, xoff_level: 900 };
    this.text(
      this.#json
        ? JSON.stringify(status)
        : `STATUS channel_id:w1 queue_length:${this.queued} xon_level:800 xoff_level:900`,
    );
  }
}

export class RecordingSink implements MediaSink {
  readonly frames: { payload: Buffer; sequenceNumber: number; timestamp: number; nowMs: number }[] = [];
  readonly losses: TalkspurtError[] = [];

  onFrame(payload: Uint8Array, sequenceNumber: number, timestamp: number, nowMs: number): void {
    this.frames.push({ payload: Buffer.from(payload), sequenceNumber, timestamp, nowMs });
  }

  onLost(error: TalkspurtError): void {
    this.losses.push(error);
  }
}

export interface ChanWebSocketRig {
  readonly clock: FakeClock;
  readonly asterisk: FakeAsterisk;
  readonly connection: ChanWebSocketConnection;
  readonly transport: ChanWebSocketTransport;
  readonly sink: RecordingSink;
  readonly digits: (readonly [string, number])[];
}

export async function makeRig(start: Partial<typeof START> = {}, json = true): Promise<ChanWebSocketRig> {
  const clock = new FakeClock();
  const asterisk = new FakeAsterisk(json);
  const connection = new ChanWebSocketConnection(asterisk as unknown as WebSocket, clock);
  const said = { ...START, ...start };
  asterisk.text(
    json
      ? JSON.stringify(said)
      : `MEDIA_START connection_id:x channel:${said.channel} channel_id:${said.channel_id} format:${said.format} optimal_frame_size:${said.optimal_frame_size} ptime:${said.ptime}`,
  );
  const digits: (readonly [string, number])[] = [];
  const transport = new ChanWebSocketTransport({
    clock,
    connection,
    start: await connection.started(1_000),
    onDigit: (...digit) => digits.push(digit),
  });
  const sink = new RecordingSink();
  transport.start(sink);
  return { clock, asterisk, connection, transport, sink, digits };
}

function commandOf(text: string): [string, string?] {
  const { command, correlation_id: id } = JSON.parse(text) as { command: string; correlation_id?: string };
  return id === undefined ? [command] : [command, id];
}
