/** Gathers what is left of a call when it is over: one bounded {@link CallRecord}, from its events and its last figures. */
import type { Clock } from '../core/clock.ts';
import type { EventSink, TalkspurtEvent } from '../core/events.ts';
import { describeAudio } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import { CALL_RECORD_VERSION } from './call-record-schema.ts';
import type { CallRecord } from './call-record-schema.ts';
import { recordFigures } from './call-record-figures.ts';
import { eventFields, impersonal } from './event-fields.ts';
import type { FieldValue } from './event-fields.ts';
import type { SessionSnapshot } from './health.ts';

export type { CallRecord } from './call-record-schema.ts';

/** A record that is still being written. */
export type CallRecordDraft = CallRecord & { startedMs: number };

/** Where records go, and what they may hold. */
export interface CallRecordSinkOptions {
  readonly clock: Clock;
  /** Keeps what was said and dialled. */
  readonly personalData: boolean;
  /** A record waits for `recordEnded` after the call's end; otherwise it is given at the end, without figures. */
  readonly awaitsFigures?: boolean;
  /** Is given every finished record; must neither throw nor block. */
  onRecord(record: CallRecord): void;
  /** A record was begun: {@link CallRecordSink.open} has one more. */
  onBegin?(): void;
}

/** Events of the process that tell why a call fared as it did: every call that is up has them. */
const OF_ALL_CALLS: ReadonlySet<TalkspurtEvent['type']> = new Set(['breaker', 'link.up', 'link.down', 'draining']);
/** Too frequent, or said by other fields. */
const NOT_LISTED: ReadonlySet<TalkspurtEvent['type']> = new Set(['transcript', 'backend.message']);

/** Gathers the events of every call until it ends. */
export class CallRecordSink implements EventSink {
  readonly #options: CallRecordSinkOptions;
  readonly #drafts = new Map<string, CallRecordDraft>();
  readonly #ended = new Map<string, CallRecord>();

  constructor(options: CallRecordSinkOptions) {
    this.#options = options;
  }

  /** Records of calls that are up, as they stand. */
  open(): CallRecord[] {
    const nowMs = this.#options.clock.nowMs();
    return [...this.#drafts.values()].map(({ startedMs, ...draft }) => ({
      ...draft,
      duration_ms: Math.max(0, Math.round(nowMs - startedMs)),
    }));
  }

  emit(event: TalkspurtEvent): void {
    if (event.callId === undefined) {
      if (OF_ALL_CALLS.has(event.type)) for (const draft of this.#drafts.values()) list(draft, event, false);
      return;
    }
    const draft = this.#drafts.get(event.callId) ?? this.#begin(event.callId, event.atMs);
    addTo(draft, event, this.#options.personalData);
    if (event.type !== 'call.ended') return;
    this.#drafts.delete(event.callId);
    const { startedMs: _startedMs, ...gathered } = draft;
    const record: CallRecord = {
      ...gathered,
      duration_ms: Math.max(0, Math.round(event.durationMs)),
      reason: event.reason,
      hangup_cause: event.hangupCause,
      error: event.error?.code ?? null,
    };
    if (this.#options.awaitsFigures !== true) this.#options.onRecord(record);
    else this.#await(event.callId, record);
  }

  /** The last figures of a call that has ended complete its record. */
  recordEnded(session: SessionSnapshot): void {
    const record = this.#ended.get(session.callId);
    if (record === undefined) return;
    this.#ended.delete(session.callId);
    this.#options.onRecord({ ...record, ...recordFigures(session) });
  }

  /** Whose figures never come is recorded without them. */
  #await(callId: string, record: CallRecord): void {
    const before = this.#ended.get(callId);
    const oldest = this.#ended.size >= LIMITS.callRecords ? this.#ended.entries().next().value : undefined;
    for (const [id, left] of [
      ...(before === undefined ? [] : [[callId, before] as const]),
      ...(oldest ? [oldest] : []),
    ]) {
      if (this.#ended.delete(id)) this.#options.onRecord(left);
    }
    this.#ended.set(callId, record);
  }

  /** The oldest draft makes room: a call that never ends must not keep others from being recorded. */
  #begin(callId: string, atMs: number): CallRecordDraft {
    const oldest = this.#drafts.keys().next();
    if (this.#drafts.size >= LIMITS.callRecords && oldest.done !== true) this.#drafts.delete(oldest.value);
    const { clock } = this.#options;
    const draft = emptyDraft(callId, atMs, clock.wallTimeMs() - (clock.nowMs() - atMs));
    this.#drafts.set(callId, draft);
    this.#options.onBegin?.();
    return draft;
  }
}

/** What the log has of a record: one short line, for the folder has the rest. `personal`: with what was said. */
export function headlineOf(
  record: CallRecord,
  personal: boolean,
): Partial<CallRecord> & { response_p50_ms: number | null } {
  const { session_uuid, switch: name, profile, started_at, duration_ms, reason, hangup_cause, error, errors } = record;
  const { transport, leg, backend, caller_turns, agent_turns, underruns, stalls, suspects, digits, transcript } =
    record;
  const latencies = record.response_latencies_ms.toSorted((a, b) => a - b);
  return {
    ...{ session_uuid, switch: name, profile, started_at, duration_ms, reason, hangup_cause, error, errors },
    ...{ transport, leg, backend, caller_turns, agent_turns, underruns, stalls, suspects, digits },
    response_p50_ms: latencies[latencies.length >> 1] ?? null,
    ...(personal ? { transcript } : {}),
  };
}

/** The same record without what anybody said or dialled. */
export function withoutPersonal(record: CallRecord): CallRecord {
  const events = record.events.map((event) => {
    const { at_ms, type, ...fields } = event;
    const kept = impersonal(type, fields as Record<string, FieldValue>);
    return kept === fields ? event : { at_ms, type, ...kept };
  });
  return { ...record, transcript: [], events };
}

function emptyDraft(callId: string, startedMs: number, startedAt: number): CallRecordDraft {
  return {
    version: CALL_RECORD_VERSION,
    session_uuid: callId,
    switch: null,
    profile: null,
    mode: null,
    started_at: new Date(startedAt).toISOString(),
    startedMs,
    duration_ms: 0,
    reason: 'aborted',
    hangup_cause: 0,
    error: null,
    errors: {},
    transport: null,
    leg: null,
    backend_input: null,
    backend_output: null,
    pass_through: null,
    backend: null,
    backends: [],
    backend_connect_ms: null,
    backend_errors: {},
    backend_reconnects: [],
    backend_failovers: [],
    backend_switches: [],
    backend_given_up: null,
    unheard_ms: 0,
    milestones: {
      answering_ms: null,
      opening_ms: null,
      media_opened_ms: null,
      backend_opened_ms: null,
      talking_ms: null,
      first_caller_speech_ms: null,
      first_agent_audio_ms: null,
    },
    caller_turns: 0,
    agent_turns: 0,
    turns: [],
    response_latencies_ms: [],
    barge_ins: [],
    barge_ins_withdrawn: 0,
    underruns: 0,
    underrun_ms: 0,
    overflow_bytes: 0,
    stalls: 0,
    suspects: [],
    digits: 0,
    tool_calls: 0,
    media: null,
    transcript: [],
    events: [],
    dropped_entries: 0,
  };
}

function addTo(draft: Writable<CallRecordDraft>, event: TalkspurtEvent, personalData: boolean): void {
  const atMs = Math.round(event.atMs - draft.startedMs);
  list(draft, event, personalData);
  if ('error' in event && event.error !== undefined) countError(draft.errors, event.error.code);
  switch (event.type) {
    case 'media.opened':
      draft.milestones.media_opened_ms ??= atMs;
      draft.transport = event.transport;
      draft.leg = `${describeAudio(event.leg)}@${event.leg.ptimeMs}ms`;
      draft.backend_input = describeAudio(event.input);
      draft.backend_output = describeAudio(event.output);
      draft.pass_through = event.passThrough;
      break;
    case 'backend.opened':
    case 'backend.switched':
      draft.backend = event.backend;
      draft.milestones.backend_opened_ms ??= atMs;
      if (!draft.backends.includes(event.backend)) add(draft, draft.backends, event.backend);
      if (event.type === 'backend.opened') draft.backend_connect_ms ??= Math.round(event.connectMs);
      break;
    case 'backend.error':
      // The codes are ours, so the object is bounded.
      countError(draft.backend_errors, event.error.code);
      break;
    case 'call.state':
      if (event.state === 'answering' || event.state === 'opening' || event.state === 'talking')
        draft.milestones[`${event.state}_ms`] ??= atMs;
      break;
    default:
      addTurn(draft, event, atMs, personalData);
  }
  addChange(draft, event, atMs);
}

/** The backend was lost, had back, replaced or changed. */
function addChange(draft: Writable<CallRecordDraft>, event: TalkspurtEvent, at_ms: number): void {
  if (event.type === 'backend.reconnected') {
    const { previous: from, backend: to, attempts } = event;
    const [gap_ms, kept_ms, dropped_ms] = [whole(event.gapMs), whole(event.keptMs), whole(event.droppedMs)];
    draft.unheard_ms += gap_ms;
    add(draft, draft.backend_reconnects, { at_ms, from, to, attempts, gap_ms, kept_ms, dropped_ms });
  } else if (event.type === 'backend.failover') {
    const { previous: from, backend: to, stage, outcome, reason } = event;
    add(draft, draft.backend_failovers, { at_ms, from, to, stage, outcome, reason });
  } else if (event.type === 'backend.switched') {
    const { previous: from, backend: to, switchMs } = event;
    add(draft, draft.backend_switches, { at_ms, from, to, switch_ms: whole(switchMs) });
  } else if (event.type === 'backend.failed') {
    const gap_ms = whole(event.gapMs);
    draft.unheard_ms += gap_ms;
    draft.backend_given_up = { at_ms, attempts: event.attempts, gap_ms, action: event.action };
  }
}

function addTurn(draft: Writable<CallRecordDraft>, event: TalkspurtEvent, atMs: number, personalData: boolean): void {
  switch (event.type) {
    case 'speech.started':
      draft[event.by === 'caller' ? 'caller_turns' : 'agent_turns'] += 1;
      draft.milestones[event.by === 'caller' ? 'first_caller_speech_ms' : 'first_agent_audio_ms'] ??= atMs;
      break;
    case 'turn.state':
      if (event.state === 'agent-speaking') draft.milestones.first_agent_audio_ms ??= atMs;
      break;
    case 'barge-in':
      add(draft, draft.barge_ins, {
        at_ms: atMs,
        stop_ms: whole(event.stopMs),
        verdict_ms: whole(event.verdictMs),
        played_ms: whole(event.playedMs),
      });
      break;
    case 'turn.response-latency': {
      const [latency_ms, since_speech_ms] = [whole(event.latencyMs), whole(event.sinceSpeechMs)];
      add(draft, draft.response_latencies_ms, latency_ms);
      if (draft.turns.length < LIMITS.callRecordEntries) draft.turns.push({ at_ms: atMs, latency_ms, since_speech_ms });
      break;
    }
    case 'transcript':
      if (personalData && event.final) add(draft, draft.transcript, { at_ms: atMs, by: event.by, text: event.text });
      break;
    default:
      count(draft, event);
  }
}

function count(draft: Writable<CallRecordDraft>, event: TalkspurtEvent): void {
  if (event.type === 'media.underrun') {
    draft.underruns += 1;
    draft.underrun_ms += whole(event.missingMs);
  } else if (event.type === 'media.overflow') draft.overflow_bytes += event.droppedBytes;
  else if (event.type === 'media.stalled') draft.stalls += 1;
  else if (event.type === 'media.suspect') add(draft, draft.suspects, `${event.side}: ${event.suspicion}`);
  else if (event.type === 'barge-in.withdrawn') draft.barge_ins_withdrawn += 1;
  else if (event.type === 'dtmf') draft.digits += 1;
  else if (event.type === 'tool.call') draft.tool_calls += 1;
}

/** Message texts of errors stay out: codes say it, and only those are known to hold nobody's words. */
function list(draft: Writable<CallRecordDraft>, event: TalkspurtEvent, personalData: boolean): void {
  if (NOT_LISTED.has(event.type)) return;
  const { error: _error, stack: _stack, fix: _fix, ...fields } = eventFields(event, personalData);
  const at_ms = Math.round(event.atMs - draft.startedMs);
  if (draft.events.length >= LIMITS.callRecordEvents) draft.dropped_entries += 1;
  else draft.events.push({ at_ms, type: event.type, ...fields });
}

function countError(counts: Record<string, number>, code: string): void {
  counts[code] = (counts[code] ?? 0) + 1;
}

function add<T>(draft: Writable<CallRecordDraft>, entries: T[], entry: T): void {
  if (entries.length >= LIMITS.callRecordEntries) draft.dropped_entries += 1;
  else entries.push(entry);
}

function whole(ms: number): number {
  return Math.max(0, Math.round(ms));
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };
