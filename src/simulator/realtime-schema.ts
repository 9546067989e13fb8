/** What clients of the embedded backend may set: the parts of `session.update` and `response.create`, checked strictly. */
import { z } from 'zod';

const VOICES = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse', 'marin', 'cedar'] as const;

const Format = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('audio/pcm'), rate: z.literal(24_000).optional() }),
  z.strictObject({ type: z.literal('audio/pcmu') }),
  z.strictObject({ type: z.literal('audio/pcma') }),
]);

const TurnDetection = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('server_vad'),
    threshold: z.number().min(0).max(1).optional(),
    prefix_padding_ms: z.int().min(0).max(10_000).optional(),
    silence_duration_ms: z.int().min(0).max(10_000).optional(),
    idle_timeout_ms: z.int().min(5_000).max(30_000).nullish(),
    create_response: z.boolean().optional(),
    interrupt_response: z.boolean().optional(),
  }),
  z.strictObject({
    type: z.literal('semantic_vad'),
    eagerness: z.enum(['low', 'medium', 'high', 'auto']).optional(),
    create_response: z.boolean().optional(),
    interrupt_response: z.boolean().optional(),
  }),
]);

const Voice = z.union([z.enum(VOICES), z.strictObject({ id: z.string().min(1) })], {
  error: (issue) =>
    `it must be one of ${VOICES.join(', ')}, not ${typeof issue.input === 'string' ? `'${issue.input}'` : 'this'}`,
});

const Modalities = z.union([z.tuple([z.literal('audio')]), z.tuple([z.literal('text')])], {
  error: () => "the supported combinations are: ['audio'] and ['text']",
});

const Tools = z.array(
  z.discriminatedUnion('type', [
    z.object({
      type: z.literal('function'),
      name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'a name has letters, digits, _ and - only, at most 64'),
      description: z.string().nullish(),
      parameters: z.unknown(),
      strict: z.boolean().nullish(),
    }),
    z.looseObject({ type: z.literal('mcp'), server_label: z.string() }),
  ]),
);

const ToolChoice = z.union([z.enum(['none', 'auto', 'required']), z.looseObject({ type: z.string() })]);
const MaxTokens = z.union([z.literal('inf'), z.int().min(1).max(4096)]);
const Metadata = z.record(z.string().max(64), z.string().max(512)).nullish();

/** What a session and a single response have in common. */
const shared = {
  instructions: z.string().optional(),
  output_modalities: Modalities.optional(),
  tools: Tools.optional(),
  tool_choice: ToolChoice.optional(),
  parallel_tool_calls: z.boolean().nullish(),
  max_output_tokens: MaxTokens.optional(),
  reasoning: z.looseObject({ effort: z.enum(['minimal', 'low', 'medium', 'high', 'xhigh']).nullish() }).nullish(),
  prompt: z.looseObject({ id: z.string() }).nullish(),
};

/** `session` of `session.update`. */
export const SessionUpdateSchema = z.strictObject({
  type: z.literal('realtime'),
  model: z.string().optional(),
  ...shared,
  audio: z
    .strictObject({
      input: z
        .strictObject({
          format: Format.optional(),
          noise_reduction: z.strictObject({ type: z.enum(['near_field', 'far_field']) }).nullish(),
          transcription: z
            .strictObject({
              model: z.string().optional(),
              language: z.string().nullish(),
              prompt: z.string().nullish(),
              delay: z.string().nullish(),
            })
            .nullish(),
          turn_detection: TurnDetection.nullish(),
        })
        .optional(),
      output: z
        .strictObject({
          format: Format.optional(),
          voice: Voice.optional(),
          speed: z.number().min(0.25).max(1.5).optional(),
        })
        .optional(),
    })
    .optional(),
  include: z.array(z.enum(['item.input_audio_transcription.logprobs'])).nullish(),
  tracing: z.union([z.literal('auto'), z.looseObject({})]).nullish(),
  truncation: z.union([z.enum(['auto', 'disabled']), z.looseObject({ type: z.string() })]).nullish(),
});

/** `response` of `response.create`. */
export const ResponseCreateSchema = z.strictObject({
  ...shared,
  conversation: z.enum(['auto', 'none']).optional(),
  input: z.array(z.looseObject({})).optional(),
  metadata: Metadata,
  audio: z
    .strictObject({
      output: z.strictObject({ format: Format.optional(), voice: Voice.optional() }).optional(),
    })
    .optional(),
});

const Content = z.array(
  z.discriminatedUnion('type', [
    z.object({ type: z.literal('input_text'), text: z.string() }),
    z.object({ type: z.literal('input_audio'), audio: z.string().optional(), transcript: z.string().nullish() }),
    z.object({ type: z.literal('input_image'), image_url: z.string() }),
    z.object({ type: z.literal('output_text'), text: z.string() }),
    z.object({ type: z.literal('output_audio'), audio: z.string().optional(), transcript: z.string().nullish() }),
  ]),
);

const itemShared = {
  id: z.string().min(1).max(64).optional(),
  object: z.literal('realtime.item').optional(),
  status: z.enum(['completed', 'incomplete', 'in_progress']).optional(),
};

const CallId = z
  .string()
  .max(64)
  .regex(/^[a-zA-Z0-9_-]+$/, 'a call id has letters, digits, _ and - only');

/** `item` of `conversation.item.create`. */
export const ItemSchema = z.discriminatedUnion('type', [
  z.strictObject({
    ...itemShared,
    type: z.literal('message'),
    role: z.enum(['user', 'assistant', 'system']),
    content: Content,
  }),
  z.strictObject({
    ...itemShared,
    type: z.literal('function_call'),
    call_id: CallId.optional(),
    name: z.string(),
    arguments: z.string(),
  }),
  z.strictObject({ ...itemShared, type: z.literal('function_call_output'), call_id: CallId, output: z.string() }),
]);

/** The wishes of one `response.create`. */
export type ResponseCreate = z.infer<typeof ResponseCreateSchema>;
/** An item as a client makes it. */
export type CreatedItem = z.infer<typeof ItemSchema>;
