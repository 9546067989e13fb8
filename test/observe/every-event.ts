/** One of each event, for tests that must not forget one: the compiler refuses the list when a type is missing. */
import { TalkspurtError } from '../../src/core/errors.ts';
import type { CallEvent, ProcessEvent, TalkspurtEvent } from '../../src/core/events.ts';

type OneOfEach = { [T in (CallEvent | ProcessEvent)['type']]: Extract<CallEvent | ProcessEvent, { type: T }> };

const PROCESS: ReadonlySet<string> = new Set<ProcessEvent['type']>([
  'link.up',
  'link.modules',
  'link.capabilities',
  'link.down',
  'breaker',
  'command',
  'call.refused',
  'peer.malformed',
  'peer.refused',
  'peer.unknown',
  'request.refused',
  'ready',
  'draining',
  'stopped',
]);

/** Personal fields hold `personal`. */
export function everyEvent(personal = 'x', callId = 'u-1', atMs = 1_000): TalkspurtEvent[] {
  const error = new TalkspurtError('ERR_TALKSPURT_BACKEND_API', 'refused');
  const leg = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 } as const;
  const events: OneOfEach = {
    'call.state': { type: 'call.state', state: 'answering', previous: 'new' },
    'speech.sentence': {
      type: 'speech.sentence',
      engine: 'openai',
      outcome: 'spoken',
      characters: 42,
      cached: false,
      attempts: 1,
      audioMs: 2_400,
      firstAudioMs: 210,
    },
    'media.opened': { type: 'media.opened', transport: 'unicast', leg, input: leg, output: leg, passThrough: true },
    'backend.opened': { type: 'backend.opened', backend: 'openai', connectMs: 250 },
    'turn.state': { type: 'turn.state', state: 'caller-speaking', previous: 'listening' },
    'speech.started': { type: 'speech.started', by: 'caller', source: 'endpointer' },
    'speech.stopped': { type: 'speech.stopped', by: 'caller', source: 'endpointer', durationMs: 900 },
    transcript: { type: 'transcript', by: 'caller', text: personal, final: true },
    'turn.response-latency': { type: 'turn.response-latency', latencyMs: 640, sinceSpeechMs: 1_140 },
    'barge-in': { type: 'barge-in', stopMs: 40, verdictMs: 120, playedMs: 2_000, droppedMs: 3_000 },
    'barge-in.withdrawn': { type: 'barge-in.withdrawn', pausedMs: 100 },
    dtmf: { type: 'dtmf', digit: personal, durationMs: 100 },
    'tool.call': { type: 'tool.call', toolCallId: 't', name: 'f', argumentsJson: `{"a":"${personal}"}` },
    'media.suspect': { type: 'media.suspect', side: 'caller', suspicion: 'byte-order', fix: 'send little endian' },
    'call.progress': { type: 'call.progress', signal: 'busy' },
    'media.stalled': { type: 'media.stalled', silentMs: 5_100 },
    'media.underrun': { type: 'media.underrun', missingMs: 60 },
    'media.overflow': { type: 'media.overflow', place: 'playout', droppedBytes: 320 },
    'backend.refused': { type: 'backend.refused', backend: 'openai', error, connectMs: 90 },
    'backend.error': { type: 'backend.error', backend: 'openai', error },
    'backend.closed': { type: 'backend.closed', backend: 'openai', error },
    'backend.switched': { type: 'backend.switched', backend: 'openai', previous: 'other', switchMs: 300 },
    'backend.reconnecting': {
      type: 'backend.reconnecting',
      backend: 'openai',
      attempt: 1,
      delayMs: 120,
      reason: 'ERR_TALKSPURT_BACKEND_CLOSED',
    },
    'backend.reconnected': {
      type: 'backend.reconnected',
      backend: 'openai',
      previous: 'openai',
      attempts: 2,
      gapMs: 900,
      keptMs: 900,
      droppedMs: 0,
    },
    'backend.failed': { type: 'backend.failed', backend: 'openai', attempts: 5, gapMs: 9_000, action: 'hangup', error },
    'backend.failover': {
      type: 'backend.failover',
      backend: 'other',
      previous: 'openai',
      stage: 'call',
      outcome: 'succeeded',
      reason: 'ERR_TALKSPURT_BACKEND_CLOSED',
    },
    'backend.message': { type: 'backend.message', backend: 'stream', text: personal },
    'variable.clamped': { type: 'variable.clamped', variable: 'STREAM_BUFFER_SIZE', value: '7', result: '20' },
    order: { type: 'order', order: 'mask', on: true },
    transfer: { type: 'transfer', stage: 'failed', error },
    recording: { type: 'recording', running: false, durationMs: 12_000, droppedFrames: 0 },
    'call.ended': { type: 'call.ended', reason: 'hangup', hangupCause: 16, durationMs: 30_000 },
    'link.up': { type: 'link.up', link: 'local', switchVersion: '1.10' },
    'link.modules': { type: 'link.modules', link: 'local', modules: 'mod_audio_stream (community)' },
    'link.capabilities': {
      type: 'link.capabilities',
      link: 'pbx',
      media: 'none',
      rtp: '',
      audiosocket: 'slin',
      websocket: '',
      missing: 'chan_rtp chan_websocket',
      error,
    },
    'link.down': { type: 'link.down', link: 'local', error, retryInMs: 500 },
    breaker: {
      type: 'breaker',
      breaker: 'openai:connection',
      state: 'open',
      previous: 'closed',
      reason: 'ERR_TALKSPURT_BACKEND_TIMEOUT',
    },
    command: { type: 'command', front: 'fs_cli', verb: 'start', ok: true },
    'call.refused': { type: 'call.refused', switch: 'local', error },
    'peer.malformed': { type: 'peer.malformed', peer: 'esl', error },
    'peer.refused': { type: 'peer.refused', server: 'pbx-audiosocket', reason: 'unknown', remoteAddress: '192.0.2.7' },
    'peer.unknown': { type: 'peer.unknown', peer: 'pbx', kind: 'ChannelMoved' },
    'request.refused': { type: 'request.refused', link: 'local', status: 404 },
    ready: { type: 'ready', version: '1.2.3' },
    draining: { type: 'draining', calls: 2 },
    stopped: { type: 'stopped' },
  };
  return Object.values(events).map((event) =>
    PROCESS.has(event.type) ? { ...(event as ProcessEvent), atMs } : { ...(event as CallEvent), callId, atMs },
  );
}
