/**
 * RTP packets (RFC 3550 §5.1) as bytes.
 *
 *      0                   1                   2                   3
 *      0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *     ┌───┬─┬─┬───────┬─┬─────────────┬───────────────────────────────┐
 *     │V=2│P│X│  CC   │M│     PT      │        sequence number        │
 *     ├───┴─┴─┴───────┴─┴─────────────┴───────────────────────────────┤
 *     │                           timestamp                           │
 *     ├───────────────────────────────────────────────────────────────┤
 *     │                             SSRC                              │
 *     ├───────────────────────────────────────────────────────────────┤
 *     │ CC × CSRC │ X: profile, length, extension │ payload │ padding │
 *     └───────────────────────────────────────────────────────────────┘
 */

/** Bytes of a header without CSRC and extension: what {@link writeRtpHeader} writes. */
export const RTP_HEADER_BYTES = 12;

/** One packet's header, and where its payload lies. Made once, filled by {@link parseRtp} again and again. */
export interface RtpPacket {
  marker: boolean;
  payloadType: number;
  sequenceNumber: number;
  timestamp: number;
  ssrc: number;
  /** The payload within the datagram: from `payloadStart` to before `payloadEnd`, padding left out. May be empty. */
  payloadStart: number;
  payloadEnd: number;
}

/** An empty packet to be filled. */
export function makeRtpPacket(): RtpPacket {
  return { marker: false, payloadType: 0, sequenceNumber: 0, timestamp: 0, ssrc: 0, payloadStart: 0, payloadEnd: 0 };
}

/** Fills `packet` from `bytes`; false, with `packet` in any state, when they are no RTP packet. Never throws. */
export function parseRtp(bytes: Uint8Array, packet: RtpPacket): boolean {
  const { length } = bytes;
  if (length < RTP_HEADER_BYTES) return false;
  const first = bytes[0]!;
  if (first >>> 6 !== 2) return false;
  let start = RTP_HEADER_BYTES + (first & 0x0f) * 4;
  if ((first & 0x10) !== 0) {
    if (start + 4 > length) return false;
    start += 4 + uint16(bytes, start + 2) * 4;
  }
  if (start > length) return false;
  let end = length;
  if ((first & 0x20) !== 0) {
    const padding = bytes[length - 1]!;
    // The count includes itself; an empty payload has no room for one.
    if (padding === 0 || padding > length - start) return false;
    end -= padding;
  }
  const second = bytes[1]!;
  packet.marker = second >= 0x80;
  packet.payloadType = second & 0x7f;
  packet.sequenceNumber = uint16(bytes, 2);
  packet.timestamp = uint32(bytes, 4);
  packet.ssrc = uint32(bytes, 8);
  packet.payloadStart = start;
  packet.payloadEnd = end;
  return true;
}

/** Writes a header of {@link RTP_HEADER_BYTES} at the start of `bytes`, which must have room for it. */
export function writeRtpHeader(
  bytes: Uint8Array,
  marker: boolean,
  payloadType: number,
  sequenceNumber: number,
  timestamp: number,
  ssrc: number,
): void {
  bytes[0] = 0x80;
  bytes[1] = (marker ? 0x80 : 0) | payloadType;
  bytes[2] = sequenceNumber >>> 8;
  bytes[3] = sequenceNumber;
  writeUint32(bytes, 4, timestamp);
  writeUint32(bytes, 8, ssrc);
}

/**
 * Whether a datagram on a port that carries both is RTCP: its packet type is where RTP has marker and payload type, and
 * 64 to 95 are no payload types there (RFC 5761 §4).
 */
export function isRtcp(bytes: Uint8Array): boolean {
  const second = bytes.length > 1 ? bytes[1]! : 0;
  return second >= 192 && second <= 223;
}

/** Two bytes in network order. */
export function uint16(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}

/** Four bytes in network order, unsigned. */
export function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** Writes the low 32 bits of `value` in network order. */
export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
