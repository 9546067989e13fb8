/** The headers by which events describe a channel, in FreeSWITCH's order. */

/** What there is to say about a channel. Times are wall time in ms, 0 when it has not happened. */
export interface ChannelDescription {
  readonly uuid: string;
  readonly name: string;
  readonly direction: 'inbound' | 'outbound';
  /** What the channel runs as at the moment, and the number of the state that it is to be in. */
  readonly state: ChannelState;
  readonly stateNumber: number;
  readonly callState: CallState;
  readonly answerState: 'ringing' | 'early' | 'answered' | 'hangup';
  readonly hangupCause: string | null;
  /** Null while the channel has no codec. */
  readonly codec: { readonly name: string; readonly sampleRateHz: number } | null;
  readonly from: string;
  readonly to: string;
  readonly dialplan: string;
  readonly createdMs: number;
  readonly answeredMs: number;
  readonly earlyMediaMs: number;
  readonly hangupMs: number;
  readonly bridgedMs: number;
  readonly transferMs: number;
  readonly variables: ReadonlyMap<string, string>;
}

/** States by their number. */
const CHANNEL_STATES = [
  'CS_NEW',
  'CS_INIT',
  'CS_ROUTING',
  'CS_SOFT_EXECUTE',
  'CS_EXECUTE',
  'CS_EXCHANGE_MEDIA',
  'CS_PARK',
  'CS_CONSUME_MEDIA',
  'CS_HIBERNATE',
  'CS_RESET',
  'CS_HANGUP',
  'CS_REPORTING',
  'CS_DESTROY',
] as const;

/** FreeSWITCH's states of a channel. */
export type ChannelState = (typeof CHANNEL_STATES)[number];

/** The call as a person would put it; FreeSWITCH announces each change as CHANNEL_CALLSTATE. */
export type CallState = 'DOWN' | 'RINGING' | 'EARLY' | 'ACTIVE' | 'HANGUP';

/** The number that goes with a state. */
export function stateNumber(state: ChannelState): number {
  return CHANNEL_STATES.indexOf(state);
}

/** Headers that follow the event's own. */
export function channelHeaders(channel: ChannelDescription): (readonly [string, string])[] {
  const { codec } = channel;
  const headers: (readonly [string, string])[] = [
    ['Channel-State', channel.state],
    ['Channel-Call-State', channel.callState],
    ['Channel-State-Number', String(channel.stateNumber)],
    ['Channel-Name', channel.name],
    ['Unique-ID', channel.uuid],
    ['Call-Direction', channel.direction],
    ['Presence-Call-Direction', channel.direction],
    ['Channel-HIT-Dialplan', String(channel.direction === 'inbound')],
    ['Channel-Call-UUID', channel.variables.get('call_uuid') ?? channel.uuid],
    ['Answer-State', channel.answerState],
  ];
  if (channel.hangupCause !== null) headers.push(['Hangup-Cause', channel.hangupCause]);
  if (codec !== null) {
    const bitRate = String(codec.sampleRateHz * (codec.name === 'L16' ? 16 : 8));
    for (const way of ['Read', 'Write']) {
      headers.push([`Channel-${way}-Codec-Name`, codec.name]);
      headers.push([`Channel-${way}-Codec-Rate`, String(codec.sampleRateHz)]);
      headers.push([`Channel-${way}-Codec-Bit-Rate`, bitRate]);
    }
  }
  headers.push(...callerHeaders(channel));
  for (const [name, value] of channel.variables) headers.push([`variable_${name}`, value]);
  return headers;
}

function callerHeaders(channel: ChannelDescription): (readonly [string, string])[] {
  const time = (wallMs: number): string => String(Math.round(wallMs * 1000));
  return [
    ['Caller-Direction', channel.direction],
    ['Caller-Logical-Direction', channel.direction],
    ['Caller-Username', channel.from],
    ['Caller-Dialplan', channel.dialplan],
    ['Caller-Caller-ID-Name', channel.from],
    ['Caller-Caller-ID-Number', channel.from],
    ['Caller-Orig-Caller-ID-Name', channel.from],
    ['Caller-Orig-Caller-ID-Number', channel.from],
    ['Caller-Network-Addr', '127.0.0.1'],
    ['Caller-ANI', channel.from],
    ['Caller-Destination-Number', channel.to],
    ['Caller-Unique-ID', channel.uuid],
    ['Caller-Source', 'mod_sofia'],
    ['Caller-Context', 'default'],
    ['Caller-Channel-Name', channel.name],
    ['Caller-Profile-Index', '1'],
    ['Caller-Profile-Created-Time', time(channel.createdMs)],
    ['Caller-Channel-Created-Time', time(channel.createdMs)],
    ['Caller-Channel-Answered-Time', time(channel.answeredMs)],
    ['Caller-Channel-Progress-Time', '0'],
    ['Caller-Channel-Progress-Media-Time', time(channel.earlyMediaMs)],
    ['Caller-Channel-Hangup-Time', time(channel.hangupMs)],
    ['Caller-Channel-Transfer-Time', time(channel.transferMs)],
    ['Caller-Channel-Resurrect-Time', '0'],
    ['Caller-Channel-Bridged-Time', time(channel.bridgedMs)],
    ['Caller-Channel-Last-Hold', '0'],
    ['Caller-Channel-Hold-Accum', '0'],
    ['Caller-Screen-Bit', 'true'],
    ['Caller-Privacy-Hide-Name', 'false'],
    ['Caller-Privacy-Hide-Number', 'false'],
  ];
}
