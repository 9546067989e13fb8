/**
 * ElevenLabs' streaming endpoint over HTTP: `POST /v1/text-to-speech/{voice_id}/stream?output_format=…` with `xi-api-key`,
 * raw audio in the answer. Its formats include those of a telephone, so that nothing is converted twice.
 */
import { TalkspurtError } from '../core/errors.ts';
import type { AudioFormat } from '../core/media.ts';
import { boundedRefusal, engineAudio } from './engine-audio.ts';
import { engineUrl, requireKey } from './engine-url.ts';
import type { TtsEngine, TtsEngineMaker } from './tts-engine.ts';
import { systemCodeOf, ttsErrorOf } from './tts-error.ts';

/** What an ElevenLabs voice is configured by. */
export interface ElevenLabsConfig {
  /** For events and metrics. Default `elevenlabs`. */
  readonly name?: string | undefined;
  /** The voice's id. */
  readonly voice: string;
  /** Default `eleven_flash_v2_5`, the quickest. */
  readonly model?: string | undefined;
  readonly apiKey: string;
  /** Default `https://api.elevenlabs.io/v1`. */
  readonly baseUrl?: string | undefined;
  readonly allowPlaintext?: boolean | undefined;
  /** 0.7 … 1.2. */
  readonly speed?: number | undefined;
  /** 0 … 1. */
  readonly stability?: number | undefined;
  /** 0 … 1. */
  readonly similarityBoost?: number | undefined;
  /** ISO 639-1; default: told by the text. */
  readonly language?: string | undefined;
}

/** Where it is asked unless `baseUrl` says otherwise. */
export const ELEVENLABS_URL = 'https://api.elevenlabs.io/v1';

/** The vendor's name of a format; 48 kHz is for some plans only, and no telephone needs it. */
const FORMATS: readonly (readonly [string, AudioFormat])[] = [
  ['ulaw_8000', { codec: 'pcmu', sampleRateHz: 8000 }],
  ['alaw_8000', { codec: 'pcma', sampleRateHz: 8000 }],
  ['pcm_8000', { codec: 'l16', sampleRateHz: 8000 }],
  ['pcm_16000', { codec: 'l16', sampleRateHz: 16000 }],
  ['pcm_24000', { codec: 'l16', sampleRateHz: 24000 }],
];

/** @throws ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_SECRET_MISSING */
export function elevenLabsSpeech(config: ElevenLabsConfig): TtsEngineMaker {
  const name = config.name ?? 'elevenlabs';
  const baseUrl = engineUrl(name, config.baseUrl ?? ELEVENLABS_URL, config.allowPlaintext ?? false);
  requireKey(name, config, 'ELEVENLABS_API_KEY');
  return (wanted) => new ElevenLabsEngine(name, baseUrl, config, wanted);
}

class ElevenLabsEngine implements TtsEngine {
  readonly name: string;
  readonly voice: string;
  readonly format: AudioFormat;
  readonly #url: string;
  readonly #config: ElevenLabsConfig;

  constructor(name: string, baseUrl: string, config: ElevenLabsConfig, wanted: AudioFormat) {
    const found = FORMATS.find(([, { codec, sampleRateHz }]) => {
      return codec === wanted.codec && sampleRateHz === wanted.sampleRateHz;
    });
    const [outputFormat, format] = found ?? FORMATS[4]!;
    const { voice, model, speed, stability, similarityBoost, language } = config;
    this.name = name;
    this.voice = JSON.stringify([baseUrl, voice, model, speed, stability, similarityBoost, language]);
    this.format = format;
    this.#url = `${baseUrl}/text-to-speech/${encodeURIComponent(voice)}/stream?output_format=${outputFormat}`;
    this.#config = config;
  }

  async *speak(text: string, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'xi-api-key': this.#config.apiKey, 'Content-Type': 'application/json' },
        body: JSON.stringify(this.#request(text)),
        // A key does not follow wherever it is sent.
        redirect: 'error',
        signal,
      });
      if (!response.ok) throw await this.#refusal(response);
      yield* engineAudio(this.name, response);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof TalkspurtError) throw error;
      throw this.#failure(error);
    }
  }

  #request(text: string): Record<string, unknown> {
    const { model = 'eleven_flash_v2_5', speed, stability, similarityBoost, language } = this.#config;
    const settings = {
      ...(speed === undefined ? {} : { speed }),
      ...(stability === undefined ? {} : { stability }),
      ...(similarityBoost === undefined ? {} : { similarity_boost: similarityBoost }),
    };
    return {
      text,
      model_id: model,
      ...(language === undefined ? {} : { language_code: language }),
      ...(Object.keys(settings).length === 0 ? {} : { voice_settings: settings }),
    };
  }

  async #refusal(response: Response): Promise<TalkspurtError> {
    const { code, message } = await detailOf(response);
    return ttsErrorOf({
      engine: this.name,
      status: response.status,
      code,
      message,
      headers: response.headers,
      secrets: [this.#config.apiKey],
    });
  }

  /** No answer came, or it broke off. */
  #failure(error: unknown): TalkspurtError {
    return ttsErrorOf({
      engine: this.name,
      status: undefined,
      secrets: [this.#config.apiKey],
      systemCode: systemCodeOf(error),
    });
  }
}

/** `{ detail: { status, message } }`, newer ones with `code`, of a request that is malformed `{ detail: [{ msg }] }`. */
async function detailOf(response: Response): Promise<{ code: unknown; message: unknown }> {
  try {
    const { detail } = JSON.parse(await (await boundedRefusal(response)).text()) as { detail?: unknown };
    if (typeof detail === 'string') return { code: undefined, message: detail };
    const first: unknown = Array.isArray(detail) ? detail[0] : detail;
    if (typeof first !== 'object' || first === null) return { code: undefined, message: undefined };
    const { status, code, message, msg } = first as Record<string, unknown>;
    return { code: status ?? code, message: message ?? msg };
  } catch {
    // A proxy's own page says no more than its status does.
    return { code: undefined, message: undefined };
  }
}
