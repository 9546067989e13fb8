/** Offers and answers of the simulated switch: one audio stream, as FreeSWITCH writes it. */
import type { SwitchCodec } from './channel-audio.ts';

/** A codec as a dial string asks for it. */
export interface WantedCodec {
  readonly name: SwitchCodec;
  readonly sampleRateHz: number;
  readonly ptimeMs: number;
}

/** What there is to say about the switch's side of a stream. */
export interface SdpOffer {
  readonly sessionId: number;
  readonly version: number;
  readonly address: string;
  readonly port: number;
  readonly codecs: readonly WantedCodec[];
  readonly direction?: 'sendonly' | 'recvonly' | 'inactive';
  /** With comfort noise: first offers have it, later ones do not. */
  readonly comfortNoise: boolean;
}

/** What the other side says about its stream. */
export interface SdpAnswer {
  readonly address: string;
  /** 0: refused. */
  readonly port: number;
  readonly direction: 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive';
  readonly ptimeMs: number | null;
  /** In the order of the other side's preference. */
  readonly formats: readonly { readonly payloadType: number; readonly name: string; readonly rateHz: number }[];
}

/** Payload types: what RFC 3551 gave numbers, and FreeSWITCH's own from 102 on. */
const STATIC: Readonly<Record<string, number>> = { 'PCMU/8000': 0, 'PCMA/8000': 8 };
const STATIC_NAMES: Readonly<Record<number, readonly [string, number]>> = { 0: ['PCMU', 8000], 8: ['PCMA', 8000] };
const FIRST_DYNAMIC = 102;
const TELEPHONE_EVENT = 101;
const DEFAULT_CODECS: readonly WantedCodec[] = [
  { name: 'PCMU', sampleRateHz: 8000, ptimeMs: 20 },
  { name: 'PCMA', sampleRateHz: 8000, ptimeMs: 20 },
  { name: 'L16', sampleRateHz: 16000, ptimeMs: 20 },
  { name: 'L16', sampleRateHz: 8000, ptimeMs: 20 },
];

/**
 * `PCMU`, `L16@16000h@20i,PCMA`: the codecs of `absolute_codec_string`; unknown ones are left out, and as in FreeSWITCH
 * those with another ptime than the first. Without the variable: all there are.
 */
export function wantedCodecs(text: string | undefined): readonly WantedCodec[] {
  if (text === undefined) return DEFAULT_CODECS;
  const wanted: WantedCodec[] = [];
  for (const part of text.split(/[,:]/)) {
    const [name = '', ...more] = part.trim().toUpperCase().split('@');
    if (name !== 'PCMU' && name !== 'PCMA' && name !== 'L16') continue;
    const number = (unit: string, otherwise: number): number =>
      Number.parseInt(more.find((each) => each.endsWith(unit)) ?? '', 10) || otherwise;
    wanted.push({ name, sampleRateHz: name === 'L16' ? number('H', 8000) : 8000, ptimeMs: number('I', 20) });
  }
  return wanted.filter(({ ptimeMs }) => ptimeMs === wanted[0]!.ptimeMs);
}

/** The offer's text. Telephone events and comfort noise run at the rate of each kind of codec. */
export function writeSdp(offer: SdpOffer): string {
  const formats: string[] = [];
  const lines: string[] = [];
  let dynamic = FIRST_DYNAMIC;
  const add = (payloadType: number, line: string): void => {
    formats.push(String(payloadType));
    lines.push(`a=rtpmap:${payloadType} ${line}`);
  };
  for (const { name, sampleRateHz } of offer.codecs) {
    const key = `${name}/${sampleRateHz}`;
    add(STATIC[key] ?? dynamic++, key);
  }
  let first = true;
  for (const rateHz of new Set(offer.codecs.map(({ sampleRateHz }) => sampleRateHz))) {
    const events = first ? TELEPHONE_EVENT : dynamic++;
    add(events, `telephone-event/${rateHz}`);
    lines.push(`a=fmtp:${events} 0-15`);
    if (offer.comfortNoise) add(first ? 13 : dynamic++, `CN/${rateHz}`);
    first = false;
  }
  return [
    'v=0',
    `o=FreeSWITCH ${offer.sessionId} ${offer.version} IN IP4 ${offer.address}`,
    's=FreeSWITCH',
    `c=IN IP4 ${offer.address}`,
    't=0 0',
    `m=audio ${offer.port} RTP/AVP ${formats.join(' ')}`,
    ...lines,
    ...(offer.direction === undefined ? [] : [`a=${offer.direction}`]),
    `a=ptime:${offer.codecs[0]?.ptimeMs ?? 20}`,
    '',
  ].join('\r\n');
}

/** Reads the first audio stream of a session description; null when there is none. */
export function readSdp(text: string): SdpAnswer | null {
  const lines = text.split(/\r?\n/);
  const start = lines.findIndex((line) => line.startsWith('m=audio '));
  if (start < 0) return null;
  const [, port = '0', , ...types] = lines[start]!.trim().split(/\s+/);
  const next = lines.findIndex((line, at) => at > start && line.startsWith('m='));
  const media = lines.slice(start + 1, next < 0 ? undefined : next);
  const connection = /^c=IN IP4 (\S+)/;
  const own = media.find((line) => connection.test(line)) ?? lines.find((line) => connection.test(line)) ?? '';
  const names = new Map<number, readonly [string, number]>();
  for (const line of media) {
    const map = /^a=rtpmap:(\d+) ([^/\s]+)\/(\d+)/.exec(line);
    if (map !== null) names.set(Number(map[1]), [map[2]!, Number(map[3])]);
  }
  const formats = types.map(Number).flatMap((payloadType) => {
    const found = names.get(payloadType) ?? STATIC_NAMES[payloadType];
    return found === undefined ? [] : [{ payloadType, name: found[0], rateHz: found[1] }];
  });
  const direction = media.map((line) => /^a=(sendrecv|sendonly|recvonly|inactive)\s*$/.exec(line)?.[1]).find(Boolean);
  const ptime = media.map((line) => /^a=ptime:(\d+)/.exec(line)?.[1]).find(Boolean);
  return {
    address: connection.exec(own)?.[1] ?? '',
    port: Number(port) || 0,
    direction: (direction as SdpAnswer['direction'] | undefined) ?? 'sendrecv',
    ptimeMs: ptime === undefined ? null : Number(ptime),
    formats,
  };
}
