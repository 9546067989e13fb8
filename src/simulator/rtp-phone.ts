/** A phone behind RTP: what a SIP leg of the simulated switch has for a mouth and an ear. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { LIMITS } from '../limits.ts';
import type { SwitchCodec } from './channel-audio.ts';
import { A_LAW, MU_LAW } from './g711-table.ts';
import type { G711Law } from './g711-table.ts';
import type { SimulatedPhone } from './phone.ts';

/** What an offer and its answer agreed on. */
export interface RtpStream {
  readonly address: string;
  readonly port: number;
  readonly codec: SwitchCodec;
  readonly payloadType: number;
  /** Null: the other side takes no telephone-events. */
  readonly eventPayloadType: number | null;
  /** Whether we send, and whether we listen. */
  readonly sends: boolean;
  readonly listens: boolean;
}

/** Counters; live. */
export interface RtpPhoneStats {
  sentPackets: number;
  receivedPackets: number;
  /** Came while too many waited: a real switch flushes its socket then. */
  flushedPackets: number;
  /** Not RTP, or of a payload type nobody agreed on. */
  strangePackets: number;
}

/** A digit that is being sent as telephone-events (RFC 4733). */
interface SentDigit {
  readonly event: number;
  readonly lengthSamples: number;
  readonly timestamp: number;
  playedSamples: number;
  /** Copies of the end that are still to be sent. */
  ends: number;
}

const EVENTS = '0123456789*#ABCD';
const HEADER_BYTES = 12;
/** FreeSWITCH's default length of a digit. */
const DIGIT_MS = 250;
const END_COPIES = 3;
/** Event's volume, −dBm0, as FreeSWITCH sends it. */
const VOLUME = 13;
const WAITING_PACKETS = 10;

/** Owns its UDP socket from `open` on, until `close`. */
export class RtpPhone implements SimulatedPhone {
  readonly stats: RtpPhoneStats = { sentPackets: 0, receivedPackets: 0, flushedPackets: 0, strangePackets: 0 };
  readonly #socket: Socket;
  readonly #onHangup: (cause: number) => void;
  readonly #received: Buffer[] = [];
  readonly #ssrc = randomInt(0, 2 ** 32);
  #stream: RtpStream | null = null;
  #law: G711Law | null = null;
  #closed = false;
  #sequence = randomInt(0, 2 ** 15);
  #timestamp = 0;
  /** Nothing was sent in the ptime before: the next packet has the marker. */
  #silent = true;
  #digits: { readonly event: number; readonly ms: number }[] = [];
  #digit: SentDigit | null = null;
  #pressed = '';
  /** Timestamp of the last event that was told: its repetitions are the same digit. */
  #toldEvent = -1;
  /** The other side has said BYE: the channel gets to it at its next turn. */
  hungUp = false;
  /** The switch holds the call, or takes it up again; set by whoever owns the dialog. */
  onHold: (held: boolean) => void = () => undefined;

  constructor(onHangup: (cause: number) => void) {
    this.#onHangup = onHangup;
    this.#socket = createSocket({ type: 'udp4', lookup: (host, _options, done) => done(null, host, 4) });
    this.#socket.on('message', (packet) => this.#onPacket(packet));
    // The far end's port may be closed: a switch does not notice.
    this.#socket.on('error', () => undefined);
  }

  /** Binds; resolves with the port. Rejects when the address cannot be bound. */
  open(address: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind(0, address, () => {
        this.#socket.off('error', reject);
        resolve(this.#socket.address().port);
      });
    });
  }

  /** From now on media flow as agreed. */
  connect(stream: RtpStream): void {
    this.#stream = stream;
    this.#law = stream.codec === 'PCMU' ? MU_LAW : stream.codec === 'PCMA' ? A_LAW : null;
    if (!stream.listens) this.#received.length = 0;
  }

  speak(frame: Int16Array): boolean {
    const packet = this.#received.shift();
    if (packet === undefined || this.#stream?.listens !== true) return false;
    const payload = payloadOf(packet);
    if (this.#law === null) {
      for (let at = 0; at < frame.length && at * 2 + 1 < payload.length; at += 1)
        frame[at] = payload.readInt16BE(at * 2);
    } else {
      for (let at = 0; at < frame.length && at < payload.length; at += 1) frame[at] = this.#law.decode[payload[at]!]!;
    }
    return true;
  }

  hear(frame: Int16Array | null, sampleRateHz: number): void {
    const stream = this.#stream;
    if (stream === null) return;
    const ptimeSamples = frame?.length ?? sampleRateHz / 50;
    if (stream.sends && this.#sendDigit(stream, ptimeSamples, sampleRateHz)) this.#silent = true;
    else if (frame !== null && stream.sends) {
      this.#send(stream.payloadType, this.#silent, this.#timestamp, this.#encode(frame));
      this.#silent = false;
    } else this.#silent = true;
    this.#timestamp = (this.#timestamp + ptimeSamples) >>> 0;
  }

  takeDigits(): string {
    const digits = this.#pressed;
    this.#pressed = '';
    return digits;
  }

  /** Sends digits as telephone-events: `12`, `12@100` with a length in ms. */
  playDigits(text: string): void {
    const [digits = '', ms] = text.split('@');
    for (const digit of digits.toUpperCase()) {
      const event = EVENTS.indexOf(digit);
      if (event < 0 || this.#digits.length >= LIMITS.simulatedDigits) continue;
      this.#digits.push({ event, ms: Number.parseInt(ms ?? '', 10) || DIGIT_MS });
    }
  }

  hold(held: boolean): void {
    this.onHold(held);
  }

  onHangup(hangupCause: number): void {
    this.#onHangup(hangupCause);
    this.close();
  }

  /** Frees the port; twice is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  #onPacket(packet: Buffer): void {
    const stream = this.#stream;
    if (stream === null || packet.length < HEADER_BYTES || packet[0]! >> 6 !== 2) {
      this.stats.strangePackets += 1;
      return;
    }
    const payloadType = packet[1]! & 0x7f;
    if (payloadType === stream.eventPayloadType) this.#onEvent(packet);
    else if (payloadType === stream.payloadType) {
      this.stats.receivedPackets += 1;
      if (!stream.listens) return;
      this.#received.push(packet);
      if (this.#received.length <= WAITING_PACKETS) return;
      this.#received.shift();
      this.stats.flushedPackets += 1;
    } else this.stats.strangePackets += 1;
  }

  /** A digit is told when its end comes, once for all copies. */
  #onEvent(packet: Buffer): void {
    const payload = payloadOf(packet);
    const timestamp = packet.readUInt32BE(4);
    if (payload.length < 4 || (payload[1]! & 0x80) === 0 || timestamp === this.#toldEvent) return;
    this.#toldEvent = timestamp;
    const digit = EVENTS[payload[0]!];
    if (digit !== undefined && this.#pressed.length < LIMITS.simulatedDigits) this.#pressed += digit;
  }

  /** Sends what is due of a digit in this ptime; false when there is none. */
  #sendDigit(stream: RtpStream, ptimeSamples: number, sampleRateHz: number): boolean {
    if (stream.eventPayloadType === null) {
      this.#digits.length = 0;
      return false;
    }
    if (this.#digit === null) {
      const next = this.#digits.shift();
      if (next === undefined) return false;
      const lengthSamples = Math.max(ptimeSamples, Math.round((next.ms * sampleRateHz) / 1000));
      const { event } = next;
      this.#digit = { event, lengthSamples, timestamp: this.#timestamp, playedSamples: 0, ends: END_COPIES };
    }
    const digit = this.#digit;
    const first = digit.playedSamples === 0;
    digit.playedSamples = Math.min(digit.lengthSamples, digit.playedSamples + ptimeSamples);
    const over = digit.playedSamples >= digit.lengthSamples;
    const payload = Buffer.from([digit.event, (over ? 0x80 : 0) | VOLUME, 0, 0]);
    payload.writeUInt16BE(Math.min(0xffff, digit.playedSamples), 2);
    for (let copies = over ? digit.ends : 1; copies > 0; copies -= 1) {
      this.#send(stream.eventPayloadType, first && copies === (over ? digit.ends : 1), digit.timestamp, payload);
    }
    if (over) this.#digit = null;
    return true;
  }

  #encode(frame: Int16Array): Buffer {
    const law = this.#law;
    const payload = Buffer.allocUnsafe(law === null ? frame.length * 2 : frame.length);
    if (law === null) for (let at = 0; at < frame.length; at += 1) payload.writeInt16BE(frame[at]!, at * 2);
    else for (let at = 0; at < frame.length; at += 1) payload[at] = law.encode[frame[at]! + 32768]!;
    return payload;
  }

  #send(payloadType: number, marker: boolean, timestamp: number, payload: Buffer): void {
    const { address, port } = this.#stream!;
    if (this.#closed || port === 0) return;
    const header = Buffer.alloc(HEADER_BYTES);
    header[0] = 0x80;
    header[1] = (marker ? 0x80 : 0) | payloadType;
    header.writeUInt16BE(this.#sequence, 2);
    header.writeUInt32BE(timestamp, 4);
    header.writeUInt32BE(this.#ssrc, 8);
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.stats.sentPackets += 1;
    this.#socket.send([header, payload], port, address, () => undefined);
  }
}

/** What follows the header, its list of contributors and its extension. */
function payloadOf(packet: Buffer): Buffer {
  let at = HEADER_BYTES + (packet[0]! & 0x0f) * 4;
  if ((packet[0]! & 0x10) !== 0 && packet.length >= at + 4) at += 4 + packet.readUInt16BE(at + 2) * 4;
  const padding = (packet[0]! & 0x20) !== 0 ? packet.at(-1)! : 0;
  return packet.subarray(Math.min(at, packet.length), Math.max(at, packet.length - padding));
}
