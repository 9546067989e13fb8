/** What the embedded Gemini Live server says, and how it behaves towards its clients, well and badly. */
import type { AgentBehaviour } from './agent-behaviour.ts';

/** A piece of what the model or the caller does. False is left out, as everywhere in this mapping of JSON. */
export interface GeminiServerContent {
  readonly modelTurn?: { readonly parts: readonly { readonly inlineData: GeminiBlob }[] };
  readonly inputTranscription?: { readonly text: string };
  readonly outputTranscription?: { readonly text: string };
  /** All of the answer has been sent. */
  readonly generationComplete?: true;
  /** It has been heard to its end, or was cut short. */
  readonly turnComplete?: true;
  /** The caller cut in: what has not been heard is not to be heard. */
  readonly interrupted?: true;
}

/** Audio, in base64. */
export interface GeminiBlob {
  readonly mimeType: string;
  readonly data: string;
}

/** What is billed, in tokens, of the conversation so far and of the answer. */
export interface GeminiUsage {
  readonly promptTokenCount: number;
  readonly responseTokenCount: number;
  readonly totalTokenCount: number;
  readonly promptTokensDetails: readonly { readonly modality: 'TEXT' | 'AUDIO'; readonly tokenCount: number }[];
  readonly responseTokensDetails: readonly { readonly modality: 'TEXT' | 'AUDIO'; readonly tokenCount: number }[];
}

/** A call of a function of the client's. */
export interface GeminiFunctionCall {
  readonly id: string;
  readonly name: string;
  readonly args: Record<string, unknown>;
}

/** A message of the server's. A test holds it against the vendor's own declarations. */
export type GeminiServerMessage =
  | { readonly setupComplete: { readonly sessionId?: string } }
  | { readonly serverContent: GeminiServerContent; readonly usageMetadata?: GeminiUsage }
  | { readonly toolCall: { readonly functionCalls: GeminiFunctionCall[] } }
  | { readonly toolCallCancellation: { readonly ids: string[] } }
  /** `timeLeft` is a duration such as `50s`. */
  | { readonly goAway: { readonly timeLeft: string } }
  /** Without a handle: the session cannot be resumed at this moment. */
  | { readonly sessionResumptionUpdate: { readonly newHandle?: string; readonly resumable?: true } };

/** What is wrong with a malformed frame: its JSON, its audio, its bytes, its fields. */
export type GeminiMalformedFrame = 'json' | 'base64' | 'bytes' | 'empty' | 'unknown-field' | 'wrong-types';

/** What goes wrong on purpose. */
export type GeminiServerFault =
  /** Upgrades are refused with this HTTP status. */
  | { readonly kind: 'refuse'; readonly status: number }
  /** Connections are accepted and nothing is ever said; or setup is never answered. */
  | { readonly kind: 'mute' | 'stalled-setup' }
  /** Sessions are set up and callers heard, but no answer is ever begun. */
  | { readonly kind: 'no-response' }
  /** The connection is cut once an answer has said so much, without a closing handshake. */
  | { readonly kind: 'drop'; readonly afterAudioMs: number }
  /** Every message comes so much later. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** RESOURCE_EXHAUSTED: setup, or the next answer, ends the connection. */
  | { readonly kind: 'quota' }
  /** In the place of an answer the connection closes. */
  | { readonly kind: 'close'; readonly code: number; readonly reason: string }
  /** Before every piece of audio there comes a frame that is not what it should be. */
  | { readonly kind: 'malformed'; readonly frame: GeminiMalformedFrame };

/** What a session of the embedded Gemini Live server is made of. */
export interface GeminiBehaviour extends AgentBehaviour<GeminiServerFault> {
  /** Whether this model can be talked to. */
  readonly knowsModel: (model: string) => boolean;
  /** A connection lives for so long, ms; so long before its end it is told. */
  readonly connectionMs: number;
  readonly goAwayMs: number;
  /** `turns`: a handle at the beginning and after each turn, none while an answer is given. `once`: at the beginning. */
  readonly handles: 'turns' | 'once';
  /** Whether a turn lasts until its audio would have been played. */
  readonly waitsForPlayback: boolean;
}

/** What the embedded Gemini Live server has seen since it was made. */
export interface GeminiServerStats {
  readonly sessions: number;
  readonly sessionsOpened: number;
  /** Those that went on with a conversation of before. */
  readonly sessionsResumed: number;
  readonly answers: number;
  readonly answersInterrupted: number;
  readonly turns: number;
  readonly toolCalls: number;
  /** Connections that the server closed, with a code and a reason. */
  readonly refusals: number;
  /** Audio in and out, ms. */
  readonly heardMs: number;
  readonly saidMs: number;
}

/** What is counted as it happens. */
export type GeminiCount = Exclude<keyof GeminiServerStats, 'sessions' | 'sessionsOpened'>;
