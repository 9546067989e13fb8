/**
 * A phone's stand-in: an externalMedia channel by RTP, µ-law, sent into our application as a caller. It says a frame every
 * 20 ms, silent or loud, and tells of every loud one that it hears.
 */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import type { AsteriskProcess } from './asterisk-process.ts';

const FRAME_BYTES = 160;
const PTIME_MS = 20;
const PACKET_BYTES = 12 + FRAME_BYTES;
/** µ-law: nothing; and 1 kHz as a square wave, each sample loud. */
const SILENT = Buffer.alloc(FRAME_BYTES, 0xff);
const LOUD = Buffer.from(Uint8Array.from({ length: FRAME_BYTES }, (_, n) => (n % 8 < 4 ? 0x9f : 0x1f)));
/** µ-law codes whose magnitude bits are below this are loud: 0x00 is the loudest, 0x7f nothing. */
const LOUD_BELOW = 0x48;
const SOFT_BELOW = 0x70;

/** Called from its timer and its socket. */
export interface PhoneListener {
  /** Before a frame is said: whether it shall be loud. */
  onTurn(): boolean;
  onLoud(): void;
  /** Every frame, loud or not, in the order of its coming. */
  onFrame?(loud: boolean): void;
  /** Hears even what is soft: speech begins so. */
  readonly keen?: boolean;
}

/** Closed by whoever opened it. */
export class AsteriskPhone {
  readonly id: string;
  readonly #asterisk: AsteriskProcess;
  readonly #socket: Socket;
  readonly #packet = Buffer.alloc(PACKET_BYTES);
  #timer: NodeJS.Timeout | null = null;
  #remotePort = 0;
  #count = 0;
  heardFrames = 0;

  private constructor(id: string, asterisk: AsteriskProcess, socket: Socket) {
    this.id = id;
    this.#asterisk = asterisk;
    this.#socket = socket;
  }

  /** Calls the application; resolves when Asterisk has made the channel. */
  static async call(
    id: string,
    asterisk: AsteriskProcess,
    app: string,
    listener: PhoneListener,
  ): Promise<AsteriskPhone> {
    const socket = createSocket({ type: 'udp4', lookup: (address, _options, done) => done(null, address, 4) });
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const phone = new AsteriskPhone(id, asterisk, socket);
    socket.on('message', (datagram) => phone.#hear(datagram, listener));
    const { channelvars } = (await asterisk.ari('POST', 'channels/externalMedia', {
      app,
      channelId: id,
      external_host: `127.0.0.1:${socket.address().port}`,
      format: 'ulaw',
    })) as { channelvars: { UNICASTRTP_LOCAL_PORT: string } };
    phone.#remotePort = Number(channelvars.UNICASTRTP_LOCAL_PORT);
    phone.#talk(performance.now() + Math.random() * PTIME_MS, listener);
    return phone;
  }

  async hangup(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#asterisk.ari('DELETE', `channels/${this.id}`);
    await new Promise<void>((resolve) => this.#socket.close(() => resolve()));
  }

  #talk(dueMs: number, listener: PhoneListener): void {
    this.#timer = setTimeout(
      () => {
        this.#talk(dueMs + PTIME_MS, listener);
        const frame = listener.onTurn() ? LOUD : SILENT;
        this.#packet.writeUInt16BE(0x8000, 0);
        this.#packet.writeUInt16BE(this.#count & 0xffff, 2);
        this.#packet.writeUInt32BE((this.#count * FRAME_BYTES) >>> 0, 4);
        this.#packet.writeUInt32BE(0x7e1e, 8);
        frame.copy(this.#packet, 12);
        this.#socket.send(this.#packet, this.#remotePort, '127.0.0.1');
        this.#count += 1;
      },
      Math.max(0, dueMs - performance.now()),
    );
  }

  #hear(datagram: Buffer, listener: PhoneListener): void {
    if (datagram.length !== PACKET_BYTES) return;
    this.heardFrames += 1;
    const below = listener.keen === true ? SOFT_BELOW : LOUD_BELOW;
    let loud = 0;
    for (let at = 12; at < PACKET_BYTES; at += 1) if ((datagram[at]! & 0x7f) < below) loud += 1;
    const isLoud = loud >= FRAME_BYTES / 4;
    listener.onFrame?.(isLoud);
    if (isLoud) listener.onLoud();
  }
}
