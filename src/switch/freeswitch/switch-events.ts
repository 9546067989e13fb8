/**
 * What happens to calls, as CUSTOM events on their own switch: any ESL client, Lua script or dialplan tool of that switch
 * can follow them. docs/events.md says what is in them.
 */
import {
  streamConnectBody,
  streamDisconnectBody,
  streamEndEvent,
  streamErrorBody,
  streamFaultOf,
} from '../../backend/stream-event-bodies.ts';
import type { StreamModuleEvent } from '../../backend/stream-event-bodies.ts';
import type { Clock, Timer } from '../../core/clock.ts';
import type { EventSink, TalkspurtEvent } from '../../core/events.ts';
import { LIMITS } from '../../limits.ts';
import type { SessionHealthJson } from '../../observe/health-schema.ts';
import { isChannelId } from './esl-command-text.ts';
import type { EslLink } from './esl-link.ts';
import type { OwnEventBody, OwnEventName } from './switch-event-bodies.ts';
import { SwitchEventQueue } from './switch-events-queue.ts';
import type { SwitchEventStats } from './switch-events-queue.ts';

/** What precedes the name of each event: the one that clients of mod_audio_stream listen for. */
export const EVENT_PREFIX = 'mod_audio_stream::';

/** Which switch, whose calls, and how much is said of them. */
export interface SwitchEventSinkOptions {
  readonly link: Pick<EslLink, 'up' | 'sendEvent'>;
  readonly clock: Clock;
  /** A call of this switch, or null. `callUuid` (`Channel-Call-UUID`) where it is known. */
  channelOf(callId: string): { readonly callUuid?: string | undefined } | null;
  /** Health of a call that is up, or null. */
  health(callId: string): SessionHealthJson | null;
  /** Publishes what people say and dial, and what servers say of it. Default: false. */
  readonly personalData?: boolean;
  /** Period of `health` and `telemetry` for each call, ms; 0: never. Default: 10,000. */
  readonly intervalMs?: number;
}

/** What is remembered of a call of this switch. */
interface Followed {
  readonly headers: Readonly<Record<string, string>>;
  /** Its backend says itself what mod_audio_stream would: backend events of ours would say it twice. */
  streamed: boolean;
  readonly slot: number;
}

const DEFAULT_INTERVAL_MS = 10_000;
/** The calls of a period are told in so many portions: one burst of them all would fill the queue. */
const SLOTS = 10;

/** One for each switch. Takes every event of the process and publishes those of its own calls. */
export class SwitchEventSink implements EventSink {
  readonly #options: SwitchEventSinkOptions;
  readonly #queue: SwitchEventQueue;
  readonly #personalData: boolean;
  /** Calls of this switch. Others are asked about each time: a call may be told of before anybody knows whose it is. */
  readonly #calls = new Map<string, Followed>();
  #timer: Timer | null = null;
  #nextSlot = 0;
  #portion = 0;

  constructor(options: SwitchEventSinkOptions) {
    this.#options = options;
    this.#queue = new SwitchEventQueue(options.link, options.clock);
    this.#personalData = options.personalData ?? false;
    const intervalMs = options.intervalMs ?? DEFAULT_INTERVAL_MS;
    if (intervalMs > 0) this.#timer = options.clock.every(intervalMs / SLOTS, () => this.#tellPortion());
  }

  get stats(): SwitchEventStats {
    return this.#queue.stats;
  }

  emit(event: TalkspurtEvent): void {
    if (event.callId === undefined) return;
    const call = this.#follow(event.callId);
    if (call !== null) this.#translate(event, call);
    if (event.type === 'call.ended') this.#calls.delete(event.callId);
  }

  /** What a WebSocket backend says of its connection, in mod_audio_stream's words (`StreamEventListener`). */
  onStreamEvent(callId: string, event: StreamModuleEvent): void {
    const call = this.#follow(callId);
    if (call === null) return;
    call.streamed = true;
    this.#publishModule(call, event);
  }

  /** Publishes nothing more. Twice is harmless. */
  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#queue.close();
    this.#calls.clear();
  }

  #follow(callId: string): Followed | null {
    const known = this.#calls.get(callId);
    if (known !== undefined) return known;
    const channel = isChannelId(callId) ? this.#options.channelOf(callId) : null;
    if (channel === null) return null;
    const call = this.#followed(callId, channel.callUuid);
    const [oldest] = this.#calls.keys();
    if (this.#calls.size >= LIMITS.switchEventCalls && oldest !== undefined) this.#calls.delete(oldest);
    this.#calls.set(callId, call);
    return call;
  }

  #followed(callId: string, callUuid: string | undefined): Followed {
    const headers: Record<string, string> = { 'Unique-ID': callId };
    if (callUuid !== undefined && isChannelId(callUuid)) headers['Channel-Call-UUID'] = callUuid;
    this.#nextSlot = (this.#nextSlot + 1) % SLOTS;
    return { headers, streamed: false, slot: this.#nextSlot };
  }

  #translate(event: TalkspurtEvent, call: Followed): void {
    switch (event.type) {
      case 'call.state':
        return this.#own(call, 'ai_state', { scope: 'call', state: event.state, previous: event.previous });
      case 'turn.state':
        return this.#own(call, 'ai_state', { scope: 'turn', state: event.state, previous: event.previous });
      case 'call.ended':
        return this.#own(call, 'ai_state', {
          scope: 'end',
          reason: event.reason,
          hangup_cause: event.hangupCause,
          duration_ms: event.durationMs,
          ...(event.error === undefined ? {} : { error: event.error.code }),
        });
      case 'order':
        return this.#own(call, 'ai_state', { scope: 'order', order: event.order, on: event.on });
      case 'transfer': {
        const failed = event.error === undefined ? {} : { error: event.error.code };
        return this.#own(call, 'ai_state', { scope: 'transfer', stage: event.stage, ...failed });
      }
      case 'barge-in': {
        const { stopMs, verdictMs, playedMs, droppedMs } = event;
        const body = { stop_ms: stopMs, verdict_ms: verdictMs, played_ms: playedMs, dropped_ms: droppedMs };
        return this.#own(call, 'barge_in', body);
      }
      case 'dtmf':
        return this.#own(call, 'dtmf', {
          ...(this.#personalData ? { digit: event.digit } : {}),
          duration_ms: event.durationMs,
        });
      case 'transcript':
        if (!this.#personalData) return;
        return this.#own(call, 'ai_transcript', { by: event.by, final: event.final, text: event.text });
      default:
        this.#translateMedia(event, call);
        this.#translateBackend(event, call);
    }
  }

  #translateMedia(event: TalkspurtEvent, call: Followed): void {
    switch (event.type) {
      case 'turn.response-latency': {
        const body = { latency_ms: event.latencyMs, since_speech_ms: event.sinceSpeechMs };
        return this.#own(call, 'ai_response', { phase: 'latency', ...body });
      }
      case 'speech.started':
        if (event.by === 'agent') this.#own(call, 'ai_response', { phase: 'started' });
        return;
      case 'speech.stopped':
        if (event.by === 'agent') this.#own(call, 'ai_response', { phase: 'stopped', duration_ms: event.durationMs });
        return;
      case 'media.stalled':
        return this.#own(call, 'telemetry', { kind: 'stalled', silent_ms: event.silentMs });
      case 'media.suspect': {
        const { side, suspicion, fix } = event;
        return this.#own(call, 'telemetry', { kind: 'suspect', side, suspicion, fix });
      }
      case 'call.progress':
        return this.#own(call, 'ai_state', { scope: 'progress', signal: event.signal });
      case 'media.underrun':
        return this.#own(call, 'telemetry', { kind: 'underrun', missing_ms: event.missingMs });
      case 'media.overflow': {
        const body = { place: event.place, dropped_bytes: event.droppedBytes };
        return this.#own(call, 'telemetry', { kind: 'overflow', ...body });
      }
      default:
      // Not about the audio.
    }
  }

  #translateBackend(event: TalkspurtEvent, call: Followed): void {
    if (event.type === 'backend.switched') {
      const { backend, previous, switchMs } = event;
      call.streamed = false;
      this.#own(call, 'ai_state', { scope: 'backend', backend, previous, switch_ms: switchMs });
      return;
    }
    if (this.#translateLoss(event, call) || call.streamed) return;
    switch (event.type) {
      case 'backend.opened':
        return this.#publishModule(call, { name: 'connect', body: streamConnectBody() });
      case 'backend.error': {
        const { code, message } = streamFaultOf(event.error);
        return this.#publishModule(call, { name: 'error', body: streamErrorBody(code, message) });
      }
      case 'backend.closed': {
        const end = streamEndEvent(event.error ?? null);
        const goodbye = { name: 'disconnect', body: streamDisconnectBody(1000, '') } as const;
        return this.#publishModule(call, end ?? goodbye);
      }
      case 'backend.message':
        return this.#publishModule(call, { name: 'json', body: event.text });
      default:
      // Of no interest to clients of that module.
    }
  }

  /** What becomes of a backend that was lost; false: it is about something else. */
  #translateLoss(event: TalkspurtEvent, call: Followed): boolean {
    switch (event.type) {
      case 'backend.reconnecting': {
        const { backend, attempt: attempts, reason: error } = event;
        this.#own(call, 'ai_state', { scope: 'reconnect', stage: 'seeking', backend, attempts, error });
        return true;
      }
      case 'backend.reconnected': {
        const { backend, previous, attempts } = event;
        if (backend !== previous) call.streamed = false;
        this.#own(call, 'ai_state', { scope: 'reconnect', stage: 'back', backend, attempts });
        return true;
      }
      case 'backend.failed': {
        const { backend, attempts, error } = event;
        this.#own(call, 'ai_state', { scope: 'reconnect', stage: 'failed', backend, attempts, error: error.code });
        return true;
      }
      case 'backend.failover': {
        const { backend, previous, stage, outcome, reason: error } = event;
        const told = { at_start: stage === 'start', succeeded: outcome === 'succeeded', error };
        this.#own(call, 'ai_state', { scope: 'failover', backend, previous, ...told });
        return true;
      }
      default:
        return false;
    }
  }

  #publishModule(call: Followed, { name, body }: StreamModuleEvent): void {
    // The server's own words.
    if ((name === 'json' || name === 'play') && !this.#personalData) return;
    this.#publish(call, name, name === 'disconnect' && !this.#personalData ? withoutReason(body) : body, false);
  }

  #own<Name extends OwnEventName>(call: Followed, name: Name, body: OwnEventBody<Name>, periodic = false): void {
    this.#publish(call, name, JSON.stringify(body), periodic);
  }

  #publish({ headers }: Followed, name: string, body: string, periodic: boolean): void {
    this.#queue.offer({ subclass: `${EVENT_PREFIX}${name}`, headers, body, periodic });
  }

  #tellPortion(): void {
    this.#portion = (this.#portion + 1) % SLOTS;
    for (const [callId, call] of this.#calls) {
      if (call.slot !== this.#portion) continue;
      const health = this.#options.health(callId);
      if (health === null) continue;
      this.#publish(call, 'health', JSON.stringify(health), true);
      this.#own(call, 'telemetry', telemetryOf(health, this.#queue.stats.dropped), true);
    }
  }
}

function telemetryOf(health: SessionHealthJson, eventsDropped: number): OwnEventBody<'telemetry'> {
  return {
    kind: 'periodic',
    uptime_sec: health.uptime_sec,
    jitter_ms: health.media.jitter_ms,
    lost: health.media.lost,
    late_tick_pct: health.capture.late_tick_pct,
    underrun_pct: health.inject.underrun_pct,
    response_latency_ms: health.ai.response_latency_ms,
    capture_level_dbov: health.capture.level_dbov,
    inject_level_dbov: health.inject.level_dbov,
    events_dropped: eventsDropped,
  };
}

/** Why a server closed is in words of its own, which may say anything. */
function withoutReason(body: string): string {
  const { message } = JSON.parse(body) as { message: { code: number } };
  return streamDisconnectBody(message.code, '');
}
