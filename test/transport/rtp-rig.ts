/** What the tests of RTP share: an agreed medium, packets put together by hand, and a peer that is a plain UDP socket. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import type { RtpMedia } from '../../src/transport/rtp-media.ts';

/** PCMU at 20 ms with telephone-events at 101, towards nobody. */
export function rtpMedia(changes: Partial<RtpMedia> = {}): RtpMedia {
  return {
    codec: 'pcmu',
    payloadType: 0,
    clockRateHz: 8000,
    format: { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 },
    eventPayloadType: 101,
    eventClockRateHz: 8000,
    remoteHost: '',
    remotePort: 0,
    remoteRtcpPort: 0,
    direction: 'sendrecv',
    ...changes,
  };
}

/** Fields of a packet. */
export interface WrittenPacket {
  readonly payloadType: number;
  readonly sequenceNumber: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly marker: boolean;
  readonly payload: Buffer;
}

/** A packet as RFC 3550 draws it. */
export function packet(fields: Partial<WrittenPacket>): Buffer {
  const { payloadType = 0, sequenceNumber = 0, timestamp = 0, ssrc = 1, marker = false } = fields;
  const header = Buffer.alloc(12);
  header[0] = 0x80;
  header[1] = (marker ? 0x80 : 0) + payloadType;
  header.writeUInt16BE(sequenceNumber & 0xffff, 2);
  header.writeUInt32BE(timestamp >>> 0, 4);
  header.writeUInt32BE(ssrc, 8);
  return Buffer.concat([header, fields.payload ?? Buffer.alloc(0)]);
}

/** The fields of a packet without CSRC, extension or padding. */
export function read(bytes: Buffer): WrittenPacket {
  return {
    payloadType: bytes[1]! & 0x7f,
    marker: bytes[1]! >= 0x80,
    sequenceNumber: bytes.readUInt16BE(2),
    timestamp: bytes.readUInt32BE(4),
    ssrc: bytes.readUInt32BE(8),
    payload: bytes.subarray(12),
  };
}

/** A telephone-event's payload. */
export function event(code: number, duration: number, end = false): Buffer {
  return Buffer.from([code, (end ? 0x80 : 0) | 10, duration >> 8, duration & 0xff]);
}

/** A bound socket that keeps what it hears. */
export interface UdpPeer {
  readonly socket: Socket;
  readonly port: number;
  readonly heard: Buffer[];
  readonly say: (bytes: Uint8Array, port: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** A peer on loopback. */
export async function udpPeer(host = '127.0.0.1'): Promise<UdpPeer> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  const heard: Buffer[] = [];
  socket.on('message', (bytes) => heard.push(bytes));
  await new Promise<void>((resolve) => socket.bind(0, host, () => resolve()));
  return {
    socket,
    port: socket.address().port,
    heard,
    say: (bytes, port) =>
      new Promise((resolve, reject) =>
        socket.send(bytes, port, host, (error) => (error === null ? resolve() : reject(error))),
      ),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}
