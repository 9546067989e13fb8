/**
 * RTP packets → frames and digits of the one source that we listen to.
 *
 * What does it do? Refuses what is malformed, foreign or of another payload type; tells digits; hands frames on in our format,
 *   numbered without a hole where telephone-events or comfort noise took sequence numbers.
 * Not for: order in time. Frames come as their packets do: the jitter buffer follows.
 */
import type { RtpMedia } from './rtp-media.ts';
import { makeRtpPacket, parseRtp } from './rtp-packet.ts';
import type { RtpPacket } from './rtp-packet.ts';
import { NO_PLACE, RtpReframer } from './rtp-reframer.ts';
import { REFUSED, RtpSource } from './rtp-source.ts';
import type { RtpWireFormat } from './rtp-wire-format.ts';
import { TelephoneEventReceiver } from './telephone-event.ts';
import type { DigitHandler } from './telephone-event.ts';

/** Gets a frame inside (borrowed): as {@link MediaSink.onFrame}. */
export type FrameHandler = (frame: Uint8Array, sequenceNumber: number, timestamp: number, nowMs: number) => void;

/** What a receiver is made of. */
export interface RtpReceiverOptions {
  readonly media: RtpMedia;
  readonly format: RtpWireFormat;
  /** The same SSRC from another address is another source. */
  readonly symmetric: boolean;
  readonly onFrame: FrameHandler;
  readonly onDigit: DigitHandler;
  /** A comfort noise payload (RFC 3389), borrowed. Rare. */
  readonly onSilence: (payload: Uint8Array) => void;
}

/** Static payload type of comfort noise (RFC 3389 §4). */
const COMFORT_NOISE = 13;
const AUDIO = 1;
const EVENT = 2;
const NOISE = 3;
const UNKNOWN = 0;

/** One receiving direction. Allocates nothing. */
export class RtpReceiver {
  readonly source: RtpSource;
  readonly reframer: RtpReframer;
  readonly #format: RtpWireFormat;
  readonly #packet: RtpPacket = makeRtpPacket();
  readonly #events: TelephoneEventReceiver;
  readonly #onSilence: (payload: Uint8Array) => void;
  #payloadType: number;
  #eventPayloadType: number | null;
  #newest = -1;
  #newestKind = UNKNOWN;
  #newestTimestamp = 0;
  /** Whether what is heard is handed on. */
  listening = true;
  eventPackets = 0;
  comfortNoisePackets = 0;
  unknownPackets = 0;
  /** When the last packet of the source came; NaN: never. */
  lastPacketMs = Number.NaN;

  constructor(options: RtpReceiverOptions) {
    const { media, format, onFrame } = options;
    this.#format = format;
    this.#payloadType = media.payloadType;
    this.#eventPayloadType = media.eventPayloadType;
    this.source = new RtpSource({ clockRateHz: media.clockRateHz, byAddress: options.symmetric });
    this.#onSilence = options.onSilence;
    this.#events = new TelephoneEventReceiver(media.eventClockRateHz, options.onDigit);
    const frame = new Uint8Array(format.frameBytes);
    const { samplesPerTick } = format;
    this.reframer = new RtpReframer(format, (wire, frameNumber, timestamp, nowMs) => {
      format.fromWire(wire, frame);
      onFrame(frame, frameNumber, (timestamp * samplesPerTick) >>> 0, nowMs);
    });
  }

  /** Other payload types from the next packet on. */
  update(media: RtpMedia): void {
    this.#payloadType = media.payloadType;
    this.#eventPayloadType = media.eventPayloadType;
  }

  /** Ends digits whose last packets were lost. Every tick. */
  poll(nowMs: number): void {
    this.#events.poll(nowMs);
  }

  /** Takes one datagram in; false when it is refused. Never throws. */
  receive(datagram: Uint8Array, address: string, port: number, nowMs: number): boolean {
    const packet = this.#packet;
    if (!parseRtp(datagram, packet)) return false;
    const kind = this.#kindOf(packet.payloadType);
    const bytes = packet.payloadEnd - packet.payloadStart;
    const ticks = kind === AUDIO ? bytes / this.#format.bytesPerTick : 0;
    const whole = Number.isInteger(ticks);
    const number = this.source.accept(packet, kind !== UNKNOWN && whole && bytes > 0, address, port, nowMs);
    if (number === REFUSED) return false;
    if (this.source.fresh) this.#restart();
    this.lastPacketMs = nowMs;
    const place = this.#place(number, kind, whole ? ticks : 0);
    this.#events.poll(nowMs);
    if (kind === UNKNOWN) {
      this.unknownPackets += 1;
      return false;
    }
    if (kind === NOISE) {
      this.comfortNoisePackets += 1;
      if (this.listening && bytes > 0) this.#onSilence(datagram.subarray(packet.payloadStart, packet.payloadEnd));
    } else if (kind === EVENT) {
      this.eventPackets += 1;
      return this.#events.receive(datagram, packet.payloadStart, packet.payloadEnd, packet.timestamp, nowMs);
    } else if (whole) this.#hear(datagram, place, ticks, nowMs);
    return whole;
  }

  #hear(datagram: Uint8Array, place: number, ticks: number, nowMs: number): void {
    const { timestamp, payloadStart } = this.#packet;
    this.source.measure(timestamp, nowMs);
    if (place === NO_PLACE) this.reframer.late += 1;
    else if (this.listening) this.reframer.cut(datagram, payloadStart, place, ticks, timestamp, nowMs);
  }

  /** What is missing between two packets of one event was of that event too. */
  #place(number: number, kind: number, ticks: number): number {
    const { timestamp, marker } = this.#packet;
    const inEvent = kind === EVENT && this.#newestKind === EVENT && timestamp === this.#newestTimestamp;
    if (number > this.#newest) {
      this.#newest = number;
      this.#newestKind = kind;
      this.#newestTimestamp = timestamp;
    }
    return this.reframer.place(number, ticks, !inEvent, kind === AUDIO && marker);
  }

  #restart(): void {
    this.reframer.restart();
    this.#events.restart();
    this.#newest = -1;
    this.#newestKind = UNKNOWN;
  }

  #kindOf(payloadType: number): number {
    if (payloadType === this.#payloadType) return AUDIO;
    if (payloadType === this.#eventPayloadType) return EVENT;
    return payloadType === COMFORT_NOISE ? NOISE : UNKNOWN;
  }
}
