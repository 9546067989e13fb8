/** What a simulated channel is and has been: numbers, variables, states and times, as events tell them. */
import type { Clock } from '../core/clock.ts';
import type { SwitchCodec } from './channel-audio.ts';
import { stateNumber } from './channel-headers.ts';
import type { CallState, ChannelDescription, ChannelState } from './channel-headers.ts';
import { causeName } from './hangup-cause.ts';

/** Times that a channel keeps, as wall time in ms. */
type Moment = 'createdMs' | 'answeredMs' | 'earlyMediaMs' | 'hangupMs' | 'bridgedMs' | 'transferMs';

/** How a channel comes to be. */
export interface ChannelLifeOptions {
  readonly uuid: string;
  readonly direction: 'inbound' | 'outbound';
  readonly from: string;
  readonly to: string;
  readonly variables: Readonly<Record<string, string>>;
  /** Default: as a SIP call between the two numbers. */
  readonly name?: string;
  readonly codec: { readonly name: SwitchCodec; readonly sampleRateHz: number; readonly ptimeMs: number };
}

const HANGUP = stateNumber('CS_HANGUP');

/** Ringing, answered, hung up: one channel's states and variables. */
export class ChannelLife {
  readonly name: string;
  readonly variables: Map<string, string>;
  readonly #options: ChannelLifeOptions;
  #codec: ChannelLifeOptions['codec'];
  readonly #clock: Clock;
  readonly #times: Record<Moment, number> = {
    createdMs: 0,
    answeredMs: 0,
    earlyMediaMs: 0,
    hangupMs: 0,
    bridgedMs: 0,
    transferMs: 0,
  };
  answerState: ChannelDescription['answerState'] = 'ringing';
  state: ChannelState = 'CS_NEW';
  callState: CallState = 'DOWN';
  /** Q.850 number, or one of the switch's own above 127. */
  hangupCause: number | null = null;
  to: string;
  /** Where it was sent last: of an inline transfer the whole script, as lists of channels have it. */
  sentTo: string;
  /** Where it looks for what to do; empty for a call that the switch makes, until it is sent to one. */
  dialplan: string;
  #from: string;
  #callerName: string;
  /** The leg it is, or was, bridged to, and whether that one was called by this one. */
  otherLeg: ChannelDescription['otherLeg'] = null;

  constructor(options: ChannelLifeOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
    this.#codec = options.codec;
    this.to = options.to;
    this.sentTo = options.to;
    this.dialplan = options.direction === 'inbound' ? 'XML' : '';
    this.#from = options.from;
    this.#callerName = options.from;
    this.name =
      options.name ?? `sofia/internal/${options.direction === 'inbound' ? options.from : options.to}@127.0.0.1`;
    this.variables = new Map([
      ['direction', options.direction],
      ['uuid', options.uuid],
      ['channel_name', this.name],
      ['sip_from_user', options.from],
      ['sip_to_user', options.to],
      ['call_uuid', options.uuid],
      ...Object.entries(options.variables),
    ]);
  }

  /** Remembers that something happens now. */
  mark(moment: Moment): void {
    this.#times[moment] = this.#clock.wallTimeMs();
  }

  /** A call that an operator had made goes to work: who was called is the caller from now on. */
  flipCallerId(): void {
    this.#from = this.to;
    this.#callerName = 'Outbound Call';
  }

  /** The codecs are agreed on, perhaps others than were expected: from now on there is something to read. */
  setCodecs(codec: ChannelLifeOptions['codec'] = this.#codec): void {
    this.#codec = codec;
    const { name, sampleRateHz, ptimeMs } = codec;
    const rate = String(sampleRateHz);
    this.variables
      .set('rtp_use_codec_name', name)
      .set('rtp_use_codec_rate', rate)
      .set('rtp_use_codec_ptime', String(ptimeMs))
      .set('rtp_use_codec_channels', '1')
      .set('read_codec', name)
      .set('original_read_codec', name)
      .set('read_rate', rate)
      .set('original_read_rate', rate)
      .set('write_codec', name)
      .set('write_rate', rate);
  }

  /** The variables of a call that is over. */
  addCallRecord(cause: number): void {
    const { createdMs, answeredMs, hangupMs } = this.#times;
    const seconds = (fromMs: number): string => String(fromMs === 0 ? 0 : Math.round((hangupMs - fromMs) / 1000));
    this.variables
      .set('hangup_cause', causeName(cause))
      .set('hangup_cause_q850', String(cause <= 127 ? cause : 16))
      .set('duration', seconds(createdMs))
      .set('billsec', seconds(answeredMs));
  }

  describe(): ChannelDescription {
    const { uuid, direction } = this.#options;
    return {
      uuid,
      name: this.name,
      direction,
      state: this.state,
      stateNumber: stateNumber(
        this.hangupCause !== null && stateNumber(this.state) < HANGUP ? 'CS_HANGUP' : this.state,
      ),
      callState: this.callState,
      answerState: this.answerState,
      hangupCause: this.hangupCause === null ? null : causeName(this.hangupCause),
      codec: this.variables.has('read_codec') ? this.#codec : null,
      from: this.#from,
      callerName: this.#callerName,
      calledFrom: this.#options.from,
      to: this.to,
      sentTo: this.sentTo,
      dialplan: this.dialplan,
      otherLeg: this.otherLeg,
      ...this.#times,
      variables: this.variables,
    };
  }
}
