/**
 * The server events of the OpenAI Realtime wire, as far as a bridge needs them. Names come from the vendor's own type
 * declarations, so that one with a slip in it does not compile.
 */
import type { RealtimeServerEvent } from 'openai/resources/realtime/realtime';

type ServerEventType = RealtimeServerEvent['type'];
type Named<Type extends ServerEventType> = Type;

/** What the API says went wrong. */
export interface ApiError {
  readonly code: string | undefined;
  readonly type: string | undefined;
  /** From the peer: for `details` through `peerText`, never for a message. */
  readonly message: string | undefined;
  readonly param: string | undefined;
  /** The `event_id` of the client event that was wrong. */
  readonly clientEventId: string | undefined;
}

/** One entry of `rate_limits.updated`. */
export interface RateLimit {
  readonly name: string;
  readonly limit: number | undefined;
  readonly remaining: number | undefined;
  readonly resetSeconds: number | undefined;
}

/** How a response ended. */
export type ResponseStatus = 'completed' | 'cancelled' | 'failed' | 'incomplete';

/** A decoded server event. `ignored` is known and of no use to a bridge; `unknown` is newer, or not of this wire. */
export type ServerEvent =
  | {
      readonly type: Named<'session.created' | 'session.updated'>;
      /** Unix time in seconds; undefined where the server does not say. */
      readonly expiresAtS: number | undefined;
      readonly inputType: string | undefined;
      readonly outputType: string | undefined;
    }
  | { readonly type: Named<'error'>; readonly error: ApiError }
  | { readonly type: Named<'input_audio_buffer.speech_started' | 'input_audio_buffer.speech_stopped'> }
  | { readonly type: Named<'input_audio_buffer.timeout_triggered'> }
  | { readonly type: CallerTranscriptDelta; readonly itemId: string; readonly text: string }
  | { readonly type: CallerTranscriptDone; readonly itemId: string; readonly text: string }
  | { readonly type: CallerTranscriptFailed; readonly error: ApiError }
  | { readonly type: Named<'response.created'>; readonly responseId: string }
  | ResponseDone
  | {
      readonly type: Named<'response.output_item.added' | 'response.output_item.done'>;
      readonly responseId: string;
      /** Only for an item that is a function call. */
      readonly functionCall: FunctionCall | null;
    }
  | AudioDelta
  | { readonly type: Named<'response.output_audio.done'>; readonly responseId: string; readonly itemId: string }
  | {
      readonly type: Named<
        | 'response.output_audio_transcript.delta'
        | 'response.output_audio_transcript.done'
        | 'response.output_text.delta'
        | 'response.output_text.done'
      >;
      readonly responseId: string;
      /** Not every server says. */
      readonly itemId: string | undefined;
      readonly text: string;
    }
  | {
      readonly type: Named<'response.function_call_arguments.done'>;
      readonly responseId: string;
      readonly functionCall: FunctionCall;
    }
  | { readonly type: Named<'rate_limits.updated'>; readonly limits: readonly RateLimit[] }
  | { readonly type: 'ignored' }
  | { readonly type: 'unknown' }
  | {
      readonly type: 'malformed';
      /** The event's own name where it is one that we know. */
      readonly of: string;
      readonly field: string;
    };

type CallerTranscriptDelta = Named<'conversation.item.input_audio_transcription.delta'>;
type CallerTranscriptDone = Named<'conversation.item.input_audio_transcription.completed'>;
type CallerTranscriptFailed = Named<'conversation.item.input_audio_transcription.failed'>;

/** `response.output_audio.delta`; `delta` is still base64. */
export interface AudioDelta {
  readonly type: Named<'response.output_audio.delta'>;
  readonly responseId: string;
  readonly itemId: string;
  readonly contentIndex: number;
  readonly delta: string;
}

/** `response.done`. */
export interface ResponseDone {
  readonly type: Named<'response.done'>;
  readonly responseId: string;
  readonly status: ResponseStatus;
  /** Why it was cut short: `turn_detected`, `max_output_tokens`, … */
  readonly reason: string | undefined;
  /** Only where `status` is `failed`. */
  readonly error: ApiError | null;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** A function call, complete or announced: servers differ in which event carries the name. */
export interface FunctionCall {
  readonly itemId: string | undefined;
  readonly toolCallId: string | undefined;
  readonly name: string | undefined;
  readonly argumentsJson: string | undefined;
}
