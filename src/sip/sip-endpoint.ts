/** A SIP endpoint that is called and never calls: RFC 3261 over UDP and TCP, for peers on a list. */
import { createHmac, randomBytes } from 'node:crypto';
import { addressList } from '../core/address-list.ts';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { DigestAuth } from './digest-auth.ts';
import type { DigestAccount } from './digest-auth.ts';
import { screen } from './request-screening.ts';
import type { ServerTransaction } from './server-transaction.ts';
import type { SipCall } from './sip-call.ts';
import { SipCallUas } from './sip-call-uas.ts';
import type { SipCallHost } from './sip-call-uas.ts';
import { dialogKey, newTag } from './sip-dialog.ts';
import type { DialogNames } from './sip-dialog.ts';
import { q850Cause } from './sip-header-values.ts';
import { branchOfResponse, readIncoming } from './sip-incoming.ts';
import type { IncomingRequest, SipSource } from './sip-incoming.ts';
import type { SipRequest, SipResponse } from './sip-message.ts';
import { parseSip } from './sip-parser.ts';
import { RETRY_LATER, replyTarget, writeReply } from './sip-reply.ts';
import type { SipReply } from './sip-reply.ts';
import { SipTransactions } from './sip-transactions.ts';
import { SipTransport } from './sip-transport.ts';
import { uriHost } from './sip-uri.ts';

/** Where it listens, who may call, and who takes the calls. */
export interface SipEndpointOptions {
  readonly clock: Clock;
  /** Address to bind. Default: 127.0.0.1. */
  readonly host?: string;
  /** 0: any free port, the same for both protocols; see {@link SipEndpoint.listen}. */
  readonly port: number;
  readonly protocols: readonly ('udp' | 'tcp')[];
  /** Our address as peers reach it: in Contact and Via. Needed where `host` is a wildcard. Default: `host`. */
  readonly advertiseHost?: string;
  /** Addresses and CIDR blocks that may talk to us. Others are dropped without an answer. */
  readonly allow: readonly string[];
  /** Who has to prove itself with every new call; absent: nobody. */
  readonly digest?: DigestAccount;
  /** Whether a user is one that cannot be guessed, and whoever calls it has proved itself by that. */
  readonly isSecretUser?: (user: string) => boolean;
  readonly userAgent: string;
  /** Calls at once; one more is 503. Default: `LIMITS.calls`. */
  readonly callLimit?: number;
  /** A call: 100 Trying is sent. Refuse it, ring, or accept it. */
  onCall(call: SipCall): void;
  /** A peer's malformed message (ERR_TALKSPURT_LINK_PROTOCOL), or a fault of whoever took a call. */
  onMalformed?(error: TalkspurtError): void;
}

/** User part of our Contact. */
const CONTACT_USER = 'talkspurt';

/** Listens, screens, and hands new calls over. */
export class SipEndpoint {
  readonly #options: SipEndpointOptions;
  readonly #transport: SipTransport;
  readonly #transactions: SipTransactions;
  readonly #digest: DigestAuth | null;
  readonly #host: SipCallHost;
  /** Dialogs by their names, those included whose BYE is under way. */
  readonly #dialogs = new Map<string, SipCallUas>();
  readonly #live = new Set<SipCallUas>();
  /** Calls by the transaction of their INVITE: for CANCEL. */
  readonly #offered = new Map<ServerTransaction, SipCallUas>();
  readonly #tagKey = randomBytes(32);
  #malformed = 0;
  #sentBy = '';
  #closing: Promise<void> | null = null;

  /** @throws ERR_TALKSPURT_CONFIG_INVALID for an address in `allow` that is none, or a missing `advertiseHost` */
  constructor(options: SipEndpointOptions) {
    const host = options.host ?? '127.0.0.1';
    if (options.advertiseHost === undefined && ['0.0.0.0', '::', ''].includes(host)) {
      throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `with the wildcard host "${host}", set advertiseHost`);
    }
    this.#options = options;
    this.#transport = new SipTransport({
      clock: options.clock,
      host,
      port: options.port,
      protocols: options.protocols,
      allow: addressList(options.allow),
      onMessage: (bytes, source) => this.#onMessage(bytes, source),
      onBroken: (status, head, source) => this.#onBroken(status, head, source),
    });
    const { clock } = options;
    this.#transactions = new SipTransactions(clock, (to, bytes, onFailed) => this.#transport.send(to, bytes, onFailed));
    this.#digest = options.digest === undefined ? null : new DigestAuth(options.digest, clock);
    this.#host = this.#callHost();
  }

  /** Calls that are neither refused nor over. */
  get callCount(): number {
    return this.#live.size;
  }

  /** What came in and was not used. `strangers`: datagrams and connections that were turned away. */
  get stats(): { readonly malformed: number; readonly strangers: number; readonly transactions: number } {
    const { strangers } = this.#transport;
    return { malformed: this.#malformed, strangers, transactions: this.#transactions.count };
  }

  /** @throws ERR_TALKSPURT_LISTEN */
  async listen(): Promise<{ address: string; port: number }> {
    const bound = await this.#transport.listen();
    this.#sentBy = `${uriHost(this.#options.advertiseHost ?? bound.address)}:${bound.port}`;
    return bound;
  }

  /** Hangs up every call, answers new ones with 503 meanwhile, and closes; at the latest after a few seconds. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const calls = Promise.all([...this.#live].map((call) => call.hangup()));
    await new Promise<void>((resolve) => {
      const timer = this.#options.clock.after(LIMITS.sipCloseMs, resolve);
      void calls.then(() => {
        timer.cancel();
        resolve();
      });
    });
    // A 200 without an ACK would be repeated for half a minute.
    for (const call of [...this.#dialogs.values()]) call.abandon();
    this.#transactions.abandon();
    await this.#transport.close();
  }

  #callHost(): SipCallHost {
    const sentBy = (): string => this.#sentBy;
    const names: DialogNames = {
      userAgent: this.#options.userAgent,
      get sentBy() {
        return sentBy();
      },
      mayReach: (address) => this.#transport.allows(address),
    };
    return {
      clock: this.#options.clock,
      names,
      contact: (protocol) => `<sip:${CONTACT_USER}@${this.#sentBy}${protocol === 'tcp' ? ';transport=tcp' : ''}>`,
      request: ({ branch, target, bytes }) => this.#transactions.request(branch, target, bytes),
      onEnded: (call) => void this.#live.delete(call),
      onForgotten: (call) => void this.#dialogs.delete(call.dialog.key),
      onFault: (error) => this.#options.onMalformed?.(asTalkspurtError(error)),
    };
  }

  #onMessage(bytes: Buffer, source: SipSource): void {
    // What keeps a NAT open: blank lines.
    if (bytes.length <= 4 && /^[\r\n\0]*$/.test(bytes.toString('latin1'))) return;
    const { message, fault } = parseSip(bytes);
    if (message === null || (message.kind === 'response' && fault !== null)) this.#onMalformed(fault?.reason, source);
    else if (message.kind === 'response') this.#onResponse(message);
    else this.#onRequest(message, fault, source);
  }

  #onBroken(status: number, head: Buffer, source: SipSource): void {
    const { message } = parseSip(head);
    this.#onMalformed('bad length', source);
    if (message?.kind === 'request') this.#replyStateless(message, source, { status });
  }

  /** Peers are told apart by their address; what they sent is personal. */
  #onMalformed(what: string | undefined, { address, port, protocol }: SipSource): void {
    this.#malformed += 1;
    const text = `malformed SIP message: ${what ?? 'no message'}`;
    const details = { peer: `${address}:${port}`, protocol };
    this.#options.onMalformed?.(new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', text, { details }));
  }

  #onResponse(response: SipResponse): void {
    const branch = branchOfResponse(response, this.#sentBy);
    if (branch !== null) this.#transactions.onResponse(branch, response);
  }

  #onRequest(request: SipRequest, fault: { status: number; reason: string } | null, source: SipSource): void {
    const incoming = fault === null ? readIncoming(request, source) : fault.reason;
    if (typeof incoming === 'string') {
      this.#onMalformed(incoming, source);
      this.#replyStateless(request, source, fault ?? { status: 400, reason: incoming });
      return;
    }
    if (request.method === 'ACK') this.#onAck(incoming);
    else if (request.method === 'CANCEL') this.#onCancel(incoming);
    else {
      const known = this.#transactions.find(incoming, request.method);
      if (known !== undefined) known.repeated();
      else if (incoming.toTag !== '') this.#onDialogRequest(incoming);
      else this.#onNewRequest(incoming);
    }
  }

  #onAck(incoming: IncomingRequest): void {
    const transaction = this.#transactions.find(incoming, 'INVITE');
    // The ACK of a 2xx is its own transaction, but for peers of RFC 2543.
    if (transaction !== undefined && !transaction.accepted) transaction.acknowledged();
    else this.#dialogOf(incoming)?.onAck(incoming);
  }

  #onCancel(incoming: IncomingRequest): void {
    const { request, source } = incoming;
    const transaction = this.#transactions.find(incoming, 'INVITE');
    if (transaction === undefined) {
      this.#replyStateless(request, source, { status: 481 });
      return;
    }
    const call = this.#offered.get(transaction);
    const tag = call === undefined ? {} : { toTag: call.dialog.localTag };
    this.#replyStateless(request, source, { status: 200, ...tag });
    call?.onCancel(q850Cause(request.headers.all('reason')));
  }

  #onDialogRequest(incoming: IncomingRequest): void {
    const { request, source } = incoming;
    const call = this.#dialogOf(incoming);
    if (call === undefined) {
      this.#replyStateless(request, source, { status: 481 });
      return;
    }
    const transaction = this.#transactions.serve(incoming, { sendFailed: () => undefined, ended: () => undefined });
    if (transaction === null) this.#replyStateless(request, source, busy());
    else call.onRequest(incoming, transaction);
  }

  #onNewRequest(incoming: IncomingRequest): void {
    const { request, source } = incoming;
    const refusal = this.#refusalOf(incoming);
    if (refusal !== null) {
      this.#replyStateless(request, source, refusal);
      return;
    }
    let call: SipCallUas | null = null;
    const transaction = this.#transactions.serve(incoming, {
      sendFailed: () => call?.onUnreachable(),
      ended: () => void (transaction !== null && this.#offered.delete(transaction)),
    });
    if (transaction === null) {
      this.#replyStateless(request, source, busy());
      return;
    }
    transaction.respond(100, writeReply(request, source, { status: 100 }, this.#options.userAgent));
    call = new SipCallUas(this.#host, incoming, transaction, newTag());
    this.#dialogs.set(call.dialog.key, call);
    this.#live.add(call);
    this.#offered.set(transaction, call);
    try {
      this.#options.onCall(call);
    } catch (error) {
      this.#host.onFault(error);
      call.reject(500);
    }
  }

  /** Screening: what needs nothing but the request, then who asks, then whether there is room. */
  #refusalOf(incoming: IncomingRequest): SipReply | null {
    const { method } = incoming.request;
    if (method === 'INVITE') {
      const refusal = this.#authenticate(incoming);
      if (refusal !== null) return refusal;
      if (this.#transactions.isMerged(incoming)) return { status: 482 };
    }
    const refusal = screen(incoming);
    if (refusal !== null) return refusal;
    const full = this.#live.size >= (this.#options.callLimit ?? LIMITS.calls);
    return full || this.#closing !== null ? busy() : null;
  }

  #authenticate(incoming: IncomingRequest): SipReply | null {
    if (this.#digest === null) return null;
    const { method, headers } = incoming.request;
    if (this.#options.isSecretUser?.(incoming.uri?.user ?? '') === true) return null;
    const verdict = this.#digest.check(method, headers.all('authorization'));
    if (verdict === 'right') return null;
    if (verdict === 'wrong') return { status: 403 };
    if (verdict === 'busy') return busy();
    return { status: 401, fields: this.#digest.challenge(verdict === 'stale') };
  }

  #dialogOf(incoming: IncomingRequest): SipCallUas | undefined {
    return this.#dialogs.get(dialogKey(incoming.callId, incoming.toTag, incoming.fromTag));
  }

  /** Answers without a transaction (section 8.2.7): the same request again gets the same answer, To tag and all. */
  #replyStateless(request: SipRequest, source: SipSource, reply: SipReply): void {
    if (request.method === 'ACK') return;
    const key = ['call-id', 'from', 'cseq', 'via'].map((name) => request.headers.first(name) ?? '').join('\n');
    const toTag = reply.toTag ?? createHmac('sha256', this.#tagKey).update(key).digest('hex').slice(0, 16);
    const bytes = writeReply(request, source, { ...reply, toTag }, this.#options.userAgent);
    // Nobody waits for it: a peer that got no answer asks again.
    this.#transport.send(replyTarget(request, source), bytes, () => undefined);
  }
}

function busy(): SipReply {
  return { status: 503, fields: [RETRY_LATER] };
}
