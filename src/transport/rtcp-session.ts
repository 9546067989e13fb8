/**
 * Reports of a call with two ends (RFC 3550 §6): ours every five seconds or so, and what the far end's say.
 *
 * What does it do? Sends SR while we send and RR otherwise, with a CNAME; reads round-trip time, loss and jitter of the far end;
 *   says BYE. Also the only sign of life of a far end that holds the call.
 * Not for: groups. The rules that slow reports down for many members (§6.3) have nothing to do with two.
 */
import { randomBytes } from 'node:crypto';
import type { Clock, Timer } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import { RTCP_BYTES, makeRtcpReading, parseRtcp, writeRtcp } from './rtcp-packet.ts';
import type { RtcpReading, ReportBlock, SenderInfo } from './rtcp-packet.ts';
import type { RtpSource } from './rtp-source.ts';

/** What has been sent, as a sender report needs it; live. */
export interface RtpSent {
  readonly ssrc: number;
  readonly packets: number;
  readonly octets: number;
  /** Timestamp of the last packet, and when it was sent (NaN: never). */
  readonly timestamp: number;
  readonly sentMs: number;
}

/** What a session is made of. */
export interface RtcpSessionOptions {
  readonly clock: Clock;
  readonly clockRateHz: number;
  readonly sent: RtpSent;
  readonly source: RtpSource;
  /** Sends one compound; the bytes are not used again. */
  readonly send: (bytes: Uint8Array) => void;
}

/** From 1900, where NTP begins, to 1970. */
const NTP_OFFSET_S = 2_208_988_800;
/** RFC 3550 §6.3.1: what the randomised interval is divided by, so that its mean comes out right. */
const COMPENSATION = Math.E - 1.5;
const LONGEST_RTT_MS = 60_000;

/** The reports of one call. Its owner starts and stops it. */
export class RtcpSession {
  readonly #options: RtcpSessionOptions;
  readonly #reading: RtcpReading = makeRtcpReading();
  readonly #cname = randomBytes(12).toString('base64');
  /** Wall time at the clock's zero: NTP times that never jump. */
  readonly #epochMs: number;
  #timer: Timer | null = null;
  #packetsAtReport = 0;
  #senderSsrc = 0;
  #senderNtp = 0;
  #senderMs = Number.NaN;
  sentReports = 0;
  receivedReports = 0;
  /** When the far end last reported; NaN: never. */
  lastReportMs = Number.NaN;
  rttMs: number | null = null;
  remoteLost: number | null = null;
  /** Share of our packets that the far end lost lately, 0 to 1. */
  remoteFractionLost: number | null = null;
  remoteJitterMs: number | null = null;

  constructor(options: RtcpSessionOptions) {
    this.#options = options;
    this.#epochMs = options.clock.wallTimeMs() - options.clock.nowMs();
  }

  /** Begins to report: the first time after half the interval. Twice is harmless. */
  start(): void {
    if (this.#timer === null) this.#arm(LIMITS.rtcpReportMs / 2);
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Takes one datagram in; false when it is no RTCP. */
  receive(datagram: Uint8Array, nowMs: number): boolean {
    const reading = this.#reading;
    const { sent, source, clockRateHz } = this.#options;
    if (!parseRtcp(datagram, sent.ssrc, reading)) return false;
    this.receivedReports += 1;
    this.lastReportMs = nowMs;
    if (reading.hasSenderInfo) {
      this.#senderSsrc = reading.senderSsrc;
      this.#senderNtp = reading.ntpMiddle;
      this.#senderMs = nowMs;
    }
    if (reading.goodbyeSsrc !== null && source.locked && reading.goodbyeSsrc === source.ssrc) source.expectChange();
    if (!reading.hasReport) return true;
    this.remoteLost = reading.cumulativeLost;
    this.remoteFractionLost = reading.fractionLost / 256;
    this.remoteJitterMs = (reading.jitter * 1000) / clockRateHz;
    if (reading.lastReport === 0) return true;
    // RFC 3550 §6.4.1, in 1/65536 s and modulo 2³²; a far end that answers from its own clock only makes nonsense of it.
    const rtt = (this.#ntpMiddle(nowMs) - reading.lastReport - reading.sinceLastReport) | 0;
    const rttMs = (rtt * 1000) / 65_536;
    if (rttMs > -1 && rttMs <= LONGEST_RTT_MS) this.rttMs = Math.max(0, rttMs);
    return true;
  }

  /** Our last compound: a report and BYE. */
  goodbye(): Uint8Array {
    return this.#compound(true);
  }

  #arm(meanMs: number): void {
    const { clock } = this.#options;
    const delayMs = (meanMs * (0.5 + clock.random())) / COMPENSATION;
    this.#timer = clock.after(delayMs, () => {
      this.#arm(LIMITS.rtcpReportMs);
      this.#options.send(this.#compound(false));
      this.sentReports += 1;
    });
  }

  #compound(goodbye: boolean): Uint8Array {
    const bytes = new Uint8Array(RTCP_BYTES);
    const nowMs = this.#options.clock.nowMs();
    const { sent } = this.#options;
    const length = writeRtcp(bytes, {
      ssrc: sent.ssrc,
      sender: this.#senderInfo(nowMs),
      block: this.#block(nowMs),
      cname: this.#cname,
      goodbye,
    });
    this.#packetsAtReport = sent.packets;
    return bytes.subarray(0, length);
  }

  /** Only of one who has sent since the last report. */
  #senderInfo(nowMs: number): SenderInfo | null {
    const { sent, clockRateHz } = this.#options;
    if (sent.packets === this.#packetsAtReport) return null;
    const seconds = this.#ntpSeconds(nowMs);
    const sinceTicks = Math.round(((nowMs - sent.sentMs) * clockRateHz) / 1000);
    return {
      ntpSeconds: Math.floor(seconds),
      ntpFraction: Math.floor((seconds % 1) * 2 ** 32),
      rtpTimestamp: (sent.timestamp + sinceTicks) >>> 0,
      packets: sent.packets,
      octets: sent.octets,
    };
  }

  #block(nowMs: number): ReportBlock | null {
    const { source } = this.#options;
    if (!source.locked) return null;
    const known = this.#senderSsrc === source.ssrc && !Number.isNaN(this.#senderMs);
    return {
      ssrc: source.ssrc,
      fractionLost: source.takeFractionLost(),
      cumulativeLost: source.cumulativeLost,
      extendedSequence: source.extendedSequence,
      jitter: Math.floor(source.jitter),
      lastReport: known ? this.#senderNtp : 0,
      sinceLastReport: known ? Math.round(((nowMs - this.#senderMs) * 65_536) / 1000) : 0,
    };
  }

  #ntpSeconds(nowMs: number): number {
    return (this.#epochMs + nowMs) / 1000 + NTP_OFFSET_S;
  }

  #ntpMiddle(nowMs: number): number {
    return Math.floor((this.#ntpSeconds(nowMs) % 65_536) * 65_536) >>> 0;
  }
}
