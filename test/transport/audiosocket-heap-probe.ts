/** Prints the heap bytes that a frame of AudioSocket costs each way beyond what a socket does, and a control's that allocates, as JSON. */
import type { Socket } from 'node:net';
import type { SampleRateHz } from '../../src/core/media.ts';
import { AudioSocketConnection } from '../../src/transport/audiosocket-connection.ts';
import { audioSocketKind } from '../../src/transport/audiosocket-frame.ts';
import { AudioSocketTransport } from '../../src/transport/audiosocket-transport.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { frame, uuidFrame } from './audiosocket-rig.ts';

const WARM_UP = 20_000;
const ROUNDS = 50_000;
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error('run with --expose-gc');

/** Bytes that `run` leaves on the heap, live or garbage; the young generation is too large to be collected meanwhile. */
function bytesEach(run: (n: number) => void): number {
  for (let n = 0; n < WARM_UP; n += 1) run(n);
  collect?.();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < ROUNDS; n += 1) run(WARM_UP + n);
  return (process.memoryUsage().heapUsed - before) / ROUNDS;
}

type OnData = (chunk: Uint8Array) => void;

let sent = 0;

/** A socket without a network. */
function nullSocket(listeners: OnData[]): Socket {
  const socket = {
    writable: true,
    closed: true,
    writableLength: 0,
    on: (name: string, listener: OnData) => (name === 'data' ? listeners.push(listener) : 0),
    once: () => 0,
    setNoDelay: () => 0,
    setKeepAlive: () => 0,
    pause: () => 0,
    resume: () => 0,
    write: (bytes: Uint8Array) => (sent += bytes.length),
  };
  return socket as unknown as Socket;
}

/** `parts`: bytes of one audio frame of the far end, and how many pieces it comes in. */
function measure(sampleRateHz: SampleRateHz, payloadBytes: number, pieces: number): { receive: number; send: number } {
  const clock = new FakeClock();
  const listeners: OnData[] = [];
  const connection = new AudioSocketConnection(nullSocket(listeners), clock, '127.0.0.1', {
    onUuid: () => undefined,
    onUnfit: () => undefined,
  });
  const receive = listeners[0]!;
  receive(uuidFrame());
  const format = { codec: 'l16', sampleRateHz, ptimeMs: 20 } as const;
  const transport = new AudioSocketTransport({ clock, connection, format });
  let heard = 0;
  transport.start({ onFrame: (payload) => void (heard += payload.length), onLost: () => undefined });
  const whole = frame(audioSocketKind(sampleRateHz), Buffer.alloc(payloadBytes, 1));
  const chunks = Array.from({ length: pieces }, (_, n) =>
    whole.subarray((n * whole.length) / pieces, ((n + 1) * whole.length) / pieces),
  );
  const said = new Uint8Array(sampleRateHz / 25);
  const result = {
    receive: bytesEach(() => {
      for (let n = 0; n < chunks.length; n += 1) receive(chunks[n]!);
    }),
    send: bytesEach((n) => transport.send(said, n % 100 === 0)),
  };
  const { rejectedPackets, unsentFrames } = transport.stats;
  if (heard === 0 || sent === 0 || rejectedPackets > 0 || unsentFrames > 0) throw new Error('nothing was moved');
  void transport.close();
  return result;
}

const kept: Uint8Array[] = [];
process.stdout.write(
  JSON.stringify({
    slin: measure(8000, 320, 1),
    slin16: measure(16000, 640, 1),
    pieces: measure(16000, 640, 3),
    recut: measure(24000, 480, 1),
    slin48: measure(48000, 1920, 1),
    control: bytesEach((n) => (kept[n & 7] = new Uint8Array(8))),
  }),
);
