/** One call that came in: the life of an INVITE dialog of which we are the UAS. */
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import { AcceptedResponse } from './accepted-response.ts';
import { BlindTransfer, referTo } from './blind-transfer.ts';
import type { ClientOutcome } from './client-transaction.ts';
import { answerDialogRequest } from './dialog-requests.ts';
import type { DialogCall } from './dialog-requests.ts';
import {
  NORMAL_CLEARING,
  TIMER_EXPIRED,
  UNREACHABLE,
  causeOfStatus,
  reasonField,
  statusOfCause,
} from './release-cause.ts';
import type { ServerTransaction } from './server-transaction.ts';
import { SessionTimer, nextPlan, planSession, sessionFields } from './session-timer.ts';
import type { SessionPlan } from './session-timer.ts';
import type { SipCall, SipCallListener, SipEnd, SipParty } from './sip-call.ts';
import { SipDialog } from './sip-dialog.ts';
import type { DialogNames, DialogRequest } from './sip-dialog.ts';
import { partyOf } from './sip-header-values.ts';
import { SUPPORTED } from './sip-incoming.ts';
import type { IncomingRequest, SipSource } from './sip-incoming.ts';
import { readableText, wireText } from './sip-message.ts';
import { ALLOW, RETRY_LATER, recordRoutes, writeReply } from './sip-reply.ts';
import type { SipReply } from './sip-reply.ts';
import { percentDecoded } from './sip-uri.ts';
import type { SipField } from './sip-writer.ts';

/** What a call needs of its endpoint. */
export interface SipCallHost {
  readonly clock: Clock;
  readonly names: DialogNames;
  /** Our Contact for dialogs over `protocol`. */
  contact(protocol: 'udp' | 'tcp'): string;
  request(request: DialogRequest): Promise<ClientOutcome>;
  /** The call is over; its dialog may still have to answer. */
  onEnded(call: SipCallUas): void;
  /** Nothing more can come in its dialog. */
  onForgotten(call: SipCallUas): void;
  /** Whoever took the call failed: a listener threw. */
  onFault(error: unknown): void;
}

/** A proxy forgets an INVITE that rings in silence for longer than 3 minutes (section 13.3.1.1), ms. */
const RING_AGAIN_MS = 60_000;
/** 200 responses that wait for their ACK at once: the first one, and that of one re-INVITE. */
const UNACKNOWLEDGED = 2;

/** See {@link SipCall}. The endpoint feeds it what comes in its dialog. */
export class SipCallUas implements SipCall, DialogCall {
  readonly id: string;
  readonly from: SipParty;
  readonly to: SipParty;
  readonly requestUser: string;
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly source: SipSource;
  readonly offer: string | null;
  readonly dialog: SipDialog;
  readonly #host: SipCallHost;
  readonly #invite: IncomingRequest;
  readonly #transaction: ServerTransaction;
  readonly #plan: SessionPlan | null;
  readonly #sessionTimer: SessionTimer;
  #listener: SipCallListener | null = null;
  #state: 'offered' | 'accepting' | 'talking' | 'ended' = 'offered';
  #forgotten = false;
  #ringTimer: Timer | null = null;
  #accepted: Deferred<string> | null = null;
  /** By CSeq of their INVITE; `ours`: the 200 holds our offer. */
  readonly #unacknowledged = new Map<number, { readonly response: AcceptedResponse; readonly ours: boolean }>();
  /** A BYE of ours that may not go before the ACK is here (section 15). */
  #byeWaits: (() => void) | null = null;
  #hungUp: Promise<void> | null = null;
  #transfer: BlindTransfer | null = null;

  constructor(host: SipCallHost, invite: IncomingRequest, transaction: ServerTransaction, localTag: string) {
    const { request } = invite;
    this.#host = host;
    this.#invite = invite;
    this.#transaction = transaction;
    this.dialog = new SipDialog(invite, localTag, host.names);
    this.id = invite.callId;
    this.from = partyOf(invite.from);
    this.to = partyOf(invite.to);
    this.requestUser = percentDecoded(readableText(invite.uri?.user ?? ''));
    this.headers = request.headers.readable();
    this.source = invite.source;
    this.offer = request.body.length === 0 ? null : request.body.toString('utf8');
    const plan = planSession(invite);
    this.#plan = plan === 'too-small' ? null : plan;
    this.#sessionTimer = new SessionTimer(host.clock, {
      refresh: (due) => void this.#refresh(due),
      expired: () => this.giveUp('timeout', TIMER_EXPIRED),
    });
  }

  get listener(): SipCallListener | null {
    return this.#listener;
  }

  get state(): 'offered' | 'accepting' | 'talking' | 'ended' {
    return this.#state;
  }

  get offering(): boolean {
    return [...this.#unacknowledged.values()].some(({ ours }) => ours);
  }

  get unacknowledged(): boolean {
    return this.#unacknowledged.size >= UNACKNOWLEDGED;
  }

  get transfer(): BlindTransfer | null {
    return this.#transfer;
  }

  listen(listener: SipCallListener): void {
    this.#listener = listener;
  }

  ring(): void {
    if (this.#state !== 'offered') return;
    this.#ringTimer?.cancel();
    this.#ringTimer = this.#host.clock.after(RING_AGAIN_MS, () => this.ring());
    this.reply(this.#invite, this.#transaction, { status: 180, fields: this.#dialogFields() });
  }

  accept(sdp: string): Promise<string> {
    if (this.#accepted !== null) return this.#accepted.promise;
    if (this.#state !== 'offered') return Promise.reject(gone());
    const accepted = deferred<string>();
    this.#accepted = accepted;
    this.#state = 'accepting';
    this.#ringTimer?.cancel();
    this.acceptInvite(this.#invite, this.#transaction, { sdp, plan: this.#plan, ours: this.offer === null }, (body) => {
      if (this.#state !== 'accepting') return;
      this.#state = 'talking';
      accepted.resolve(body);
    });
    return accepted.promise;
  }

  reject(status: number, reason?: string): void {
    if (!Number.isInteger(status) || status < 300 || status > 699) {
      throw new TalkspurtError('ERR_TALKSPURT_INTERNAL', `${status} is no status that refuses a call: take 300 to 699`);
    }
    this.#refuse(status, causeOfStatus(status), status === 503 ? [RETRY_LATER] : [], reason);
  }

  hangup(hangupCause = NORMAL_CLEARING): Promise<void> {
    if (this.#hungUp !== null) return this.#hungUp;
    if (this.#state === 'offered') this.#refuse(statusOfCause(hangupCause), hangupCause, reasonField(hangupCause));
    if (this.#state === 'ended') return Promise.resolve();
    const early = this.#state === 'accepting';
    this.#end({ by: 'us', hangupCause });
    return this.#sayBye(hangupCause, early);
  }

  async refer(target: string): Promise<void> {
    if (this.#state !== 'talking') throw gone();
    if (this.#transfer !== null) {
      throw new TalkspurtError('ERR_TALKSPURT_SWITCH_COMMAND', 'the call is being transferred already');
    }
    const to = referTo(target, (user) => this.dialog.uriAtFarEnd(user));
    const transfer = new BlindTransfer(this.#host.clock);
    this.#transfer = transfer;
    const contact = this.#host.contact(this.source.protocol);
    const fields: SipField[] = [
      ['Contact', contact],
      ['Refer-To', to],
      ['Referred-By', contact],
    ];
    const request = this.dialog.makeRequest('REFER', fields);
    void this.#host.request(request).then((outcome) => transfer.onOutcome(outcome));
    try {
      await transfer.done;
    } finally {
      this.#transfer = null;
    }
  }

  /** A request in the dialog, other than ACK and CANCEL. */
  onRequest(incoming: IncomingRequest, transaction: ServerTransaction): void {
    answerDialogRequest(this, incoming, transaction, (error) => this.#host.onFault(error));
  }

  onAck(incoming: IncomingRequest): void {
    this.#unacknowledged.get(incoming.cseq)?.response.acknowledged(incoming.request.body.toString('utf8'));
  }

  /** A CANCEL of the INVITE. */
  onCancel(cause: number | null): void {
    if (this.#state !== 'offered') return;
    this.reply(this.#invite, this.#transaction, { status: 487 });
    this.#end({ by: 'far-end', hangupCause: cause ?? NORMAL_CLEARING });
    this.#forget();
  }

  /** A BYE, which is answered already. */
  onBye(cause: number | null): void {
    if (this.#state === 'offered') this.reply(this.#invite, this.#transaction, { status: 487 });
    const waits = this.#byeWaits;
    const byeUnderWay = this.#hungUp !== null && waits === null;
    if (this.#state !== 'ended') this.#end({ by: 'far-end', hangupCause: cause ?? NORMAL_CLEARING });
    if (!byeUnderWay) this.#forget();
    waits?.();
  }

  /** Ends the call from our side, for a reason that nobody asked for. */
  giveUp(by: 'timeout' | 'transport', cause: number): void {
    if (this.#state === 'ended') return;
    const answered = this.#state !== 'offered';
    this.#end({ by, hangupCause: cause });
    if (by === 'timeout' && answered) void this.#sayBye(cause, false);
    else this.#forget();
  }

  /** The endpoint closes: nothing is said or waited for any more. */
  abandon(): void {
    if (this.#state !== 'ended') this.#end({ by: 'us', hangupCause: NORMAL_CLEARING });
    this.#forget();
    this.#byeWaits?.();
  }

  /** A response to the INVITE could not be sent: the far end is gone. */
  onUnreachable(): void {
    if (this.#state !== 'offered' && this.#state !== 'accepting') return;
    this.giveUp('transport', UNREACHABLE);
    this.#transaction.abandon();
  }

  reply(incoming: IncomingRequest, transaction: ServerTransaction, reply: SipReply): void {
    const { request, source } = incoming;
    const full = { ...reply, toTag: this.dialog.localTag };
    transaction.respond(reply.status, writeReply(request, source, full, this.#host.names.userAgent));
  }

  acceptInvite(
    incoming: IncomingRequest,
    transaction: ServerTransaction,
    answer: { readonly sdp: string; readonly plan: SessionPlan | null; readonly ours: boolean },
    onAck: (body: string) => void,
  ): void {
    const { request, source, cseq } = incoming;
    const reply: SipReply = {
      status: 200,
      toTag: this.dialog.localTag,
      fields: [...this.#dialogFields(request), ['Supported', SUPPORTED], ...sessionFields(answer.plan)],
      content: { contentType: 'application/sdp', body: answer.sdp },
    };
    const bytes = writeReply(request, source, reply, this.#host.names.userAgent);
    const response = new AcceptedResponse({
      clock: this.#host.clock,
      repeat: () => transaction.repeatAccepted(bytes),
      onAck: (body) => {
        this.#unacknowledged.delete(cseq);
        onAck(body);
        this.#byeWaits?.();
      },
      onTimeout: () => {
        this.#unacknowledged.delete(cseq);
        this.giveUp('timeout', TIMER_EXPIRED);
        this.#byeWaits?.();
      },
    });
    this.#unacknowledged.set(cseq, { response, ours: answer.ours });
    this.#sessionTimer.arm(answer.plan);
    transaction.respond(200, bytes);
  }

  armSession(plan: SessionPlan | null): void {
    this.#sessionTimer.arm(plan);
  }

  contact(): SipField {
    return ['Contact', this.#host.contact(this.source.protocol)];
  }

  #dialogFields(request = this.#invite.request): SipField[] {
    return [...recordRoutes(request), this.contact(), ['Allow', ALLOW]];
  }

  #refuse(status: number, cause: number, fields: readonly SipField[], reason?: string): void {
    if (this.#state !== 'offered') return;
    const words = reason === undefined ? {} : { reason: wireText(reason) };
    this.reply(this.#invite, this.#transaction, { status, fields, ...words });
    this.#end({ by: 'us', hangupCause: cause });
    this.#forget();
  }

  /** BYE, once the ACK is here if `early`. */
  #sayBye(cause: number, early: boolean): Promise<void> {
    this.#hungUp = this.#bye(cause, early);
    return this.#hungUp;
  }

  async #bye(cause: number, early: boolean): Promise<void> {
    if (early) {
      await new Promise<void>((resolve) => (this.#byeWaits = resolve));
      this.#byeWaits = null;
    }
    if (this.#forgotten) return;
    await this.#host.request(this.dialog.makeRequest('BYE', reasonField(cause)));
    this.#forget();
  }

  async #refresh(plan: SessionPlan): Promise<void> {
    const fields: SipField[] = [
      this.contact(),
      ['Session-Expires', `${plan.interval};refresher=uac`],
      ['Supported', SUPPORTED],
      ['Allow', ALLOW],
    ];
    const outcome = await this.#host.request(this.dialog.makeRequest('UPDATE', fields));
    if (this.#state !== 'talking') return;
    if (outcome === 'transport') this.giveUp('transport', UNREACHABLE);
    else if (outcome === 'timeout' || outcome.status === 408 || outcome.status === 481) {
      this.giveUp('timeout', TIMER_EXPIRED);
    } else this.#sessionTimer.arm(nextPlan(plan, outcome));
  }

  #end(end: SipEnd): void {
    this.#state = 'ended';
    this.#ringTimer?.cancel();
    this.#sessionTimer.arm(null);
    this.#accepted?.reject(gone());
    this.#transfer?.onDialogEnded(end.by === 'far-end');
    this.#host.onEnded(this);
    try {
      this.#listener?.onEnded(end);
    } catch (error) {
      this.#host.onFault(error);
    }
  }

  #forget(): void {
    if (this.#forgotten) return;
    this.#forgotten = true;
    for (const { response } of this.#unacknowledged.values()) response.cancel();
    this.#unacknowledged.clear();
    this.#host.onForgotten(this);
  }
}

/** A promise and what settles it; settling twice is harmless. */
interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: TalkspurtError): void;
}

function deferred<T>(): Deferred<T> {
  const settle: Partial<Omit<Deferred<T>, 'promise'>> = {};
  const promise = new Promise<T>((resolve, reject) => Object.assign(settle, { resolve, reject }));
  return { promise, resolve: (value) => settle.resolve?.(value), reject: (error) => settle.reject?.(error) };
}

function gone(): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the call is over, or not answered yet');
}
