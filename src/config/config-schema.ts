/**
 * The configuration: every key with its meaning, default and bounds, in one place. docs/configuration.md and the JSON
 * schema for editors (docs/schema/config.json) are made from this file.
 */
import { z } from 'zod';
import { RESAMPLINGS, VAD_KINDS } from '../dsp/dsp.ts';
import { LIMITS } from '../limits.ts';
import { DEFAULT_SESSION_OPTIONS } from '../session/session-options.ts';
import { asterisk } from './config-asterisk.ts';
import { deepgram, embedded, gemini, openai, websocket } from './config-backends.ts';
import { frontDoor, outboundSocket, recordings, sip, sounds, status, targets } from './config-doors.ts';
import { NAME_PATTERN, share } from './config-fields.ts';
import { records } from './config-records.ts';
import { breakers, reconnect } from './config-resilience.ts';
import { farewell, overload, watchdogs } from './config-watchdogs.ts';
import { freeswitch, modules } from './config-switches.ts';

const session = DEFAULT_SESSION_OPTIONS;
const log = z
  .strictObject({
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .describe('Least severe line that is written'),
    format: z.enum(['json', 'pretty']).default('json').describe('`json`: one object a line; `pretty`: for people'),
    file: z
      .string()
      .min(1)
      .max(4_096)
      .optional()
      .describe('File that lines are added to, in place of standard error; SIGHUP opens it anew'),
    personalData: z
      .boolean()
      .default(false)
      .describe('Write what people say, dial and are called from into the log; without it those fields are dropped'),
  })
  .prefault({})
  .describe('Log, written to standard error unless a file is given');

const endpointer = z
  .strictObject({
    speechThreshold: share
      .default(session.endpointer.speechThreshold)
      .describe('A frame at or above this probability is speech'),
    silenceThreshold: share
      .default(session.endpointer.silenceThreshold)
      .describe('In speech, a frame below this probability is silence'),
    startMs: z
      .number()
      .int()
      .min(10)
      .max(1_000)
      .default(session.endpointer.startMs)
      .describe('Speech that confirms an onset while the agent is silent'),
    bargeInMs: z
      .number()
      .int()
      .min(10)
      .max(2_000)
      .default(session.endpointer.bargeInMs)
      .describe('Speech that confirms an onset while the agent speaks'),
    stopMs: z
      .number()
      .int()
      .min(100)
      .max(5_000)
      .default(session.endpointer.stopMs)
      .describe('Silence that ends the turn'),
  })
  .prefault({})
  .describe('Where speech begins and ends');

/** 0, or within the bounds. */
const zeroOr = (low: number, high: number) => z.union([z.literal(0), z.number().min(low).max(high)]);
const cleaning = z
  .strictObject({
    highPassHz: zeroOr(20, 1_000)
      .default(session.capture.highPassHz)
      .describe('Cut-off of the high-pass that takes hum and rumble away, Hz; 100 does for a telephone. 0: none'),
    noiseSuppressionDb: zeroOr(1, 18)
      .default(session.capture.noiseSuppressionDb)
      .describe('How far steady noise goes down, dB; 12 leaves no trace, and delays by 10 ms. 0: not at all'),
    agcTargetDbov: zeroOr(-40, -6)
      .default(session.capture.agcTargetDbov)
      .describe("Level that the caller's voice is brought to, dBov; -22, say. 0: its own"),
  })
  .prefault({})
  .describe("How the caller's voice is cleaned before the backend hears it; what is on ends the pass-through");

const profile = z.strictObject({
  backend: z.string().optional().describe('Name of a backend'),
  backends: z
    .array(z.string())
    .min(1)
    .max(8)
    .optional()
    .describe('Instead of `backend`: names in the order in which they are tried'),
  bargeIn: z.boolean().default(session.bargeIn).describe('Whether the caller may cut in'),
  turnOwner: z
    .enum(['backend', 'endpointer'])
    .default(session.turnOwner)
    .describe('Who decides that the caller has finished: the backend (where it can), or our endpointer'),
  greeting: z
    .string()
    .max(8_192)
    .default(session.greeting)
    .describe('What the agent is asked to open the call with; empty: it waits to be spoken to'),
  endpointer,
  prebufferMs: z
    .number()
    .int()
    .min(0)
    .max(5_000)
    .default(session.prebufferMs)
    .describe('Agent audio that gathers before it is heard'),
  playoutMaximumMs: z
    .number()
    .int()
    .min(100)
    .max(LIMITS.playoutMs)
    .default(session.playoutMaximumMs)
    .describe('Agent audio that may wait to be heard; what does not fit is dropped and counted'),
  underrunReportMs: z
    .number()
    .int()
    .min(100)
    .max(60_000)
    .default(session.underrunReportMs)
    .describe('Shortest time between two reports that the agent ran dry'),
  shaping: z
    .boolean()
    .default(session.shaping)
    .describe("Whether the agent's voice goes through the compressor and the low-pass"),
  compressorThresholdDb: z
    .number()
    .min(-60)
    .max(0)
    .default(session.compressorThresholdDb)
    .describe('Level above which the compressor works, dBov'),
  compressorMakeupDb: z
    .number()
    .min(0)
    .max(24)
    .default(session.compressorMakeupDb)
    .describe('Gain behind the compressor, dB'),
  lowPassHz: z
    .number()
    .int()
    .min(100)
    .max(20_000)
    .default(session.lowPassHz)
    .describe('Cut-off of the low-pass, Hz; from 0.45 of the rate of the leg on it is not there'),
  capture: cleaning,
  dtmf: z
    .enum(['rfc4733', 'inband', 'both'])
    .default(session.dtmf)
    .describe(
      'Where keys are heard: as the leg tells of them (telephone-events), in the audio, or both without hearing one twice; ' +
        '`inband` also presses them in the audio',
    ),
  progressTones: z
    .enum(['never', 'outbound', 'always'])
    .default(session.progressTones)
    .describe('On which calls dial, busy and ringback tones, faxes and beeps of answering machines are listened for'),
  lieDetector: z
    .boolean()
    .default(session.lieDetector)
    .describe('Whether audio that is not what it says it is (wrong codec, byte order, stereo, silence …) is reported'),
  echoCanceller: z
    .enum(['auto', 'on', 'off'])
    .default(session.echoCanceller)
    .describe(
      "The agent's own voice is taken out of what the caller sends: once an echo was found, as soon as one is suspected, never",
    ),
  speechCache: z
    .boolean()
    .default(session.speechCache)
    .describe('Whether what `say` has our own voice speak is kept for the next time'),
  duckGain: share
    .default(session.duckGain)
    .describe(
      "The agent's level while the caller may be cutting in; 0: it waits, and goes on where it was if the caller did not",
    ),
  vad: z
    .enum(VAD_KINDS)
    .default(session.vad)
    .describe('Who hears the caller speak: a small neural net, or a statistical detector at half its cost'),
  vadAggressiveness: z
    .union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)])
    .default(session.vadAggressiveness)
    .describe('0 hears the most speech, 3 rejects the most noise'),
  resampling: z
    .enum(RESAMPLINGS)
    .default(session.resampling)
    .describe(
      'Filters between rates, for 8 kHz as the slower one: `strict` 3 ms, nothing from 4.08 kHz on is folded back; `low-delay` 2 ms, nothing from 4.45 kHz on; `minimum-phase` where 2, 3 or 6 samples become one 0.2 ms at 1 kHz and 1.0 ms at 3.4 kHz, as strict against what folds back, and every other pair of rates as `strict`',
    ),
  hangupOnBackendFailure: z
    .boolean()
    .default(session.hangupOnBackendFailure)
    .describe('Hang the channel up when the backend fails (cause 41); otherwise it is left to the switch'),
  reconnect,
  maxDurationMs: z
    .number()
    .int()
    .min(0)
    .max(7 * 86_400_000)
    .default(session.maxDurationMs)
    .describe('The call is ended after this long; 0: never'),
  staleMs: z
    .number()
    .int()
    .min(0)
    .max(7 * 86_400_000)
    .default(session.staleMs)
    .describe('A call on which nobody is heard, nothing is said and nothing happens for this long is ended; 0: never'),
});

const limits = z
  .strictObject({
    calls: z
      .number()
      .int()
      .min(1)
      .max(2_000)
      .default(LIMITS.calls)
      .describe('Calls at once; each has a DSP instance of its own'),
  })
  .prefault({})
  .describe('Bounds that may be moved');

/** The file as a whole, before secrets are read and references are checked. */
export const configSchema = z.strictObject({
  log,
  status,
  frontDoor,
  switches: z
    .array(z.discriminatedUnion('kind', [freeswitch, asterisk]))
    .max(64)
    .default([])
    .describe('Switches to attach to'),
  backends: z
    .record(
      z.string().regex(NAME_PATTERN),
      z.discriminatedUnion('kind', [openai, deepgram, gemini, websocket, embedded]),
    )
    .default({})
    .describe('Backends by name'),
  profiles: z
    .record(z.string().regex(NAME_PATTERN), profile)
    .default({})
    .describe('Profiles by name: what `start <profile>` gives a call'),
  sounds,
  recordings,
  records,
  targets,
  outboundSocket,
  sip,
  modules,
  drainSeconds: z
    .number()
    .min(0)
    .max(86_400)
    .default(5)
    .describe('How long a stop or `drain` waits for calls to end by themselves, s'),
  leaveSeconds: z
    .number()
    .min(0)
    .max(600)
    .default(0)
    .describe(
      'How long a stop still takes calls after `/readyz` has turned 503, s: what a load balancer needs to see it',
    ),
  farewell,
  watchdogs,
  overload,
  breakers,
  limits,
});

/** The file with its defaults filled in. */
export type ConfigDocument = z.infer<typeof configSchema>;
