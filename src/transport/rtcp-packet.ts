/**
 * RTCP packets (RFC 3550 §6) as bytes: what of a far end's reports we read, and the reports that we write.
 *
 *     ┌───┬─┬───────┬───────────────┬───────────────────────────────┐
 *     │V=2│P│ count │  packet type  │  length in 32-bit words − 1   │  × as many as fit: a compound
 *     └───┴─┴───────┴───────────────┴───────────────────────────────┘
 */
import { uint16, uint32, writeUint32 } from './rtp-packet.ts';

const SENDER_REPORT = 200;
const RECEIVER_REPORT = 201;
const SOURCE_DESCRIPTION = 202;
const GOODBYE = 203;
const CNAME = 1;
const HEADER_BYTES = 8;
const SENDER_INFO_BYTES = 20;
const BLOCK_BYTES = 24;
const WIDEST_CNAME = 64;

/** Room for any compound of ours. */
export const RTCP_BYTES =
  HEADER_BYTES + SENDER_INFO_BYTES + BLOCK_BYTES + HEADER_BYTES + 2 + WIDEST_CNAME + 4 + HEADER_BYTES;

/** What a compound said. Made once, filled by {@link parseRtcp}. */
export interface RtcpReading {
  /** SSRC of the first report. */
  senderSsrc: number;
  /** Whether there was a sender report, and the middle 32 bits of its NTP time. */
  hasSenderInfo: boolean;
  ntpMiddle: number;
  /** Whether there was a report about us, and what it says: loss in 256ths, packets lost, jitter in RTP clock units. */
  hasReport: boolean;
  fractionLost: number;
  cumulativeLost: number;
  jitter: number;
  /** Middle of the NTP time of our last report that it had, 0 for none; and how long it kept it, in 1/65536 s. */
  lastReport: number;
  sinceLastReport: number;
  /** The SSRC that a BYE names first, or null. */
  goodbyeSsrc: number | null;
}

/** An empty reading. */
export function makeRtcpReading(): RtcpReading {
  return {
    senderSsrc: 0,
    hasSenderInfo: false,
    ntpMiddle: 0,
    hasReport: false,
    fractionLost: 0,
    cumulativeLost: 0,
    jitter: 0,
    lastReport: 0,
    sinceLastReport: 0,
    goodbyeSsrc: null,
  };
}

/** Fills `reading` with what `bytes` say, reports about `ourSsrc` included; false when they are no RTCP. Never throws. */
export function parseRtcp(bytes: Uint8Array, ourSsrc: number, reading: RtcpReading): boolean {
  reading.hasSenderInfo = false;
  reading.hasReport = false;
  reading.goodbyeSsrc = null;
  let at = 0;
  if (bytes.length < HEADER_BYTES) return false;
  while (at < bytes.length) {
    if (at + 4 > bytes.length || bytes[at]! >>> 6 !== 2) return false;
    const type = bytes[at + 1]!;
    const end = at + 4 + uint16(bytes, at + 2) * 4;
    if (end > bytes.length) return false;
    // RFC 3550 A.2: a compound begins with a report.
    if (at === 0 && ((type !== SENDER_REPORT && type !== RECEIVER_REPORT) || end < HEADER_BYTES)) return false;
    if (at === 0) reading.senderSsrc = uint32(bytes, 4);
    const count = bytes[at]! & 0x1f;
    if (type === SENDER_REPORT) readSenderReport(bytes, at, end, count, ourSsrc, reading);
    else if (type === RECEIVER_REPORT) readBlocks(bytes, at + HEADER_BYTES, end, count, ourSsrc, reading);
    else if (type === GOODBYE && count > 0 && at + HEADER_BYTES <= end) reading.goodbyeSsrc = uint32(bytes, at + 4);
    at = end;
  }
  return true;
}

function readSenderReport(
  bytes: Uint8Array,
  at: number,
  end: number,
  count: number,
  ourSsrc: number,
  reading: RtcpReading,
): void {
  const info = at + HEADER_BYTES;
  if (info + SENDER_INFO_BYTES > end) return;
  reading.hasSenderInfo = true;
  reading.ntpMiddle = uint32(bytes, info + 2);
  readBlocks(bytes, info + SENDER_INFO_BYTES, end, count, ourSsrc, reading);
}

function readBlocks(
  bytes: Uint8Array,
  start: number,
  end: number,
  count: number,
  ourSsrc: number,
  reading: RtcpReading,
): void {
  for (let n = 0, at = start; n < count && at + BLOCK_BYTES <= end; n += 1, at += BLOCK_BYTES) {
    if (uint32(bytes, at) !== ourSsrc) continue;
    reading.hasReport = true;
    reading.fractionLost = bytes[at + 4]!;
    // 24 bits, signed.
    reading.cumulativeLost = (uint32(bytes, at + 4) << 8) >> 8;
    reading.jitter = uint32(bytes, at + 12);
    reading.lastReport = uint32(bytes, at + 16);
    reading.sinceLastReport = uint32(bytes, at + 20);
  }
}

/** What a report of ours says of what we sent; absent from a receiver report. */
export interface SenderInfo {
  /** Seconds since 1900 and their fraction in 2⁻³². */
  readonly ntpSeconds: number;
  readonly ntpFraction: number;
  readonly rtpTimestamp: number;
  readonly packets: number;
  readonly octets: number;
}

/** What it says of one source that we hear. */
export interface ReportBlock {
  readonly ssrc: number;
  readonly fractionLost: number;
  readonly cumulativeLost: number;
  readonly extendedSequence: number;
  readonly jitter: number;
  readonly lastReport: number;
  readonly sinceLastReport: number;
}

/** One compound of ours. */
export interface RtcpReport {
  readonly ssrc: number;
  readonly sender: SenderInfo | null;
  readonly block: ReportBlock | null;
  /** At most 64 characters of ASCII (RFC 7022). */
  readonly cname: string;
  readonly goodbye: boolean;
}

/** Writes SR or RR, SDES and, at the end, BYE into `bytes` (room: {@link RTCP_BYTES}); returns how many bytes it took. */
export function writeRtcp(bytes: Uint8Array, report: RtcpReport): number {
  const { sender, block, ssrc } = report;
  const blocks = block === null ? 0 : 1;
  let at = HEADER_BYTES;
  if (sender !== null) {
    writeUint32(bytes, at, sender.ntpSeconds);
    writeUint32(bytes, at + 4, sender.ntpFraction);
    writeUint32(bytes, at + 8, sender.rtpTimestamp);
    writeUint32(bytes, at + 12, sender.packets);
    writeUint32(bytes, at + 16, sender.octets);
    at += SENDER_INFO_BYTES;
  }
  if (block !== null) {
    writeBlock(bytes, at, block);
    at += BLOCK_BYTES;
  }
  writeHeader(bytes, 0, at, blocks, sender === null ? RECEIVER_REPORT : SENDER_REPORT, ssrc);
  at = writeCname(bytes, at, ssrc, report.cname);
  if (!report.goodbye) return at;
  writeHeader(bytes, at, at + HEADER_BYTES, 1, GOODBYE, ssrc);
  return at + HEADER_BYTES;
}

function writeBlock(bytes: Uint8Array, at: number, block: ReportBlock): void {
  writeUint32(bytes, at, block.ssrc);
  writeUint32(bytes, at + 4, block.cumulativeLost & 0xffffff);
  bytes[at + 4] = block.fractionLost;
  writeUint32(bytes, at + 8, block.extendedSequence);
  writeUint32(bytes, at + 12, block.jitter);
  writeUint32(bytes, at + 16, block.lastReport);
  writeUint32(bytes, at + 20, block.sinceLastReport);
}

/** One chunk with one item; at least one zero byte ends the list, and the chunk ends at a word (RFC 3550 §6.5). */
function writeCname(bytes: Uint8Array, start: number, ssrc: number, cname: string): number {
  const length = Math.min(cname.length, WIDEST_CNAME);
  let at = start + HEADER_BYTES;
  bytes[at] = CNAME;
  bytes[at + 1] = length;
  at += 2;
  for (let i = 0; i < length; i += 1) bytes[at + i] = cname.charCodeAt(i) & 0x7f;
  at += length;
  const end = at + 4 - ((at - start) % 4);
  bytes.fill(0, at, end);
  writeHeader(bytes, start, end, 1, SOURCE_DESCRIPTION, ssrc);
  return end;
}

function writeHeader(bytes: Uint8Array, at: number, end: number, count: number, type: number, ssrc: number): void {
  const words = (end - at) / 4 - 1;
  bytes[at] = 0x80 | count;
  bytes[at + 1] = type;
  bytes[at + 2] = words >>> 8;
  bytes[at + 3] = words;
  writeUint32(bytes, at + 4, ssrc);
}
