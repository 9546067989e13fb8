/**
 * Bodies of the CUSTOM events that we publish beside mod_audio_stream's own. Member names, and what each means, are an
 * API: docs/schema/switch-events.json holds the JSON schemas, and a test compares them with this file.
 */
import { z } from 'zod';

const milliseconds = z.number().nonnegative().describe('Milliseconds');
const speaker = z.enum(['caller', 'agent']).describe('Who spoke');
const errorCode = z
  .string()
  .regex(/^ERR_TALKSPURT_[A-Z_]+$/)
  .describe('What failed; absent: nothing');

const callState = z.enum(['new', 'answering', 'opening', 'talking', 'reconnecting', 'ending', 'ended']);

/** `mod_audio_stream::ai_state`: the life of the call, or whose turn it is, has changed. */
const aiState = z.discriminatedUnion('scope', [
  z.strictObject({
    scope: z.literal('call'),
    state: callState.describe('Life of the call'),
    previous: callState,
  }),
  z.strictObject({
    scope: z.literal('turn'),
    state: z.enum(['listening', 'caller-speaking', 'thinking', 'agent-speaking', 'yielding']).describe('Whose turn'),
    previous: z.enum(['listening', 'caller-speaking', 'thinking', 'agent-speaking', 'yielding']),
  }),
  z.strictObject({
    scope: z.literal('end'),
    reason: z.string().describe('Why our part in the call is over'),
    hangup_cause: z.number().int().describe('ITU-T Q.850'),
    duration_ms: milliseconds,
    error: errorCode.optional(),
  }),
  z.strictObject({
    scope: z.literal('backend'),
    backend: z.string().describe('Backend that answers from now on'),
    previous: z.string(),
    switch_ms: milliseconds,
  }),
  z.strictObject({
    scope: z.literal('reconnect'),
    stage: z.enum(['seeking', 'back', 'failed']).describe('What becomes of a backend that was lost'),
    backend: z.string().describe('Backend that is sought, or is there again'),
    attempts: z.number().int().nonnegative().describe('Attempts until now, the one that is about to be made included'),
    error: errorCode.optional(),
  }),
  z.strictObject({
    scope: z.literal('failover'),
    backend: z.string().describe('Backend that was tried in the place of the other'),
    previous: z.string(),
    at_start: z.boolean().describe('Before the call began to talk'),
    succeeded: z.boolean(),
    error: errorCode,
  }),
  z.strictObject({
    scope: z.literal('order'),
    order: z.enum(['pause', 'mute-user', 'mute-agent', 'mask', 'hold']).describe("Operator's order"),
    on: z.boolean(),
  }),
  z.strictObject({
    scope: z.literal('transfer'),
    stage: z.enum(['dialling', 'joined', 'failed']).describe('What becomes of an attended transfer'),
    error: errorCode.optional(),
  }),
  z.strictObject({
    scope: z.literal('progress'),
    signal: z
      .enum(['dial', 'busy', 'congestion', 'ringback', 'fax-calling', 'fax-answer', 'beep'])
      .describe('Tone of the network, or of a machine that answered'),
  }),
]);

/** `mod_audio_stream::ai_transcript`. Personal: published only where that is configured. */
const aiTranscript = z.strictObject({
  by: speaker,
  final: z.boolean().describe('False: `text` is what came on top; true: it is the whole'),
  text: z.string().describe('Personal'),
});

/** `mod_audio_stream::ai_response`: the agent begins or ends a spell of speech. */
const aiResponse = z.discriminatedUnion('phase', [
  z.strictObject({
    phase: z.literal('latency'),
    latency_ms: milliseconds.describe("From the end of the caller's turn to the agent's first frame"),
    since_speech_ms: milliseconds.describe("From the caller's last frame of speech to the agent's first frame"),
  }),
  z.strictObject({ phase: z.literal('started') }),
  z.strictObject({ phase: z.literal('stopped'), duration_ms: milliseconds }),
]);

/** `mod_audio_stream::barge_in`: the caller cut in. */
const bargeIn = z.strictObject({
  stop_ms: milliseconds.describe("From the caller's first frame of speech to the agent's last frame"),
  verdict_ms: milliseconds.describe("From the caller's first frame of speech to the answer being called off"),
  played_ms: milliseconds.describe('How much of the phrase had left for the caller'),
  dropped_ms: milliseconds.describe('Audio that was never heard'),
});

/** `mod_audio_stream::dtmf`. `digit` is personal: it is there only where that is configured. */
const dtmf = z.strictObject({
  digit: z.string().length(1).optional().describe('Personal'),
  duration_ms: milliseconds,
});

/** `mod_audio_stream::telemetry`: how the audio flows. */
const telemetry = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('periodic'),
    uptime_sec: z.number().nonnegative(),
    jitter_ms: milliseconds,
    lost: z.number().int().nonnegative().describe('Frames that never came and were concealed'),
    late_tick_pct: z.number().min(0).max(100),
    underrun_pct: z.number().min(0).max(100),
    response_latency_ms: milliseconds.nullable(),
    capture_level_dbov: z.number(),
    inject_level_dbov: z.number(),
    events_dropped: z.number().int().nonnegative().describe('Events of this switch that were not published'),
  }),
  z.strictObject({ kind: z.literal('stalled'), silent_ms: milliseconds }),
  z.strictObject({
    kind: z.literal('suspect'),
    side: z.enum(['caller', 'agent']).describe('Whose audio'),
    suspicion: z
      .enum([
        'silence',
        'dc',
        'clipping',
        'constant',
        'stereo',
        'byte-order',
        'ulaw',
        'alaw',
        'l16',
        'too-slow',
        'too-fast',
      ])
      .describe('How it is not what it says it is'),
    fix: z.string().describe('What to do'),
  }),
  z.strictObject({ kind: z.literal('underrun'), missing_ms: milliseconds }),
  z.strictObject({
    kind: z.literal('overflow'),
    place: z.enum(['jitter', 'playout', 'backend']).describe('What was full'),
    dropped_bytes: z.number().int().nonnegative(),
  }),
]);

/** What follows `mod_audio_stream::` → the schema of its body. `health` is the one of docs/schema/session-health.json. */
export const SWITCH_EVENT_SCHEMAS = {
  ai_state: aiState,
  ai_transcript: aiTranscript,
  ai_response: aiResponse,
  barge_in: bargeIn,
  dtmf,
  telemetry,
} as const;

/** Events that have a schema of our own. */
export type OwnEventName = keyof typeof SWITCH_EVENT_SCHEMAS;
/** Body of one of them. */
export type OwnEventBody<Name extends OwnEventName> = z.infer<(typeof SWITCH_EVENT_SCHEMAS)[Name]>;

/** The JSON schemas as docs/schema/switch-events.json has them. */
export function switchEventsJsonSchema(): object {
  const definitions = Object.entries(SWITCH_EVENT_SCHEMAS).map(([name, schema]) => {
    const { $schema: _, ...rest } = z.toJSONSchema(schema) as Record<string, unknown>;
    return [name, rest] as const;
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Bodies of the CUSTOM events mod_audio_stream::<name>',
    $defs: Object.fromEntries(definitions),
  };
}
