/** What a Gemini Live backend is configured by, checked before anything is dialled. */
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { backendUrl } from './backend-url.ts';
import { HEARING_SLACK_MS } from './frame-batch.ts';
import type { MessageMs } from './frame-batch.ts';
import type { BackendHints } from './upgrade-refusal.ts';

/** A function that the model may call; the session surfaces the call as an event. */
export interface GeminiTool {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON Schema of the arguments. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

/** Who ends the caller's turn: Gemini, or our endpointer. */
export type GeminiTurnDetection =
  | {
      readonly type: 'automatic';
      readonly startSensitivity?: 'high' | 'low' | undefined;
      readonly endSensitivity?: 'high' | 'low' | undefined;
      readonly prefixPaddingMs?: number | undefined;
      readonly silenceDurationMs?: number | undefined;
    }
  | { readonly type: 'none' };

/** When the oldest of the conversation is forgotten, tokens; absent: the server's own figures. */
export interface GeminiCompression {
  readonly triggerTokens?: number | undefined;
  readonly targetTokens?: number | undefined;
}

/** One configured backend; a plain object, whatever it was read from. */
export interface GeminiConfig {
  /** For health, metrics and logs. Default `gemini`. */
  readonly name?: string | undefined;
  /** Resolved from the environment or a file elsewhere; empty for a server that asks for none. */
  readonly apiKey: string;
  /** The whole address. {@link geminiUrl} has the usual one; http and https mean ws and wss. */
  readonly url?: string | undefined;
  /** Lets `ws://` leave this machine: the key and the speech travel readable then. Default false. */
  readonly allowPlaintext?: boolean | undefined;
  /** Such as `gemini-…-live-…`; with or without `models/` before it. */
  readonly model: string;
  /** Name of a prebuilt voice. Default: the model's. */
  readonly voice?: string | undefined;
  /** Language that is spoken (BCP-47), where the model does not choose it itself. */
  readonly language?: string | undefined;
  readonly instructions?: string | undefined;
  readonly tools?: readonly GeminiTool[] | undefined;
  readonly temperature?: number | undefined;
  readonly maxOutputTokens?: number | undefined;
  /** Tokens that it may think for; 0: it does not, -1: as many as it likes. Default: the model's. */
  readonly thinkingBudget?: number | undefined;
  /** Default `automatic`, with the server's own figures. */
  readonly turnDetection?: GeminiTurnDetection | undefined;
  /** Transcripts of what each side says. Default true. */
  readonly inputTranscription?: boolean | undefined;
  readonly outputTranscription?: boolean | undefined;
  /** False: none, and then a session ends after a quarter of an hour. Default: with the server's own figures. */
  readonly contextWindowCompression?: false | GeminiCompression | undefined;
  /** `setup` of the interface as it is, for all that has no field here; nothing that has one. */
  readonly setup?: Readonly<Record<string, unknown>> | undefined;
  /** Caller audio in one message: by what is heard, or always so much, ms (20 … 100). Default `adaptive`. */
  readonly messageMs?: MessageMs | undefined;
  /** From dialling to a session that may talk. Default `LIMITS.backendOpenMs`. */
  readonly openTimeoutMs?: number | undefined;
  /** Without any sign of an answer that is due. Default `LIMITS.backendResponseMs`. */
  readonly responseTimeoutMs?: number | undefined;
  /** Without a message or a pong while it answers or should. Default `LIMITS.backendSilentMs`: its pongs are slow. */
  readonly silentTimeoutMs?: number | undefined;
  /** Sent with the upgrade. Their values are treated as secrets. */
  readonly extraHeaders?: Readonly<Record<string, string>> | undefined;
}

const DEFAULT_URL =
  'wss://generativelanguage.googleapis.com/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent';
/** The service's own header for a key, so that none is part of an address. */
const KEY_HEADER = 'x-goog-api-key';
/** Silence that ends a turn where nobody says otherwise, as far as we know at the most, ms. */
const SERVER_SILENCE_MS = 5_000;

/** Where to look when it cannot be had. */
export const GEMINI_HINTS: BackendHints = {
  address: 'url',
  dialled: 'url, apiKey and extraHeaders',
  access: 'the API key and what it may use',
  asked: 'url and extraHeaders',
};

/**
 * The address of the Live interface.
 * @throws ERR_TALKSPURT_CONFIG_INVALID
 */
export function geminiUrl(config: GeminiConfig): URL {
  const { url = DEFAULT_URL, allowPlaintext = false } = config;
  return backendUrl({ backend: geminiName(config), url, example: DEFAULT_URL, allowPlaintext });
}

/** What can be wrong with the session itself. @throws ERR_TALKSPURT_CONFIG_INVALID */
export function checkGeminiSetup(config: GeminiConfig): void {
  const name = geminiName(config);
  const { setup = {}, model } = config;
  if (model.trim() === '')
    throw invalid('model', `backend '${name}' has no model: name one that speaks the Live interface`);
  const { generationConfig = {} } = setup;
  if (typeof generationConfig !== 'object' || generationConfig === null || Array.isArray(generationConfig)) {
    throw invalid('setup', `setup.generationConfig of backend '${name}' is not a mapping`);
  }
  const twice =
    Object.keys(setup).find((key) => OWN_KEYS.has(key)) ??
    Object.keys(generationConfig).find((key) => OWN_GENERATION_KEYS.has(key));
  if (twice !== undefined) {
    throw invalid('setup', `setup of backend '${name}' has ${twice}, which has a key of its own: see docs/backends.md`);
  }
  const bytes = Buffer.byteLength(JSON.stringify({ ...config, apiKey: '', extraHeaders: {} }));
  if (bytes > LIMITS.geminiSetupBytes) {
    throw invalid('setup', `backend '${name}' is described in ${bytes} bytes: at most ${LIMITS.geminiSetupBytes}`);
  }
}

/** Keys of `setup` that are made of fields of ours, or that the conversation itself depends on. */
const OWN_KEYS: ReadonlySet<string> = new Set([
  ...['model', 'systemInstruction', 'realtimeInputConfig', 'sessionResumption', 'contextWindowCompression'],
  ...['inputAudioTranscription', 'outputAudioTranscription', 'historyConfig'],
]);
const OWN_GENERATION_KEYS: ReadonlySet<string> = new Set([
  ...['responseModalities', 'speechConfig', 'temperature', 'maxOutputTokens', 'thinkingConfig'],
]);

/** Headers of the upgrade. @throws ERR_TALKSPURT_SECRET_MISSING where Google itself would be called without a key */
export function geminiHeaders(config: GeminiConfig): Record<string, string> {
  const headers: Record<string, string> = { ...config.extraHeaders };
  if (config.apiKey !== '') headers[KEY_HEADER] = config.apiKey;
  else if (
    config.url === undefined &&
    !Object.keys(headers).some((name) => /^(authorization|x-goog-api-key)$/i.test(name))
  ) {
    throw new TalkspurtError(
      'ERR_TALKSPURT_SECRET_MISSING',
      `backend '${geminiName(config)}' has no API key: set GEMINI_API_KEY, or GEMINI_API_KEY_FILE to a file that holds it`,
    );
  }
  return headers;
}

/** Every text of the configuration that must not be seen again; a query of the address may hold a key. */
export function geminiSecrets(config: GeminiConfig): readonly string[] {
  const { apiKey, extraHeaders = {}, url } = config;
  const query = url !== undefined && URL.canParse(url) ? [...new URL(url).searchParams.values()] : [];
  return [apiKey, ...Object.values(extraHeaders), ...query].filter((secret) => secret !== '');
}

/** The name that messages, metrics and logs know it by. */
export function geminiName(config: Pick<GeminiConfig, 'name'>): string {
  return config.name ?? 'gemini';
}

/** The model as the wire names it. A name with a place (`publishers/…`, `projects/…`) stays as it is. */
export function geminiModel({ model }: Pick<GeminiConfig, 'model'>): string {
  return model.includes('/') ? model : `models/${model}`;
}

/** Whether Gemini ends the caller's turns. */
export function detectsTurns({ turnDetection }: Pick<GeminiConfig, 'turnDetection'>): boolean {
  return turnDetection?.type !== 'none';
}

/** Silence after which Gemini waits for the end of no turn any more, ms: it measures time in the audio that it gets. */
export function geminiQuietMs({ turnDetection }: Pick<GeminiConfig, 'turnDetection'>): number {
  if (turnDetection?.type === 'none') return LIMITS.backendQuietMs;
  return (turnDetection?.silenceDurationMs ?? SERVER_SILENCE_MS) + HEARING_SLACK_MS;
}

function invalid(field: 'model' | 'setup', message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message, { details: { field } });
}
