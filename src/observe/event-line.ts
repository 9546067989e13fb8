/** How severe an event is, and the fixed sentence that its log line carries. */
import type { TalkspurtEvent } from '../core/events.ts';

/** Severity of a line. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** How an event is logged. */
export interface EventLine {
  readonly level: LogLevel;
  readonly message: string;
}

/** The line of `event`. Texts are fixed: nothing that a peer or a person said is ever part of one. */
export function eventLine(event: TalkspurtEvent): EventLine {
  switch (event.type) {
    case 'call.state':
      return { level: event.state === 'talking' ? 'info' : 'debug', message: 'call changed state' };
    case 'call.ended':
      return { level: event.error === undefined ? 'info' : 'warn', message: 'call ended' };
    case 'media.stalled':
      return { level: 'warn', message: 'no audio comes from the switch' };
    case 'media.overflow':
      return { level: 'warn', message: 'audio was dropped: a bounded place is full' };
    case 'link.down':
      return { level: 'error', message: 'switch link is down' };
    case 'link.capabilities':
      return event.error === undefined
        ? { level: 'info', message: 'what the switch can do' }
        : { level: 'error', message: 'the switch cannot carry our calls: they are refused' };
    case 'backend.error':
      return { level: 'warn', message: 'backend reported an error' };
    case 'backend.closed':
      return { level: event.error === undefined ? 'debug' : 'warn', message: 'backend stream closed' };
    case 'recording':
      return event.error === undefined
        ? { level: 'info', message: event.running ? 'recording' : 'recording ended' }
        : { level: 'warn', message: 'recording failed' };
    case 'transfer':
      return { level: event.error === undefined ? 'info' : 'warn', message: `attended transfer: ${event.stage}` };
    case 'peer.malformed':
      return { level: 'warn', message: 'a peer broke its protocol' };
    case 'command':
      return { level: event.ok ? 'info' : 'warn', message: 'command' };
    default:
      return PLAIN_LINES[event.type];
  }
}

/** Events whose severity does not depend on what they say. */
const PLAIN_LINES = {
  'media.opened': { level: 'info', message: 'media opened' },
  'media.suspect': { level: 'warn', message: 'audio is not what it says it is' },
  'call.progress': { level: 'info', message: 'a tone of the network or a machine' },
  'media.underrun': { level: 'debug', message: 'agent ran dry while speaking' },
  'turn.state': { level: 'debug', message: 'turn changed' },
  'speech.started': { level: 'debug', message: 'speech started' },
  'speech.stopped': { level: 'debug', message: 'speech stopped' },
  'turn.response-latency': { level: 'debug', message: 'agent answered' },
  'barge-in': { level: 'info', message: 'caller cut in' },
  'barge-in.withdrawn': { level: 'debug', message: 'agent waited and went on' },
  transcript: { level: 'debug', message: 'transcript' },
  dtmf: { level: 'debug', message: 'digit' },
  'tool.call': { level: 'info', message: 'agent calls a function' },
  'backend.opened': { level: 'info', message: 'backend stream opened' },
  'backend.switched': { level: 'info', message: 'another backend answers' },
  'backend.message': { level: 'debug', message: 'message of the backend' },
  'call.refused': { level: 'warn', message: 'a call was not taken' },
  'variable.clamped': { level: 'warn', message: 'a channel variable is out of its bounds: the default is taken' },
  'peer.refused': { level: 'warn', message: 'a connection was turned away' },
  order: { level: 'info', message: 'order took effect' },
  breaker: { level: 'warn', message: 'a circuit breaker changed its state' },
  'link.up': { level: 'info', message: 'switch link is up' },
  'peer.unknown': { level: 'debug', message: 'a peer told of something that we do not know' },
  'request.refused': { level: 'debug', message: 'the switch refused a request' },
  'link.modules': { level: 'info', message: 'modules that the switch has' },
  ready: { level: 'info', message: 'ready' },
  draining: { level: 'info', message: 'draining: no new calls' },
  stopped: { level: 'info', message: 'stopped' },
} as const satisfies Record<string, EventLine>;
