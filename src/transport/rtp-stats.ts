/** How an RTP path is doing, for health and metrics. */
import type { RtcpSession } from './rtcp-session.ts';
import type { RtpReceiver } from './rtp-receiver.ts';
import type { RtpSender } from './rtp-sender.ts';

/** Live: every field is of the moment it is read. Null: the far end has not said. */
export interface RtpStats {
  /** Our synchronisation source, and the far end's (null: nothing was heard). */
  readonly ssrc: number;
  readonly remoteSsrc: number | null;
  /** Times that another source took over. */
  readonly ssrcChanges: number;
  /** Packets of the far end that never came (RFC 3550 A.3), of all its sources so far. */
  readonly lost: number;
  /** Interarrival jitter of the far end's packets, ms (RFC 3550 A.8). */
  readonly jitterMs: number;
  /** Packets behind a later one; and those too late to be cut into frames. */
  readonly reordered: number;
  readonly late: number;
  readonly eventPackets: number;
  readonly comfortNoisePackets: number;
  /** Packets of the far end of a payload type that was not agreed on. */
  readonly unknownPackets: number;
  readonly sentPackets: number;
  readonly sentReports: number;
  readonly receivedReports: number;
  /** Round-trip time, ms. */
  readonly rttMs: number | null;
  /** Our packets that the far end lost, of late as a share from 0 to 1, and the jitter it sees. */
  readonly remoteLost: number | null;
  readonly remoteFractionLost: number | null;
  readonly remoteJitterMs: number | null;
  /** When the last packet of RTP or RTCP came, on the transport's clock; NaN: never. */
  readonly lastHeardMs: number;
}

/** A view of the parts' own counters. */
export function liveRtpStats(receiver: RtpReceiver, sender: RtpSender, rtcp: RtcpSession): RtpStats {
  const { source, reframer } = receiver;
  return {
    ssrc: sender.ssrc,
    get remoteSsrc() {
      return source.locked ? source.ssrc : null;
    },
    get ssrcChanges() {
      return source.changes;
    },
    get lost() {
      return source.lost;
    },
    get jitterMs() {
      return source.jitterMs;
    },
    get reordered() {
      return source.behind;
    },
    get late() {
      return reframer.late;
    },
    get eventPackets() {
      return receiver.eventPackets;
    },
    get comfortNoisePackets() {
      return receiver.comfortNoisePackets;
    },
    get unknownPackets() {
      return receiver.unknownPackets;
    },
    get sentPackets() {
      return sender.packets;
    },
    get sentReports() {
      return rtcp.sentReports;
    },
    get receivedReports() {
      return rtcp.receivedReports;
    },
    get rttMs() {
      return rtcp.rttMs;
    },
    get remoteLost() {
      return rtcp.remoteLost;
    },
    get remoteFractionLost() {
      return rtcp.remoteFractionLost;
    },
    get remoteJitterMs() {
      return rtcp.remoteJitterMs;
    },
    get lastHeardMs() {
      if (Number.isNaN(rtcp.lastReportMs)) return receiver.lastPacketMs;
      if (Number.isNaN(receiver.lastPacketMs)) return rtcp.lastReportMs;
      return Math.max(receiver.lastPacketMs, rtcp.lastReportMs);
    },
  };
}
