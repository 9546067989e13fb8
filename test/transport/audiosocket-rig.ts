/** What the tests of AudioSocket share: a server of ours, and an Asterisk that is a plain TCP socket. */
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { TalkspurtError } from '../../src/core/errors.ts';
import { AudioSocketServer } from '../../src/transport/audiosocket-server.ts';
import type { AudioSocketServerOptions } from '../../src/transport/audiosocket-server.ts';
import type { AudioSocketTransport } from '../../src/transport/audiosocket-transport.ts';
import { HandClock, until } from '../switch/freeswitch/hand-clock.ts';

export const UUID = 'b2b3b322-d740-4212-be17-993daefc1174';
export const OTHER_UUID = 'c2b3b322-d740-4212-be17-993daefc1174';

/** A frame, written by hand. */
export function frame(kind: number, payload: Uint8Array = new Uint8Array(0)): Buffer {
  return Buffer.concat([Buffer.from([kind, payload.length >> 8, payload.length & 0xff]), payload]);
}

export function uuidFrame(uuid = UUID): Buffer {
  return frame(1, Buffer.from(uuid.replaceAll('-', ''), 'hex'));
}

/** Our side's Asterisk. */
export interface Peer {
  readonly socket: Socket;
  /** All that it was sent. */
  heard(): Buffer;
  /** `end` once we said FIN, `error` after a reset. */
  readonly ends: string[];
  say(bytes: Uint8Array): void;
}

export interface Rig {
  readonly clock: HandClock;
  readonly server: AudioSocketServer;
  readonly refusals: string[];
  readonly dial: (host?: string) => Promise<Peer>;
}

/** A server that listens, and what the test dials with; all closed in the end. */
export async function rig(options: Partial<AudioSocketServerOptions>, run: (rig: Rig) => Promise<void>): Promise<void> {
  const clock = new HandClock();
  const refusals: string[] = [];
  const server = new AudioSocketServer({ clock, onRefused: (reason) => refusals.push(reason), ...options });
  await server.listen();
  const peers: Peer[] = [];
  const dial = async (host = '127.0.0.1'): Promise<Peer> => {
    const peer = await peerTo(server.port, host);
    peers.push(peer);
    return peer;
  };
  try {
    await run({ clock, server, refusals, dial });
  } finally {
    for (const peer of peers) peer.socket.destroy();
    await server.close();
  }
}

async function peerTo(port: number, host: string): Promise<Peer> {
  const chunks: Buffer[] = [];
  const ends: string[] = [];
  const socket = connect({ port, host: '127.0.0.1', localAddress: host, allowHalfOpen: true, noDelay: true });
  socket.on('data', (chunk) => chunks.push(chunk));
  for (const event of ['end', 'error', 'close']) socket.on(event, () => ends.push(event));
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject));
  return { socket, ends, heard: () => Buffer.concat(chunks), say: (bytes) => void socket.write(bytes) };
}

/** What a transport tells. */
export interface Ear {
  readonly frames: { readonly payload: Buffer; readonly sequenceNumber: number; readonly timestamp: number }[];
  readonly lost: TalkspurtError[];
}

/** Starts `transport` and keeps what it tells. */
export function listenTo(transport: AudioSocketTransport): Ear {
  const ear: Ear = { frames: [], lost: [] };
  transport.start({
    onFrame: (payload, sequenceNumber, timestamp) =>
      ear.frames.push({ payload: Buffer.from(payload), sequenceNumber, timestamp }),
    onLost: (error) => ear.lost.push(error),
  });
  return ear;
}

export { until };
