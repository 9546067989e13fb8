/** Every symptom of the table is found in a record that has it, just there and not before, with its figures. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { callRecordSchema } from '../../../src/observe/call-record-schema.ts';
import type { CallRecord } from '../../../src/observe/call-record-schema.ts';
import { diagnose, diagnosisLines, diagnosisSchema } from '../../../src/cli/troubleshoot/diagnosis.ts';
import { SYMPTOMS } from '../../../src/cli/troubleshoot/symptoms.ts';
import { record } from './good-record.ts';

const test = suite('symptoms');

/** Symptom, a record that has it, what its evidence says, and one that just has it not. */
type Case = readonly [id: string, spoilt: CallRecord, evidence: string, almost: CallRecord];

const bargeIn = (played_ms: number) => ({ at_ms: 1, stop_ms: 40, verdict_ms: 100, played_ms });
const turn = (latency_ms: number, since_speech_ms: number) => ({ at_ms: 1, latency_ms, since_speech_ms });
const silentCaller = { caller_turns: 0, barge_ins: [], turns: [] };
const reconnect = (from: string, to: string) => ({
  ...{ at_ms: 1, from, to, attempts: 1, gap_ms: 1_600, kept_ms: 1_600, dropped_ms: 0 },
});
const failover = (stage: 'start' | 'call', outcome: 'succeeded' | 'failed') => ({
  ...{ at_ms: 7_000, from: 'a', to: 'b', stage, outcome, reason: 'ERR_TALKSPURT_BACKEND_TIMEOUT' },
});
const { milestones } = record();

const CASES: readonly Case[] = [
  ['process-died', record({ reason: 'aborted', media: null }), 'at least 40.0 s', record({ media: null })],
  ['backend-key', record({ errors: { ERR_TALKSPURT_BACKEND_AUTH: 2 } }), '2 × ERR_TALKSPURT_BACKEND_AUTH', record()],
  ['backend-key', record({ error: 'ERR_TALKSPURT_BACKEND_DENIED' }), 'ERR_TALKSPURT_BACKEND_DENIED', record()],
  ['breaker-open', record({ error: 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN' }), 'BREAKER_OPEN', record()],
  ['backend-failed', record({ reason: 'backend-failed' }), 'the call ended for it', record()],
  [
    'backend-failed',
    record({ backend_errors: { ERR_TALKSPURT_BACKEND_TIMEOUT: 1 } }),
    'ERR_TALKSPURT_BACKEND_TIMEOUT',
    record({ errors: { ERR_TALKSPURT_BACKEND_OVERFLOW: 1 } }),
  ],
  ['backend-lost', record({ media: { reconnects: 2 } }), '2 times', record()],
  [
    'backend-lost',
    record({ backend_reconnects: [reconnect('a', 'a'), reconnect('a', 'b')], unheard_ms: 3_200 }),
    'had back 2 times (a, a → b); unheard for 3.2 s in all',
    record(),
  ],
  [
    'backend-lost',
    record({ backend_given_up: { at_ms: 9, attempts: 5, gap_ms: 12_000, action: 'hangup' }, unheard_ms: 12_000 }),
    'given up 12.0 s after it was lost: hangup; unheard for 12.0 s in all',
    record(),
  ],
  [
    'failover',
    record({ backend_failovers: [failover('start', 'failed'), failover('call', 'succeeded')] }),
    'a → b after 7.0 s (ERR_TALKSPURT_BACKEND_TIMEOUT)',
    record({ backend_failovers: [failover('call', 'failed')] }),
  ],
  ['ports', record({ error: 'ERR_TALKSPURT_PORTS_EXHAUSTED' }), 'PORTS_EXHAUSTED', record()],
  ['ports', record({ error: 'ERR_TALKSPURT_MEDIA_BIND' }), 'MEDIA_BIND', record()],
  [
    'no-audio-in',
    record({ media: { captured_frames: 0, sent_frames: 1_990, silent_ms: null }, caller_turns: 0 }),
    'no frame came in 40.0 s, 1990 were sent',
    record({ media: { captured_frames: 1 } }),
  ],
  ['audio-stopped', record({ stalls: 1, media: { silent_ms: 7_500 } }), '7.5 s before the end', record()],
  ['audio-stopped', record({ error: 'ERR_TALKSPURT_MEDIA_STALLED' }), 'once', record()],
  ['garbled', record({ suspects: ['caller: byte-order'] }), 'caller: byte-order', record({ suspects: ['caller: dc'] })],
  ['garbled', record({ suspects: ['agent: too-slow'] }), 'agent: too-slow', record({ suspects: ['caller: silence'] })],
  ['distorted', record({ suspects: ['agent: clipping'] }), 'clipping', record({ suspects: ['caller: stereo'] })],
  // 1 % of 2,000.
  [
    'loss-in',
    record({ media: { captured_frames: 1_980, lost_frames: 20, concealed_ms: 400 } }),
    '20 of 2000 frames (1.0 %)',
    record({ media: { captured_frames: 1_981, lost_frames: 19 } }),
  ],
  [
    'loss-out',
    record({ media: { remote_lost: 20 } }),
    '20 of 2000 packets (1.0 %)',
    record({ media: { remote_lost: 19 } }),
  ],
  [
    'late-ticks',
    record({ media: { ticks: 2_000, late_ticks: 40 } }),
    '40 of 2000 ticks (2.0 %)',
    record({ media: { ticks: 2_000, late_ticks: 39 } }),
  ],
  ['jitter', record({ media: { jitter_ms: 30 } }), 'varied by 30 ms', record({ media: { jitter_ms: 29.9 } })],
  [
    'underrun',
    record({ underrun_ms: 700, media: { speaking_ticks: 700, underrun_ticks: 35 } }),
    '5.0 % of the agent',
    record({ media: { speaking_ticks: 700, underrun_ticks: 34 } }),
  ],
  [
    'overflow',
    record({ overflow_bytes: 320, events: [{ at_ms: 5, type: 'media.overflow', place: 'playout' }] }),
    '320 bytes dropped (playout)',
    record(),
  ],
  ['overflow', record({ media: { dropped_to_backend: 7 } }), '7 frames not taken', record()],
  [
    'clock-drift',
    record({ media: { clock_drift_ppm: -10_000 } }),
    '10000 ppm too slow: 10 ms each second',
    record({ media: { clock_drift_ppm: 499 } }),
  ],
  [
    'echo',
    record({ barge_ins: [bargeIn(400), bargeIn(900)], agent_turns: 5 }),
    '2 of 5 answers were cut, after 650 ms (median); no echo was found',
    record({ barge_ins: [bargeIn(400), bargeIn(900)], agent_turns: 6 }),
  ],
  [
    'echo',
    record({ barge_ins: [bargeIn(4_000), bargeIn(9_000)], agent_turns: 4, media: { echo_delay_ms: 180, erle_db: 9 } }),
    'an echo was found after 180 ms, 9 dB',
    // Callers do cut in.
    record({ barge_ins: [bargeIn(4_000), bargeIn(9_000)], agent_turns: 4 }),
  ],
  [
    'false-barge-in',
    record({ barge_ins_withdrawn: 3 }),
    '3 times for nothing, and once',
    record({ barge_ins_withdrawn: 2 }),
  ],
  [
    'caller-muted',
    record({ ...silentCaller, media: { caller_dbov: -66 } }),
    '2000 frames came, at -66 dBov',
    record({ media: { caller_dbov: -66 } }),
  ],
  ['caller-muted', record({ ...silentCaller, suspects: ['caller: silence'] }), '-32 dBov', record(silentCaller)],
  [
    'caller-quiet',
    record({ ...silentCaller, media: { caller_dbov: -50 } }),
    '-50 dBov',
    record({ ...silentCaller, media: { caller_dbov: -45 } }),
  ],
  [
    'caller-not-noticed',
    record({ ...silentCaller, media: { caller_dbov: -45 } }),
    '-45 dBov',
    record({ ...silentCaller, duration_ms: 9_999 }),
  ],
  [
    'agent-silent',
    record({ milestones: { ...milestones, first_agent_audio_ms: null } }),
    'spoke 3 times and got no answer',
    record({ milestones: { ...milestones, first_agent_audio_ms: null }, mode: 'ws' }),
  ],
  [
    'slow-backend',
    record({ turns: [turn(1_400, 1_500), turn(1_600, 1_700)] }),
    '1500 ms from the end of the turn',
    record({ turns: [turn(1_400, 1_500), turn(1_598, 1_700)] }),
  ],
  [
    'slow-endpoint',
    record({ turns: [turn(500, 1_500)] }),
    '1000 ms from the last word',
    record({ turns: [turn(500, 1_499)] }),
  ],
  ['slow-buffer', record({ media: { buffer_ms: 150 } }), 'held 150 ms', record({ media: { buffer_ms: 149 } })],
  ['slow-buffer', record({ media: { rtt_ms: 300 } }), 'takes 300 ms', record({ media: { rtt_ms: null } })],
  ['slow-start', record({ backend_connect_ms: 2_000 }), '2000 ms', record({ backend_connect_ms: 1_999 })],
  ['link', record({ errors: { ERR_TALKSPURT_LINK_AUTH: 1 } }), 'LINK_AUTH', record()],
  ['link', record({ reason: 'link-lost' }), 'ended with the link', record()],
  ['no-audio-path', record({ error: 'ERR_TALKSPURT_UNICAST_SILENT' }), 'UNICAST_SILENT', record()],
  ['no-audio-path', record({ error: 'ERR_TALKSPURT_MODULE_UNFIT' }), 'MODULE_UNFIT', record()],
  ['defect', record({ error: 'ERR_TALKSPURT_INTERNAL' }), 'INTERNAL', record()],
  ['ended-by-us', record({ reason: 'drained' }), 'drained after 40.0 s', record({ reason: 'stopped' })],
  ['ended-by-us', record({ reason: 'expired' }), 'expired', record()],
  [
    'backend-goodbye',
    record({ reason: 'backend-ended', backend: 'own' }),
    'own said goodbye after 40.0 s',
    record({ reason: 'stopped' }),
  ],
  ['network-hangup', record({ hangup_cause: 41 }), 'cause 41 NORMAL_TEMPORARY_FAILURE', record({ hangup_cause: 31 })],
  [
    'early-hangup',
    record({ duration_ms: 4_999 }),
    'hung up after 5.0 s; the agent began after 0.9 s',
    record({ duration_ms: 5_000 }),
  ],
];

test('a good call has none', () => {
  assert.ok(callRecordSchema.safeParse(record()).success);
  assert.equal(diagnose(record()).causes, []);
  assert.ok(diagnosisLines(diagnose(record())).includes('The record shows nothing wrong.'));
});

for (const [index, [id, spoilt, evidence, almost]] of CASES.entries()) {
  test(`${id} (${index})`, () => {
    assert.ok(callRecordSchema.safeParse(spoilt).success, 'the record is one');
    const { causes } = diagnose(spoilt);
    const found = causes.find((cause) => cause.id === id);
    assert.ok(found, `found: ${causes.map((cause) => cause.id).join(', ') || 'none'}`);
    assert.ok(found.evidence.includes(evidence), found.evidence);
    assert.not.ok(
      diagnose(almost).causes.some((cause) => cause.id === id),
      'not where it is not',
    );
    assert.ok(diagnosisSchema.safeParse(diagnose(spoilt)).success);
  });
}

test('each symptom has its case, and one name', () => {
  const ids = SYMPTOMS.map(({ id }) => id);
  assert.is(new Set(ids).size, ids.length);
  assert.equal([...new Set(CASES.map(([id]) => id))].sort(), [...ids].sort());
});

test('the surest cause is told first, and what is certain does not hide what may be', () => {
  const { causes } = diagnose(record({ duration_ms: 3_000, backend_connect_ms: 2_500, media: { jitter_ms: 80 } }));
  assert.equal(
    causes.map(({ id, certainty }) => `${id} ${certainty}`),
    ['slow-start certain', 'jitter likely', 'early-hangup possible'],
  );
});

test.run();
