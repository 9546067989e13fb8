/** Which of the formats of a session description we can take, and what they are to a transport. */
import type { PtimeMs, SampleRateHz } from '../core/media.ts';
import { PTIMES_MS } from '../core/media.ts';
import type { RtpCodec } from './rtp-media.ts';
import type { SdpFormat, SdpMedia } from './sdp-description.ts';

/** A codec at a rate, as SDP names it. */
export interface SdpCodec {
  readonly codec: RtpCodec;
  /** Name of the rtpmap. */
  readonly name: string;
  readonly clockRateHz: 8000 | 16000;
  readonly sampleRateHz: SampleRateHz;
  /** Where we offer it: its static payload type, or a dynamic one. */
  readonly payloadType: number;
}

/** A format of the far end that we speak. */
export interface SdpChoice {
  readonly codec: SdpCodec;
  readonly payloadType: number;
}

/** Telephone-events of the far end. */
export interface SdpEvents {
  readonly payloadType: number;
  readonly clockRateHz: number;
}

/** Everything we speak, best known first. */
export const SDP_CODECS: readonly SdpCodec[] = [
  { codec: 'pcmu', name: 'PCMU', clockRateHz: 8000, sampleRateHz: 8000, payloadType: 0 },
  { codec: 'pcma', name: 'PCMA', clockRateHz: 8000, sampleRateHz: 8000, payloadType: 8 },
  { codec: 'g722', name: 'G722', clockRateHz: 8000, sampleRateHz: 16000, payloadType: 9 },
  { codec: 'l16', name: 'L16', clockRateHz: 16000, sampleRateHz: 16000, payloadType: 96 },
  { codec: 'l16', name: 'L16', clockRateHz: 8000, sampleRateHz: 8000, payloadType: 97 },
];

const USUAL_PTIME_MS = 20;

/** Ours of `preference`, in its order; without one, all. */
export function codecsOf(preference: readonly RtpCodec[] | undefined): readonly SdpCodec[] {
  if (preference === undefined) return SDP_CODECS;
  return [...new Set(preference)].flatMap((wanted) => SDP_CODECS.filter(({ codec }) => codec === wanted));
}

/** The formats of `media` that we speak: in the far end's order or, with a `preference`, in ours. */
export function choicesOf(media: SdpMedia, preference: readonly RtpCodec[] | undefined): readonly SdpChoice[] {
  const ours = codecsOf(preference);
  const choices = media.formats.flatMap((format) => {
    const codec = ours.find((candidate) => isFormatOf(candidate, format));
    return codec === undefined ? [] : [{ codec, payloadType: format.payloadType }];
  });
  if (preference === undefined) return choices;
  return choices.sort((a, b) => ours.indexOf(a.codec) - ours.indexOf(b.codec));
}

/** Telephone-events that go with `codec`: at its own clock, otherwise at 8 kHz, otherwise none. */
export function eventsOf(media: SdpMedia, codec: SdpCodec): SdpEvents | null {
  const events = media.formats.filter(({ name }) => name === 'telephone-event');
  return (
    events.find(({ clockRateHz }) => clockRateHz === codec.clockRateHz) ??
    events.find(({ clockRateHz }) => clockRateHz === 8000) ??
    null
  );
}

/** The packet duration for what the far end asks: its own where we can, otherwise the longest that fits. */
export function ptimeOf(media: SdpMedia, otherwise: PtimeMs = USUAL_PTIME_MS): PtimeMs {
  const longest = media.maxPtimeMs ?? Number.POSITIVE_INFINITY;
  const wanted = Math.min(media.ptimeMs ?? otherwise, longest);
  return PTIMES_MS.findLast((ptimeMs) => ptimeMs <= wanted) ?? PTIMES_MS[0]!;
}

/** `PCMU/8000`, for errors: what was offered. */
export function describeFormats(media: SdpMedia): string {
  const names = media.formats.map(({ name, clockRateHz }) => `${name}/${clockRateHz}`);
  return names.length === 0 ? 'nothing that is known' : names.slice(0, 12).join(', ');
}

/** G.722 is written with its clock, 8000, by RFC 3551 and with its rate, 16000, by those who know better. */
function isFormatOf(codec: SdpCodec, format: SdpFormat): boolean {
  if (format.name !== codec.name.toLowerCase() || format.channels !== 1) return false;
  return format.clockRateHz === codec.clockRateHz || (codec.codec === 'g722' && format.clockRateHz === 16000);
}
