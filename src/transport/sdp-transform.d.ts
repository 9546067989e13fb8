/**
 * The part of `sdp-transform` that the host uses: the package comes without typings. Whatever looks like a number is parsed as
 * one, whatever does not stays text.
 */
declare module 'sdp-transform' {
  /** `a=rtpmap`. */
  export interface RtpMap {
    payload: number;
    codec: string | number;
    rate?: number | string | undefined;
    encoding?: number | string | undefined;
  }
  /** `a=fmtp`. */
  export interface FormatParameters {
    payload: number;
    config: string;
  }
  /** `a=rtcp`. */
  export interface RtcpAddress {
    port: number | string;
    netType?: string | undefined;
    ipVer?: number | undefined;
    address?: string | undefined;
  }
  /** `c=`. */
  export interface Connection {
    version: number;
    ip: string | number;
  }
  /** What may stand in the session and in a media section. */
  export interface Attributes {
    connection?: Connection | undefined;
    direction?: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive' | undefined;
  }
  /** `m=` and what follows it. */
  export interface MediaDescription extends Attributes {
    type: string;
    port: number;
    protocol: string;
    payloads?: string | undefined;
    rtp: RtpMap[];
    fmtp: FormatParameters[];
    ptime?: number | string | undefined;
    maxptime?: number | string | undefined;
    rtcp?: RtcpAddress | undefined;
    rtcpMux?: string | undefined;
  }
  /** One session description. */
  export interface SessionDescription extends Attributes {
    version?: number;
    origin?: {
      username: string;
      sessionId: number | string;
      sessionVersion: number;
      netType: string;
      ipVer: number;
      address: string;
    };
    name?: string;
    timing?: { start: number; stop: number };
    media: MediaDescription[];
  }
  const sdpTransform: {
    parse(sdp: string): SessionDescription;
    write(description: SessionDescription): string;
  };
  export default sdpTransform;
}
