/** Prints heap bytes per frame sent and received, and of a control that is known to allocate, as JSON. */
import { EventEmitter } from 'node:events';
import type { WebSocket } from 'ws';
import { ChanWebSocketConnection } from '../../src/transport/chan-websocket-connection.ts';
import { ChanWebSocketTransport } from '../../src/transport/chan-websocket-transport.ts';

const FRAMES = 100_000;
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error('run with --expose-gc');

/** In place of `ws`: takes everything, and keeps the last mark that it was given. */
class Sink extends EventEmitter {
  readonly OPEN = 1;
  readonly readyState = 1;
  readonly bufferedAmount = 0;
  frames = 0;

  send(data: Buffer | string): void {
    if (typeof data !== 'string') this.frames += 1;
  }
}

let nowMs = 0;
const clock = {
  nowMs: () => nowMs,
  wallTimeMs: () => 0,
  after: () => ({ cancel: () => undefined }),
  every: () => ({ cancel: () => undefined }),
  random: () => 0.5,
};

function bytesPerFrame(run: (n: number) => void): number {
  for (let n = 0; n < 20_000; n += 1) run(n);
  collect?.();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < FRAMES; n += 1) run(n);
  return (process.memoryUsage().heapUsed - before) / FRAMES;
}

const socket = new Sink();
const connection = new ChanWebSocketConnection(socket as unknown as WebSocket, clock);
const start = { type: 'MEDIA_START', channelId: 'w1', codec: 'slin16', frameBytes: 640, ptimeMs: 20 } as const;
const transport = new ChanWebSocketTransport({ clock, connection, start, onDigit: () => undefined });
let received = 0;
transport.start({ onFrame: (payload) => void (received += payload.length), onLost: () => undefined });

const frame = new Uint8Array(640).fill(9);
const message = Buffer.alloc(640, 9);
const long = Buffer.alloc(960, 9);
const result = {
  // Every answer of a mark is a text that is parsed; here the count is settled by a flush instead.
  sent: bytesPerFrame((n) => {
    nowMs += 20;
    transport.send(frame, false);
    if (n % 20 === 0) transport.flush();
  }),
  received: bytesPerFrame(() => socket.emit('message', message, true)),
  cut: bytesPerFrame(() => socket.emit('message', long, true)),
  control: bytesPerFrame(() => void (received += Uint8Array.from(frame).length)),
};
if (socket.frames !== FRAMES + 20_000 || received === 0) throw new Error('the measurement is broken');
process.stdout.write(JSON.stringify(result));
