/** The ports of a switch: its link, and one channel of it as a leg that a session can talk on. */
import type { EndReason } from '../core/events.ts';
import type { MediaTransport } from '../transport/media-transport.ts';
import type { RefusalReason } from './refusal.ts';

export type { RefusalReason } from './refusal.ts';

/**
 * `transferred`: the channel lives on with somebody else, or with its dialplan. `link-lost`: it may, and is another process's to
 * speak to; nothing is to be done to it.
 */
export type MediaEndedAs = 'transferred' | 'link-lost';

/** What a leg tells its session. Control plane: may be called at any time after `listen`. */
export interface LegListener {
  /** The channel is gone. `hangupCause` is the ITU-T Q.850 number. Called once at most. */
  onHangup(hangupCause: number): void;
  /** A DTMF digit, wherever the switch heard it. */
  onDigit(digit: string, durationMs: number): void;
  /** The switch ended our media path under us (a playback, a bridge, a transfer). `as`: what it is where that is no failure of it. */
  onMediaEnded(reason: string, as?: MediaEndedAs): void;
}

/** What a call came to, for a switch that can pass it on. */
export interface CallOutcome {
  readonly reason: EndReason;
  /** Answers that the agent gave, and those of them that the caller cut in on. */
  readonly turns: number;
  readonly bargeIns: number;
}

/** Orders that are still to stand when another process takes a call up. */
export interface RememberedOrders {
  /** Neither backend nor events are given what the caller says and dials. */
  readonly masked: boolean;
}

/** One channel of the switch. */
export interface CallLeg {
  /** The switch's own identity of the channel (FreeSWITCH: its UUID). */
  readonly id: string;
  readonly switchName: string;
  /** Personal: the calling and the called number. */
  readonly from: string;
  readonly to: string;
  /** Channel variables at the time of the attach. */
  readonly variables: ReadonlyMap<string, string>;
  listen(listener: LegListener): void;
  /** Answers the channel if it is not. @throws ERR_TALKSPURT_CALL_GONE, ERR_TALKSPURT_SWITCH_COMMAND */
  answer(signal: AbortSignal): Promise<void>;
  /** Opens the audio path. @throws ERR_TALKSPURT_MEDIA_*, ERR_TALKSPURT_UNICAST_*, ERR_TALKSPURT_CALL_GONE */
  openMedia(signal: AbortSignal): Promise<MediaTransport>;
  /** @throws ERR_TALKSPURT_SWITCH_COMMAND */
  sendDtmf(digits: string): Promise<void>;
  transfer(destination: string): Promise<void>;
  /**
   * Has the switch call `destination`, written as for {@link transfer}, and joins the channel with whoever answers there; the
   * audio path is the switch's from then on, without a word of its end. When it rejects nothing of it is left, and the audio
   * path is as it was; `signal` calls it off. Absent: the switch cannot.
   * @throws ERR_TALKSPURT_COMMAND_SYNTAX; ERR_TALKSPURT_SWITCH_COMMAND with `details.hangupCause` when nobody answers within
   *   LIMITS.consultationMs; ERR_TALKSPURT_CALL_GONE, ERR_TALKSPURT_LINK_*, or the signal's reason
   */
  consult?(destination: string, signal: AbortSignal): Promise<void>;
  /** Of a tapped call: who hears what we send. Absent: there is only one. @throws ERR_TALKSPURT_NOT_SUPPORTED, _LINK_* */
  setWhisper?(whisper: 'none' | 'caller' | 'other' | 'both'): Promise<void>;
  /**
   * Has the switch remember what voice the call has and what stands of it, for a process that comes after this one, in place
   * of what it was told before. Absent: it cannot. @throws ERR_TALKSPURT_SWITCH_COMMAND, ERR_TALKSPURT_LINK_*
   */
  remember?(profile: string, standing: RememberedOrders): Promise<void>;
  /**
   * What is to be left with the channel: said before `transfer`, `consult`, `hangup` and `release`; the last one counts. Absent:
   * nothing is left.
   */
  conclude?(outcome: CallOutcome): void;
  /** The same of a call that got no voice, before `hangup` or `release`: why. Absent: nothing is left. */
  refuse?(reason: RefusalReason): void;
  /** Ends the channel with a Q.850 cause; a channel that is already gone is not an error. */
  hangup(hangupCause: number): Promise<void>;
  /** Lets go of the channel and leaves it to the switch; nothing is reported afterwards. Twice is harmless. */
  release(): Promise<void>;
}

/** What is wanted of a call's audio. */
export interface AttachRequest {
  /** Of a bridged call: the caller alone, both parties added up, or both apart. */
  readonly mix: 'mono' | 'mixed' | 'stereo';
  /** Wanted rate where the path can choose, Hz; null: the leg's own. */
  readonly sampleRateHz: number | null;
}

/** How long a call that we dial may ring where the request does not say, s. */
export const ORIGINATE_RING_S = 30;

/** Whom to call, and with which voice. */
export interface OriginateRequest {
  /** As the switch names it. Asterisk: `PJSIP/alice`, `Local/100@office`; FreeSWITCH: `user/1000`, `sofia/gateway/carrier/100`. */
  readonly endpoint: string;
  readonly profile: string;
  /** `"Name" <number>` or a number. */
  readonly callerId?: string;
  /** Channel variables; the session sees them as well. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Codecs that the call may have, as the switch names them. Default: ulaw on Asterisk, the switch's own on FreeSWITCH. */
  readonly formats?: readonly string[];
  /** How long it may ring, s. Default {@link ORIGINATE_RING_S}. */
  readonly timeoutSeconds?: number;
}

/** What an adapter tells the gateway. */
export interface SwitchSink {
  /** Attach a session to this leg with the named profile, because the switch (not a command) asked for it. */
  /**
   * `adopted`: a call that an earlier process had, with what was remembered of it (`true`: nothing); refused, it would be
   * left in silence for ever, and is hung up.
   */
  onCall(leg: CallLeg, profile: string, adopted?: boolean | RememberedOrders): void;
  /** The link was lost: legs of it cannot be controlled until it is back. */
  onLinkDown(switchName: string): void;
  onLinkUp(switchName: string): void;
}

/** What is known of the switch behind a link. */
export interface LinkFitness {
  /** As it says it; null: not known yet. */
  readonly version: string | null;
  /** How its calls are carried; null: not at all, or not known yet. */
  readonly media: string | null;
  /** Why it can take no calls although the link is up, with the fix; null: it can. */
  readonly problem: string | null;
}

/** One switch, whatever its kind. */
export interface SwitchAdapter {
  readonly kind: 'freeswitch' | 'asterisk' | 'sip';
  readonly name: string;
  readonly linkUp: boolean;
  /** Absent: a link that is up is all that a call needs. */
  readonly fitness?: LinkFitness;
  /** Legs that are held, those that are being given back among them. */
  readonly legCount: number;
  start(sink: SwitchSink): Promise<void>;
  /** A live channel as a leg. @throws ERR_TALKSPURT_UNKNOWN_CALL, ERR_TALKSPURT_LINK_* */
  attach(channelId: string, signal: AbortSignal, request?: AttachRequest): Promise<CallLeg>;
  /**
   * Dials, and hands whoever answers to the sink with the voice of a profile. Resolves to the channel's id when it is answered;
   * `onChannel` is told it before it rings: whoever keeps a place for the call knows it by that when it comes. Where the link is down it is
   * not told: nothing will ring.
   * Absent: the switch dials nobody for us.
   * @throws ERR_TALKSPURT_COMMAND_SYNTAX; ERR_TALKSPURT_SWITCH_COMMAND when it is not answered, with `details.hangupCause`;
   *   ERR_TALKSPURT_COMMAND_LIMIT, ERR_TALKSPURT_LINK_*
   */
  originate?(request: OriginateRequest, signal?: AbortSignal, onChannel?: (channelId: string) => void): Promise<string>;
  /** Passes an operator's command on to the switch and returns its reply. @throws ERR_TALKSPURT_LINK_* */
  command(line: string): Promise<string>;
  stop(): Promise<void>;
}

/** Q.850 cause that fits why we end a call. */
export function hangupCauseOf(reason: EndReason): number {
  return reason === 'backend-failed' || reason === 'media-failed' || reason === 'error' ? 41 : 16;
}
