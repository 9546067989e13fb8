/** What an event of FreeSWITCH means for the leg that it is about. */
import type { EslEvent } from './esl-link.ts';
import { hangupCauseNumber } from './hangup-cause.ts';

/** The channel variable that marks the park which we asked for last; every event of that park carries it. */
export const PARK_MARK = 'talkspurt_park';

/** One happening on a channel. */
export type ChannelHappening =
  | { readonly kind: 'answered' }
  | { readonly kind: 'parked'; readonly mark: string }
  /** The media path ends, or a message to the channel's thread would not find its park loop. */
  | { readonly kind: 'disturbed'; readonly reason: string; readonly mark: string | null }
  /** The channel's thread has taken a unicast message. */
  | { readonly kind: 'unicast-done' }
  /** The caller was put on hold, by the switch or by their own telephone, or is not any more. */
  | { readonly kind: 'held'; readonly held: boolean }
  | { readonly kind: 'digit'; readonly digit: string; readonly durationMs: number }
  | { readonly kind: 'hangup'; readonly hangupCause: number };

/** Applications that reset the channel's media, and unicast with it; some of them fire no PLAYBACK_START. */
const MEDIA_APPLICATIONS: ReadonlySet<string> = new Set(
  `playback endless_playback loop_playback gentones speak say phrase play_and_get_digits play_and_detect_speech read
  echo delay_echo bridge conference voicemail ivr fifo eavesdrop record`.split(/\s+/),
);
/** DTMF durations are told in samples of an 8 kHz clock. */
const DTMF_SAMPLES_PER_MS = 8;

/** Null: nothing that a leg has to know. */
export function channelHappening(event: EslEvent): ChannelHappening | null {
  const { headers } = event;
  switch (event.name) {
    case 'CHANNEL_ANSWER':
      return { kind: 'answered' };
    case 'CHANNEL_PARK':
      return { kind: 'parked', mark: headers[`variable_${PARK_MARK}`] ?? '' };
    case 'CHANNEL_UNPARK':
      return disturbed(event, 'the channel was taken out of park');
    case 'CHANNEL_BRIDGE':
      return disturbed(event, 'the channel was bridged');
    case 'PLAYBACK_START':
      return disturbed(event, 'something was played to the channel');
    case 'CHANNEL_EXECUTE': {
      const application = headers['Application'] ?? '';
      return MEDIA_APPLICATIONS.has(application) ? disturbed(event, `the channel executes ${application}`) : null;
    }
    case 'PRIVATE_COMMAND':
      return headers['call-command']?.toLowerCase() === 'unicast' ? { kind: 'unicast-done' } : null;
    case 'CHANNEL_HOLD':
    case 'CHANNEL_UNHOLD':
      return { kind: 'held', held: event.name === 'CHANNEL_HOLD' };
    case 'DTMF':
      return digit(headers['DTMF-Digit'] ?? '', Number(headers['DTMF-Duration']));
    case 'CHANNEL_HANGUP':
    case 'CHANNEL_HANGUP_COMPLETE':
    case 'CHANNEL_DESTROY': {
      const hangupCause = hangupCauseNumber(headers['Hangup-Cause'], headers['variable_hangup_cause_q850']);
      return { kind: 'hangup', hangupCause };
    }
    default:
      return null;
  }
}

/** `mark` is null where the event does not carry the channel's variables and cannot say of which park it is. */
function disturbed(event: EslEvent, reason: string): ChannelHappening {
  const mark = event.headers[`variable_${PARK_MARK}`] ?? (event.headers['variable_uuid'] === undefined ? null : '');
  return { kind: 'disturbed', reason, mark };
}

function digit(text: string, samples: number): ChannelHappening | null {
  if (!/^[0-9*#A-D]$/.test(text)) return null;
  return { kind: 'digit', digit: text, durationMs: Number.isFinite(samples) ? samples / DTMF_SAMPLES_PER_MS : 0 };
}
