/**
 * Sends RTP to many ports from a process of its own, each its own stream of numbered packets, evenly spread over the time.
 * It counts what the kernel took. A packet's payload: when it was sent (8 bytes), its stream (4), its number in all others.
 */
import { createSocket } from 'node:dgram';
import { sharedNowMs } from './load/switch-protocol.ts';

/** As the argument of the process, in JSON. */
export interface FloodOptions {
  readonly ports: readonly number[];
  /** Packets a second to each. */
  readonly rate: number;
}

/** Its report; it sends nothing any more. */
export interface FloodSent {
  readonly sent: number;
  readonly unsent: number;
}

/** Packets that are under way to the kernel: each needs bytes of its own until it has them. */
const RING = 4_096;
const PACKET_BYTES = 172;

const { ports, rate } = JSON.parse(process.argv[2] ?? '{}') as FloodOptions;
const socket = createSocket({
  type: 'udp4',
  sendBufferSize: 1 << 20,
  lookup: (address, _options, done) => done(null, address, 4),
});
const ring = Array.from({ length: RING }, () => Buffer.alloc(PACKET_BYTES));
let count = 0;
let sent = 0;
let unsent = 0;
let startMs = 0;
let timer: NodeJS.Timeout | null = null;

function onSent(error: Error | null): void {
  if (error === null) sent += 1;
  else unsent += 1;
}

/** Everything that is due. */
function send(): void {
  const due = Math.floor(((sharedNowMs() - startMs) * rate * ports.length) / 1_000);
  while (count < due) {
    const stream = count % ports.length;
    const number = Math.floor(count / ports.length);
    const packet = ring[count % RING]!;
    packet.writeUInt16BE(0x8000, 0);
    packet.writeUInt16BE((number + 65_000) & 0xffff, 2);
    packet.writeUInt32BE((number * 160) >>> 0, 4);
    packet.writeUInt32BE(0x5000 + stream, 8);
    packet.fill(number & 0xff, 24);
    packet.writeDoubleLE(sharedNowMs(), 12);
    packet.writeUInt32LE(stream, 20);
    socket.send(packet, 0, PACKET_BYTES, ports[stream], '127.0.0.1', onSent);
    count += 1;
  }
}

process.on('message', (message: { start?: boolean; ask?: 'report' | 'stop' }) => {
  if (message.start === true) {
    startMs = sharedNowMs();
    timer = setInterval(send, 1);
  } else if (message.ask === 'report') {
    if (timer !== null) clearInterval(timer);
    // The kernel's answers to the last ones.
    setTimeout(() => process.send?.({ report: { sent, unsent } satisfies FloodSent }), 50);
  } else process.exit(0);
});
process.on('disconnect', () => process.exit(0));
socket.bind(0, '127.0.0.1', () => process.send?.({ ready: true }));
