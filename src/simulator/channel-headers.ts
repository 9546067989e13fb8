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
  /** Number and name of the caller, and the number that called at first. */
  readonly from: string;
  readonly callerName: string;
  readonly calledFrom: string;
  readonly to: string;
  /** Where it was sent last, in the words of the transfer. */
  readonly sentTo: string;
  readonly dialplan: string;
  readonly createdMs: number;
  readonly answeredMs: number;
  readonly earlyMediaMs: number;
  readonly hangupMs: number;
  readonly bridgedMs: number;
  readonly transferMs: number;
  readonly variables: ReadonlyMap<string, string>;
  readonly otherLeg: {
    readonly type: 'originator' | 'originatee';
    readonly uuid: string;
    readonly name: string;
  } | null;
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
export type ChannelState = (typeof CHANNEL_STATES)[number] | 'CS_NONE';

/** The call as a person would put it; FreeSWITCH announces each change as CHANNEL_CALLSTATE. */
export type CallState = 'DOWN' | 'RINGING' | 'EARLY' | 'RING_WAIT' | 'ACTIVE' | 'HELD' | 'UNHELD' | 'HANGUP';

/** The number that goes with a state. */
export function stateNumber(state: ChannelState): number {
  return state === 'CS_NONE' ? 1 : CHANNEL_STATES.indexOf(state);
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
  headers.push(...callerHeaders(channel, 'Caller'));
  if (channel.otherLeg !== null) {
    const { type, uuid, name } = channel.otherLeg;
    headers.push(['Other-Type', type], ['Other-Leg-Unique-ID', uuid], ['Other-Leg-Channel-Name', name]);
  }
  for (const [name, value] of channel.variables) headers.push([`variable_${name}`, value]);
  return headers;
}

/** The caller's profile; `connect` of an outbound socket has it twice, first as the channel's own. */
export function callerHeaders(
  channel: ChannelDescription,
  prefix: 'Caller' | 'Channel',
): (readonly [string, string])[] {
  const time = (wallMs: number): string => String(Math.round(wallMs * 1000));
  return [
    [`${prefix}-Direction`, channel.direction],
    [`${prefix}-Logical-Direction`, channel.direction],
    [`${prefix}-Username`, channel.calledFrom],
    ...(channel.dialplan === '' ? [] : [[`${prefix}-Dialplan`, channel.dialplan] as const]),
    [`${prefix}-Caller-ID-Name`, channel.callerName],
    [`${prefix}-Caller-ID-Number`, channel.from],
    [`${prefix}-Orig-Caller-ID-Name`, channel.calledFrom],
    [`${prefix}-Orig-Caller-ID-Number`, channel.calledFrom],
    [`${prefix}-Network-Addr`, '127.0.0.1'],
    [`${prefix}-ANI`, channel.calledFrom],
    [`${prefix}-Destination-Number`, channel.to],
    [`${prefix}-Unique-ID`, channel.uuid],
    [`${prefix}-Source`, 'mod_sofia'],
    [`${prefix}-Context`, 'default'],
    [`${prefix}-Channel-Name`, channel.name],
    [`${prefix}-Profile-Index`, '1'],
    [`${prefix}-Profile-Created-Time`, time(channel.createdMs)],
    [`${prefix}-Channel-Created-Time`, time(channel.createdMs)],
    [`${prefix}-Channel-Answered-Time`, time(channel.answeredMs)],
    [`${prefix}-Channel-Progress-Time`, '0'],
    [`${prefix}-Channel-Progress-Media-Time`, time(channel.earlyMediaMs)],
    [`${prefix}-Channel-Hangup-Time`, time(channel.hangupMs)],
    [`${prefix}-Channel-Transfer-Time`, time(channel.transferMs)],
    [`${prefix}-Channel-Resurrect-Time`, '0'],
    [`${prefix}-Channel-Bridged-Time`, time(channel.bridgedMs)],
    [`${prefix}-Channel-Last-Hold`, '0'],
    [`${prefix}-Channel-Hold-Accum`, '0'],
    [`${prefix}-Screen-Bit`, 'true'],
    [`${prefix}-Privacy-Hide-Name`, 'false'],
    [`${prefix}-Privacy-Hide-Number`, 'false'],
  ];
}
