/** What a far end may ask in a dialog, and what it is answered. */
import { randomInt } from 'node:crypto';
import { TalkspurtError } from '../core/errors.ts';
import type { BlindTransfer } from './blind-transfer.ts';
import { isDigitType, parseInfoDigit } from './info-digit.ts';
import { planSession, sessionFields, tooSmallFields } from './session-timer.ts';
import type { SessionPlan } from './session-timer.ts';
import type { ServerTransaction } from './server-transaction.ts';
import type { SipCallListener } from './sip-call.ts';
import type { SipDialog } from './sip-dialog.ts';
import { mediaType, q850Cause } from './sip-header-values.ts';
import { unsupported } from './sip-incoming.ts';
import type { IncomingRequest } from './sip-incoming.ts';
import { ALLOW } from './sip-reply.ts';
import type { SipReply } from './sip-reply.ts';
import { capabilities, offerFault, unsupportedReply } from './request-screening.ts';

/** A call as its dialog's requests see it. */
export interface DialogCall {
  readonly dialog: SipDialog;
  readonly state: 'offered' | 'accepting' | 'talking' | 'ended';
  readonly listener: SipCallListener | null;
  /** An offer of ours waits for its answer: another one is 491 (RFC 3311 section 5.2, RFC 5407 section 3.1.4). */
  readonly offering: boolean;
  /** As many 200s wait for their ACK as may: another INVITE is to come later. */
  readonly unacknowledged: boolean;
  readonly transfer: BlindTransfer | null;
  reply(incoming: IncomingRequest, transaction: ServerTransaction, reply: SipReply): void;
  /** 200 with SDP, repeated until the ACK; `ours`: that SDP is an offer. */
  acceptInvite(
    incoming: IncomingRequest,
    transaction: ServerTransaction,
    answer: { readonly sdp: string; readonly plan: SessionPlan | null; readonly ours: boolean },
    onAck: (body: string) => void,
  ): void;
  armSession(plan: SessionPlan | null): void;
  contact(): readonly [string, string];
  onBye(cause: number | null): void;
}

/** Tells of a listener that threw. */
type OnFault = (error: unknown) => void;

/** Answers one request, and tells the call. */
export function answerDialogRequest(
  call: DialogCall,
  incoming: IncomingRequest,
  transaction: ServerTransaction,
  onFault: OnFault,
): void {
  const { method } = incoming.request;
  const reply = (answer: SipReply): void => call.reply(incoming, transaction, answer);
  const unknown = unsupported(incoming);
  if (!call.dialog.takeCseq(incoming)) reply({ status: 500, reason: 'Request Out Of Order' });
  else if (unknown.length > 0) reply(unsupportedReply(unknown));
  else if (method === 'BYE') {
    reply({ status: 200 });
    call.onBye(q850Cause(incoming.request.headers.all('reason')));
  } else if (call.state === 'ended') reply({ status: 481 });
  else if (method === 'INVITE') onReinvite(call, incoming, transaction, onFault);
  else if (method === 'UPDATE') reply(updateReply(call, incoming, onFault));
  else if (method === 'INFO') reply(infoReply(call, incoming, onFault));
  else if (method === 'NOTIFY') reply(notifyReply(call, incoming));
  else if (method === 'OPTIONS') reply({ status: 200, fields: capabilities() });
  else reply({ status: 405, fields: [['Allow', ALLOW]] });
}

function onReinvite(
  call: DialogCall,
  incoming: IncomingRequest,
  transaction: ServerTransaction,
  onFault: OnFault,
): void {
  const reply = (answer: SipReply): void => call.reply(incoming, transaction, answer);
  if (call.state === 'offered') return reply(laterReply());
  if (call.offering || call.listener === null) return reply({ status: 491 });
  if (call.unacknowledged) return reply(laterReply());
  const fault = offerFault(incoming);
  if (fault !== null) return reply(fault);
  const plan = planSession(incoming);
  if (plan === 'too-small') return reply({ status: 422, fields: tooSmallFields() });
  const { body } = incoming.request;
  const offer = body.length === 0 ? null : body.toString('utf8');
  const sdp = answerOf(call.listener, offer, onFault);
  if (typeof sdp !== 'string') return reply(sdp);
  call.dialog.refreshTarget(incoming);
  call.acceptInvite(incoming, transaction, { sdp, plan, ours: offer === null }, (answer) => {
    if (offer === null && answer !== '') contained(() => call.listener?.onReinviteAnswered?.(answer), onFault);
  });
}

function updateReply(call: DialogCall, incoming: IncomingRequest, onFault: OnFault): SipReply {
  const offers = incoming.request.body.length > 0;
  if (offers && call.state === 'offered') return laterReply();
  if (offers && (call.offering || call.listener === null)) return { status: 491 };
  const fault = offerFault(incoming);
  if (fault !== null) return fault;
  const plan = planSession(incoming);
  if (plan === 'too-small') return { status: 422, fields: tooSmallFields() };
  const sdp =
    offers && call.listener !== null ? answerOf(call.listener, incoming.request.body.toString('utf8'), onFault) : '';
  if (typeof sdp !== 'string') return sdp;
  call.dialog.refreshTarget(incoming);
  call.armSession(plan);
  const fields = [call.contact(), ...sessionFields(plan)];
  return { status: 200, fields, ...(sdp === '' ? {} : { content: { contentType: 'application/sdp', body: sdp } }) };
}

/** A new offer before the first one was answered: chosen at random, up to 10 s (RFC 3261 section 14.2, RFC 3311 section 5.2). */
function laterReply(): SipReply {
  return { status: 500, fields: [['Retry-After', String(randomInt(11))]] };
}

function answerOf(listener: SipCallListener, offer: string | null, onFault: OnFault): string | SipReply {
  try {
    return listener.onReinvite(offer);
  } catch (error) {
    // A refusal is the listener's right; anything else is its fault.
    if (error instanceof TalkspurtError) return { status: 488 };
    onFault(error);
    return { status: 500 };
  }
}

function infoReply(call: DialogCall, incoming: IncomingRequest, onFault: OnFault): SipReply {
  const { headers, body } = incoming.request;
  if (headers.first('info-package') !== undefined) return { status: 469, fields: [['Recv-Info', '']] };
  if (body.length === 0) return { status: 200 };
  if (!isDigitType(mediaType(headers.first('content-type')))) {
    return { status: 415, fields: [['Accept', 'application/dtmf-relay, application/dtmf']] };
  }
  const digit = parseInfoDigit(body.toString('latin1'));
  if (digit !== null) contained(() => call.listener?.onDigit(digit.digit, digit.durationMs), onFault);
  return { status: 200 };
}

function notifyReply(call: DialogCall, incoming: IncomingRequest): SipReply {
  const { headers, body } = incoming.request;
  const event = mediaType(headers.first('event'));
  if (event !== 'refer') return { status: 489, fields: [['Allow-Events', 'refer']] };
  if (call.transfer === null) return { status: 481 };
  const terminated = mediaType(headers.first('subscription-state')) === 'terminated';
  call.transfer.onNotify(body.toString('latin1'), terminated);
  return { status: 200 };
}

function contained(run: () => void, onFault: OnFault): void {
  try {
    run();
  } catch (error) {
    onFault(error);
  }
}
