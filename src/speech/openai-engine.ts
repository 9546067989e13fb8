/** OpenAI's speech endpoint (`POST /v1/audio/speech`) and what speaks its wire, through the vendor's own client. */
import type OpenAI from 'openai';
import { TalkspurtError } from '../core/errors.ts';
import { boundedRefusal, engineAudio } from './engine-audio.ts';
import { engineUrl, requireKey } from './engine-url.ts';
import type { TtsEngine, TtsEngineMaker } from './tts-engine.ts';
import { systemCodeOf, ttsErrorOf } from './tts-error.ts';

/** What an OpenAI voice is configured by. */
export interface OpenAiSpeechConfig {
  /** For events and metrics. Default `openai`. */
  readonly name?: string | undefined;
  /** Default `gpt-4o-mini-tts`. */
  readonly model?: string | undefined;
  /** Default `alloy`. */
  readonly voice?: string | undefined;
  /** Empty for a server that asks for none. */
  readonly apiKey: string;
  /** Default `https://api.openai.com/v1`. */
  readonly baseUrl?: string | undefined;
  readonly allowPlaintext?: boolean | undefined;
  /** How to speak; not for `tts-1`. */
  readonly instructions?: string | undefined;
  /** 0.25 … 4. */
  readonly speed?: number | undefined;
}

/** Where it is asked unless `baseUrl` says otherwise. */
export const OPENAI_SPEECH_URL = 'https://api.openai.com/v1';

/**
 * The only PCM that the API gives is 16 bits at 24 kHz.
 * @throws ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_SECRET_MISSING
 */
export function openAiSpeech(config: OpenAiSpeechConfig): TtsEngineMaker {
  const name = config.name ?? 'openai';
  const baseURL = engineUrl(name, config.baseUrl ?? OPENAI_SPEECH_URL, config.allowPlaintext ?? false);
  requireKey(name, config, 'OPENAI_API_KEY');
  const engine = new OpenAiEngine(name, baseURL, config);
  return () => engine;
}

class OpenAiEngine implements TtsEngine {
  readonly name: string;
  readonly voice: string;
  readonly format = { codec: 'l16', sampleRateHz: 24000 } as const;
  readonly #baseURL: string;
  readonly #config: OpenAiSpeechConfig;
  #client: Promise<OpenAI> | null = null;

  constructor(name: string, baseURL: string, config: OpenAiSpeechConfig) {
    const { model = 'gpt-4o-mini-tts', voice = 'alloy', speed = 1, instructions = '' } = config;
    this.name = name;
    this.voice = JSON.stringify([baseURL, model, voice, speed, instructions]);
    this.#baseURL = baseURL;
    this.#config = config;
    void this.#load();
  }

  async *speak(text: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const { model = 'gpt-4o-mini-tts', voice = 'alloy', speed, instructions } = this.#config;
    try {
      const client = await this.#load();
      const response = await client.audio.speech.create(
        {
          model,
          voice,
          input: text,
          response_format: 'pcm',
          ...(speed === undefined ? {} : { speed }),
          ...(instructions === undefined ? {} : { instructions }),
        },
        { signal },
      );
      yield* engineAudio(this.name, response);
    } catch (error) {
      throw this.#failure(error, signal);
    }
  }

  /** The client, from the start on: reading its code holds everything up for a moment, which no call should have to bear. */
  #load(): Promise<OpenAI> {
    if (this.#client !== null) return this.#client;
    const client = this.#connect();
    this.#client = client;
    // A failure is not kept; whoever speaks gets it from the promise itself.
    client.catch(() => (this.#client = null));
    return client;
  }

  async #connect(): Promise<OpenAI> {
    const { OpenAI: Client } = await import('openai');
    return new Client({
      // The client insists on one; a server that asks for none ignores it.
      apiKey: this.#config.apiKey === '' ? 'none' : this.#config.apiKey,
      baseURL: this.#baseURL,
      organization: null,
      project: null,
      // Tries again, and how long one may take, are the voice's to decide.
      maxRetries: 0,
      logLevel: 'off',
      // What is to be said does not follow wherever it is sent; and a refusal is not read without end.
      fetch: async (url, init) => await boundedRefusal(await fetch(url, { ...init, redirect: 'error' })),
    });
  }

  #failure(error: unknown, signal: AbortSignal): unknown {
    if (signal.aborted) return signal.reason;
    if (error instanceof TalkspurtError) return error;
    const { status, code, message, headers, error: body } = fieldsOf(error);
    const inner = fieldsOf(body);
    return ttsErrorOf({
      engine: this.name,
      status: typeof status === 'number' ? status : undefined,
      code: code ?? inner['type'],
      message: typeof status === 'number' ? (inner['message'] ?? message) : undefined,
      headers: headers instanceof Headers ? headers : undefined,
      secrets: [this.#config.apiKey],
      systemCode: systemCodeOf(error),
    });
  }
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
