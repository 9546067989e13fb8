/**
 * UDP ports for RTP, in pairs.
 *
 * What does it do? Hands out an even port for RTP and the odd one above it for RTCP (RFC 3550 §11), both bound, in an order
 *   that cannot be guessed.
 * How does it work? A free list of numbers. A pair that was given back rests before it is free again, so that late packets
 *   of the last call do not fall into the next; one that another program holds rests likewise. No timers: what has rested
 *   enough is found when the next pair is wanted.
 * Not for: more than one pool over the same ports; they would only bind around each other.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';

/** Which ports, and where. */
export interface RtpPortPoolOptions {
  readonly clock: Clock;
  /** IP address of ours that the sockets are bound to. */
  readonly bindHost: string;
  /** First and last port, both included; odd ends are rounded inwards. Default 20000 to 30000. */
  readonly from?: number;
  readonly to?: number;
  /** Rest of a pair before it is used again, ms; at most 5,000. */
  readonly coolDownMs?: number;
}

/** Two bound sockets. Whoever acquired them releases them. */
export interface RtpPortPair {
  readonly host: string;
  readonly rtpPort: number;
  readonly rtcpPort: number;
  readonly rtp: Socket;
  readonly rtcp: Socket;
  /** Closes both and gives the ports back. Twice is harmless. */
  release(): Promise<void>;
}

interface Resting {
  readonly port: number;
  readonly untilMs: number;
}

const KERNEL_BUFFER_BYTES = 256 * 1024;

/** Every pair of a process. */
export class RtpPortPool {
  readonly #clock: Clock;
  readonly #bindHost: string;
  readonly #coolDownMs: number;
  readonly #free: number[] = [];
  /** In the order in which they become free. */
  readonly #resting: Resting[] = [];
  readonly #size: number;
  readonly #range: string;
  #inUse = 0;

  /** @throws ERR_TALKSPURT_MEDIA_BIND when `bindHost` is no IP address or the range holds no pair */
  constructor(options: RtpPortPoolOptions) {
    const { from = 20_000, to = 30_000 } = options;
    this.#clock = options.clock;
    this.#bindHost = options.bindHost;
    this.#coolDownMs = Math.min(LIMITS.rtpPortRestMs, Math.max(0, options.coolDownMs ?? LIMITS.rtpPortRestMs));
    this.#range = `${from} to ${to}`;
    if (isIP(options.bindHost) === 0) {
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_BIND', 'the RTP bind address is no IP address');
    }
    if (!Number.isInteger(from) || !Number.isInteger(to) || from < 1 || to > 65_535) {
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_BIND', `RTP ports are numbers from 1 to 65535, not ${this.#range}`);
    }
    for (let port = from + (from % 2); port + 1 <= to; port += 2) this.#free.push(port);
    this.#size = this.#free.length;
    if (this.#size === 0) {
      throw new TalkspurtError('ERR_TALKSPURT_MEDIA_BIND', `there is no pair of RTP ports from ${this.#range}`);
    }
  }

  /** Pairs there are. */
  get size(): number {
    return this.#size;
  }

  /** Pairs that calls hold, or are about to. */
  get inUse(): number {
    return this.#inUse;
  }

  /** Pairs that rest: used a moment ago, or held by another program. */
  get resting(): number {
    this.#wake();
    return this.#resting.length;
  }

  /** A pair, bound. @throws ERR_TALKSPURT_PORTS_EXHAUSTED, ERR_TALKSPURT_MEDIA_BIND */
  async acquire(): Promise<RtpPortPair> {
    this.#wake();
    for (let port = this.#take(); port !== null; port = this.#take()) {
      this.#inUse += 1;
      let pair: RtpPortPair | null = null;
      try {
        pair = await this.#bind(port);
      } finally {
        if (pair === null) this.#rest(port);
      }
      if (pair !== null) return pair;
    }
    const counts = { size: this.#size, inUse: this.#inUse, resting: this.#resting.length };
    const message = `every pair of RTP ports from ${this.#range} is in use: widen the range`;
    throw new TalkspurtError('ERR_TALKSPURT_PORTS_EXHAUSTED', message, { details: counts });
  }

  /** Any free port, so that a stranger cannot foretell where the next call listens. */
  #take(): number | null {
    const last = this.#free.pop();
    if (last === undefined) return null;
    const index = randomInt(this.#free.length + 1);
    if (index === this.#free.length) return last;
    const port = this.#free[index]!;
    this.#free[index] = last;
    return port;
  }

  #rest(port: number): void {
    this.#inUse -= 1;
    this.#resting.push({ port, untilMs: this.#clock.nowMs() + this.#coolDownMs });
  }

  #wake(): void {
    const nowMs = this.#clock.nowMs();
    const awake = this.#resting.findIndex(({ untilMs }) => untilMs > nowMs);
    const count = awake === -1 ? this.#resting.length : awake;
    for (const { port } of this.#resting.splice(0, count)) this.#free.push(port);
  }

  /** The pair, or null when another program holds one of its ports. */
  async #bind(rtpPort: number): Promise<RtpPortPair | null> {
    const rtp = await bound(this.#bindHost, rtpPort);
    if (rtp === null) return null;
    let rtcp: Socket | null = null;
    try {
      rtcp = await bound(this.#bindHost, rtpPort + 1);
    } finally {
      if (rtcp === null) await closed(rtp);
    }
    if (rtcp === null) return null;
    const control = rtcp;
    let released: Promise<void> | null = null;
    const release = async (): Promise<void> => {
      await Promise.all([closed(rtp), closed(control)]);
      this.#rest(rtpPort);
    };
    return {
      host: this.#bindHost,
      rtpPort,
      rtcpPort: rtpPort + 1,
      rtp,
      rtcp,
      release: () => (released ??= release()),
    };
  }
}

/** A bound socket, or null when the port is taken. @throws ERR_TALKSPURT_MEDIA_BIND */
async function bound(host: string, port: number): Promise<Socket | null> {
  const family = isIP(host) === 6 ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    recvBufferSize: KERNEL_BUFFER_BYTES,
    // Destinations are addresses already: no resolver, and a packet leaves within its own tick.
    lookup: (address, _options, done) => done(null, address, family),
  });
  const cause = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    // It stays: an error before somebody else listens would end the process.
    socket.on('error', resolve);
    socket.bind({ port, address: host, exclusive: true }, () => resolve(null));
  });
  if (cause === null) return socket;
  socket.close();
  if (cause.code === 'EADDRINUSE') return null;
  const reason = cause.code ?? 'unknown';
  const message = `no UDP port could be bound at the RTP address: ${reason}`;
  throw new TalkspurtError('ERR_TALKSPURT_MEDIA_BIND', message, { cause, details: { reason } });
}

async function closed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => socket.close(() => resolve()));
}
