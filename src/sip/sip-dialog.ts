/** One dialog of which we are the UAS (RFC 3261 section 12): its names, its route, its sequence numbers. */
import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { parseAddress } from './sip-header-values.ts';
import { BRANCH_COOKIE } from './sip-incoming.ts';
import type { IncomingRequest, SipSource } from './sip-incoming.ts';
import { SIP_PORT } from './sip-reply.ts';
import type { SipTarget } from './sip-reply.ts';
import { listOf } from './sip-syntax.ts';
import { parseSipUri, uriHost } from './sip-uri.ts';
import type { SipUri } from './sip-uri.ts';
import { writeRequest } from './sip-writer.ts';
import type { SipContent, SipField } from './sip-writer.ts';

/** A request of ours, ready to be sent. */
export interface DialogRequest {
  /** Names its transaction. */
  readonly branch: string;
  readonly target: SipTarget;
  readonly bytes: Buffer;
}

/** What a dialog asks of its endpoint. */
export interface DialogNames {
  readonly userAgent: string;
  /** `host:port` of ours, as it stands in a Via. */
  readonly sentBy: string;
  /** Whether we send to that address, if a far end says so. */
  mayReach(address: string): boolean;
}

/** Names a dialog in the table of an endpoint. */
export function dialogKey(callId: string, localTag: string, remoteTag: string): string {
  return `${callId} ${localTag} ${remoteTag}`;
}

/** A new tag or the like: 64 random bits. */
export function newTag(): string {
  return randomBytes(8).toString('hex');
}

/** The state of one dialog. */
export class SipDialog {
  readonly key: string;
  readonly callId: string;
  readonly localTag: string;
  readonly #names: DialogNames;
  /** From and To of our requests. */
  readonly #local: string;
  readonly #remote: string;
  readonly #routes: readonly string[];
  /** Where the far end last spoke from. */
  #source: SipSource;
  #remoteTarget: string;
  #localCseq = 0;
  #remoteCseq: number;

  constructor(invite: IncomingRequest, localTag: string, names: DialogNames) {
    const { headers } = invite.request;
    this.#names = names;
    this.key = dialogKey(invite.callId, localTag, invite.fromTag);
    this.callId = invite.callId;
    this.localTag = localTag;
    this.#local = `${headers.first('to') ?? ''};tag=${localTag}`;
    this.#remote = headers.first('from') ?? '';
    this.#routes = listOf(headers.all('record-route')) ?? [];
    this.#source = invite.source;
    this.#remoteTarget = invite.from.uri;
    this.#remoteCseq = invite.cseq;
    this.refreshTarget(invite);
  }

  /** The far end's contact, in parts; null for one that is no SIP URI. */
  get remoteUri(): SipUri | null {
    return parseSipUri(this.#remoteTarget);
  }

  /**
   * Takes a request's number. False: an earlier one than the last (section 12.2.2), or the same: every request but ACK and
   * CANCEL has one of its own (section 12.2.1.1), and what is repeated belongs to its transaction.
   */
  takeCseq(incoming: IncomingRequest): boolean {
    if (incoming.cseq <= this.#remoteCseq) return false;
    this.#remoteCseq = incoming.cseq;
    this.#source = incoming.source;
    return true;
  }

  /** A target refresh request may move the far end (section 12.2.2). */
  refreshTarget(incoming: IncomingRequest): void {
    const contact = parseAddress(incoming.request.headers.first('contact') ?? '');
    if (contact !== null && parseSipUri(contact.uri) !== null) this.#remoteTarget = contact.uri;
  }

  /** Our next request in this dialog (section 12.2.1.1). */
  makeRequest(method: string, fields: readonly SipField[], content?: SipContent): DialogRequest {
    this.#localCseq += 1;
    const { protocol } = this.#source;
    const branch = `${BRANCH_COOKIE}${newTag()}`;
    const { uri, routes } = this.#way();
    const head: SipField[] = [
      ['Via', `SIP/2.0/${protocol.toUpperCase()} ${this.#names.sentBy};rport;branch=${branch}`],
      ['Max-Forwards', '70'],
      ...routes.map((route): SipField => ['Route', route]),
      ['From', this.#local],
      ['To', this.#remote],
      ['Call-ID', this.callId],
      ['CSeq', `${this.#localCseq} ${method}`],
      ['User-Agent', this.#names.userAgent],
    ];
    return { branch, target: this.#nextHop(), bytes: writeRequest(method, uri, [...head, ...fields], content) };
  }

  /** Request-URI and Route: loose routing, or what a strict router wants. */
  #way(): { uri: string; routes: readonly string[] } {
    const [first, ...others] = this.#routes;
    if (first === undefined) return { uri: this.#remoteTarget, routes: [] };
    const strict = parseAddress(first)?.uri;
    const uri = parseSipUri(strict ?? '');
    if (strict === undefined || uri === null || uri.parameters.has('lr')) {
      return { uri: this.#remoteTarget, routes: this.#routes };
    }
    return { uri: strict, routes: [...others, `<${this.#remoteTarget}>`] };
  }

  /**
   * The first route, or else the contact: where it is an address that we may reach. A name is not looked up and a
   * stranger's address not used: then the request goes to where the far end last spoke from.
   */
  #nextHop(): SipTarget {
    const { address, port, protocol } = this.#source;
    const uri = parseSipUri(parseAddress(this.#routes[0] ?? '')?.uri ?? this.#remoteTarget);
    const dialPort = uri === null || uri.port === 0 ? SIP_PORT : uri.port;
    const known = uri !== null && isIP(uri.host) !== 0 && this.#names.mayReach(uri.host);
    if (!known) return { protocol, address, port, dialPort };
    // Over TCP the connection that the far end opened to us is as good as one to its contact, and passes its firewall.
    if (protocol === 'tcp' && uri.host === address) return { protocol, address, port, dialPort };
    return { protocol, address: uri.host, port: dialPort, dialPort };
  }

  /** A place for the far end's use: `user` at the host of its contact. */
  uriAtFarEnd(user: string): string {
    const uri = this.remoteUri;
    const host = uri?.host ?? this.#source.address;
    return `sip:${user}@${uriHost(host)}${uri === null || uri.port === 0 ? '' : `:${uri.port}`}`;
  }
}
