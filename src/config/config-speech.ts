/** The keys of `backends.NAME.speech`: whoever speaks what a backend writes. */
import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { filePath, secret, timeoutMs } from './config-fields.ts';

const engineKeys = {
  engine: z
    .enum(['openai', 'elevenlabs', 'embedded'])
    .describe("OpenAI's speech endpoint or what speaks its wire, ElevenLabs, or the voice inside this process"),
  voice: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('Voice; of `elevenlabs` its id. Absent: `alloy` of `openai`, `slt` of `embedded`'),
  model: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('Model; absent: `gpt-4o-mini-tts` of `openai`, `eleven_flash_v2_5` of `elevenlabs`'),
  speed: z.number().min(0.25).max(4).optional().describe('How fast it speaks, times the ordinary'),
  instructions: z.string().max(4_096).optional().describe('How to speak; `openai` only'),
  apiKey: secret.optional().describe('Key; better kept in a file or variable'),
  apiKeyFile: filePath
    .optional()
    .describe('File that holds the key; otherwise `OPENAI_API_KEY` or `ELEVENLABS_API_KEY` is asked'),
  baseUrl: z.string().min(1).max(2_048).optional().describe("Address; absent: the vendor's own"),
  allowPlaintext: z.boolean().default(false).describe('Lets `http://` leave this machine'),
};

/** Speech by sentence. */
export const speech = z
  .strictObject({
    ...engineKeys,
    language: z
      .string()
      .regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/)
      .default('en')
      .describe('Language that sentences are told apart by, as `en` or `de-AT`'),
    earlyCharacters: z
      .number()
      .int()
      .min(0)
      .max(LIMITS.ttsSentenceCharacters)
      .default(40)
      .describe('The first sentence of an answer is spoken up to the first clause that ends after so many; 0: whole'),
    cacheMegabytes: z
      .number()
      .int()
      .min(0)
      .max(4_096)
      .default(LIMITS.ttsCacheBytes / (1024 * 1024))
      .describe('Spoken sentences that are kept for the next time, of all calls'),
    firstAudioMs: timeoutMs.default(LIMITS.ttsFirstAudioMs).describe('From asking for a sentence to its first audio'),
    fallback: z.strictObject(engineKeys).optional().describe('Speaks after three failures in a row of the first'),
  })
  .optional()
  .describe('The backend writes, and this speaks it sentence by sentence (docs/speech.md); absent: it speaks itself');

/** What a document says of it. */
export type SpeechDocument = NonNullable<z.output<typeof speech>>;

/** …and of one engine. */
export type EngineDocument = Pick<SpeechDocument, keyof typeof engineKeys>;
