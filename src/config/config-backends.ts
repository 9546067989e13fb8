/** The keys of each kind of backend. */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { speech } from './config-speech.ts';
import { filePath, patterned, secret, share, timeoutMs } from './config-fields.ts';

const silentMs = z
  .number()
  .int()
  .min(500)
  .max(LIMITS.backendSilentMs)
  .default(LIMITS.backendDeafMs)
  .describe('Without a message or a pong while an answer is due or comes; three times that otherwise');
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
  name: patterned(/^[A-Za-z0-9_-]{1,64}$/, 'a word of letters, digits, _ and -, at most 64').describe(
    'Name of the function',
  ),
  description: z.string().max(4_096).optional().describe('When to call it'),
  parameters: z.record(z.string(), z.unknown()).optional().describe('JSON Schema of its arguments'),
});

const messageMs = z
  .union([z.literal('adaptive'), z.number().int().min(20).max(LIMITS.backendMessageMs)])
  .default('adaptive')
  .describe('Caller audio in one message; `adaptive`: a packet while somebody may be speaking, more in silence');

/** OpenAI Realtime and what speaks its wire. */
export const openai = z.strictObject({
  kind: z.literal('openai').describe('OpenAI Realtime, or a server that speaks it'),
  model: z.string().min(1).max(256).default('gpt-realtime').describe('Model'),
  voice: z.string().min(1).max(256).optional().describe("Voice; absent: the backend's own choice"),
  speech,
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
  messageMs,
  tracing: z
    .boolean()
    .optional()
    .describe(
      'Have OpenAI keep a trace of every session, with what is said in it, under the correlation id of the call',
    ),
  tools: z.array(tool).max(128).optional().describe('Functions that the model may call'),
  openTimeoutMs: timeoutMs.default(LIMITS.backendOpenMs).describe('From dialling to a session that may talk'),
  responseTimeoutMs: timeoutMs.default(LIMITS.backendResponseMs).describe('Without any sign of a response that is due'),
  silentTimeoutMs: silentMs,
  extraHeaders: z.record(z.string(), secret).optional().describe('Sent when dialling; treated as secrets'),
});

const deepgramTool = tool.extend({
  deferUntilEndOfTurn: z
    .boolean()
    .optional()
    .describe('Hold the call until the caller has surely finished: for what cannot be undone'),
});
const modelName = z.string().min(1).max(256);

/** Deepgram's Voice Agent. */
export const deepgram = z.strictObject({
  kind: z.literal('deepgram').describe("Deepgram's Voice Agent, or a server that speaks it"),
  listenModel: modelName.optional().describe("Model that hears, such as `flux-general-en`; absent: Deepgram's choice"),
  model: modelName.optional().describe("OpenAI's model that thinks; absent: `gpt-4o-mini`; others: `agent.think`"),
  voice: modelName
    .optional()
    .describe("Deepgram's voice, such as `aura-2-thalia-en`; absent: its choice; others: `agent.speak`"),
  prompt: z.string().max(131_072).optional().describe('What the agent is and does'),
  greeting: z
    .string()
    .max(8_192)
    .optional()
    .describe('Spoken word for word as soon as the call is up; absent: nothing'),
  tools: z.array(deepgramTool).max(128).optional().describe('Functions that the agent may call'),
  agent: z
    .union([z.string().min(1).max(256), z.record(z.string(), z.unknown())])
    .optional()
    .describe("Deepgram's own `agent` settings, for all that has no key here; or the id of an agent configured there"),
  apiKey: secret.optional().describe('Key; better kept in a file or variable'),
  apiKeyFile: filePath.optional().describe('File that holds the key; otherwise `DEEPGRAM_API_KEY` is asked'),
  url: z
    .string()
    .min(1)
    .max(2_048)
    .optional()
    .describe('Whole address; absent: `wss://agent.deepgram.com/v1/agent/converse`'),
  allowPlaintext: z.boolean().default(false).describe('Lets `ws://` leave this machine'),
  mipOptOut: z.boolean().optional().describe('Deepgram may not learn from the calls'),
  tags: z
    .array(z.string().min(1).max(128))
    .max(32)
    .optional()
    .describe('Words that Deepgram files the sessions under, beside the correlation id of the call'),
  messageMs,
  openTimeoutMs: timeoutMs.default(LIMITS.backendOpenMs).describe('From dialling to a session that may talk'),
  responseTimeoutMs: timeoutMs.default(LIMITS.backendResponseMs).describe('Without any sign of an answer that is due'),
  silentTimeoutMs: silentMs,
  extraHeaders: z.record(z.string(), secret).optional().describe('Sent when dialling; treated as secrets'),
});

const geminiTool = tool.extend({
  name: patterned(
    /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/,
    'a word of letters, digits, _ and -, at most 64, that begins with no digit',
  ).describe('Name of the function'),
});
const sensitivity = z.enum(['high', 'low']).optional();
const geminiTurnDetection = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('automatic').describe('Gemini hears the end of a turn, and the caller who cuts in'),
      startSensitivity: sensitivity.describe('How readily it hears the start of speech'),
      endSensitivity: sensitivity.describe('How readily it hears its end'),
      prefixPaddingMs: z.number().int().min(0).max(5_000).optional().describe('Speech that makes a start'),
      silenceDurationMs: z.number().int().min(0).max(10_000).optional().describe('Silence that ends the turn'),
    }),
    z.strictObject({ type: z.literal('none').describe('Our endpointer marks the turns') }),
  ])
  .optional()
  .describe("Who ends the caller's turn; absent: `automatic` with the server's own values");
const tokens = z.number().int().min(1).max(10_000_000).optional();

/** Google's Gemini Live. */
export const gemini = z.strictObject({
  kind: z.literal('gemini').describe("Google's Gemini Live, or a server that speaks it"),
  model: modelName.describe('Model that speaks the Live interface, with or without `models/` before it'),
  voice: modelName.optional().describe("Prebuilt voice, such as `Puck`; absent: the model's choice"),
  language: z
    .string()
    .min(2)
    .max(35)
    .optional()
    .describe('Language that is spoken, such as `en-US`; absent: the model chooses'),
  instructions: z.string().max(131_072).optional().describe('What the agent is and does'),
  tools: z.array(geminiTool).max(128).optional().describe('Functions that the model may call'),
  temperature: z.number().min(0).max(2).optional().describe("How freely it chooses words; absent: the model's own"),
  maxOutputTokens: z.number().int().min(1).max(1_000_000).optional().describe('Longest answer'),
  thinkingBudget: z
    .number()
    .int()
    .min(-1)
    .max(1_000_000)
    .optional()
    .describe("Tokens that it may think for; 0: none, -1: as many as it likes; absent: the model's own"),
  turnDetection: geminiTurnDetection,
  inputTranscription: z.boolean().default(true).describe('Transcribe the caller'),
  outputTranscription: z.boolean().default(true).describe('Transcribe the agent'),
  contextWindowCompression: z
    .union([
      z.literal(false),
      z.strictObject({
        triggerTokens: tokens.describe('Length at which the oldest is forgotten'),
        targetTokens: tokens.describe('Length that is left then'),
      }),
    ])
    .default({})
    .describe('Forget the oldest of a long conversation; `false`: a session ends after 15 minutes'),
  setup: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("Google's own `setup` message, for all that has no key here"),
  apiKey: secret.optional().describe('Key; better kept in a file or variable'),
  apiKeyFile: filePath.optional().describe('File that holds the key; otherwise `GEMINI_API_KEY` is asked'),
  url: z
    .string()
    .min(1)
    .max(2_048)
    .optional()
    .describe("Whole address; absent: Google's own. Its query is treated as a secret"),
  allowPlaintext: z.boolean().default(false).describe('Lets `ws://` leave this machine'),
  messageMs,
  openTimeoutMs: timeoutMs.default(LIMITS.backendOpenMs).describe('From dialling to a session that may talk'),
  responseTimeoutMs: timeoutMs.default(LIMITS.backendResponseMs).describe('Without any sign of an answer that is due'),
  silentTimeoutMs: silentMs
    .unwrap()
    .optional()
    .describe(
      'Without a message or a pong while an answer is due or comes; three times that otherwise. Absent: 30 s, as pongs are slow there',
    ),
  extraHeaders: z.record(z.string(), secret).optional().describe('Sent when dialling; treated as secrets'),
});

/** A server of the operator's own. */
export const websocket = z.strictObject({
  kind: z.literal('websocket').describe("A WebSocket server of the operator's own (docs/websocket-stream.md)"),
  url: z.string().min(1).max(4_096).describe('`ws://` or `wss://`; its query is treated as a secret'),
  mix: z.enum(['mono', 'mixed', 'stereo']).default('mono').describe('What is sent: the caller, both added, both apart'),
  sampleRateHz: z
    .union([z.literal(8000), z.literal(16_000), z.literal(24_000), z.literal(48_000)])
    .default(16_000)
    .describe('Rate both ways'),
  frameMs: z
    .union([z.literal('adaptive'), z.number().int().min(20).max(1_000).multipleOf(20)])
    .default(20)
    .describe('Audio in one message; `adaptive`: a packet while somebody may be speaking, more in silence'),
  extraHeaders: z.record(z.string(), secret).optional().describe('Sent when dialling; treated as secrets'),
  reconnectMax: z
    .number()
    .int()
    .min(0)
    .max(100)
    .optional()
    .describe('Attempts in a row to come back after a loss; absent: `reconnect.attempts` of the profile'),
  callNotice: z
    .boolean()
    .default(false)
    .describe('Tell the server, in a text behind the metadata, the uuid and the correlation id of the call'),
  bargeInNotice: z.boolean().default(false).describe('Tell the server when the caller cuts in'),
  openTimeoutMs: timeoutMs.default(LIMITS.backendOpenMs).describe('From dialling to a stream that may talk'),
});

/** The scripted agent. */
export const embedded = z.strictObject({
  kind: z.literal('embedded').describe('A scripted agent inside this process: for trying things out'),
});
