/**
 * Offer and answer (RFC 3264) for one audio stream.
 *
 * What does it do? Answers an offer, makes one where the far end sent none, and says what was agreed on as {@link RtpMedia}.
 * How does it work? The first audio description that can be taken is taken; every other gets port 0. What was agreed on before
 *   is kept as long as it is offered. The version of the origin goes up exactly when the description changes.
 * Not for: SRTP, ICE, video.
 */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import sdpTransform from 'sdp-transform';
import type { MediaDescription } from 'sdp-transform';
import { TalkspurtError } from '../core/errors.ts';
import type { PtimeMs } from '../core/media.ts';
import type { RtpCodec, RtpMedia } from './rtp-media.ts';
import { SDP_CODECS, choicesOf, codecsOf, describeFormats, eventsOf, ptimeOf } from './sdp-codec.ts';
import type { SdpChoice, SdpEvents } from './sdp-codec.ts';
import { parseSdp } from './sdp-description.ts';
import type { SdpDirection, SdpMedia } from './sdp-description.ts';

/** Our end. */
export interface SdpLocal {
  /** IP address that the far end is to send to. */
  readonly host: string;
  readonly rtpPort: number;
  readonly rtcpPort: number;
  /** What we take, best first; absent: everything, in the far end's order. */
  readonly codecs?: readonly RtpCodec[];
  /** Packet duration where the far end names none; default 20. */
  readonly ptimeMs?: PtimeMs;
  /** What we want to do; default `sendrecv`. */
  readonly direction?: SdpDirection;
}

/** A description of ours: handed to the next call for the same dialog. */
export interface SdpHistory {
  readonly sessionId: string;
  readonly version: number;
  /** The description as it was sent. */
  readonly sdp: string;
  /** What is agreed on so far, or null. */
  readonly media: RtpMedia | null;
}

/** Our answer, and what it means. */
export interface SdpAnswer {
  readonly answer: string;
  readonly media: RtpMedia;
  readonly history: SdpHistory;
}

/** Our offer. */
export interface SdpOffer {
  readonly offer: string;
  readonly history: SdpHistory;
}

const PLAIN_RTP = /^RTP\/AVPF?$/;
const EVENT_PAYLOAD_TYPES = { 8000: 101, 16000: 102 } as const;
const OPPOSITE = { sendrecv: 'sendrecv', sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' } as const;

/**
 * Answers `offer`. `previous`: what the last call for this dialog gave, in a re-INVITE.
 * @throws ERR_TALKSPURT_MEDIA_FORMAT, and nothing else, when it is malformed or nothing of it can be taken
 */
export function answerOffer(offer: string, local: SdpLocal, previous?: SdpHistory): SdpAnswer {
  const offered = parseSdp(offer);
  const index = offered.findIndex((media) => isPlainAudio(media) && chosen(media, local, previous) !== null);
  const accepted = offered[index];
  const choice = accepted === undefined ? null : chosen(accepted, local, previous);
  if (accepted === undefined || choice === null) throw refusal(offered);
  const media = agreed(accepted, choice, local);
  const sections = offered.map((other, at) =>
    at === index ? section(local, media, accepted) : refused(other.type, other.protocol, other.payloads),
  );
  const history = written(local, sections, media, previous);
  return { answer: history.sdp, media, history };
}

/** Makes an offer, for an INVITE without one: everything we take, or what is agreed on already. */
export function makeOffer(local: SdpLocal, previous?: SdpHistory): SdpOffer {
  const kept = previous?.media ?? null;
  const { direction = 'sendrecv', ptimeMs = 20 } = local;
  const description = base(local, direction, kept?.format.ptimeMs ?? ptimeMs, 'RTP/AVP', false);
  if (kept === null) {
    const codecs = codecsOf(local.codecs);
    for (const { payloadType, name, clockRateHz } of codecs) {
      description.rtp.push({ payload: payloadType, codec: name, rate: clockRateHz });
    }
    for (const clockRateHz of new Set(codecs.map((codec) => codec.clockRateHz))) {
      addEvents(description, { payloadType: EVENT_PAYLOAD_TYPES[clockRateHz], clockRateHz });
    }
  } else {
    addMedia(description, kept);
  }
  description.payloads = description.rtp.map(({ payload }) => payload).join(' ');
  const history = written(local, [description], kept, previous);
  return { offer: history.sdp, history };
}

/**
 * What the far end's `answer` to our `offer` means. The history is for the next call.
 * @throws ERR_TALKSPURT_MEDIA_FORMAT, and nothing else, when it is malformed or takes nothing of what we offered
 */
export function acceptAnswer(
  offer: SdpOffer,
  answer: string,
  local: SdpLocal,
): { readonly media: RtpMedia; readonly history: SdpHistory } {
  const answered = parseSdp(answer);
  const [first] = answered;
  const choice = first !== undefined && isPlainAudio(first) ? chosen(first, local, offer.history) : null;
  if (first === undefined || choice === null) throw refusal(answered);
  const media = agreed(first, choice, local);
  return { media, history: { ...offer.history, media } };
}

function isPlainAudio(media: SdpMedia): boolean {
  return (
    media.type === 'audio' &&
    media.port !== 0 &&
    PLAIN_RTP.test(media.protocol) &&
    (media.host !== '' || media.blackHole)
  );
}

/** What is agreed on already if it is still offered, otherwise the best. */
function chosen(media: SdpMedia, local: SdpLocal, previous: SdpHistory | undefined): SdpChoice | null {
  const choices = choicesOf(media, local.codecs);
  const before = previous?.media ?? null;
  const kept =
    before === null
      ? undefined
      : choices.find(({ codec }) => codec.codec === before.codec && codec.clockRateHz === before.clockRateHz);
  return kept ?? choices[0] ?? null;
}

function agreed(media: SdpMedia, { codec, payloadType }: SdpChoice, local: SdpLocal): RtpMedia {
  const events = eventsOf(media, codec);
  const theirs = OPPOSITE[media.direction];
  return {
    codec: codec.codec,
    payloadType,
    clockRateHz: codec.clockRateHz,
    format: {
      codec: codec.codec === 'g722' ? 'l16' : codec.codec,
      sampleRateHz: codec.sampleRateHz,
      ptimeMs: ptimeOf(media, local.ptimeMs),
    },
    eventPayloadType: events?.payloadType ?? null,
    eventClockRateHz: events?.clockRateHz ?? codec.clockRateHz,
    remoteHost: media.host,
    remotePort: media.blackHole ? 0 : media.port,
    remoteRtcpPort: media.blackHole ? 0 : media.rtcpPort,
    direction: both(media.blackHole ? both(theirs, 'recvonly') : theirs, local.direction ?? 'sendrecv'),
  };
}

/** What is allowed by both. */
function both(a: SdpDirection, b: SdpDirection): SdpDirection {
  const sends = mayWith(a, 'sendonly') && mayWith(b, 'sendonly');
  const receives = mayWith(a, 'recvonly') && mayWith(b, 'recvonly');
  if (sends) return receives ? 'sendrecv' : 'sendonly';
  return receives ? 'recvonly' : 'inactive';
}

function mayWith(direction: SdpDirection, one: SdpDirection): boolean {
  return direction === 'sendrecv' || direction === one;
}

function section(local: SdpLocal, media: RtpMedia, offered: SdpMedia): MediaDescription {
  const description = base(local, media.direction, media.format.ptimeMs, offered.protocol, offered.rtcpMux);
  addMedia(description, media);
  description.payloads = description.rtp.map(({ payload }) => payload).join(' ');
  return description;
}

function base(
  local: SdpLocal,
  direction: SdpDirection,
  ptimeMs: number,
  protocol: string,
  rtcpMux: boolean,
): MediaDescription {
  const separate = !rtcpMux && local.rtcpPort !== local.rtpPort + 1;
  return {
    type: 'audio',
    port: local.rtpPort,
    protocol,
    payloads: '',
    rtp: [],
    fmtp: [],
    ptime: ptimeMs,
    direction,
    ...(rtcpMux ? { rtcpMux: 'rtcp-mux' } : {}),
    ...(separate ? { rtcp: { port: local.rtcpPort } } : {}),
  };
}

function addMedia(description: MediaDescription, media: RtpMedia): void {
  const codec = SDP_CODECS.find((own) => own.codec === media.codec && own.clockRateHz === media.clockRateHz);
  description.rtp.push({ payload: media.payloadType, codec: codec?.name ?? media.codec, rate: media.clockRateHz });
  if (media.eventPayloadType === null) return;
  addEvents(description, { payloadType: media.eventPayloadType, clockRateHz: media.eventClockRateHz });
}

function addEvents(description: MediaDescription, { payloadType, clockRateHz }: SdpEvents): void {
  description.rtp.push({ payload: payloadType, codec: 'telephone-event', rate: clockRateHz });
  description.fmtp.push({ payload: payloadType, config: '0-15' });
}

function refused(type: string, protocol: string, payloads: string): MediaDescription {
  return { type, port: 0, protocol, payloads, rtp: [], fmtp: [] };
}

function written(
  local: SdpLocal,
  media: MediaDescription[],
  agreedMedia: RtpMedia | null,
  previous: SdpHistory | undefined,
): SdpHistory {
  const sessionId = previous?.sessionId ?? String(randomBytes(6).readUIntBE(0, 6));
  const ipVersion = isIP(local.host) === 6 ? 6 : 4;
  const at = (version: number): string =>
    sdpTransform.write({
      version: 0,
      origin: {
        username: '-',
        sessionId,
        sessionVersion: version,
        netType: 'IN',
        ipVer: ipVersion,
        address: local.host,
      },
      name: 'talkspurt',
      connection: { version: ipVersion, ip: local.host },
      timing: { start: 0, stop: 0 },
      media,
    });
  if (previous === undefined) return { sessionId, version: 1, sdp: at(1), media: agreedMedia };
  // RFC 3264 §8: the same version means the same description.
  const version = at(previous.version) === previous.sdp ? previous.version : previous.version + 1;
  return { sessionId, version, sdp: at(version), media: agreedMedia };
}

/** Why nothing could be taken. Names come from the far end; {@link parseSdp} bounds them. */
function refusal(offered: readonly SdpMedia[]): TalkspurtError {
  const audio = offered.filter(({ type }) => type === 'audio');
  const wanted = audio.filter(({ port }) => port !== 0);
  const plain = wanted.filter(isPlainAudio);
  let why = 'it has no audio';
  if (plain.length > 0) why = `it offers ${plain.map(describeFormats).join('; ')}`;
  else if (wanted.some(({ protocol }) => !PLAIN_RTP.test(protocol))) {
    const protocols = [...new Set(wanted.map(({ protocol }) => protocol))].join(', ');
    why = `it offers audio over ${protocols} only, and we take plain RTP/AVP: turn encryption off towards us`;
  } else if (wanted.length > 0) why = 'its audio has no address (c=)';
  else if (audio.length > 0) why = 'its audio is refused (port 0)';
  const message = `no audio could be agreed on: ${why}`;
  return new TalkspurtError('ERR_TALKSPURT_MEDIA_FORMAT', message);
}
