/**
 * What is left of a call when it is over: one JSON object, a line of the records folder. Field names, and what each
 * means, are an API: docs/call-records.md has the table, docs/schema/call-record.json the JSON schema, both made from
 * this file. Whoever changes or removes a field raises {@link CALL_RECORD_VERSION}; a new one needs no new version.
 */
import { z } from 'zod';

/** Of the schema, in every record. */
export const CALL_RECORD_VERSION = 1;

const count = z.number().int().nonnegative();
const ms = z.number().nonnegative();
/** Since the beginning of the record. */
const at = z.number().int().describe('When, ms from `started_at`');
const moment = z.number().int().nullable();

const turn = z.strictObject({
  at_ms: at,
  latency_ms: ms.describe("From the end of the caller's turn to the agent's first audio"),
  since_speech_ms: ms.describe("From the caller's last frame of speech to the agent's first audio"),
});

const bargeIn = z.strictObject({
  at_ms: at,
  stop_ms: ms.describe('From the verdict to silence'),
  verdict_ms: ms.describe('From the onset to the verdict'),
  played_ms: ms.describe("Of the agent's answer that the caller has heard"),
});

const between = {
  at_ms: at,
  from: z.string().describe('Backend before'),
  to: z.string().describe('Backend after'),
} as const;

const reconnect = z.strictObject({
  ...between,
  attempts: count.describe('Times that one was dialled for it'),
  gap_ms: ms.describe('For how long nobody heard the caller'),
  kept_ms: ms.describe('How much of that was kept, and handed on'),
  dropped_ms: ms.describe('How much of it was not'),
});

const failover = z.strictObject({
  ...between,
  stage: z.enum(['start', 'call']).describe('When the call began, or in its middle'),
  outcome: z.enum(['succeeded', 'failed']),
  reason: z.string().describe('Code of what was wrong with the one before'),
});

const givenUp = z
  .strictObject({
    at_ms: at,
    attempts: count.describe('Times that one was dialled'),
    gap_ms: ms.describe('For how long nobody heard the caller by then'),
    action: z.string().describe('What became of the call: `reconnect.lastResort`'),
  })
  .nullable();

const milestones = z
  .strictObject({
    answering_ms: moment.describe('The switch is asked to answer'),
    opening_ms: moment.describe('It is answered; audio path and backend are being opened'),
    media_opened_ms: moment.describe('The audio path is open'),
    backend_opened_ms: moment.describe('The backend is open'),
    talking_ms: moment.describe('Both can talk'),
    first_caller_speech_ms: moment.describe('The caller is heard for the first time'),
    first_agent_audio_ms: moment.describe('The agent is heard for the first time'),
  })
  .describe('When things happened first, ms from `started_at`; null: never');

const media = z
  .strictObject({
    captured_frames: count.describe('Caller frames received and handed on'),
    sent_frames: count.describe('Frames sent to the switch'),
    lost_frames: count.describe('Caller frames that never came, or too late'),
    remote_lost: count.nullable().describe('Our packets that the switch lost (RTCP); null: it has not said'),
    jitter_ms: ms.describe('Of the arrivals, at the end'),
    buffer_ms: ms.describe("The jitter buffer's delay, at the end"),
    buffer_target_ms: ms.describe('The delay that it aims at'),
    concealed_ms: ms.describe('Caller audio that was made up'),
    scaled_ms: ms.describe('Caller audio that was cut or repeated to follow the clock of the switch'),
    clock_drift_ppm: z
      .number()
      .nullable()
      .describe('How much faster than ours the clock of the switch ran, in 10⁻⁶; null: too short a call to tell'),
    rtt_ms: ms.nullable().describe('Round trip to the switch (RTCP)'),
    ticks: count.describe('Media ticks'),
    late_ticks: count.describe('Those that began more than half a frame late'),
    speaking_ticks: count.describe('Ticks in which the agent spoke'),
    underrun_ticks: count.describe('Those in which it had nothing to say'),
    overflows: count.describe('Times that a bounded place was full'),
    dropped_to_backend: count.describe("Caller frames that the backend's socket did not take"),
    silent_ms: ms.nullable().describe('Since the last frame of the caller when the call ended; null: none ever came'),
    caller_dbov: z.number().describe("The caller's level at the end, dBov"),
    agent_dbov: z.number().describe("The agent's level at the end, dBov"),
    echo_delay_ms: ms.nullable().describe("After which the agent's voice comes back; null: no echo was found"),
    erle_db: z.number().nullable().describe('How much of it was taken out'),
    reconnects: count.describe('Times the backend was dialled again'),
  })
  .describe('Figures of the audio at the end of the call');

/** One call, over. */
export const callRecordSchema = z.strictObject({
  version: z.literal(CALL_RECORD_VERSION).describe('Of this schema'),
  session_uuid: z.string().describe('Channel of the switch'),
  switch: z.string().nullable().describe('Switch that the channel belongs to'),
  profile: z.string().nullable().describe('Profile that the call had'),
  mode: z.enum(['ai', 'ws']).nullable().describe('`ai`: a backend profile; `ws`: audio streamed to a WebSocket'),
  started_at: z.string().describe('ISO 8601, UTC'),
  duration_ms: ms.describe('From the start to the end'),
  reason: z
    .enum([
      'hangup',
      'stopped',
      'transferred',
      'backend-ended',
      'backend-failed',
      'media-failed',
      'link-lost',
      'drained',
      'error',
      'expired',
      'aborted',
    ])
    .describe(
      'Why it ended; `stopped`: an operator said so; `backend-ended`: the backend said goodbye; `aborted`: the process died, and its next start completed the record',
    ),
  hangup_cause: z.number().int().describe('ITU-T Q.850; 0: none'),
  error: z.string().nullable().describe('Code of the error that ended it'),
  errors: z.record(z.string(), count).describe('Errors of any part, by code'),
  transport: z.string().nullable().describe('Audio path'),
  leg: z.string().nullable().describe('Format of the leg'),
  backend_input: z.string().nullable().describe('Format that the backend is sent'),
  backend_output: z.string().nullable().describe('Format that it sends'),
  pass_through: z.boolean().nullable().describe('Bytes were handed on as they are'),
  backend: z.string().nullable().describe('The backend at the end'),
  backends: z.array(z.string()).describe('Every backend it had, in order'),
  backend_connect_ms: ms.nullable().describe('How long the first one took to open'),
  backend_errors: z.record(z.string(), count).describe('Errors of backends, by code'),
  // Records of before these fields are records all the same.
  backend_reconnects: z.array(reconnect).default([]).describe('Times that a lost backend was had back, or replaced'),
  backend_failovers: z.array(failover).default([]).describe('Times that the next backend of the list was tried'),
  backend_switches: z
    .array(z.strictObject({ ...between, switch_ms: ms.describe('From the order to the change') }))
    .default([])
    .describe('Times that it was changed by order'),
  backend_given_up: givenUp.default(null).describe('No backend came back; null: that did not happen'),
  unheard_ms: ms.default(0).describe('For how long, in all, no backend heard the caller'),
  milestones,
  caller_turns: count.describe('Times the caller began to speak'),
  agent_turns: count.describe('Times the agent began to speak'),
  turns: z.array(turn).describe('Answers of the agent'),
  response_latencies_ms: z.array(ms).describe('`latency_ms` of each of `turns`'),
  barge_ins: z.array(bargeIn).describe('Times the caller cut in'),
  barge_ins_withdrawn: count.describe('Times the agent paused for the caller, and went on'),
  underruns: count.describe('Reports that the agent ran dry'),
  underrun_ms: ms.describe('Audio that was missing then'),
  overflow_bytes: count.describe('Audio that was dropped because a bounded place was full'),
  stalls: count.describe('Times that nothing came from the switch for long'),
  suspects: z.array(z.string()).describe('Audio that was not what it said it was, `side: suspicion` each'),
  digits: count.describe('Keys pressed'),
  tool_calls: count.describe('Tools called'),
  media: media.nullable().describe('Figures of the audio; null: it never came to that, or the process died'),
  transcript: z
    .array(z.strictObject({ at_ms: at, by: z.enum(['caller', 'agent']), text: z.string() }))
    .describe('Personal: what was said; empty unless `records.personal`'),
  events: z
    .array(
      z.looseObject({ at_ms: at, type: z.string().describe('As in docs/events.md; the other fields are those of it') }),
    )
    .describe('What happened, in order'),
  dropped_entries: count.describe('Entries of any list that no longer fitted'),
});

/** One call, over. */
export type CallRecord = Readonly<z.infer<typeof callRecordSchema>>;
