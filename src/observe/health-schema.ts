/**
 * The JSON that `uuid_audio_stream <uuid> health` and `global_health` answer with. Field names, and what each means, are
 * an API: docs/health.md holds the JSON schema of each, and a test compares them with this file.
 */
import { z } from 'zod';

const percent = z.number().min(0).max(100);
const count = z.number().int().nonnegative();
const milliseconds = z.number().nonnegative();
const rate = z.number().int().positive().nullable();

/** How well a call does. */
export const callHealthSchema = z.enum(['HEALTHY', 'DEGRADED', 'UNHEALTHY']);

/** The state of a call as operators read it; `ERROR`: it ended, or is ending, because something failed. */
export const callStateWordSchema = z.enum([
  'NEW',
  'ANSWERING',
  'OPENING',
  'TALKING',
  'RECONNECTING',
  'ENDING',
  'ENDED',
  'ERROR',
]);

/** One call. */
export const sessionHealthSchema = z.strictObject({
  session_uuid: z.string().describe('Channel of the switch'),
  mode: z.enum(['ai', 'ws']).describe('`ai`: a backend profile; `ws`: audio streamed to a WebSocket'),
  uptime_sec: z.number().nonnegative().describe('Since the start, in seconds'),
  state: callStateWordSchema.describe('Life of the call'),
  turn: z.string().describe('Whose turn it is'),
  profile: z.string().describe('Backend profile'),
  switch: z.string().describe('Switch that the channel belongs to'),
  capture: z
    .strictObject({
      frames_sent: count.describe('Caller frames handed to the backend'),
      last_frame_ms_ago: milliseconds.nullable().describe('Age of the last frame from the switch; null: none came yet'),
      late_tick_pct: percent.describe('Ticks that began more than half a ptime late'),
      dropped_frames: count.describe('Caller frames that the backend did not take in time'),
      level_dbov: z.number().describe('Level of the caller (RFC 6464)'),
    })
    .describe('Caller to backend'),
  inject: z
    .strictObject({
      buffer_inuse_bytes: count.describe('Agent audio that waits to be said'),
      buffer_capacity_bytes: count.describe('Room for it'),
      buffer_fill_pct: percent.describe('The one in the other'),
      underrun_pct: percent.describe('Ticks of the speaking agent with nothing to say'),
      overflow_count: count.describe('Times that a bounded place was full and audio was dropped'),
      frames_sent: count.describe('Frames sent to the switch'),
      level_dbov: z.number().describe('Level of the agent (RFC 6464)'),
    })
    .describe('Backend to caller'),
  ai: z
    .strictObject({
      openai_connected: z.boolean().describe('Older name of `backend_connected`; always equal to it'),
      backend_connected: z.boolean().describe('The conversation with the backend is open'),
      backend: z.string().describe('Backend'),
      tts_queue_depth: count.describe('Phrases that wait to be said, the one being said included'),
      ring_buffer_ms: milliseconds.describe('Agent audio that waits to be said'),
      turns: count.describe('Turns of the caller'),
      barge_in_count: count.describe('Times the caller cut in'),
      reconnect_attempts: count.describe('Times a backend was dialled because one was lost'),
      failovers: count.describe('Times that another backend took the place of one that was lost'),
      unheard_ms: milliseconds.describe('Caller audio that is kept until a backend hears it'),
      response_latency_ms: milliseconds.nullable().describe('Last response: end of turn to first agent audio'),
      tts_cache_hit_pct: percent
        .nullable()
        .describe(
          'Texts of `say`, and sentences of a backend that writes, that were kept from before; null: there were none',
        ),
    })
    .describe('Backend'),
  media: z
    .strictObject({
      transport: z.string().describe('Media path; `none`: not open yet'),
      codec: z.string().nullable().describe('Codec of the leg'),
      rates: z
        .strictObject({
          leg_hz: rate.describe('Sampling rate of the leg'),
          backend_input_hz: rate.describe('Sampling rate that the backend hears'),
          backend_output_hz: rate.describe('Sampling rate that the backend says'),
        })
        .describe('Sampling rates'),
      ptime_ms: z.number().positive().nullable().describe('Packet duration'),
      jitter_ms: milliseconds.describe('Interarrival jitter'),
      buffer_ms: milliseconds.describe('Delay of the jitter buffer: what is heard, against the quickest packets'),
      buffer_target_ms: milliseconds.describe('Delay that it aims at'),
      scaled_ms: milliseconds.describe('Caller audio that was cut out or repeated to get there'),
      concealed_ms: milliseconds.describe('Caller audio that was made up because none came'),
      lost: count.describe('Frames that never came and were concealed'),
      rtt_ms: milliseconds.nullable().describe('Round-trip time by RTCP; null: not reported'),
      remote_lost: z
        .number()
        .int()
        .nullable()
        .describe('Our packets that the far end lost, by RTCP; null: not reported'),
      echo_delay_ms: milliseconds
        .nullable()
        .describe("After how long the agent's voice comes back from the caller's side; null: no echo was found"),
      erle_db: z.number().nonnegative().nullable().describe('How much of that echo is taken out, dB; null likewise'),
      pass_through: z.boolean().describe('Bytes go through unchanged; the chain only measures'),
      suspects: z.array(z.string()).describe('Audio that is not what it says it is, `caller: byte-order`, say'),
    })
    .describe('Media path'),
  orders: z
    .array(z.enum(['pause', 'mute-user', 'mute-agent', 'mask', 'hold']))
    .describe("Operators' orders that stand"),
  recording: z.boolean().describe('The call is being recorded'),
  health: callHealthSchema.describe('Judgement; see the rules'),
  reasons: z.array(z.string()).describe('The rules that were broken; empty when HEALTHY'),
});

/** The process. */
export const globalHealthSchema = z.strictObject({
  active_ws_sessions: count.describe('Calls that stream to a WebSocket'),
  active_ai_sessions: count.describe('Calls that talk to a backend'),
  total_sessions_created: count.describe('Calls since the start'),
  total_sessions_destroyed: count.describe('Calls since the start that have ended'),
  healthy: count.describe('Calls that are HEALTHY'),
  degraded: count.describe('Calls that are DEGRADED'),
  unhealthy: count.describe('Calls that are UNHEALTHY'),
  uptime_sec: z.number().nonnegative().describe('Since the start, in seconds'),
  version: z.string().describe('Version of talkspurt'),
  draining: z.boolean().describe('No new calls are taken'),
  call_limit: count.describe('Calls at once'),
  build: z
    .strictObject({
      node: z.string().describe('Version of Node'),
      platform: z.string().describe('Operating system'),
      arch: z.string().describe('Processor'),
    })
    .describe('What it runs on'),
  switch_links: z
    .array(
      z.strictObject({
        name: z.string().describe('Name in the configuration'),
        kind: z.enum(['freeswitch', 'asterisk', 'sip']).describe('Kind of switch'),
        up: z.boolean().describe('Logged in'),
        version: z
          .string()
          .nullable()
          .describe('Version that an Asterisk says it is; null: not known, or another switch'),
        media: z
          .string()
          .nullable()
          .describe('Media path that calls of an Asterisk take; null: none, not known, or another switch'),
        problem: z.string().nullable().describe('Why it can take no calls although the link is up; null: it can'),
      }),
    )
    .describe('Switches'),
  breakers: z
    .array(
      z.strictObject({
        name: z.string().describe('What it guards'),
        state: z.enum(['closed', 'open', 'half-open']).describe('`open`: not tried at present'),
      }),
    )
    .describe('Circuit breakers'),
  host: z
    .strictObject({
      loop_lag_p99_ms: z
        .number()
        .nonnegative()
        .nullable()
        .describe('How late the event loop is: the 99th percentile of ten seconds; null: nobody looks'),
      loop_lag_max_ms: z
        .number()
        .nonnegative()
        .nullable()
        .describe('The longest stop of the event loop in the last minute; null: nobody looks'),
      refusing: z
        .array(z.enum(['late-ticks', 'loop-lag', 'queues', 'ports', 'memory']))
        .describe('Why new calls are turned away; empty: they are taken'),
    })
    .describe('What the process has to bear'),
  resources: z
    .strictObject({
      call_legs: count.describe('Channels of switches that we hold'),
      dsp_in_use: count.describe('Signal chains of calls'),
      dsp_size: count.describe('Signal chains there are'),
      rtp_ports_in_use: count.describe('Pairs of RTP ports of calls'),
      rtp_ports_resting: count.describe('…that rest before their next call'),
      rtp_ports_free: count.describe('…that are free'),
      media_sockets: count.describe('Connections that switches made for their audio'),
      media_strangers: count.describe('…of these, those that have not said which call they are'),
      ari_things: count.describe('Channels and bridges of ours in Asterisk, those of callers among them'),
    })
    .describe('What calls hold; without a call all but sizes and free ports are 0 a few seconds later'),
});

/** How one call is. */
export type SessionHealthJson = z.infer<typeof sessionHealthSchema>;
/** How the process is. */
export type GlobalHealthJson = z.infer<typeof globalHealthSchema>;
/** How well a call does. */
export type CallHealth = z.infer<typeof callHealthSchema>;
/** The state of a call as operators read it. */
export type CallStateWord = z.infer<typeof callStateWordSchema>;
