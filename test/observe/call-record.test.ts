import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Clock } from '../../src/core/clock.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { LIMITS } from '../../src/limits.ts';
import { callRecordSchema } from '../../src/observe/call-record-schema.ts';
import { CallRecordSink, withoutPersonal } from '../../src/observe/call-record.ts';
import type { CallRecord } from '../../src/observe/call-record.ts';
import { everyEvent } from './every-event.ts';
import { session } from './session-snapshot.ts';

const clock = { nowMs: () => 5_000, wallTimeMs: () => Date.UTC(2026, 0, 2, 3, 4, 9) } as unknown as Clock;

function sink(personalData = false): { records: CallRecord[]; emit(event: TalkspurtEvent): void } {
  const records: CallRecord[] = [];
  const record = new CallRecordSink({ clock, personalData, onRecord: (each) => void records.push(each) });
  return { records, emit: (event) => record.emit(event) };
}

test('the events of a call become its record', () => {
  const { records, emit } = sink();
  for (const event of everyEvent('PERSONAL', 'u-1', 1_000)) emit(event);
  assert.is(records.length, 1);
  const { events, ...record } = records[0]!;
  assert.equal(record, {
    version: 1,
    session_uuid: 'u-1',
    switch: null,
    profile: null,
    mode: null,
    started_at: '2026-01-02T03:04:05.000Z',
    duration_ms: 30_000,
    reason: 'hangup',
    hangup_cause: 16,
    error: null,
    errors: { ERR_TALKSPURT_BACKEND_API: 5 },
    transport: 'unicast',
    leg: 'pcmu/8000@20ms',
    backend_input: 'pcmu/8000',
    backend_output: 'pcmu/8000',
    pass_through: true,
    backend: 'openai',
    backends: ['openai'],
    backend_connect_ms: 250,
    backend_errors: { ERR_TALKSPURT_BACKEND_API: 1 },
    backend_reconnects: [
      { at_ms: 0, from: 'openai', to: 'openai', attempts: 2, gap_ms: 900, kept_ms: 900, dropped_ms: 0 },
    ],
    backend_failovers: [
      {
        ...{ at_ms: 0, from: 'openai', to: 'other', stage: 'call', outcome: 'succeeded' },
        reason: 'ERR_TALKSPURT_BACKEND_CLOSED',
      },
    ],
    backend_switches: [{ at_ms: 0, from: 'other', to: 'openai', switch_ms: 300 }],
    backend_given_up: { at_ms: 0, attempts: 5, gap_ms: 9_000, action: 'hangup' },
    unheard_ms: 9_900,
    milestones: {
      answering_ms: 0,
      opening_ms: null,
      media_opened_ms: 0,
      backend_opened_ms: 0,
      talking_ms: null,
      first_caller_speech_ms: 0,
      first_agent_audio_ms: null,
    },
    caller_turns: 1,
    agent_turns: 0,
    turns: [{ at_ms: 0, latency_ms: 640, since_speech_ms: 1_140 }],
    response_latencies_ms: [640],
    barge_ins: [{ at_ms: 0, stop_ms: 40, verdict_ms: 120, played_ms: 2_000 }],
    barge_ins_withdrawn: 1,
    underruns: 1,
    underrun_ms: 60,
    overflow_bytes: 320,
    stalls: 1,
    suspects: ['caller: byte-order'],
    digits: 1,
    tool_calls: 1,
    media: null,
    transcript: [],
    dropped_entries: 0,
  });
  assert.ok(callRecordSchema.safeParse(records[0]).success, 'it is what the schema says');
  assert.not.match(JSON.stringify(records[0]), 'PERSONAL');
  const types = events.map(({ type }) => type);
  const told = everyEvent().filter(
    ({ callId, type }) => callId !== undefined && !/^(transcript|backend.message)$/.test(type),
  );
  assert.equal(
    types,
    told.map(({ type }) => type),
  );
  const switched = events.find(({ type }) => type === 'backend.switched');
  assert.equal(switched, { at_ms: 0, type: 'backend.switched', backend: 'openai', previous: 'other', switchMs: 300 });
});

test('what happens to the process is told in every call that is up, and in no other', () => {
  const { records, emit } = sink();
  const breaker = everyEvent().find(({ type }) => type === 'breaker');
  emit({ type: 'call.state', state: 'answering', previous: 'new', callId: 'a', atMs: 1_000 });
  emit({ ...breaker!, atMs: 1_400 });
  emit({ type: 'call.ended', reason: 'hangup', hangupCause: 16, durationMs: 1_000, callId: 'a', atMs: 2_000 });
  emit({ type: 'call.ended', reason: 'hangup', hangupCause: 16, durationMs: 1, callId: 'b', atMs: 2_000 });
  assert.equal(records[0]?.events[1], {
    at_ms: 400,
    type: 'breaker',
    breaker: 'openai:connection',
    state: 'open',
    previous: 'closed',
    reason: 'ERR_TALKSPURT_BACKEND_TIMEOUT',
  });
  assert.equal(
    records[1]?.events.map(({ type }) => type),
    ['call.ended'],
  );
});

test('a record waits for the figures of its call, and a call that has none gets none', () => {
  const records: CallRecord[] = [];
  const gathering = new CallRecordSink({
    clock,
    personalData: false,
    awaitsFigures: true,
    onRecord: (each) => void records.push(each),
  });
  const end = {
    type: 'call.ended',
    reason: 'hangup',
    hangupCause: 16,
    durationMs: 90_000,
    callId: 'u',
    atMs: 0,
  } as const;
  gathering.emit(end);
  assert.is(records.length, 0);
  gathering.recordEnded(session({ callId: 'u', uptimeMs: 90_000, driftMs: -45, lastFrameAgeMs: null }));
  assert.is(records.length, 1);
  assert.equal([records[0]?.switch, records[0]?.profile, records[0]?.mode], ['local', 'reception', 'ai']);
  // 45 ms in 90 s that the switch was slow: −500 in a million.
  assert.is(records[0]?.media?.clock_drift_ppm, -500);
  assert.equal([records[0]?.media?.lost_frames, records[0]?.media?.silent_ms], [2, null]);
  assert.ok(callRecordSchema.safeParse(records[0]).success);
  gathering.recordEnded(session({ callId: 'u' }));
  assert.is(records.length, 1, 'once');
  gathering.emit(end);
  gathering.emit(end);
  assert.equal(
    [records.length, records[1]?.media],
    [2, null],
    'the channel has another call: the one before is given up on',
  );
});

test('records of calls that are up say that they were aborted', () => {
  let begun = 0;
  const gathering = new CallRecordSink({
    clock,
    personalData: true,
    onRecord: () => undefined,
    onBegin: () => (begun += 1),
  });
  for (const event of everyEvent('PERSONAL', 'u-1', 1_000)) if (event.type !== 'call.ended') gathering.emit(event);
  const [open] = gathering.open();
  assert.equal([begun, open?.reason, open?.duration_ms], [1, 'aborted', 4_000]);
  assert.ok(callRecordSchema.safeParse(open).success);
  assert.match(JSON.stringify(open), 'PERSONAL');
  const kept = withoutPersonal(open!);
  assert.not.match(JSON.stringify(kept), 'PERSONAL');
  assert.equal(
    kept.events.map(({ type }) => type),
    open?.events.map(({ type }) => type),
  );
});

test('a record without what is personal is the one that would have been gathered without it, words of peers included', () => {
  const at = { callId: 'u-1', atMs: 2_000 } as const;
  const faults = [
    { place: 'response', peerMessage: 'PERSONAL' },
    { closeCode: 1011, closeReason: 'PERSONAL' },
    { status: 401, peerMessage: 'a key that is no key' },
    { place: 'session set-up', peerMessage: 'no such model' },
  ].map((details) => new TalkspurtError('ERR_TALKSPURT_BACKEND_API', 'no', { details }));
  const [all, none] = [sink(true), sink(false)];
  for (const { emit } of [all, none]) {
    for (const event of everyEvent('PERSONAL', 'u-1', 1_000)) {
      if (event.type === 'call.ended') {
        for (const error of faults) emit({ type: 'backend.error', backend: 'ai', error, ...at });
        emit({ type: 'backend.refused', backend: 'ai', error: faults[1]!, connectMs: 1, ...at });
      }
      emit(event);
    }
  }
  const kept = withoutPersonal(all.records[0]!);
  assert.equal(kept, none.records[0]);
  assert.match(JSON.stringify(all.records[0]), '"peerMessage":"PERSONAL"');
  assert.match(JSON.stringify(kept), 'no such model');
});

test('what was said is kept only where personal data is', () => {
  const { records, emit } = sink(true);
  for (const event of everyEvent('PERSONAL')) emit(event);
  assert.equal(records[0]?.transcript, [{ at_ms: 0, by: 'caller', text: 'PERSONAL' }]);
});

test('a call that failed names the code', () => {
  const { records, emit } = sink();
  const error = new TalkspurtError('ERR_TALKSPURT_MEDIA_STALLED', 'silent');
  emit({ type: 'call.ended', reason: 'media-failed', hangupCause: 41, durationMs: 1, error, callId: 'u', atMs: 0 });
  assert.equal([records[0]?.error, records[0]?.reason], ['ERR_TALKSPURT_MEDIA_STALLED', 'media-failed']);
});

test('calls do not mix, and a second call of the same channel starts anew', () => {
  const { records, emit } = sink();
  const end = { type: 'call.ended', reason: 'hangup', hangupCause: 16, durationMs: 1 } as const;
  emit({ type: 'dtmf', digit: '1', durationMs: 1, callId: 'a', atMs: 0 });
  emit({ type: 'dtmf', digit: '1', durationMs: 1, callId: 'b', atMs: 0 });
  emit({ type: 'dtmf', digit: '1', durationMs: 1, callId: 'b', atMs: 0 });
  emit({ ...end, callId: 'b', atMs: 1 });
  emit({ ...end, callId: 'a', atMs: 1 });
  emit({ ...end, callId: 'a', atMs: 2 });
  assert.equal(
    records.map(({ session_uuid, digits }) => [session_uuid, digits]),
    [
      ['b', 2],
      ['a', 1],
      ['a', 0],
    ],
  );
});

test('lists are bounded and what did not fit is counted; calls that never end are bounded', () => {
  const { records, emit } = sink();
  for (let i = 0; i < LIMITS.callRecordEntries + 7; i += 1) {
    emit({ type: 'turn.response-latency', latencyMs: i, sinceSpeechMs: i, callId: 'a', atMs: i });
  }
  emit({ type: 'call.ended', reason: 'hangup', hangupCause: 16, durationMs: 1, callId: 'a', atMs: 9 });
  const { callRecordEntries: most, callRecordEvents } = LIMITS;
  assert.equal([records[0]?.response_latencies_ms.length, records[0]?.turns.length], [most, most]);
  assert.is(records[0]?.events.length, callRecordEvents);
  assert.is(records[0]?.dropped_entries, 7 + (most + 7 + 1 - callRecordEvents));
  for (let i = 0; i <= LIMITS.callRecords; i += 1) {
    emit({ type: 'dtmf', digit: '1', durationMs: 1, callId: `u-${i}`, atMs: 0 });
  }
  emit({ type: 'call.ended', reason: 'hangup', hangupCause: 16, durationMs: 1, callId: 'u-0', atMs: 9 });
  assert.is(records[1]?.digits, 0, 'the oldest was given up');
});

test.run();
