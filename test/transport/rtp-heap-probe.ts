/** Prints the heap bytes that an RTP packet costs each way beyond what a socket does, and a control's that allocates, as JSON. */
import type { RemoteInfo, Socket } from 'node:dgram';
import type { RtpMedia } from '../../src/transport/rtp-media.ts';
import { RtpTransport } from '../../src/transport/rtp-transport.ts';
import { FakeClock } from '../sim/fake-clock.ts';
import { event, packet, rtpMedia } from './rtp-rig.ts';

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

type OnMessage = (datagram: Buffer, from: RemoteInfo) => void;

let sent = 0;

/** A socket without a network. */
function nullSocket(listeners: OnMessage[]): Socket {
  const socket = {
    on: (name: string, listener: OnMessage) => (name === 'message' ? listeners.push(listener) : 0),
    send: (bytes: Uint8Array) => (sent += bytes.length),
  };
  return socket as unknown as Socket;
}

function measure(media: RtpMedia, payloads: readonly Buffer[]): { receive: number; send: number } {
  const clock = new FakeClock();
  const listeners: OnMessage[] = [];
  const ports = {
    host: '127.0.0.1',
    rtpPort: 2,
    rtcpPort: 3,
    rtp: nullSocket(listeners),
    rtcp: nullSocket([]),
    release: () => Promise.resolve(),
  };
  let heard = 0;
  const g722 = {
    decode: (_: Uint8Array, out: Uint8Array) => void (out[0] = 1),
    encode: (_: Uint8Array, out: Uint8Array) => void (out[0] = 1),
  };
  const transport = new RtpTransport({
    clock,
    ports,
    media,
    sources: ['127.0.0.1'],
    onDigit: () => (heard += 1),
    g722,
  });
  transport.start({ onFrame: (payload) => void (heard += payload.length), onLost: () => undefined });
  const from: RemoteInfo = { address: '127.0.0.1', port: 4000, family: 'IPv4', size: 0 };
  const datagrams = payloads.map((payload, n) =>
    packet({ payload, payloadType: payload.length === 4 ? 101 : media.payloadType, sequenceNumber: n }),
  );
  const receive = listeners[0]!;
  const ticks = media.clockRateHz / 50;
  const frame = new Uint8Array(media.format.sampleRateHz === 8000 && media.format.codec !== 'l16' ? 160 : 640);
  const result = {
    receive: bytesEach((n) => {
      const datagram = datagrams[n % datagrams.length]!;
      datagram.writeUInt16BE(n & 0xffff, 2);
      datagram.writeUInt32BE((n * ticks) >>> 0, 4);
      receive(datagram, from);
    }),
    send: bytesEach((n) => {
      clock.stall(20);
      transport.send(frame, n % 100 === 0);
    }),
  };
  if (heard === 0 || sent === 0 || transport.stats.rejectedPackets > 0) throw new Error('nothing was moved');
  void transport.close();
  return result;
}

const l16 = { codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 } as const;
const kept: Uint8Array[] = [];
process.stdout.write(
  JSON.stringify({
    pcmu: measure(rtpMedia(), [Buffer.alloc(160)]),
    recut: measure(rtpMedia(), [Buffer.alloc(240)]),
    digits: measure(rtpMedia(), [Buffer.alloc(160), Buffer.alloc(160), event(5, 160, true)]),
    l16: measure(rtpMedia({ codec: 'l16', clockRateHz: 16000, payloadType: 96, format: l16 }), [Buffer.alloc(640)]),
    g722: measure(rtpMedia({ codec: 'g722', payloadType: 9, format: l16 }), [Buffer.alloc(160)]),
    control: bytesEach((n) => (kept[n & 7] = new Uint8Array(8))),
  }),
);
