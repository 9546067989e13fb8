/**
 * The one vocabulary of what happens, for log lines, metrics, switch events, call records and tests. Fields marked
 * *personal* hold what people say, dial or are called from: sinks drop them unless told otherwise.
 */
import type { ErrorCode, TalkspurtError } from './errors.ts';
import type { AudioFormat, MediaFormat } from './media.ts';

/** The life of a call as our session sees it (`session/call-state.ts`). */
export type CallState = 'new' | 'answering' | 'opening' | 'talking' | 'reconnecting' | 'ending' | 'ended';

/** Whose turn it is (`session/turn-state.ts`). */
export type TurnState = 'listening' | 'caller-speaking' | 'thinking' | 'agent-speaking' | 'yielding';

/** Why a call ended, from our side of it. */
export type EndReason =
  | 'hangup'
  | 'stopped'
  | 'transferred'
  /** It said goodbye: the conversation was over for it. */
  | 'backend-ended'
  | 'backend-failed'
  | 'media-failed'
  | 'link-lost'
  | 'drained'
  | 'error'
  | 'expired';

/** Who spoke. */
export type Speaker = 'caller' | 'agent';

/** What a telephone network, a fax or an answering machine says in tones. */
export type ProgressSignal = 'dial' | 'busy' | 'congestion' | 'ringback' | 'fax-calling' | 'fax-answer' | 'beep';

/** Whose audio is suspected: what came from the leg, or from the backend. */
export type SuspectSide = 'caller' | 'agent';

/** How audio is not what it says it is. `ulaw`, `alaw`, `l16`: what its bytes are; `too-…`: another rate. */
export type AudioSuspicion =
  | 'silence'
  | 'dc'
  | 'clipping'
  | 'constant'
  | 'stereo'
  | 'byte-order'
  | 'ulaw'
  | 'alaw'
  | 'l16'
  | 'too-slow'
  | 'too-fast';

/** A bounded place that audio of a call waits in. */
export type OverflowPlace = 'jitter' | 'playout' | 'backend';

/** Why audio goes on not fitting. */
export type OverflowCause =
  'backend-slow-reader' | 'switch-burst' | 'agent-too-fast' | 'agent-waits' | 'host-overloaded';

/** Who watches over a call: `docs/watchdogs.md`. */
export type CallDog = 'capture' | 'engine' | 'speech' | 'session' | 'stale' | 'playout';

/** What a watchdog does besides telling. */
export type DogAction = 'event' | 'reconnect' | 'announce' | 'end' | 'drop';

/** Why new calls are turned away: `docs/watchdogs.md#admission`. */
export type OverloadReason = 'late-ticks' | 'loop-lag' | 'queues' | 'ports' | 'memory';

/** Something that happened to one call. Times are the clock's monotonic ms. */
export type CallEvent =
  | { type: 'call.state'; state: CallState; previous: CallState }
  | { type: 'call.ended'; reason: EndReason; hangupCause: number; error?: TalkspurtError; durationMs: number }
  | {
      type: 'media.opened';
      transport: string;
      leg: MediaFormat;
      input: AudioFormat;
      output: AudioFormat;
      passThrough: boolean;
    }
  | { type: 'media.stalled'; silentMs: number }
  /** Each suspicion once in a call. */
  | {
      type: 'media.suspect';
      side: SuspectSide;
      suspicion: AudioSuspicion;
      /** What to do; a fixed text. */ fix: string;
    }
  /** A tone of the network, or of a machine that answered. */
  | { type: 'call.progress'; signal: ProgressSignal }
  | { type: 'media.underrun'; missingMs: number }
  | { type: 'media.overflow'; place: OverflowPlace; droppedBytes: number }
  /**
   * More than a few overflows a second: what waits there was dropped, and the freshest is kept. `lastedMs`: for how long by now;
   * `cause`: what it most probably is, once it lasts.
   */
  | {
      type: 'media.overflow-storm';
      place: OverflowPlace;
      perSecond: number;
      droppedMs: number;
      lastedMs: number;
      cause?: OverflowCause;
    }
  /** Something took longer than its watchdog waits. `limitMs`: what that is; `action`: what is done. */
  | { type: 'watchdog'; dog: CallDog; valueMs: number; limitMs: number; action: DogAction }
  | { type: 'turn.state'; state: TurnState; previous: TurnState }
  | { type: 'speech.started'; by: Speaker; source: 'endpointer' | 'backend' }
  | { type: 'speech.stopped'; by: Speaker; source: 'endpointer' | 'backend'; durationMs: number }
  /** A sentence of the agent's that a speech engine of ours was to say; `cut`: the caller cut in, `dropped`: too many wait. */
  | {
      type: 'speech.sentence';
      /** `none`: it was never begun. */ engine: string;
      outcome: 'spoken' | 'failed' | 'cut' | 'dropped';
      characters: number;
      cached: boolean;
      attempts: number;
      audioMs: number;
      /** From its turn to its first audio; absent: there was none. */ firstAudioMs?: number;
    }
  /** From the endpoint, and from the caller's last frame of speech, to the agent's first frame. */
  | { type: 'turn.response-latency'; latencyMs: number; sinceSpeechMs: number }
  | { type: 'barge-in'; stopMs: number; verdictMs: number; playedMs: number; droppedMs: number }
  | { type: 'barge-in.withdrawn'; pausedMs: number }
  | { type: 'transcript'; by: Speaker; /** personal */ text: string; final: boolean }
  | { type: 'dtmf'; /** personal */ digit: string; durationMs: number }
  | { type: 'tool.call'; toolCallId: string; name: string; /** personal */ argumentsJson: string }
  | { type: 'backend.opened'; backend: string; connectMs: number }
  /** No stream of it could be opened. */
  | { type: 'backend.refused'; backend: string; error: TalkspurtError; connectMs: number }
  | { type: 'backend.error'; backend: string; error: TalkspurtError }
  | { type: 'backend.closed'; backend: string; error?: TalkspurtError }
  /** Another backend answers from now on. */
  | { type: 'backend.switched'; backend: string; previous: string; switchMs: number }
  /** The backend was lost: attempt number `attempt` (from 1) is made in `delayMs`. `reason`: code of what went wrong last. */
  | { type: 'backend.reconnecting'; backend: string; attempt: number; delayMs: number; reason: ErrorCode }
  /** It is back, or another one is in its place. `gapMs`: for how long nobody heard the caller; `keptMs` of that was kept. */
  | {
      type: 'backend.reconnected';
      backend: string;
      previous: string;
      attempts: number;
      gapMs: number;
      keptMs: number;
      droppedMs: number;
    }
  /** It did not come back, and neither did another: `action` is what becomes of the call. */
  | { type: 'backend.failed'; backend: string; attempts: number; gapMs: number; action: string; error: TalkspurtError }
  /** The next backend of the list is tried, or was: when the call began (`start`), or in its middle. */
  | {
      type: 'backend.failover';
      backend: string;
      previous: string;
      stage: 'start' | 'call';
      outcome: 'succeeded' | 'failed';
      reason: ErrorCode;
    }
  /** What a generic backend sent besides audio. */
  | { type: 'backend.message'; backend: string; /** personal */ text: string }
  /** A channel variable out of its bounds: `result` was taken instead. */
  | { type: 'variable.clamped'; variable: string; value: string; result: string }
  /** An operator's order took effect. */
  | { type: 'order'; order: CallOrder; on: boolean }
  /** An attended one: somebody is called, talks to the caller, or does not. */
  | { type: 'transfer'; stage: 'dialling' | 'joined' | 'failed'; error?: TalkspurtError }
  | {
      type: 'recording';
      running: boolean;
      durationMs: number;
      droppedFrames: number;
      /** Why it no longer runs. */
      reason?: 'stopped' | 'call-ended' | 'limit' | 'failed';
      error?: TalkspurtError;
    };

/** What an operator can order of a call that talks and that stays so until it is taken back. */
export type CallOrder = 'pause' | 'mute-user' | 'mute-agent' | 'mask' | 'hold';

/** Something that happened to the process or a switch link. */
export type ProcessEvent =
  | { type: 'link.up'; link: string; switchVersion: string }
  /** WebSocket modules that the switch has loaded. */
  | { type: 'link.modules'; link: string; modules: string }
  /** What the Asterisk at the other end can do for a call's audio: formats of each media path, and the path that calls take. */
  | {
      type: 'link.capabilities';
      link: string;
      /** `none`: calls are refused, and `error` is why. */
      media: string;
      rtp: string;
      audiosocket: string;
      websocket: string;
      /** Modules that we know a use for and that it does not run. */
      missing: string;
      error?: TalkspurtError;
    }
  | { type: 'link.down'; link: string; error: TalkspurtError; retryInMs: number }
  /** A circuit breaker opened, lets a few tries through, or closed. */
  | {
      type: 'breaker';
      breaker: string;
      state: 'closed' | 'open' | 'half-open';
      previous: 'closed' | 'open' | 'half-open';
      /** Code of the last failure. */ reason: string;
    }
  | { type: 'command'; front: string; verb: string; ok: boolean }
  /** A call that the switch handed over and that was not taken. */
  | {
      type: 'call.refused';
      switch: string;
      /** The channel, where it is known. */ call?: string;
      error: TalkspurtError;
    }
  | { type: 'peer.malformed'; peer: string; error: TalkspurtError }
  /** A connection was turned away by a server of ours; `reason` is one of few. */
  | { type: 'peer.refused'; server: string; reason: string; remoteAddress: string }
  /** An event of a kind that we do not know: it is left alone. */
  | { type: 'peer.unknown'; peer: string; kind: string }
  /** The switch refused a request, with that HTTP status: 404 where what was asked for has just left. */
  | { type: 'request.refused'; link: string; status: number }
  /** The event loop is late: of a hundred samples of the last seconds one is later than `limitMs`. */
  | { type: 'host.watchdog'; dog: 'loop-lag'; severity: 'warn' | 'error'; valueMs: number; limitMs: number }
  /** It stood still for `valueMs`, the longest of `stops` times since it was told last. */
  | { type: 'host.watchdog'; dog: 'loop-stop'; severity: 'warn'; valueMs: number; limitMs: number; stops: number }
  /** New calls are turned away from now on (`refusing`), for these reasons, or no more. `reasons`: words with a comma between. */
  | { type: 'host.overload'; refusing: boolean; reasons: string }
  | { type: 'ready'; version: string }
  | { type: 'draining'; calls: number }
  | { type: 'stopped' };

/** An event with its time and, for a call, its identity. */
export type TalkspurtEvent =
  | (CallEvent & {
      readonly callId: string;
      readonly atMs: number;
      /** See `correlation-id.ts`. Absent: the call has no session yet. */ readonly correlationId?: string;
    })
  | (ProcessEvent & { readonly callId?: undefined; readonly atMs: number });

/** Where events go. Called on the control plane only; an implementation never throws and never blocks. */
export interface EventSink {
  emit(event: TalkspurtEvent): void;
}

/** Hands every event to each of `sinks`, in order. */
export function fanOut(sinks: readonly EventSink[]): EventSink {
  return {
    emit(event) {
      for (const sink of sinks) sink.emit(event);
    },
  };
}
