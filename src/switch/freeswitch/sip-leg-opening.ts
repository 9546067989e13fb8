/**
 * From an answered channel to a SIP leg of ours: the channel is sent to a bridge to us, our end answers, audio flows by
 * RTP. When our end hangs up, the channel parks; when the bridge fails, it parks too.
 */
import type { Clock } from '../../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { RtpCodec } from '../../transport/rtp-media.ts';
import type { SipCall, SipEnd } from '../../sip/sip-call.ts';
import type { SipMedia } from '../sip/sip-media.ts';
import type { SipRendezvous } from '../sip/sip-rendezvous.ts';
import type { BridgeSettings } from './bridge-settings.ts';
import type { ChannelWaits } from '../channel-waits.ts';

/** Our SIP, as a switch reaches it. */
export interface SipMediaHub {
  readonly rendezvous: SipRendezvous;
  /** `host:port`, for dial strings. */
  readonly address: string;
  /** Answers a call and opens its media. */
  open(call: SipCall, wanted: SipMediaWanted): Promise<SipMedia>;
}

/** How one call is to be answered. */
export interface SipMediaWanted {
  readonly codecs: readonly RtpCodec[];
  /** The call is not wanted any more: it is let go at once. */
  readonly signal: AbortSignal;
  onDigit(digit: string, durationMs: number): void;
  onEnded(end: SipEnd): void;
}

/** How a switch is to call us. */
export interface SipLegOptions {
  readonly hub: SipMediaHub;
  /** SIP profile of the switch. */
  readonly profile: string;
  /** `auto`: the channel's own where we have it, otherwise L16 at 16 kHz. */
  readonly codec: 'auto' | 'PCMU' | 'PCMA' | 'G722' | 'L16';
}

/** What an opening works with; all of it stays the leg's. */
export interface SipLegOpening extends SipLegOptions {
  readonly uuid: string;
  readonly clock: Clock;
  readonly waits: ChannelWaits;
  readonly settings: BridgeSettings;
  /** An API command about the channel, whose refusal is an error. */
  readonly command: (line: string) => Promise<string>;
  readonly signal: AbortSignal;
  onEnded(end: SipEnd): void;
}

/**
 * Opens the audio of an answered channel. When it rejects, no media of ours are left; the channel may be on its
 * way to a park, and its settings are to be taken back.
 * @throws ERR_TALKSPURT_LINK_TIMEOUT, _SWITCH_COMMAND, _CALL_GONE, _MEDIA_FORMAT, _PORTS_EXHAUSTED, _LINK_*
 */
export async function openSipLeg(opening: SipLegOpening): Promise<SipMedia> {
  const { uuid, hub, profile, command, waits, settings, signal } = opening;
  const { name, codecs } = await codecOf(opening);
  const expected = hub.rendezvous.expect();
  let arrived = false;
  const cancel = (error: unknown): void => expected.cancel(asTalkspurtError(error));
  // A hang-up or an abort ends the waiting for a call that will not come.
  waits
    .wait({ condition: () => arrived, limitMs: LIMITS.mediaOpenMs, onTimeout: () => late(opening), signal })
    .catch(cancel);
  try {
    await settings.make();
    const variables = `absolute_codec_string=${name},originate_timeout=${RING_SECONDS}`;
    const dial = `{${variables}}sofia/${profile}/${expected.user}@${hub.address}`;
    settings.leading(expected.user);
    // With a separator of its own: a comma would split the variables too.
    // Each transfer takes one off `max_forwards`, and at zero FreeSWITCH hangs up.
    await command(`uuid_transfer ${uuid} 'm:^:set:max_forwards=70^bridge:${dial}^park' inline`);
    const call = await expected.call;
    // Digits come as events of the channel, which the switch fires for every way that they can be sent.
    return await hub.open(call, { codecs, signal, onDigit: () => undefined, onEnded: (end) => opening.onEnded(end) });
  } finally {
    arrived = true;
    waits.changed();
    cancel(new TalkspurtError('ERR_TALKSPURT_CALL_GONE', 'the call is not waited for any longer'));
  }
}

/** How long the switch rings us, s. */
const RING_SECONDS = 5;
const L16_WIDE = { name: 'L16@16000h@20i', codecs: ['l16'] } as const;

async function codecOf(opening: SipLegOpening): Promise<{ name: string; codecs: readonly RtpCodec[] }> {
  const { codec } = opening;
  if (codec === 'L16') return L16_WIDE;
  if (codec !== 'auto') return { name: codec, codecs: [codec.toLowerCase() as RtpCodec] };
  const own = (await variable(opening, 'read_codec'))?.toUpperCase() ?? '';
  if (own === 'PCMU' || own === 'PCMA') {
    const ptime = Number(await variable(opening, 'rtp_use_codec_ptime'));
    const suffix = [10, 20, 30, 40, 60].includes(ptime) && ptime !== 20 ? `@8000h@${ptime}i` : '';
    return { name: `${own}${suffix}`, codecs: [own.toLowerCase() as RtpCodec] };
  }
  const rate = Number(await variable(opening, 'read_rate'));
  return rate === 8000 ? { name: 'L16@8000h@20i', codecs: ['l16'] } : L16_WIDE;
}

async function variable(opening: SipLegOpening, name: string): Promise<string | null> {
  const value = (await opening.command(`uuid_getvar ${opening.uuid} ${name}`)).trim();
  return value === '_undef_' || value === '' ? null : value;
}

function late({ hub }: SipLegOpening): TalkspurtError {
  const message = `the switch did not call us at ${hub.address}: is its SIP profile up, and does it reach that address?`;
  return new TalkspurtError('ERR_TALKSPURT_LINK_TIMEOUT', message);
}
