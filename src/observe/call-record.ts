/** What is left of a call when it is over: one bounded JSON object, gathered from its events. */
import type { Clock } from '../core/clock.ts';
import type { EndReason, EventSink, TalkspurtEvent } from '../core/events.ts';
import { describeAudio } from '../core/media.ts';
import { LIMITS } from '../limits.ts';

/** One call, over. Durations and latencies in ms; names are those of docs/health.md where both have the thing. */
export interface CallRecord {
  readonly session_uuid: string;
  /** ISO 8601, UTC. */
  readonly started_at: string;
  readonly duration_ms: number;
  readonly reason: EndReason;
  /** ITU-T Q.850. */
  readonly hangup_cause: number;
  readonly error: string | null;
  readonly transport: string | null;
  readonly leg: string | null;
  readonly pass_through: boolean | null;
  readonly backend: string | null;
  readonly backend_connect_ms: number | null;
  readonly backend_errors: Readonly<Record<string, number>>;
  readonly caller_turns: number;
  readonly agent_turns: number;
  readonly barge_ins: readonly {
    readonly at_ms: number;
    readonly stop_ms: number;
    readonly verdict_ms: number;
    readonly played_ms: number;
  }[];
  readonly response_latencies_ms: readonly number[];
  readonly underruns: number;
  readonly underrun_ms: number;
  readonly overflow_bytes: number;
  readonly stalls: number;
  readonly digits: number;
  readonly tool_calls: number;
  /** Personal; empty unless the configuration keeps personal data. */
  readonly transcript: readonly { readonly at_ms: number; readonly by: 'caller' | 'agent'; readonly text: string }[];
  /** Entries that no longer fitted into one of the lists. */
  readonly dropped_entries: number;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };
type Draft = Writable<Omit<CallRecord, 'backend_errors'>> & {
  backend_errors: Record<string, number>;
  startedMs: number;
};

/** Where records go, and what they may hold. */
export interface CallRecordSinkOptions {
  readonly clock: Clock;
  /** Keeps what was said. */
  readonly personalData: boolean;
  /** Is given every finished record; must neither throw nor block. */
  onRecord(record: CallRecord): void;
}

/** Gathers the events of every call until it ends. */
export class CallRecordSink implements EventSink {
  readonly #options: CallRecordSinkOptions;
  readonly #drafts = new Map<string, Draft>();

  constructor(options: CallRecordSinkOptions) {
    this.#options = options;
  }

  emit(event: TalkspurtEvent): void {
    if (event.callId === undefined) return;
    const draft = this.#drafts.get(event.callId) ?? this.#begin(event.callId, event.atMs);
    if (event.type !== 'call.ended') {
      addTo(draft, event, this.#options.personalData);
      return;
    }
    this.#drafts.delete(event.callId);
    const { startedMs: _startedMs, ...record } = draft;
    this.#options.onRecord({
      ...record,
      duration_ms: Math.round(event.durationMs),
      reason: event.reason,
      hangup_cause: event.hangupCause,
      error: event.error?.code ?? null,
    });
  }

  /** The oldest draft makes room: a call that never ends must not keep others from being recorded. */
  #begin(callId: string, atMs: number): Draft {
    const oldest = this.#drafts.keys().next();
    if (this.#drafts.size >= LIMITS.callRecords && oldest.done !== true) this.#drafts.delete(oldest.value);
    const { clock } = this.#options;
    const startedAt = clock.wallTimeMs() - (clock.nowMs() - atMs);
    const draft: Draft = {
      session_uuid: callId,
      started_at: new Date(startedAt).toISOString(),
      startedMs: atMs,
      duration_ms: 0,
      reason: 'error',
      hangup_cause: 0,
      error: null,
      transport: null,
      leg: null,
      pass_through: null,
      backend: null,
      backend_connect_ms: null,
      backend_errors: {},
      caller_turns: 0,
      agent_turns: 0,
      barge_ins: [],
      response_latencies_ms: [],
      underruns: 0,
      underrun_ms: 0,
      overflow_bytes: 0,
      stalls: 0,
      digits: 0,
      tool_calls: 0,
      transcript: [],
      dropped_entries: 0,
    };
    this.#drafts.set(callId, draft);
    return draft;
  }
}

function addTo(draft: Draft, event: TalkspurtEvent, personalData: boolean): void {
  const atMs = Math.round(event.atMs - draft.startedMs);
  switch (event.type) {
    case 'media.opened':
      draft.transport = event.transport;
      draft.leg = `${describeAudio(event.leg)}@${event.leg.ptimeMs}ms`;
      draft.pass_through = event.passThrough;
      break;
    case 'backend.opened':
      draft.backend = event.backend;
      draft.backend_connect_ms = Math.round(event.connectMs);
      break;
    case 'backend.error':
      // The codes are ours, so the object is bounded.
      draft.backend_errors[event.error.code] = (draft.backend_errors[event.error.code] ?? 0) + 1;
      break;
    case 'speech.started':
      if (event.by === 'caller') draft.caller_turns += 1;
      else draft.agent_turns += 1;
      break;
    case 'barge-in':
      add(draft, draft.barge_ins, {
        at_ms: atMs,
        stop_ms: Math.round(event.stopMs),
        verdict_ms: Math.round(event.verdictMs),
        played_ms: Math.round(event.playedMs),
      });
      break;
    case 'turn.response-latency':
      add(draft, draft.response_latencies_ms, Math.round(event.latencyMs));
      break;
    case 'transcript':
      if (personalData && event.final) add(draft, draft.transcript, { at_ms: atMs, by: event.by, text: event.text });
      break;
    default:
      count(draft, event);
  }
}

function count(draft: Draft, event: TalkspurtEvent): void {
  if (event.type === 'media.underrun') {
    draft.underruns += 1;
    draft.underrun_ms += Math.round(event.missingMs);
  } else if (event.type === 'media.overflow') draft.overflow_bytes += event.droppedBytes;
  else if (event.type === 'media.stalled') draft.stalls += 1;
  else if (event.type === 'dtmf') draft.digits += 1;
  else if (event.type === 'tool.call') draft.tool_calls += 1;
}

function add<T>(draft: Draft, list: T[], entry: T): void {
  if (list.length >= LIMITS.callRecordEntries) draft.dropped_entries += 1;
  else list.push(entry);
}
