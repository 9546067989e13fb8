/**
 * The configuration: every key with its meaning, default and bounds, in one place. docs/configuration.md and the JSON
 * schema for editors (docs/schema/config.json) are made from this file.
 */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { DEFAULT_SESSION_OPTIONS } from '../session/session-options.ts';

/** Names of switches, backends and profiles: usable as a word of a command and in a variable's name. */
export const NAME_PATTERN = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;

const session = DEFAULT_SESSION_OPTIONS;
const host = z.string().min(1).max(255);
const port = z.number().int().min(1).max(65_535);
const listenPort = z.number().int().min(0).max(65_535);
const filePath = z.string().min(1).max(4_096);
const secret = z.string().min(1).max(16_384);
const timeoutMs = z.number().int().min(100).max(600_000);
const share = z.number().min(0).max(1);

const log = z
  .strictObject({
    level: z
      .enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
      .default('info')
      .describe('Least severe line that is written'),
    format: z.enum(['json', 'pretty']).default('json').describe('`json`: one object a line; `pretty`: for people'),
    personalData: z
      .boolean()
      .default(false)
      .describe('Write what people say, dial and are called from into the log; without it those fields are dropped'),
  })
  .prefault({})
  .describe('Log, written to standard error');

const status = z
  .union([
    z.literal(false),
    z.strictObject({
      host: host.default('127.0.0.1').describe('Address it listens on'),
      port: listenPort.default(9464).describe('Port it listens on; 0: any free one'),
    }),
  ])
  .prefault({})
  .describe('Status server: `/metrics`, `/healthz`, `/readyz`, `/calls`; `false`: none');

const frontDoor = z
  .union([
    z.literal(false),
    z.strictObject({
      host: host.default('127.0.0.1').describe('Address it listens on'),
      port: listenPort.default(8022).describe('Port it listens on; 0: any free one'),
      password: secret.optional().describe('Password that operators log in with; better kept in a file or variable'),
      passwordFile: filePath.optional().describe('File that holds the password'),
      allow: z
        .array(z.string().min(1).max(64))
        .min(1)
        .max(256)
        .default(['127.0.0.0/8', '::1/128'])
        .describe('Addresses or CIDR blocks that may connect'),
    }),
  ])
  .default(false)
  .describe('Front door: an ESL server for `fs_cli`; `false`: closed');

const unicastMedia = z
  .strictObject({
    kind: z.literal('unicast').default('unicast').describe('Media path: `unicast` needs no module in the switch'),
    bindHost: host.default('127.0.0.1').describe('Address that our sockets are bound to'),
    advertiseHost: host.optional().describe('Address that the switch sends to, where it is not `bindHost`'),
    native: z.boolean().default(true).describe("Take the leg's own G.711 where it has it; otherwise always L16"),
    portRange: z
      .strictObject({
        from: port.describe('First port'),
        to: port.describe('Last port'),
      })
      .optional()
      .describe('UDP ports to use; absent: any free ones'),
  })
  .prefault({})
  .describe('Media path');

const freeswitch = z.strictObject({
  name: z.string().regex(NAME_PATTERN).describe('Name, in logs, metrics and health'),
  kind: z.literal('freeswitch').describe('Kind of switch'),
  host: host.default('127.0.0.1').describe('Address of its event socket'),
  port: port.default(8021).describe('Port of its event socket'),
  password: secret.optional().describe('Password of its event socket; better kept in a file or variable'),
  passwordFile: filePath.optional().describe('File that holds the password'),
  media: unicastMedia,
});

const turnDetection = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('server_vad').describe('The backend hears the end of a turn'),
      threshold: share.optional().describe('How sure it must be that it hears speech'),
      prefixPaddingMs: z
        .number()
        .int()
        .min(0)
        .max(5_000)
        .optional()
        .describe('Audio before the start that belongs to it'),
      silenceDurationMs: z.number().int().min(50).max(10_000).optional().describe('Silence that ends the turn'),
      idleTimeoutMs: z
        .number()
        .int()
        .min(1_000)
        .max(60_000)
        .optional()
        .describe('It speaks up after this much silence'),
    }),
    z.strictObject({
      type: z.literal('semantic_vad').describe('The backend judges by what was said'),
      eagerness: z.enum(['low', 'medium', 'high', 'auto']).optional().describe('How soon it answers'),
    }),
    z.strictObject({ type: z.literal('none').describe('Our endpointer ends the turn') }),
  ])
  .optional()
  .describe("Who ends the caller's turn; absent: `server_vad` with the server's own values");

const tool = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,64}$/)
    .describe('Name of the function'),
  description: z.string().max(4_096).optional().describe('When to call it'),
  parameters: z.record(z.string(), z.unknown()).optional().describe('JSON Schema of its arguments'),
});

const openai = z.strictObject({
  kind: z.literal('openai').describe('OpenAI Realtime, or a server that speaks it'),
  model: z.string().min(1).max(256).default('gpt-realtime').describe('Model'),
  voice: z.string().min(1).max(256).optional().describe("Voice; absent: the backend's own choice"),
  instructions: z.string().max(131_072).optional().describe('What the agent is and does'),
  apiKey: secret.optional().describe('Key; better kept in a file or variable'),
  apiKeyFile: filePath.optional().describe('File that holds the key; otherwise `OPENAI_API_KEY` is asked'),
  baseUrl: z.string().min(1).max(2_048).optional().describe('Address; absent: `wss://api.openai.com/v1`'),
  allowPlaintext: z.boolean().default(false).describe('Lets `ws://` leave this machine'),
  turnDetection,
  transcriptionModel: z.string().min(1).max(256).optional().describe('Model that transcribes the caller; absent: none'),
  speed: z.number().min(0.25).max(1.5).optional().describe('How fast it speaks'),
  temperature: z.number().min(0).max(2).optional().describe('For compatible servers; OpenAI itself refuses it'),
  maxOutputTokens: z
    .union([z.number().int().min(1).max(4_096), z.literal('inf')])
    .optional()
    .describe('Longest answer'),
  noiseReduction: z.enum(['near_field', 'far_field']).optional().describe('For a handset, or for a speakerphone'),
  tools: z.array(tool).max(128).optional().describe('Functions that the model may call'),
  openTimeoutMs: timeoutMs.default(LIMITS.backendOpenMs).describe('From dialling to a session that may talk'),
  responseTimeoutMs: timeoutMs.default(LIMITS.backendResponseMs).describe('Without any sign of a response that is due'),
  extraHeaders: z.record(z.string(), secret).optional().describe('Sent when dialling; treated as secrets'),
});

const embedded = z.strictObject({
  kind: z.literal('embedded').describe('A scripted agent inside this process: for trying things out'),
});

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

const profile = z.strictObject({
  backend: z.string().describe('Name of a backend'),
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
  duckGain: share.default(session.duckGain).describe("The agent's level while the caller may be cutting in"),
  vadAggressiveness: z
    .union([z.literal(0), z.literal(1), z.literal(2), z.literal(3)])
    .default(session.vadAggressiveness)
    .describe('0 hears the most speech, 3 rejects the most noise'),
  hangupOnBackendFailure: z
    .boolean()
    .default(session.hangupOnBackendFailure)
    .describe('Hang the channel up when the backend fails (cause 41); otherwise it is left to the switch'),
  maxDurationMs: z
    .number()
    .int()
    .min(0)
    .max(7 * 86_400_000)
    .default(session.maxDurationMs)
    .describe('The call is ended after this long; 0: never'),
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
    .array(z.discriminatedUnion('kind', [freeswitch]))
    .max(64)
    .default([])
    .describe('Switches to attach to'),
  backends: z
    .record(z.string().regex(NAME_PATTERN), z.discriminatedUnion('kind', [openai, embedded]))
    .default({})
    .describe('Backends by name'),
  profiles: z
    .record(z.string().regex(NAME_PATTERN), profile)
    .default({})
    .describe('Profiles by name: what `start <profile>` gives a call'),
  limits,
});

/** The file with its defaults filled in. */
export type ConfigDocument = z.infer<typeof configSchema>;
