/**
 * A far end's session description (RFC 8866), judged and cut down to what matters for audio over RTP.
 *
 * How does it work? Lines that mean nothing here never reach the parser, so that neither their number nor their content can
 *   hurt. Whatever is wrong ends in one typed error.
 */
import sdpTransform from 'sdp-transform';
import type { MediaDescription, SessionDescription } from 'sdp-transform';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';

/** Who may send, as its author sees it (RFC 8866 §6.7). */
export type SdpDirection = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';

/** One payload type and what it stands for; names are in lower case. */
export interface SdpFormat {
  readonly payloadType: number;
  readonly name: string;
  readonly clockRateHz: number;
  readonly channels: number;
}

/** One media description. */
export interface SdpMedia {
  readonly type: string;
  /** 0: not wanted. */
  readonly port: number;
  readonly protocol: string;
  /** The formats as they stand in the line, and those that are known by rtpmap or RFC 3551, in the same order. */
  readonly payloads: string;
  readonly formats: readonly SdpFormat[];
  /** Unicast address or name; empty when there is none or it says: send nothing (0.0.0.0). */
  readonly host: string;
  /** Whether `host` is empty because sending was called off the old way (RFC 3264 §8.4). */
  readonly blackHole: boolean;
  readonly rtcpPort: number;
  readonly rtcpMux: boolean;
  readonly direction: SdpDirection;
  /** ms, or null where it is not said. */
  readonly ptimeMs: number | null;
  readonly maxPtimeMs: number | null;
}

const MEDIA_LINE = /^m=([\w-]{1,32}) (\d{1,5})(?:\/\d{1,5})? ([\w/.-]{1,64})((?: [\w*.:/+-]{1,64})+) *$/;
const USED_LINE =
  /^(?:v=|o=|s=|t=|c=|a=(?:rtpmap|fmtp|rtcp|ptime|maxptime):|a=(?:sendrecv|sendonly|recvonly|inactive|rtcp-mux)\s*$)/;
/** Payload types with a meaning of their own (RFC 3551 §6) that a rtpmap need not repeat. */
const STATIC_FORMATS: readonly SdpFormat[] = [
  { payloadType: 0, name: 'pcmu', clockRateHz: 8000, channels: 1 },
  { payloadType: 3, name: 'gsm', clockRateHz: 8000, channels: 1 },
  { payloadType: 4, name: 'g723', clockRateHz: 8000, channels: 1 },
  { payloadType: 8, name: 'pcma', clockRateHz: 8000, channels: 1 },
  { payloadType: 9, name: 'g722', clockRateHz: 8000, channels: 1 },
  { payloadType: 10, name: 'l16', clockRateHz: 44_100, channels: 2 },
  { payloadType: 11, name: 'l16', clockRateHz: 44_100, channels: 1 },
  { payloadType: 13, name: 'cn', clockRateHz: 8000, channels: 1 },
  { payloadType: 15, name: 'g728', clockRateHz: 8000, channels: 1 },
  { payloadType: 18, name: 'g729', clockRateHz: 8000, channels: 1 },
];

/** The media descriptions of `sdp`, in their order. @throws ERR_TALKSPURT_MEDIA_FORMAT, and nothing else */
export function parseSdp(sdp: string): readonly SdpMedia[] {
  if (sdp.length > LIMITS.sdpBytes) throw malformed(`it is longer than ${LIMITS.sdpBytes} bytes`);
  const lines = sdp.split(/\r\n|\r|\n/).map((line) => line.trimEnd());
  if (lines[0] !== 'v=0') throw malformed('it does not begin with v=0');
  const media: RegExpExecArray[] = [];
  const used = lines.filter((line) => {
    if (!line.startsWith('m=')) return line.length <= LIMITS.sdpLineBytes && USED_LINE.test(line);
    const match = line.length > LIMITS.sdpLineBytes ? null : MEDIA_LINE.exec(line);
    if (match === null || Number(match[2]) > 65_535) throw malformed('a media description (m=) is wrong');
    media.push(match);
    return true;
  });
  if (media.length === 0) throw malformed('it has no media description (m=)');
  if (media.length > LIMITS.sdpMedia) throw malformed(`it has more than ${LIMITS.sdpMedia} media descriptions`);
  const session = parsed(used.join('\r\n'));
  return media.map((match, index) => describe(match, session, session.media[index]));
}

function parsed(text: string): SessionDescription {
  try {
    return sdpTransform.parse(text);
  } catch (error) {
    throw asTalkspurtError(error, 'ERR_TALKSPURT_MEDIA_FORMAT');
  }
}

function describe(line: RegExpExecArray, session: SessionDescription, section: MediaDescription | undefined): SdpMedia {
  const [, type = '', digits = '', protocol = '', rest = ''] = line;
  if (section === undefined) throw malformed('a media description (m=) is wrong');
  const port = Number(digits);
  const payloads = rest.trim();
  const connection = section.connection ?? session.connection;
  const address = String(connection?.ip ?? '');
  const blackHole = address === '0.0.0.0' || address === '::';
  const rtcpMux = section.rtcpMux !== undefined;
  const said = Number(section.rtcp?.port ?? 0);
  const rtcpPort = rtcpMux ? port : said > 0 && said <= 65_535 ? said : Math.min(65_535, port + 1);
  return {
    type: type.toLowerCase(),
    port,
    protocol,
    payloads,
    formats: formatsOf(payloads.split(' '), section),
    // A multicast address has its TTL behind it.
    host: blackHole ? '' : address.replace(/\/.*$/, '').slice(0, 255),
    blackHole,
    rtcpPort,
    rtcpMux,
    direction: section.direction ?? session.direction ?? 'sendrecv',
    ptimeMs: positive(section.ptime),
    maxPtimeMs: positive(section.maxptime),
  };
}

function formatsOf(payloads: readonly string[], section: MediaDescription): SdpFormat[] {
  if (payloads.length > LIMITS.sdpFormats)
    throw malformed(`a media description has more than ${LIMITS.sdpFormats} formats`);
  return payloads.flatMap((text) => {
    const payloadType = Number(text);
    if (!/^\d+$/.test(text) || payloadType > 127) return [];
    const map = section.rtp.find(({ payload }) => payload === payloadType);
    if (map === undefined) return STATIC_FORMATS.filter((format) => format.payloadType === payloadType);
    const name = String(map.codec).toLowerCase().slice(0, 32);
    return [{ payloadType, name, clockRateHz: Number(map.rate ?? 0), channels: Number(map.encoding ?? 1) }];
  });
}

function positive(value: number | string | undefined): number | null {
  const ms = Number(value);
  return Number.isFinite(ms) && ms > 0 ? ms : null;
}

function malformed(why: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', `the far end's session description cannot be used: ${why}`);
}
