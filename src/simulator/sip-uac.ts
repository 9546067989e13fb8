/** One outgoing SIP call of the simulated switch: its dialog, with the messages that FreeSWITCH's mod_sofia sends. */
import { randomInt, randomUUID } from 'node:crypto';
import type { Clock, Timer } from '../core/clock.ts';
import { ABOUT, AGENT, newBranch, SipAuthor } from './sip-author.ts';
import type { SipAuthorOptions, SipRequestLine } from './sip-author.ts';
import { causeOfStatus } from './sip-cause.ts';
import { SipDigest } from './sip-digest.ts';
import type { SipCredentials } from './sip-digest.ts';
import type { SipEndpoint, SipFlow, SipPeer, SipReceiver } from './sip-endpoint.ts';
import { headerOf, methodOf, sequenceOf, statusOf, uriOf, writeResponse } from './sip-text.ts';
import type { SipText } from './sip-text.ts';

/** Whom to call, and as whom. */
export interface SipCallOptions extends Pick<SipAuthorOptions, 'from' | 'name' | 'maxForwards' | 'headers'> {
  readonly user: string;
  readonly peer: SipPeer;
  /** What a challenge is answered with; null: it is a refusal. */
  readonly credentials: SipCredentials | null;
}

/** What a call tells its leg. Nothing is told after `onFailed` or `onBye`. */
export interface SipCallHost {
  readonly clock: Clock;
  onRinging(): void;
  /** A session description: early media, the answer, or that of a change we asked for. */
  onAnswer(sdp: string, kind: 'early' | 'final' | 'changed'): void;
  /** The other side changes the session; our description of it, or null to refuse. */
  onOffer(sdp: string): string | null;
  onFailed(cause: number): void;
  onBye(): void;
}

const T1_MS = 500;
const T2_MS = 4_000;
const TRANSACTION_MS = 64 * T1_MS;
/** A request that is repeated over UDP until it is answered. */
interface Pending {
  readonly text: string;
  readonly line: SipRequestLine;
  readonly method: string;
  readonly flow: SipFlow;
  readonly sinceMs: number;
  timer: Timer | null;
  waitMs: number;
}

/** A dialog from INVITE to BYE. */
export class SipCall implements SipReceiver {
  readonly callId = randomUUID();
  readonly #options: SipCallOptions;
  readonly #endpoint: SipEndpoint;
  readonly #host: SipCallHost;
  readonly #author: SipAuthor;
  /** The last session description that was offered: a challenge makes the INVITE go out again. */
  #sdp = '';
  #remoteTo: string;
  #target: string;
  #flow: SipFlow;
  #sequence = randomInt(100_000_000, 200_000_000);
  #state: 'calling' | 'proceeding' | 'up' | 'ending' | 'over' = 'calling';
  #cancelWanted: number | null = null;
  #pending: Pending | null = null;
  /** What was sent for a final answer to INVITE: said again when the answer is. */
  #ack = '';
  /** Our answer to the other side's INVITE, until its ACK comes. */
  #unacknowledged: {
    text: string;
    sequence: number;
    flow: SipFlow;
    timer: Timer;
    waitMs: number;
    sinceMs: number;
  } | null = null;

  constructor(options: SipCallOptions, endpoint: SipEndpoint, host: SipCallHost) {
    this.#options = options;
    this.#endpoint = endpoint;
    this.#host = host;
    const { user, peer } = options;
    this.#author = new SipAuthor({
      ...options,
      callId: this.callId,
      address: endpoint.address,
      port: () => endpoint.port,
      transport: peer.transport,
    });
    const uri = `sip:${user}@${peer.address}:${peer.port}${peer.transport === 'tcp' ? ';transport=tcp' : ''}`;
    this.#target = uri;
    this.#remoteTo = `<${uri}>`;
    this.#flow = endpoint.flowTo(peer);
  }

  /** Sends the INVITE. */
  invite(sdp: string): void {
    this.#endpoint.add(this);
    this.#invite(sdp);
  }

  /** Offers another session description in a call that is up; false while something else is under way. */
  reinvite(sdp: string): boolean {
    if (this.#state !== 'up' || this.#pending !== null) return false;
    this.#invite(sdp);
    return true;
  }

  /** Ends the call: BYE when it is up, CANCEL when it rings. */
  end(cause: number): void {
    if (this.#state === 'ending' || this.#state === 'over') return;
    if (this.#state === 'up') this.#bye(cause);
    else if (this.#state === 'proceeding') this.#cancel(cause);
    // CANCEL has to wait for a first response; without one nothing is up.
    else this.#cancelWanted = cause;
  }

  /** Forgets the call without a word: the process is gone. */
  dispose(): void {
    this.#finish();
  }

  onUnreachable(peer: SipPeer): void {
    const here = this.#pending?.flow.peer ?? this.#flow.peer;
    if (peer.address !== here.address || peer.port !== here.port || peer.transport !== here.transport) return;
    if (this.#state === 'calling' || this.#state === 'proceeding') this.#fail(503);
    else if (this.#state === 'ending') this.#finish();
  }

  onMessage(message: SipText, flow: SipFlow): void {
    if (this.#state === 'over') return;
    const status = statusOf(message);
    if (status === 0) this.#onRequest(message, flow);
    else this.#onResponse(status, message);
  }

  #onResponse(status: number, message: SipText): void {
    const method = methodOf(message);
    const pending = this.#pending;
    const isPending = pending !== null && pending.method === method && pending.line.sequence === sequenceOf(message);
    if (!isPending) {
      // The answer is said again because our ACK got lost.
      if (method === 'INVITE' && status >= 200 && this.#ack !== '') this.#flow.send(this.#ack);
      return;
    }
    if (status < 200) this.#onProvisional(status, message, pending);
    else {
      this.#settle();
      if (method === 'INVITE') this.#onFinal(status, message, pending);
      else if (method === 'BYE') this.#finish();
    }
  }

  #onProvisional(status: number, message: SipText, pending: Pending): void {
    pending.timer?.cancel();
    pending.timer = null;
    if (this.#state !== 'calling' && this.#state !== 'proceeding') return;
    this.#state = 'proceeding';
    if (this.#cancelWanted !== null) {
      this.#cancel(this.#cancelWanted);
      return;
    }
    if (status === 180) this.#host.onRinging();
    else if (status === 183 && message.body !== '') this.#host.onAnswer(message.body, 'early');
  }

  #onFinal(status: number, message: SipText, pending: Pending): void {
    const changed = this.#state === 'up';
    this.#acknowledge(status, message, pending);
    if (status < 300) {
      const late = this.#state === 'ending' || this.#cancelWanted !== null;
      this.#state = 'up';
      // The answer has crossed our CANCEL.
      if (late) this.#bye(this.#cancelWanted ?? 487);
      else this.#host.onAnswer(message.body, changed ? 'changed' : 'final');
    } else if (this.#isChallenge(status, message) && this.#state !== 'ending') this.#invite(this.#sdp);
    else if (this.#state === 'ending') this.#finish();
    else if (!changed) this.#fail(status);
    else if (status === 481 || status === 408) this.#onGone();
  }

  #acknowledge(status: number, message: SipText, pending: Pending): void {
    const to = headerOf(message.headers, 'to') ?? this.#remoteTo;
    if (status < 300) {
      this.#remoteTo = to;
      this.#learnTarget(message);
      this.#ack = this.#author.ack({ ...pending.line, to, target: this.#target, branch: newBranch() }, true);
    } else this.#ack = this.#author.ack({ ...pending.line, to }, false);
    this.#flow.send(this.#ack);
  }

  /** Whether the other side asks who calls, and there is an answer that it has not had yet. */
  #isChallenge(status: number, message: SipText): boolean {
    const proxy = status === 407;
    const challenge = headerOf(message.headers, proxy ? 'proxy-authenticate' : 'www-authenticate');
    const { credentials } = this.#options;
    if ((status !== 401 && !proxy) || credentials === null || challenge === undefined || this.#author.digest !== null)
      return false;
    this.#author.digest = new SipDigest(challenge, proxy ? 'Proxy-Authorization' : 'Authorization', credentials);
    return true;
  }

  /** Where requests of this dialog go from now on. */
  #learnTarget(message: SipText): void {
    const contact = headerOf(message.headers, 'contact');
    if (contact === undefined) return;
    this.#target = uriOf(contact);
    const { peer } = this.#flow;
    const found = /^sips?:(?:[^@]*@)?(\d+\.\d+\.\d+\.\d+)(?::(\d+))?/.exec(this.#target);
    if (peer.transport === 'udp' && found !== null) {
      const next: SipPeer = { transport: 'udp', address: found[1]!, port: Number(found[2] ?? 5060) };
      if (next.address !== peer.address || next.port !== peer.port) this.#flow = this.#endpoint.flowTo(next);
    }
  }

  #onRequest(request: SipText, flow: SipFlow): void {
    const method = methodOf(request);
    const sequence = sequenceOf(request);
    const contact: [string, string] = ['Contact', this.#author.contact];
    if (method === 'ACK') {
      if (this.#unacknowledged?.sequence === sequence) this.#dropAnswer();
    } else if (method === 'BYE') {
      flow.send(writeResponse(request, '200 OK', ABOUT));
      this.#onGone();
    } else if (method === 'INVITE' || (method === 'UPDATE' && request.body !== '')) {
      this.#onInvite(request, flow, contact);
    } else if (/^(OPTIONS|INFO|UPDATE|MESSAGE|NOTIFY)$/.test(method)) {
      flow.send(writeResponse(request, '200 OK', [contact, ...ABOUT]));
    } else flow.send(writeResponse(request, '501 Not Implemented', ABOUT));
  }

  #onInvite(request: SipText, flow: SipFlow, contact: [string, string]): void {
    const sequence = sequenceOf(request);
    const isInvite = methodOf(request) === 'INVITE';
    if (this.#unacknowledged?.sequence === sequence) {
      flow.send(this.#unacknowledged.text);
      return;
    }
    if (this.#unacknowledged !== null) {
      flow.send(writeResponse(request, '500 Overlapping Requests', [['Retry-After', '10 (Overlapping Requests)']]));
      return;
    }
    if (this.#pending !== null || this.#state !== 'up') {
      flow.send(writeResponse(request, '491 Request Pending'));
      return;
    }
    if (isInvite) flow.send(writeResponse(request, '100 Trying', [['User-Agent', AGENT]]));
    const sdp = this.#host.onOffer(request.body);
    if (sdp === null) {
      flow.send(writeResponse(request, '488 Not Acceptable Here', ABOUT));
      return;
    }
    const text = writeResponse(request, '200 OK', [contact, ...ABOUT], sdp);
    flow.send(text);
    if (!isInvite) return;
    const timer = this.#host.clock.after(T1_MS, () => this.#repeatAnswer());
    this.#unacknowledged = { text, sequence, flow, timer, waitMs: T1_MS, sinceMs: this.#host.clock.nowMs() };
  }

  #repeatAnswer(): void {
    const answer = this.#unacknowledged;
    if (answer === null) return;
    if (this.#host.clock.nowMs() - answer.sinceMs >= TRANSACTION_MS) {
      this.#dropAnswer();
      this.#bye(102);
      this.#host.onBye();
      return;
    }
    answer.flow.send(answer.text);
    answer.waitMs = Math.min(T2_MS, answer.waitMs * 2);
    answer.timer = this.#host.clock.after(answer.waitMs, () => this.#repeatAnswer());
  }

  #dropAnswer(): void {
    this.#unacknowledged?.timer.cancel();
    this.#unacknowledged = null;
  }

  /** The other side says that there is no call any more. */
  #onGone(): void {
    const told = this.#state === 'ending';
    const wasUp = this.#state === 'up';
    this.#finish();
    if (told) return;
    if (wasUp) this.#host.onBye();
    else this.#host.onFailed(16);
  }

  #fail(status: number): void {
    const told = this.#state === 'ending' || this.#cancelWanted !== null;
    this.#finish();
    if (!told) this.#host.onFailed(causeOfStatus(status));
  }

  #bye(cause: number): void {
    this.#settle();
    this.#state = 'ending';
    const line = this.#line(newBranch());
    this.#request('BYE', line, this.#author.bye(line, cause));
  }

  #cancel(cause: number): void {
    const invite = this.#pending;
    this.#state = 'ending';
    if (invite === null) return;
    this.#flow.send(this.#author.cancel(invite.line, cause));
    // The INVITE's own answer (487) ends it; should none come, time does.
    invite.timer?.cancel();
    invite.timer = this.#host.clock.after(TRANSACTION_MS, () => this.#finish());
  }

  #invite(sdp: string): void {
    this.#sdp = sdp;
    const line = this.#line(newBranch());
    this.#request('INVITE', line, this.#author.invite(line, sdp));
  }

  /** The next request of the dialog. */
  #line(branch: string): SipRequestLine {
    this.#sequence += 1;
    return { target: this.#target, to: this.#remoteTo, sequence: this.#sequence, branch };
  }

  #request(method: 'INVITE' | 'BYE', line: SipRequestLine, text: string): void {
    const pending: Pending = {
      text,
      line,
      method,
      flow: this.#flow,
      sinceMs: this.#host.clock.nowMs(),
      timer: null,
      waitMs: T1_MS,
    };
    this.#pending = pending;
    this.#arm(pending);
    this.#flow.send(text);
  }

  #arm(pending: Pending): void {
    const leftMs = pending.sinceMs + TRANSACTION_MS - this.#host.clock.nowMs();
    pending.timer = this.#host.clock.after(Math.min(pending.waitMs, leftMs), () => {
      if (this.#host.clock.nowMs() - pending.sinceMs >= TRANSACTION_MS) {
        this.#settle();
        if (pending.method === 'BYE') this.#finish();
        else if (this.#state !== 'up') this.#fail(408);
        return;
      }
      if (pending.flow.peer.transport === 'udp') pending.flow.send(pending.text);
      pending.waitMs = pending.method === 'INVITE' ? pending.waitMs * 2 : Math.min(T2_MS, pending.waitMs * 2);
      this.#arm(pending);
    });
  }

  #settle(): void {
    this.#pending?.timer?.cancel();
    this.#pending = null;
  }

  #finish(): void {
    if (this.#state === 'over') return;
    this.#state = 'over';
    this.#settle();
    this.#dropAnswer();
    this.#endpoint.remove(this);
  }
}
