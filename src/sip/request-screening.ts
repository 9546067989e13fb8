/** What a request is refused for before anybody is asked (RFC 3261 section 8.2). */
import { parseAddress, mediaType } from './sip-header-values.ts';
import { hasCookie, unsupported } from './sip-incoming.ts';
import type { IncomingRequest } from './sip-incoming.ts';
import { planSession, tooSmallFields } from './session-timer.ts';
import { ALLOW } from './sip-reply.ts';
import type { SipReply } from './sip-reply.ts';
import { listOf } from './sip-syntax.ts';
import { parseSipUri } from './sip-uri.ts';
import type { SipField } from './sip-writer.ts';

/** Methods that are known and that we do not answer to: 405. Others are 501. */
const KNOWN_METHODS = new Set(['REGISTER', 'SUBSCRIBE', 'NOTIFY', 'MESSAGE', 'PUBLISH', 'REFER', 'PRACK']);
/** Methods that mean something inside of a dialog only: 481. */
const DIALOG_METHODS = new Set(['BYE', 'INFO', 'UPDATE']);

const SDP = 'application/sdp';

/** What we can, for a 200 to OPTIONS (section 11.2). */
export function capabilities(): SipField[] {
  return [
    ['Allow', ALLOW],
    ['Accept', `${SDP}, application/dtmf-relay, application/dtmf`],
    ['Accept-Encoding', 'identity'],
    ['Accept-Language', 'en'],
    ['Supported', 'timer'],
  ];
}

/** The refusal of a request outside of any dialog, or the answer to OPTIONS; null: an INVITE in order. */
export function screen(incoming: IncomingRequest): SipReply | null {
  const { method } = incoming.request;
  if (DIALOG_METHODS.has(method)) return { status: 481 };
  if (method !== 'INVITE' && method !== 'OPTIONS') {
    return { status: KNOWN_METHODS.has(method) ? 405 : 501, fields: [['Allow', ALLOW]] };
  }
  if (incoming.uri === null || incoming.uri.scheme !== 'sip') return { status: 416 };
  const unknown = unsupported(incoming);
  if (unknown.length > 0) return unsupportedReply(unknown);
  if (method === 'OPTIONS') return { status: 200, fields: capabilities() };
  return offerFault(incoming) ?? acceptFault(incoming) ?? contactFault(incoming) ?? sessionFault(incoming);
}

/** 420, naming what was asked for. */
export function unsupportedReply(tags: readonly string[]): SipReply {
  return { status: 420, fields: [['Unsupported', tags.join(', ')]] };
}

/** The refusal of a body that should be SDP and is not; null: it is, or there is none. */
export function offerFault(incoming: IncomingRequest): SipReply | null {
  const { headers, body } = incoming.request;
  if (body.length === 0) return null;
  const encoding = (headers.first('content-encoding') ?? 'identity').trim().toLowerCase();
  if (encoding !== 'identity') return { status: 415, fields: [['Accept-Encoding', 'identity']] };
  return mediaType(headers.first('content-type')) === SDP ? null : { status: 415, fields: [['Accept', SDP]] };
}

/** Section 8.2.3: an answer that the caller cannot read is no answer. */
function acceptFault(incoming: IncomingRequest): SipReply | null {
  const fields = incoming.request.headers.all('accept');
  if (fields.length === 0) return null;
  const accepted = (listOf(fields) ?? []).map(mediaType);
  return accepted.some((type) => type === SDP || type === 'application/*' || type === '*/*') ? null : { status: 406 };
}

/** Section 8.1.1.8: exactly one, and a SIP URI. Peers of RFC 2543 may do without. */
function contactFault(incoming: IncomingRequest): SipReply | null {
  const values = listOf(incoming.request.headers.all('contact'));
  if (values !== null && values.length === 0 && !hasCookie(incoming)) return null;
  const contact = values?.length === 1 ? parseAddress(values[0]!) : null;
  return contact !== null && parseSipUri(contact.uri) !== null ? null : { status: 400, reason: 'Bad Contact' };
}

function sessionFault(incoming: IncomingRequest): SipReply | null {
  return planSession(incoming) === 'too-small' ? { status: 422, fields: tooSmallFields() } : null;
}
