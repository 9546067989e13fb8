/**
 * Frames → RTP packets: one synchronisation source of ours.
 *
 * What does it do? Writes header and payload into a buffer made beforehand. The timestamp advances with every tick, sent or not,
 *   and with the time for which there were no ticks. While digits are sent, events take the place of audio.
 * How does it work? The marker is on the first packet and after a gap only: who sends without a pause must not set it (RFC 3551
 *   §4.1), and FreeSWITCH throws away what it has buffered, two frames, at every one.
 * Not for: pacing. A tick is one ptime because the caller says so.
 */
import { randomBytes } from 'node:crypto';
import type { RtpMedia } from './rtp-media.ts';
import { RTP_HEADER_BYTES, uint32, writeRtpHeader } from './rtp-packet.ts';
import type { RtpWireFormat } from './rtp-wire-format.ts';
import { TELEPHONE_EVENT_BYTES, writeTelephoneEvent } from './telephone-event.ts';
import { TelephoneEventSender } from './telephone-event-sender.ts';

/** A buffer for one packet, and its payload in it. */
interface Packet {
  readonly bytes: Uint8Array;
  readonly payload: Uint8Array;
}

/** A socket may keep a packet until the kernel takes it: so many are written before the first is used again. */
const PACKETS = 8;
/** Ticks that are late by more than this are left out by whoever ticks; below, they are made up for. */
const GAP_MS = 60;

/** One sending direction. Allocates nothing while it sends. */
export class RtpSender {
  readonly ssrc = uint32(randomBytes(4), 0);
  readonly digits: TelephoneEventSender;
  readonly #format: RtpWireFormat;
  readonly #transmit: (packet: Uint8Array) => void;
  readonly #audio: readonly Packet[];
  readonly #events: readonly Packet[];
  #turn = 0;
  #payloadType: number;
  #eventPayloadType: number | null;
  #sequenceNumber: number;
  #eventTimestamp = 0;
  #tickMs = Number.NaN;
  /** Nothing was sent where a packet would have been. */
  #gap = true;
  timestamp: number;
  sentMs = Number.NaN;
  packets = 0;
  octets = 0;

  /** `transmit` gets a packet to be sent at once. Without `firstSequenceNumber` (0..65535) it is random. */
  constructor(
    media: RtpMedia,
    format: RtpWireFormat,
    transmit: (packet: Uint8Array) => void,
    firstSequenceNumber?: number,
  ) {
    this.#format = format;
    this.#transmit = transmit;
    this.#payloadType = media.payloadType;
    this.#eventPayloadType = media.eventPayloadType;
    this.digits = new TelephoneEventSender(format.ptimeMs, media.eventClockRateHz);
    this.#audio = packets(format.wireBytes);
    this.#events = packets(TELEPHONE_EVENT_BYTES);
    const seed = randomBytes(6);
    // RFC 3550 §5.1: both begin at random, unless the far end needs it otherwise.
    this.timestamp = uint32(seed, 0);
    this.#sequenceNumber = firstSequenceNumber ?? (seed[4]! << 8) | seed[5]!;
  }

  /** Other payload types from the next packet on. */
  update(media: RtpMedia): void {
    this.#payloadType = media.payloadType;
    this.#eventPayloadType = media.eventPayloadType;
  }

  /** One ptime with one frame. `open`: there is somebody who may be sent to. True when a packet was sent. */
  tick(frame: Uint8Array, open: boolean, nowMs: number): boolean {
    this.#advance(nowMs);
    if (!open) {
      this.#gap = true;
      return false;
    }
    const what = this.digits.busy ? this.digits.tick() : 'audio';
    if (what === 'audio') {
      this.#sendAudio(frame, this.#gap, nowMs);
      return true;
    }
    if (what === 'event') this.#sendEvent(nowMs);
    return what === 'event';
  }

  #advance(nowMs: number): void {
    const { frameTicks, ptimeMs } = this.#format;
    const elapsedMs = nowMs - this.#tickMs;
    this.#tickMs = nowMs;
    const missed = elapsedMs > GAP_MS + 1.5 * ptimeMs ? Math.round(elapsedMs / ptimeMs) - 1 : 0;
    if (missed > 0) this.#gap = true;
    this.timestamp = (this.timestamp + (1 + missed) * frameTicks) >>> 0;
  }

  #sendAudio(frame: Uint8Array, marker: boolean, nowMs: number): void {
    const packet = this.#audio[this.#turn]!;
    this.#format.toWire(frame, packet.payload);
    this.#gap = false;
    this.#send(packet, marker, this.#payloadType, this.timestamp, nowMs);
  }

  #sendEvent(nowMs: number): void {
    const { digits } = this;
    if (digits.first) this.#eventTimestamp = this.timestamp;
    if (this.#eventPayloadType === null) return;
    const packet = this.#events[this.#turn]!;
    writeTelephoneEvent(packet.payload, 0, digits.code, digits.end, digits.duration);
    this.#send(packet, digits.first, this.#eventPayloadType, this.#eventTimestamp, nowMs);
  }

  #send(packet: Packet, marker: boolean, payloadType: number, timestamp: number, nowMs: number): void {
    this.#turn = (this.#turn + 1) % PACKETS;
    writeRtpHeader(packet.bytes, marker, payloadType, this.#sequenceNumber, timestamp, this.ssrc);
    this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff;
    this.packets += 1;
    this.octets += packet.payload.length;
    this.sentMs = nowMs;
    this.#transmit(packet.bytes);
  }
}

function packets(payloadBytes: number): readonly Packet[] {
  return Array.from({ length: PACKETS }, () => {
    const bytes = new Uint8Array(RTP_HEADER_BYTES + payloadBytes);
    return { bytes, payload: bytes.subarray(RTP_HEADER_BYTES) };
  });
}
