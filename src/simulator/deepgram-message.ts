/** What the embedded Voice Agent says, and how it behaves towards its clients, well and badly. */
import type { AgentBehaviour } from './agent-behaviour.ts';

/** A text message of the server's. A test holds it against the vendor's own declarations. */
export type DeepgramServerMessage =
  | { type: 'Welcome'; request_id: string }
  | {
      type:
        | 'SettingsApplied'
        | 'UserStartedSpeaking'
        | 'AgentAudioDone'
        | 'PromptUpdated'
        | 'SpeakUpdated'
        | 'ThinkUpdated'
        | 'ListenUpdated';
    }
  | { type: 'ConversationText'; role: 'user' | 'assistant'; content: string }
  | { type: 'History'; role: 'user' | 'assistant'; content: string }
  | { type: 'AgentThinking'; content: string }
  | { type: 'AgentStartedSpeaking'; total_latency: number; tts_latency: number; ttt_latency: number }
  | { type: 'LatencyReport'; stt_latency: number; ttt_text_latency: number; tts_latency: number; total_latency: number }
  | { type: 'FunctionCallRequest'; functions: { id: string; name: string; arguments: string; client_side: boolean }[] }
  | { type: 'FunctionCallCancelled'; functions: { id: string; name: string }[] }
  | { type: 'InjectionRefused'; message: string }
  | { type: 'Warning'; code: string; description: string }
  | { type: 'Error'; code: string; description: string };

/** What goes wrong on purpose. */
export type DeepgramServerFault =
  /** Upgrades are refused with this HTTP status. */
  | { readonly kind: 'refuse'; readonly status: number }
  /** Connections are accepted and nothing is ever said; or nothing after `Welcome`. */
  | { readonly kind: 'mute' | 'stalled-settings' }
  /** Sessions are set up and callers heard, but no answer is ever begun. */
  | { readonly kind: 'no-response' }
  /** The connection is cut once an answer has said so much, without a closing handshake. */
  | { readonly kind: 'drop'; readonly afterAudioMs: number }
  /** Answers fail: an `Error`, which ends the session, or a `Warning`, which does not. */
  | { readonly kind: 'error' | 'warning'; readonly code: string; readonly description: string }
  /** Before every piece of audio there comes a message that is not what it should be. */
  | { readonly kind: 'malformed'; readonly text: string };

/** What a session of the embedded Voice Agent is made of. */
export interface DeepgramBehaviour extends AgentBehaviour<DeepgramServerFault> {
  /** Longest silence of a client, ms. */
  readonly idleMs: number;
  /** Whether an answer that the caller cut short is closed by `AgentAudioDone`: the service does not say. */
  readonly closesInterrupted: boolean;
}

/** What the embedded Voice Agent has seen since it was made. */
export interface DeepgramServerStats {
  readonly sessions: number;
  readonly sessionsOpened: number;
  readonly answers: number;
  readonly answersInterrupted: number;
  readonly turns: number;
  readonly keepAlives: number;
  /** Sessions that ended by an `Error`. */
  readonly errors: number;
  /** Audio in and out, ms. */
  readonly heardMs: number;
  readonly saidMs: number;
}

/** What is counted as it happens. */
export type DeepgramCount = Exclude<keyof DeepgramServerStats, 'sessions' | 'sessionsOpened'>;
