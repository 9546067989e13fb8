/**
 * The far end of a call over Asterisk: an RTP end of our own that sends back what it hears, and keeps it. So each way is known
 * apart, and no dialplan is needed. µ-law over UDP, as every Asterisk has it.
 */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { RemoteInfo, Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import type { Clock } from '../../../core/clock.ts';
import { TalkspurtError } from '../../../core/errors.ts';
import type { MediaFormat } from '../../../core/media.ts';
import { LIMITS } from '../../../limits.ts';
import type { HeardFrame, Hearing } from './run-line.ts';

const FORMAT: MediaFormat = { codec: 'pcmu', sampleRateHz: 8_000, ptimeMs: 20 };
const HEADER_BYTES = 12;
const PCMU = 0;
/** One end; closed by whoever opened it. */
export class EchoPeer {
  readonly host: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #ssrc = randomInt(1, 0x7fff_ffff);
  readonly #frames: HeardFrame[] = [];

  private constructor(host: string, socket: Socket, clock: Clock) {
    this.host = host;
    this.port = socket.address().port;
    this.#socket = socket;
    this.#clock = clock;
    socket.on('message', (packet, from) => this.#onPacket(packet, from));
    // An answer that nobody takes (ICMP) is told by what does not come back.
    socket.on('error', () => undefined);
  }

  /** @throws ERR_TALKSPURT_MEDIA_BIND */
  static async open(host: string, clock: Clock): Promise<EchoPeer> {
    const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4');
    await new Promise<void>((resolve, reject) => {
      socket.once('error', (cause) => {
        const message = `no UDP port of ${host} could be bound: is it an address of this machine?`;
        reject(new TalkspurtError('ERR_TALKSPURT_MEDIA_BIND', message, { cause }));
      });
      socket.bind(0, host, resolve);
    });
    return new EchoPeer(host, socket, clock);
  }

  /** What was heard here of a signal whose first frame was sent at `startedMs`. */
  hearing({ startedMs, sentFrames, unsentFrames, lost }: Hearing): Hearing {
    return { format: FORMAT, frames: this.#frames, startedMs, sentFrames, unsentFrames, lost };
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #onPacket(packet: Buffer, from: RemoteInfo): void {
    if (packet.length <= HEADER_BYTES || packet[0] !== 0x80) return;
    const type = packet.readUInt8(1) & 0x7f;
    const payload = packet.subarray(HEADER_BYTES);
    if (type !== PCMU || payload.length !== 160) return;
    const sequenceNumber = packet.readUInt16BE(2);
    if (this.#frames.length < LIMITS.doctorFrames) {
      this.#frames.push({ sequenceNumber, atMs: this.#clock.nowMs(), payload: new Uint8Array(payload) });
    }
    const answer = Buffer.from(packet);
    answer.writeUInt32BE(this.#ssrc, 8);
    this.#socket.send(answer, from.port, from.address);
  }
}
