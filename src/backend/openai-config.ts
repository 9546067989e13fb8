/** What an OpenAI Realtime backend is configured by, and where it is dialled. */
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { HEARING_SLACK_MS } from './frame-batch.ts';
import type { MessageMs } from './frame-batch.ts';
import type { BackendHints } from './upgrade-refusal.ts';

/** Who decides that the caller has finished. Barge-in is ours in every case: see docs/backends.md. */
export type OpenAiTurnDetection =
  | {
      readonly type: 'server_vad';
      /** 0 … 1: how sure the server must be that it hears speech. */
      readonly threshold?: number | undefined;
      /** Audio before the detected start that still belongs to the turn. */
      readonly prefixPaddingMs?: number | undefined;
      /** Silence that ends the turn. */
      readonly silenceDurationMs?: number | undefined;
      /** The server answers by itself when the caller has said nothing for so long. */
      readonly idleTimeoutMs?: number | undefined;
    }
  | { readonly type: 'semantic_vad'; readonly eagerness?: 'low' | 'medium' | 'high' | 'auto' | undefined }
  /** Our endpointer ends the turn. */
  | { readonly type: 'none' };

/** A function that the model may call; the session surfaces the call as an event. */
export interface OpenAiTool {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON Schema of the arguments. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
}

/** One configured backend; a plain object, whatever it was read from. */
export interface OpenAiRealtimeConfig {
  /** For health, metrics and logs. Default `openai`. */
  readonly name?: string | undefined;
  readonly model: string;
  /** Resolved from the environment or a file elsewhere; empty for a server that asks for none. */
  readonly apiKey: string;
  /** `wss://api.openai.com/v1` unless given; http and https mean ws and wss. */
  readonly baseUrl?: string | undefined;
  /** Lets `ws://` leave this machine: the key and the speech travel readable then. Default false. */
  readonly allowPlaintext?: boolean | undefined;
  /** Answers in text, which somebody else speaks (`speech/spoken-backend.ts`). Default false. */
  readonly writes?: boolean | undefined;
  readonly voice?: string | undefined;
  readonly instructions?: string | undefined;
  /** Default `server_vad` with the server's own values. */
  readonly turnDetection?: OpenAiTurnDetection | undefined;
  /** Transcribes the caller with this model; without it only the agent is transcribed. */
  readonly transcriptionModel?: string | undefined;
  /** 0.25 … 1.5. */
  readonly speed?: number | undefined;
  /** Not part of the GA interface: for compatible servers that still take it; api.openai.com refuses it. */
  readonly temperature?: number | undefined;
  readonly tools?: readonly OpenAiTool[] | undefined;
  readonly maxOutputTokens?: number | 'inf' | undefined;
  /** `near_field` for a handset, `far_field` for a speakerphone. Default: none. */
  readonly noiseReduction?: 'near_field' | 'far_field' | undefined;
  /** Caller audio in one message: by what is heard, or always so much, ms (20 … 100). Default `adaptive`. */
  readonly messageMs?: MessageMs | undefined;
  /** Has the provider keep a trace of every session, speech and texts among it, under the call's names. Default false. */
  readonly tracing?: boolean | undefined;
  /** From dialling to a session that may talk. Default `LIMITS.backendOpenMs`. */
  readonly openTimeoutMs?: number | undefined;
  /** Without any sign of a response that is due. Default `LIMITS.backendResponseMs`. */
  readonly responseTimeoutMs?: number | undefined;
  /** Without a message or a pong while it answers or should; three times that otherwise. Default `LIMITS.backendDeafMs`. */
  readonly silentTimeoutMs?: number | undefined;
  /** Sent with the upgrade, such as `api-key` for Azure. Their values are treated as secrets. */
  readonly extraHeaders?: Readonly<Record<string, string>> | undefined;
}

/** What may be said differently for one call; see `AUDIO_STREAM_AI_*` in docs/channel-variables.md. */
export interface OpenAiOverrides {
  readonly model?: string;
  readonly vadThreshold?: number;
  readonly vadPrefixPaddingMs?: number;
  readonly vadSilenceDurationMs?: number;
  readonly temperature?: number;
  readonly maxResponseTokens?: number;
}

/** Longest answer that the interface takes, tokens. */
const MOST_TOKENS = 4_096;

/** `config` with `overrides` over it. The detector's figures mean nothing where the backend does not use that detector. */
export function openAiConfigWith(config: OpenAiRealtimeConfig, overrides: OpenAiOverrides): OpenAiRealtimeConfig {
  const { model, vadThreshold, vadPrefixPaddingMs, vadSilenceDurationMs, temperature, maxResponseTokens } = overrides;
  const { turnDetection = { type: 'server_vad' } } = config;
  const detection =
    turnDetection.type === 'server_vad'
      ? {
          ...turnDetection,
          ...(vadThreshold === undefined ? {} : { threshold: vadThreshold }),
          ...(vadPrefixPaddingMs === undefined ? {} : { prefixPaddingMs: vadPrefixPaddingMs }),
          ...(vadSilenceDurationMs === undefined ? {} : { silenceDurationMs: vadSilenceDurationMs }),
        }
      : turnDetection;
  return {
    ...config,
    turnDetection: detection,
    ...(model === undefined ? {} : { model }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(maxResponseTokens === undefined ? {} : { maxOutputTokens: Math.min(maxResponseTokens, MOST_TOKENS) }),
  };
}

/** The server's own silence before a turn is over (ms), and for `semantic_vad` the longest that it waits for more. */
const SERVER_SILENCE_MS = 500;
const EAGERNESS_MS = { low: 8_000, medium: 4_000, high: 2_000, auto: 4_000 } as const;

/** Silence after which the server waits for the end of no turn any more, ms: it measures time in the audio that it gets. */
export function quietMsOf({ turnDetection = { type: 'server_vad' } }: OpenAiRealtimeConfig): number {
  switch (turnDetection.type) {
    case 'none':
      return LIMITS.backendQuietMs;
    case 'server_vad':
      return (turnDetection.silenceDurationMs ?? SERVER_SILENCE_MS) + HEARING_SLACK_MS;
    case 'semantic_vad':
      return EAGERNESS_MS[turnDetection.eagerness ?? 'auto'] + HEARING_SLACK_MS;
  }
}

/** Where to look when it cannot be had. */
export const OPENAI_HINTS: BackendHints = {
  address: 'baseUrl',
  dialled: 'baseUrl, apiKey and extraHeaders',
  access: 'the API key and what it may use',
  asked: 'baseUrl and model',
};

const DEFAULT_BASE_URL = 'wss://api.openai.com/v1';

/**
 * The address of the Realtime WebSocket.
 * @throws ERR_TALKSPURT_CONFIG_INVALID
 */
export function realtimeUrl(config: OpenAiRealtimeConfig): URL {
  const url = baseUrl(config);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/realtime`;
  url.searchParams.set('model', config.model);
  return url;
}

/**
 * The address of the REST interface beside it.
 * @throws ERR_TALKSPURT_CONFIG_INVALID
 */
export function restUrl(config: OpenAiRealtimeConfig): URL {
  const url = baseUrl(config);
  url.protocol = url.protocol === 'ws:' ? 'http:' : 'https:';
  return url;
}

/**
 * Headers of a request to either. @throws ERR_TALKSPURT_SECRET_MISSING where OpenAI itself would be called without a key
 */
export function requestHeaders(config: OpenAiRealtimeConfig): Record<string, string> {
  const headers: Record<string, string> = { ...config.extraHeaders };
  if (config.apiKey !== '') headers['Authorization'] = `Bearer ${config.apiKey}`;
  else if (config.baseUrl === undefined && !Object.keys(headers).some((name) => /^authorization$/i.test(name))) {
    throw new TalkspurtError(
      'ERR_TALKSPURT_SECRET_MISSING',
      `backend '${backendName(config)}' has no API key: set OPENAI_API_KEY, or OPENAI_API_KEY_FILE to a file that holds it`,
    );
  }
  return headers;
}

/** Every text of the configuration that must not be seen again. */
export function secretsOf(config: OpenAiRealtimeConfig): readonly string[] {
  return [config.apiKey, ...Object.values(config.extraHeaders ?? {})].filter((secret) => secret !== '');
}

/** The name that messages, metrics and logs know it by. */
export function backendName(config: OpenAiRealtimeConfig): string {
  return config.name ?? 'openai';
}

function baseUrl(config: OpenAiRealtimeConfig): URL {
  const name = backendName(config);
  let url: URL;
  try {
    url = new URL(config.baseUrl ?? DEFAULT_BASE_URL);
  } catch {
    // Not shown and no cause: whatever it is, it may hold a key.
    throw invalid(`baseUrl of backend '${name}' is not a URL: write it like ${DEFAULT_BASE_URL}`);
  }
  if (url.protocol === 'http:') url.protocol = 'ws:';
  if (url.protocol === 'https:') url.protocol = 'wss:';
  if (url.protocol !== 'ws:' && url.protocol !== 'wss:') {
    throw invalid(`baseUrl of backend '${name}' must begin with wss:// (or ws:// on this machine)`);
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid(`baseUrl of backend '${name}' holds a user or password: give the key as apiKey or in extraHeaders`);
  }
  if (url.hash !== '') throw invalid(`baseUrl of backend '${name}' has a # fragment: remove it`);
  if (url.protocol === 'ws:' && config.allowPlaintext !== true && !isLoopback(url.hostname)) {
    throw invalid(
      `baseUrl of backend '${name}' is ws:// to another machine: the key and the speech would travel readable. ` +
        'Use wss://, or set allowPlaintext to true',
    );
  }
  if (config.model === '') throw invalid(`backend '${name}' has no model`);
  return url;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

function invalid(message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message);
}
