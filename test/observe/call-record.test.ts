import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Clock } from '../../src/core/clock.ts';
import { TalkspurtError } from '../../src/core/errors.ts';
import type { TalkspurtEvent } from '../../src/core/events.ts';
import { LIMITS } from '../../src/limits.ts';
import { CallRecordSink } from '../../src/observe/call-record.ts';
import type { CallRecord } from '../../src/observe/call-record.ts';
import { everyEvent } from './every-event.ts';

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
  assert.equal(records[0], {
    session_uuid: 'u-1',
    started_at: '2026-01-02T03:04:05.000Z',
    duration_ms: 30_000,
    reason: 'hangup',
    hangup_cause: 16,
    error: null,
    transport: 'unicast',
    leg: 'pcmu/8000@20ms',
    pass_through: true,
    backend: 'openai',
    backend_connect_ms: 250,
    backend_errors: { ERR_TALKSPURT_BACKEND_API: 1 },
    caller_turns: 1,
    agent_turns: 0,
    barge_ins: [{ at_ms: 0, stop_ms: 40, verdict_ms: 120, played_ms: 2_000 }],
    response_latencies_ms: [640],
    underruns: 1,
    underrun_ms: 60,
    overflow_bytes: 320,
    stalls: 1,
    digits: 1,
    tool_calls: 1,
    transcript: [],
    dropped_entries: 0,
  });
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
  assert.equal([records[0]?.response_latencies_ms.length, records[0]?.dropped_entries], [LIMITS.callRecordEntries, 7]);
  for (let i = 0; i <= LIMITS.callRecords; i += 1) {
    emit({ type: 'dtmf', digit: '1', durationMs: 1, callId: `u-${i}`, atMs: 0 });
  }
  emit({ type: 'call.ended', reason: 'hangup', hangupCause: 16, durationMs: 1, callId: 'u-0', atMs: 9 });
  assert.is(records[1]?.digits, 0, 'the oldest was given up');
});

test.run();
