/** What two ends of an RTP path have agreed on: the result of offer and answer (RFC 3264), the input of a transport. */
import type { MediaFormat } from '../core/media.ts';

/** A codec as it is on an RTP wire (RFC 3551). `g722` is 16 kHz audio with an RTP clock of 8 kHz. */
export type RtpCodec = 'pcmu' | 'pcma' | 'g722' | 'l16';

/** One agreed audio stream. */
export interface RtpMedia {
  readonly codec: RtpCodec;
  /** Payload type of the audio, 0..127. */
  readonly payloadType: number;
  /** RTP clock of the audio, Hz (G.722: 8000). */
  readonly clockRateHz: number;
  /** What the signal chain gets and gives: G.711 as it is; G.722 and L16 as little endian L16. */
  readonly format: MediaFormat;
  /** Payload type of telephone-event (RFC 4733), or null. */
  readonly eventPayloadType: number | null;
  /** Clock of the durations in telephone-events, Hz: the audio's, unless the far end offers events at another rate only. */
  readonly eventClockRateHz: number;
  /** Where the far end wants its audio; an empty host or port 0: nowhere (yet). */
  readonly remoteHost: string;
  readonly remotePort: number;
  /** Where it wants RTCP: RFC 3605, otherwise the next port; equal to `remotePort` when multiplexed (RFC 5761). */
  readonly remoteRtcpPort: number;
  /** As we see it: `recvonly` when the far end holds us off, `inactive` when neither may send. */
  readonly direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
}
