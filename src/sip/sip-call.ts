/** The port of a SIP call that was offered to us: one INVITE dialog of which we are the UAS (RFC 3261). */

/** How a dialog ended. `hangupCause` is the ITU-T Q.850 number of the Reason header (RFC 3326), or the one that fits. */
export interface SipEnd {
  readonly by: 'far-end' | 'us' | 'timeout' | 'transport';
  readonly hangupCause: number;
}

/** What a call tells whoever took it. Control plane. */
export interface SipCallListener {
  /** The dialog is over: a BYE, a CANCEL before the answer, no ACK, a peer that is gone. Called once at most. */
  onEnded(end: SipEnd): void;
  /** A re-INVITE or UPDATE: returns the SDP answer (to an offer), or our offer where the far end sent none. */
  onReinvite(offer: string | null): string;
  /** The far end's SDP answer to the offer that {@link onReinvite} made for it: the body of the ACK. */
  onReinviteAnswered?(answer: string): void;
  /** A digit of an INFO request (`application/dtmf-relay` or `application/dtmf`). */
  onDigit(digit: string, durationMs: number): void;
}

/** A party of a dialog, as From, To and the Request-URI name it; user parts are percent-decoded. Personal. */
export interface SipParty {
  readonly user: string;
  readonly host: string;
  readonly displayName: string;
}

/** One call that came in. */
export interface SipCall {
  /** Call-ID of the dialog. */
  readonly id: string;
  readonly from: SipParty;
  readonly to: SipParty;
  /** User part of the Request-URI: who of us is called. */
  readonly requestUser: string;
  /** Header fields of the INVITE: long names in lower case. Bounded, in order of appearance. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly source: { readonly address: string; readonly port: number; readonly protocol: 'udp' | 'tcp' };
  /** SDP of the INVITE, or null: then the answer is an offer and the ACK carries the far end's answer. */
  readonly offer: string | null;
  listen(listener: SipCallListener): void;
  /** 180 Ringing. */
  ring(): void;
  /** 200 with `sdp`; resolves to the body of the ACK (empty: none) when it came. @throws ERR_TALKSPURT_CALL_GONE */
  accept(sdp: string): Promise<string>;
  /** A final refusal (300..699), before the answer. A 503 says when to try again. */
  reject(status: number, reason?: string): void;
  /** BYE; resolves when it is answered or has timed out. Twice, or after the end, is harmless. */
  hangup(hangupCause?: number): Promise<void>;
  /** Blind transfer (REFER, RFC 3515). @throws ERR_TALKSPURT_SWITCH_COMMAND when refused, ERR_TALKSPURT_CALL_GONE */
  refer(target: string): Promise<void>;
}
