/** What clients of the embedded Voice Agent may send, checked as strictly as the vendor's documentation declares it. */
import { z } from 'zod';

const Names = z.array(z.string());
const Endpoint = z.strictObject({
  url: z.string().optional(),
  headers: z.record(z.string(), z.string()).optional(),
});

const ListenProvider = z.union([
  z.strictObject({
    type: z.literal('deepgram'),
    version: z.literal('v2').optional(),
    model: z.string().startsWith('flux-'),
    language_hints: Names.optional(),
    eot_threshold: z.number().min(0.5).max(1).optional(),
    eager_eot_threshold: z.number().min(0.3).max(0.9).optional(),
    eot_timeout_ms: z.number().optional(),
    keyterms: Names.optional(),
  }),
  z.strictObject({
    type: z.literal('deepgram'),
    version: z.literal('v1').optional(),
    model: z.string().optional(),
    language: z.string().optional(),
    keyterms: Names.optional(),
    smart_format: z.boolean().optional(),
  }),
]);

const Function = z.strictObject({
  name: z.string().optional(),
  description: z.string().optional(),
  parameters: z.record(z.string(), z.unknown()).optional(),
  defer_until_eot: z.boolean().optional(),
  endpoint: Endpoint.extend({ method: z.string().optional() }).optional(),
});

const Think = z.strictObject({
  provider: z.looseObject({
    type: z.enum(['open_ai', 'anthropic', 'google', 'groq', 'aws_bedrock']),
    model: z.string(),
  }),
  endpoint: Endpoint.optional(),
  functions: z.array(Function).optional(),
  prompt: z.string().optional(),
  context_length: z.union([z.literal('max'), z.number()]).optional(),
});

const Speak = z.strictObject({
  provider: z.discriminatedUnion('type', [
    // A voice of Deepgram's carries its language in its name.
    z.strictObject({
      type: z.literal('deepgram'),
      version: z.enum(['v1', 'v2']).optional(),
      model: z.string(),
      speed: z.number().min(0.5).max(1.5).optional(),
      expressivity: z.number().int().min(-2).max(2).optional(),
    }),
    z.looseObject({ type: z.enum(['eleven_labs', 'cartesia', 'open_ai', 'aws_polly']) }),
  ]),
  endpoint: Endpoint.optional(),
});

const thinkOrMore = z.union([Think, z.array(Think).min(1)]);
const speakOrMore = z.union([Speak, z.array(Speak).min(1)]);

const HistoryMessage = z.union([
  z.strictObject({ type: z.literal('History'), role: z.string(), content: z.string() }),
  z.strictObject({
    type: z.literal('History'),
    function_calls: z.array(
      z.looseObject({
        ...{ id: z.string(), name: z.string(), arguments: z.string(), response: z.string() },
        client_side: z.boolean(),
      }),
    ),
  }),
]);

const Agent = z.strictObject({
  language: z.string().optional(),
  context: z.strictObject({ messages: z.array(HistoryMessage).optional() }).optional(),
  listen: z.strictObject({ provider: ListenProvider.optional() }).optional(),
  think: thinkOrMore.optional(),
  speak: speakOrMore.optional(),
  greeting: z.string().optional(),
});

/** Every message of a client; audio is not among them. */
export const ClientMessage = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('Settings'),
    tags: Names.optional(),
    experimental: z.boolean().optional(),
    flags: z.strictObject({ history: z.boolean().optional() }).optional(),
    mip_opt_out: z.boolean().optional(),
    audio: z.strictObject({
      input: z.strictObject({ encoding: z.string(), sample_rate: z.number() }).optional(),
      output: z
        .strictObject({
          encoding: z.string().optional(),
          sample_rate: z.number().optional(),
          bitrate: z.number().optional(),
          container: z.string().optional(),
        })
        .optional(),
    }),
    agent: z.union([z.string(), Agent]),
  }),
  z.strictObject({ type: z.literal('UpdateListen'), listen: z.strictObject({ provider: ListenProvider }) }),
  z.strictObject({ type: z.literal('UpdateThink'), think: thinkOrMore }),
  z.strictObject({ type: z.literal('UpdateSpeak'), speak: speakOrMore }),
  z.strictObject({ type: z.literal('UpdatePrompt'), prompt: z.string() }),
  z.strictObject({ type: z.literal('InjectUserMessage'), content: z.string() }),
  z.strictObject({
    type: z.literal('InjectAgentMessage'),
    message: z.string(),
    behavior: z.enum(['default', 'queue', 'interrupt']).optional(),
  }),
  z.strictObject({
    type: z.literal('FunctionCallResponse'),
    id: z.string().optional(),
    name: z.string(),
    content: z.string(),
    thought_signature: z.string().optional(),
  }),
  z.strictObject({ type: z.literal('ForceEndTurn') }),
  z.strictObject({ type: z.literal('KeepAlive') }),
]);

/** A message of a client. */
export type DeepgramClientMessage = z.infer<typeof ClientMessage>;
/** The one that comes first. */
export type SettingsMessage = Extract<DeepgramClientMessage, { type: 'Settings' }>;
/** Who thinks, and by what words. */
export type ThinkSettings = z.infer<typeof Think>;
