/** What we say to Gemini Live, by its wire's own names; the caller's audio has a message that is built without JSON. */
import type { AppendWire } from './audio-append.ts';

/** One part of a conversation that is told. */
export interface GeminiTurn {
  readonly role: 'user' | 'model';
  readonly parts: readonly { readonly text: string }[];
}

/** A function's result; `id` is absent where the call had none. */
export interface GeminiFunctionResponse {
  readonly id?: string;
  readonly name: string;
  readonly response: Readonly<Record<string, unknown>>;
}

/** Exactly one of these is in a message. */
export type GeminiClientMessage =
  | { readonly setup: GeminiSetup }
  | { readonly clientContent: { readonly turns: readonly GeminiTurn[]; readonly turnComplete: boolean } }
  | {
      readonly realtimeInput:
        | { readonly text: string }
        | { readonly activityStart: Readonly<Record<string, never>> }
        | { readonly activityEnd: Readonly<Record<string, never>> };
    }
  | { readonly toolResponse: { readonly functionResponses: readonly GeminiFunctionResponse[] } };

/** The first message of a connection; more of it may be the operator's words. */
export interface GeminiSetup {
  readonly model: string;
  readonly generationConfig: Readonly<Record<string, unknown>>;
  readonly systemInstruction?: { readonly parts: readonly { readonly text: string }[] };
  readonly tools?: readonly unknown[];
  readonly realtimeInputConfig?: { readonly automaticActivityDetection: Readonly<Record<string, unknown>> };
  readonly sessionResumption: { readonly handle?: string };
  readonly contextWindowCompression?: {
    readonly triggerTokens?: string;
    readonly slidingWindow: { readonly targetTokens?: string };
  };
  readonly inputAudioTranscription?: Readonly<Record<string, never>>;
  readonly outputAudioTranscription?: Readonly<Record<string, never>>;
  readonly historyConfig?: { readonly initialHistoryInClientContent: true };
}

/** The rate that the interface hears at, Hz. */
export const GEMINI_INPUT_HZ = 16_000;
/** The rate that it speaks at, Hz. */
export const GEMINI_OUTPUT_HZ = 24_000;

/** `realtimeInput.audio`: the base64 goes first, so that what stands before it is short. */
export const GEMINI_WIRE: AppendWire = {
  head: Buffer.from('{"realtimeInput":{"audio":{"data":"', 'latin1'),
  tail: Buffer.from(`","mimeType":"audio/pcm;rate=${GEMINI_INPUT_HZ}"}}}`, 'latin1'),
};

/** The rate that a type of audio names, Hz; the usual one where it names none; null: it is no PCM. */
export function rateOf(mimeType: string): number | null {
  const [type = '', ...parameters] = mimeType
    .toLowerCase()
    .split(';')
    .map((part) => part.trim());
  if (type !== 'audio/pcm') return null;
  const rate = parameters.find((parameter) => parameter.startsWith('rate='));
  return rate === undefined ? GEMINI_OUTPUT_HZ : Number(rate.slice('rate='.length));
}

/** A function's result as the wire wants it, an object: one that is none goes under `output`. */
export function responseOf(outputJson: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(outputJson);
  } catch {
    // The application's own words, which need not be JSON.
    value = outputJson;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  return { output: value };
}
