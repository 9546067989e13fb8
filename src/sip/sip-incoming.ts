/** A request as it came in: who sent it, and the fields that every request must have (RFC 3261 section 8.1.1). */
import { parseAddress, parseCseq, parseVia } from './sip-header-values.ts';
import type { SipAddress, SipVia } from './sip-header-values.ts';
import type { SipRequest, SipResponse } from './sip-message.ts';
import { listOf, parseNumber } from './sip-syntax.ts';
import { isAbsoluteUri, parseSipUri, uriHost } from './sip-uri.ts';
import type { SipUri } from './sip-uri.ts';

/** Where a message came from. */
export interface SipSource {
  readonly address: string;
  readonly port: number;
  readonly protocol: 'udp' | 'tcp';
}

/** A request that is well-formed as far as a transaction and a dialog need it. */
export interface IncomingRequest {
  readonly request: SipRequest;
  readonly source: SipSource;
  /** The topmost one. */
  readonly via: SipVia;
  readonly from: SipAddress;
  readonly to: SipAddress;
  /** '' for a peer of RFC 2543. */
  readonly fromTag: string;
  /** '' outside of a dialog. */
  readonly toTag: string;
  readonly callId: string;
  readonly cseq: number;
  /** Null: a scheme other than sip and sips. */
  readonly uri: SipUri | null;
}

/** What every branch of RFC 3261 begins with; the rest of it names the transaction. */
export const BRANCH_COOKIE = 'z9hG4bK';

const NEEDED = [
  ['via', 'Via'],
  ['from', 'From'],
  ['to', 'To'],
  ['call-id', 'Call-ID'],
  ['cseq', 'CSeq'],
] as const;
const SINGLE = ['from', 'to', 'call-id', 'cseq', 'max-forwards', 'content-type', 'session-expires'];

/** The request, or the reason phrase of the 400 that it earns. */
export function readIncoming(request: SipRequest, source: SipSource): IncomingRequest | string {
  const { headers } = request;
  for (const [name, written] of NEEDED) if (headers.first(name) === undefined) return `Missing ${written}`;
  for (const name of SINGLE) if (headers.all(name).length > 1) return `More Than One ${name}`;
  const [top, ...others] = (listOf(headers.all('via')) ?? []).map(parseVia);
  if (top === null || top === undefined || others.includes(null)) return 'Bad Via';
  const from = parseAddress(headers.first('from')!);
  if (from === null) return 'Bad From';
  const to = parseAddress(headers.first('to')!);
  if (to === null) return 'Bad To';
  const callId = headers.first('call-id')!;
  if (!/^[^\s]+$/.test(callId)) return 'Bad Call-ID';
  const cseq = parseCseq(headers.first('cseq'));
  if (cseq === null || cseq.method !== request.method) return 'Bad CSeq';
  const hops = headers.first('max-forwards');
  if (hops !== undefined && parseNumber(hops, 255) === null) return 'Bad Max-Forwards';
  const uri = parseSipUri(request.uri);
  if (uri === null ? !isOtherScheme(request.uri) : uri.headers !== '') return 'Bad Request-URI';
  const tags = { fromTag: from.parameters.get('tag') ?? '', toTag: to.parameters.get('tag') ?? '' };
  return { request, source, via: top, from, to, ...tags, callId, cseq: cseq.number, uri };
}

function isOtherScheme(uri: string): boolean {
  return isAbsoluteUri(uri) && !/^sips?:/i.test(uri);
}

/**
 * The branch of the request that a response answers; null: it is malformed, or not for us. `sentBy` is the host and port
 * of our Via (section 18.1.2).
 */
export function branchOfResponse(response: SipResponse, sentBy: string): string | null {
  const vias = listOf(response.headers.all('via')) ?? [];
  const via = vias.length === 1 ? parseVia(vias[0]!) : null;
  const cseqs = response.headers.all('cseq');
  if (via === null || cseqs.length !== 1 || parseCseq(cseqs[0]) === null) return null;
  return `${uriHost(via.host)}:${via.port}` === sentBy.toLowerCase() ? (via.parameters.get('branch') ?? null) : null;
}

/** Names the server transaction of a request (section 17.2.3); `method` is that of the request that began it. */
export function transactionKey(incoming: IncomingRequest, method: string): string {
  const { via, callId, fromTag, cseq, request } = incoming;
  const branch = via.parameters.get('branch') ?? '';
  const sentBy = `${via.host}:${via.port}`;
  if (hasCookie(incoming)) return `${branch} ${sentBy} ${method}`;
  // A peer of RFC 2543: the To tag is left out, for the ACK has one that the INVITE has not.
  return `2543 ${callId} ${fromTag} ${cseq} ${request.uri} ${branch} ${sentBy} ${method}`;
}

/** Whether the sender's branch names the transaction, as from RFC 3261 on. */
export function hasCookie(incoming: IncomingRequest): boolean {
  const branch = incoming.via.parameters.get('branch') ?? '';
  return branch.startsWith(BRANCH_COOKIE) && branch.length > BRANCH_COOKIE.length;
}

/** Names a request however it came: two transactions with the same one have been forked and merged (section 8.2.2.2). */
export function mergeKey({ callId, fromTag, cseq }: IncomingRequest): string {
  return `${callId} ${fromTag} ${cseq}`;
}

/** The option tags of Require, Supported, Proxy-Require or Allow, as they are written. */
export function optionTags(fields: readonly string[]): string[] {
  return listOf(fields) ?? [];
}

/** The option tags that we have: session timers. */
export const SUPPORTED = 'timer';

/** What `Require` asks for and we have not. */
export function unsupported(incoming: IncomingRequest): string[] {
  return optionTags(incoming.request.headers.all('require')).filter((tag) => tag.toLowerCase() !== SUPPORTED);
}
