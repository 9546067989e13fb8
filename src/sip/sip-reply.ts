/** Responses to a request (RFC 3261 section 8.2.6). */
import { parseVia, viaWithSource } from './sip-header-values.ts';
import type { SipSource } from './sip-incoming.ts';
import type { SipRequest } from './sip-message.ts';
import { listOf } from './sip-syntax.ts';
import { reasonPhrase, writeResponse } from './sip-writer.ts';
import type { SipContent, SipField } from './sip-writer.ts';

/** What a response says besides what it echoes. */
export interface SipReply {
  readonly status: number;
  /** Default: the usual one. */
  readonly reason?: string;
  /** Added to To where it has none. */
  readonly toTag?: string;
  readonly fields?: readonly SipField[];
  readonly content?: SipContent;
}

/** What goes with a 503: how long a peer is to wait, s. */
export const RETRY_LATER: SipField = ['Retry-After', '5'];

/** The methods that we answer to, as Allow names them. */
export const ALLOW = 'INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, NOTIFY';

/** Where a message goes. Over TCP an open connection with `port` is used; otherwise `dialPort` is dialled. */
export interface SipTarget {
  readonly protocol: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
  readonly dialPort: number;
}

/** The port of a URI or a Via that names none. */
export const SIP_PORT = 5060;

/** A response on the wire: Via (with `received` and `rport`), From, To, Call-ID and CSeq of the request, then the rest. */
export function writeReply(request: SipRequest, source: SipSource, reply: SipReply, userAgent: string): Buffer {
  const { headers } = request;
  const fields: SipField[] = echoedVias(request, source).map((value) => ['Via', value]);
  for (const [name, written] of [
    ['from', 'From'],
    ['to', 'To'],
    ['call-id', 'Call-ID'],
    ['cseq', 'CSeq'],
  ] as const) {
    const value = headers.first(name);
    if (value !== undefined) fields.push([written, name === 'to' ? withTag(value, reply.toTag) : value]);
  }
  if (reply.status > 100) fields.push(['Server', userAgent]);
  fields.push(...(reply.fields ?? []));
  return writeResponse(reply.status, reply.reason ?? reasonPhrase(reply.status), fields, reply.content);
}

/** The fields that make a dialog at the far end (section 12.1.1). */
export function recordRoutes(request: SipRequest): SipField[] {
  return request.headers.all('record-route').map((value) => ['Record-Route', value]);
}

/** Where a response goes (section 18.2.2 and RFC 3581). `maddr` is ignored: it would let a peer aim us at others. */
export function replyTarget(request: SipRequest, source: SipSource): SipTarget {
  const top = parseVia(topVia(request) ?? '');
  const dialPort = top === null || top.port === 0 ? SIP_PORT : top.port;
  const symmetric = source.protocol === 'tcp' || top === null || top.parameters.has('rport');
  return { protocol: source.protocol, address: source.address, port: symmetric ? source.port : dialPort, dialPort };
}

function topVia(request: SipRequest): string | undefined {
  return (listOf(request.headers.all('via')) ?? [])[0];
}

function echoedVias(request: SipRequest, source: SipSource): string[] {
  const values = listOf(request.headers.all('via'));
  if (values === null) return [...request.headers.all('via')];
  const [first = '', ...others] = values;
  const top = parseVia(first);
  return [top === null ? first : viaWithSource(top, source), ...others].filter((value) => value !== '');
}

function withTag(to: string, tag: string | undefined): string {
  return tag === undefined || /;\s*tag\s*=/i.test(to) ? to : `${to};tag=${tag}`;
}
