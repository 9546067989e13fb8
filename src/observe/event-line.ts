/**
 * How an event is logged: its component, operation, severity, outcome and fixed sentence, of every kind of event in one
 * table. The compiler refuses a kind that is not in it.
 */
import type { CallDog, TalkspurtEvent } from '../core/events.ts';

/** Severity of a line. */
export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** The part of the host that a line is about. docs/logs.md says what each is. */
export type LogComponent =
  'WS_STREAM' | 'AI_ENGINE' | 'TTS' | 'DSP' | 'INJECT' | 'CAPTURE' | 'LIFECYCLE' | 'BACKEND' | 'RING_BUF' | 'SWITCH';

/** How it went. `degraded`: it goes on, not as it should. */
export type LogOutcome = 'ok' | 'degraded' | 'refused' | 'failed';

/** How an event is logged. */
export interface EventLine {
  readonly component: LogComponent;
  readonly operation: string;
  readonly level: LogLevel;
  readonly outcome: LogOutcome;
  readonly message: string;
  /** A fault that may come again and again: after the first few it is only counted. */
  readonly repeats: boolean;
}

/** What each watchdog of a call says. */
const WATCHDOGS: Readonly<Record<CallDog, string>> = {
  capture: 'no audio comes from the switch',
  engine: 'an answer is due and the backend does nothing',
  speech: 'a text is due and the voice does nothing',
  session: 'the call has lasted as long as it may',
  stale: 'nothing has happened on the call for too long',
  playout: 'the agent is heard long after it spoke',
};

type Kind = TalkspurtEvent['type'];
type EventOf<K extends Kind> = Extract<TalkspurtEvent, { type: K }>;

/** One severity where all is well, another where it is not. */
interface LevelChoice<E> {
  readonly well: LogLevel;
  readonly ill: LogLevel;
  isIll(event: E): boolean;
}

/** `level` and `message` are what the event says where they depend on it. */
interface Rule<K extends Kind> {
  readonly component: LogComponent;
  readonly operation: string;
  readonly level: LogLevel | LevelChoice<EventOf<K>>;
  readonly message: string | ((event: EventOf<K>) => string);
  /** Default: `ok`, or `failed` where the event carries an error. */
  readonly outcome?: LogOutcome | ((event: EventOf<K>) => LogOutcome);
  readonly repeats?: boolean;
}

const FALLBACK: EventLine = {
  component: 'LIFECYCLE',
  operation: 'event',
  level: 'info',
  outcome: 'ok',
  message: 'an event of a kind that has no line',
  repeats: true,
};

/** The line of `event`. Texts are fixed: nothing that a peer or a person said is ever part of one. */
export function eventLine(event: TalkspurtEvent): EventLine {
  // A plug-in written in JavaScript may emit what the compiler has never seen.
  const rule = (EVENT_LINES as Readonly<Record<string, Rule<Kind> | undefined>>)[event.type];
  if (rule === undefined) return FALLBACK;
  const { component, operation, level, message, repeats = false } = rule;
  const outcome = rule.outcome ?? ('error' in event && event.error !== undefined ? 'failed' : 'ok');
  return {
    component,
    operation,
    level: typeof level === 'string' ? level : level.isIll(event) ? level.ill : level.well,
    outcome: typeof outcome === 'function' ? outcome(event) : outcome,
    message: typeof message === 'function' ? message(event) : message,
    repeats,
  };
}

function failing(well: LogLevel, ill: LogLevel = 'warn'): LevelChoice<{ readonly error?: unknown }> {
  return { well, ill, isIll: ({ error }) => error !== undefined };
}

const unspoken = ({ outcome }: EventOf<'speech.sentence'>): boolean => outcome === 'failed' || outcome === 'dropped';

const done =
  (failed: LogOutcome) =>
  (event: { readonly ok: boolean }): LogOutcome =>
    event.ok ? 'ok' : failed;

/**
 * Every kind of event. At `info` is what a call has once, at `debug` what it has every turn; nothing is said every frame. Test:
 * test/observe/event-line.test.ts.
 */
export const EVENT_LINES: { readonly [K in Kind]: Rule<K> } = {
  'call.state': {
    component: 'LIFECYCLE',
    operation: 'call_state',
    level: 'debug',
    message: 'call changed state',
  },
  'call.ended': {
    component: 'LIFECYCLE',
    operation: 'call_end',
    level: failing('info'),
    message: 'call ended',
  },
  'media.opened': { component: 'CAPTURE', operation: 'media_open', level: 'info', message: 'media opened' },
  'media.stalled': {
    component: 'CAPTURE',
    operation: 'media_stall',
    level: 'warn',
    outcome: 'degraded',
    message: 'no audio comes from the switch',
    repeats: true,
  },
  'media.suspect': {
    component: 'DSP',
    operation: 'audio_suspect',
    level: 'warn',
    outcome: 'degraded',
    message: 'audio is not what it says it is',
    repeats: true,
  },
  'call.progress': {
    component: 'DSP',
    operation: 'call_progress',
    level: 'info',
    message: 'a tone of the network or a machine',
    repeats: true,
  },
  'media.underrun': {
    component: 'INJECT',
    operation: 'underrun',
    level: 'debug',
    outcome: 'degraded',
    message: 'agent ran dry while speaking',
    repeats: true,
  },
  'media.overflow': {
    component: 'RING_BUF',
    operation: 'overflow',
    level: 'warn',
    outcome: 'degraded',
    message: 'audio was dropped: a bounded place is full',
    repeats: true,
  },
  'media.overflow-storm': {
    component: 'RING_BUF',
    operation: 'overflow_storm',
    level: { well: 'warn', ill: 'error', isIll: ({ cause }) => cause !== undefined },
    outcome: 'degraded',
    message: (event) =>
      event.cause === undefined ? 'audio overflows: what waited was dropped' : 'audio goes on overflowing',
    repeats: true,
  },
  watchdog: {
    component: 'LIFECYCLE',
    operation: 'watchdog',
    level: 'warn',
    outcome: 'degraded',
    message: (event) => WATCHDOGS[event.dog],
    repeats: true,
  },
  'turn.state': { component: 'AI_ENGINE', operation: 'turn', level: 'debug', message: 'turn changed' },
  'speech.started': { component: 'CAPTURE', operation: 'speech_start', level: 'debug', message: 'speech started' },
  'speech.stopped': { component: 'CAPTURE', operation: 'speech_stop', level: 'debug', message: 'speech stopped' },
  'speech.sentence': {
    component: 'TTS',
    operation: 'sentence',
    level: { well: 'debug', ill: 'warn', isIll: unspoken },
    outcome: (event) => (unspoken(event) ? 'failed' : 'ok'),
    message: (event) => (unspoken(event) ? 'a sentence was not spoken' : 'a sentence was spoken'),
    repeats: true,
  },
  'turn.response-latency': { component: 'AI_ENGINE', operation: 'response', level: 'debug', message: 'agent answered' },
  'barge-in': { component: 'INJECT', operation: 'barge_in', level: 'debug', message: 'caller cut in' },
  'barge-in.withdrawn': {
    component: 'INJECT',
    operation: 'barge_in_withdrawn',
    level: 'debug',
    message: 'agent waited and went on',
  },
  transcript: { component: 'AI_ENGINE', operation: 'transcript', level: 'debug', message: 'transcript' },
  dtmf: { component: 'CAPTURE', operation: 'dtmf', level: 'debug', message: 'digit' },
  'tool.call': {
    component: 'AI_ENGINE',
    operation: 'tool_call',
    level: 'info',
    message: 'agent calls a function',
    repeats: true,
  },
  'backend.opened': { component: 'BACKEND', operation: 'open', level: 'info', message: 'backend stream opened' },
  'backend.refused': {
    component: 'BACKEND',
    operation: 'open',
    level: 'warn',
    message: 'backend stream could not be opened',
    repeats: true,
  },
  'backend.error': {
    component: 'BACKEND',
    operation: 'error',
    level: 'warn',
    message: 'backend reported an error',
    repeats: true,
  },
  'backend.closed': {
    component: 'BACKEND',
    operation: 'close',
    level: failing('debug'),
    message: 'backend stream closed',
  },
  'backend.switched': { component: 'BACKEND', operation: 'switch', level: 'info', message: 'another backend answers' },
  'backend.reconnecting': {
    component: 'BACKEND',
    operation: 'reconnect',
    level: 'warn',
    outcome: 'degraded',
    message: 'backend was lost: it is sought',
    repeats: true,
  },
  'backend.reconnected': {
    component: 'BACKEND',
    operation: 'reconnect',
    level: 'info',
    message: 'a backend is there again',
  },
  'backend.failover': {
    component: 'BACKEND',
    operation: 'failover',
    level: 'warn',
    outcome: (event) => (event.outcome === 'succeeded' ? 'degraded' : 'failed'),
    message: (event) =>
      event.outcome === 'succeeded' ? 'another backend took over' : 'another backend could not take over',
    repeats: true,
  },
  'backend.failed': {
    component: 'BACKEND',
    operation: 'reconnect',
    level: 'error',
    outcome: 'failed',
    message: 'no backend came back',
  },
  'backend.message': {
    component: 'WS_STREAM',
    operation: 'message',
    level: 'debug',
    message: 'message of the backend',
  },
  'variable.clamped': {
    component: 'LIFECYCLE',
    operation: 'variable',
    level: 'warn',
    outcome: 'degraded',
    message: 'a channel variable is out of its bounds: the default is taken',
    repeats: true,
  },
  order: { component: 'LIFECYCLE', operation: 'order', level: 'info', message: 'order took effect', repeats: true },
  transfer: {
    component: 'SWITCH',
    operation: 'transfer',
    level: failing('info'),
    message: (event) => `attended transfer: ${event.stage}`,
  },
  recording: {
    component: 'CAPTURE',
    operation: 'recording',
    level: failing('info'),
    message: (event) =>
      event.error !== undefined ? 'recording failed' : event.running ? 'recording' : 'recording ended',
    repeats: true,
  },
  'link.up': { component: 'SWITCH', operation: 'link_up', level: 'info', message: 'switch link is up' },
  'link.modules': { component: 'SWITCH', operation: 'modules', level: 'info', message: 'modules that the switch has' },
  'link.capabilities': {
    component: 'SWITCH',
    operation: 'capabilities',
    level: failing('info', 'error'),
    message: (event) =>
      event.error === undefined ? 'what the switch can do' : 'the switch cannot carry our calls: they are refused',
  },
  'link.down': {
    component: 'SWITCH',
    operation: 'link_down',
    level: 'error',
    message: 'switch link is down',
    repeats: true,
  },
  breaker: {
    component: 'BACKEND',
    operation: 'breaker',
    level: { well: 'info', ill: 'warn', isIll: ({ state }) => state !== 'closed' },
    outcome: (event) => (event.state === 'closed' ? 'ok' : 'degraded'),
    message: 'a circuit breaker changed its state',
  },
  command: {
    component: 'LIFECYCLE',
    operation: 'command',
    level: { well: 'info', ill: 'warn', isIll: ({ ok }) => !ok },
    outcome: done('refused'),
    message: 'command',
  },
  'call.refused': {
    component: 'LIFECYCLE',
    operation: 'admission',
    level: 'warn',
    outcome: 'refused',
    message: 'a call was not taken',
  },
  'peer.malformed': {
    component: 'SWITCH',
    operation: 'peer_malformed',
    level: 'warn',
    message: 'a peer broke its protocol',
    repeats: true,
  },
  'peer.refused': {
    component: 'SWITCH',
    operation: 'peer_refused',
    level: 'warn',
    outcome: 'refused',
    message: 'a connection was turned away',
    repeats: true,
  },
  'peer.unknown': {
    component: 'SWITCH',
    operation: 'peer_unknown',
    level: 'debug',
    message: 'a peer told of something that we do not know',
    repeats: true,
  },
  'request.refused': {
    component: 'SWITCH',
    operation: 'request_refused',
    level: 'debug',
    outcome: 'refused',
    message: 'the switch refused a request',
    repeats: true,
  },
  'host.watchdog': {
    component: 'LIFECYCLE',
    operation: 'loop_lag',
    level: { well: 'warn', ill: 'error', isIll: ({ severity }) => severity === 'error' },
    outcome: 'degraded',
    message: ({ dog }) =>
      dog === 'loop-stop' ? 'the event loop stood still: every call was silent' : 'the event loop is late',
    repeats: true,
  },
  'host.overload': {
    component: 'LIFECYCLE',
    operation: 'overload',
    level: { well: 'info', ill: 'warn', isIll: ({ refusing }) => refusing },
    outcome: (event) => (event.refusing ? 'degraded' : 'ok'),
    message: (event) => (event.refusing ? 'overloaded: new calls are turned away' : 'new calls are taken again'),
  },
  ready: { component: 'LIFECYCLE', operation: 'ready', level: 'info', message: 'ready' },
  draining: { component: 'LIFECYCLE', operation: 'drain', level: 'info', message: 'draining: no new calls' },
  stopped: { component: 'LIFECYCLE', operation: 'stop', level: 'info', message: 'stopped' },
};
