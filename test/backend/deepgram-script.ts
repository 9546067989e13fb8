/** A Voice Agent that says what a test tells it to, typed by the vendor's own declarations. */
import type { Deepgram } from '@deepgram/sdk';
import { DeepgramBackend } from '../../src/backend/deepgram-voice-agent.ts';
import type { DeepgramConfig, DeepgramStream } from '../../src/backend/deepgram-voice-agent.ts';
import type { BackendCall } from '../../src/backend/backend.ts';
import type { MediaFormat } from '../../src/core/media.ts';
import { ManualClock } from './manual-clock.ts';
import { RecordingSink } from './recording-sink.ts';
import { ScriptedServer } from './scripted-server.ts';
import type { ScriptedPeer, ScriptedServerOptions } from './scripted-server.ts';

export const SECRET = 'dg-very-secret-0123456789';

/** What the vendor declares that its server says. */
export type Said =
  | Deepgram.agent.AgentV1Welcome
  | Deepgram.agent.AgentV1SettingsApplied
  | Deepgram.agent.AgentV1ConversationText
  | Deepgram.agent.AgentV1UserStartedSpeaking
  | Deepgram.agent.AgentV1AgentThinking
  | Deepgram.agent.AgentV1FunctionCallRequest
  | Deepgram.agent.AgentV1FunctionCallCancelled
  | Deepgram.agent.AgentV1ReceiveFunctionCallResponse
  | Deepgram.agent.AgentV1AgentStartedSpeaking
  | Deepgram.agent.AgentV1AgentAudioDone
  | Deepgram.agent.AgentV1LatencyReport
  | Deepgram.agent.AgentV1InjectionRefused
  | Deepgram.agent.AgentV1PromptUpdated
  | Deepgram.agent.AgentV1SpeakUpdated
  | Deepgram.agent.AgentV1ThinkUpdated
  | Deepgram.agent.AgentV1ListenUpdated
  | Deepgram.agent.AgentV1Error
  | Deepgram.agent.AgentV1Warning
  | Deepgram.agent.AgentV1History;

/** What it declares that a client may say. */
type Heard =
  | Deepgram.agent.AgentV1Settings
  | Deepgram.agent.AgentV1UpdatePrompt
  | Deepgram.agent.AgentV1UpdateSpeak
  | Deepgram.agent.AgentV1InjectUserMessage
  | Deepgram.agent.AgentV1InjectAgentMessage
  | Deepgram.agent.AgentV1SendFunctionCallResponse
  | Deepgram.agent.AgentV1ForceEndTurn
  | Deepgram.agent.AgentV1KeepAlive;

export type DeepgramPeer = ScriptedPeer<Said, Heard>;
export type DeepgramScript = ScriptedServer<Said, Heard>;

/** A server that speaks as the Voice Agent does. */
export function listen(options: ScriptedServerOptions<Said, Heard> = {}): Promise<DeepgramScript> {
  return ScriptedServer.listen({ ...options, hasBinary: true });
}

/** Where the agent is. */
export function urlOf(server: DeepgramScript): string {
  return `${server.baseUrl}/agent/converse`;
}

export const PCMU_LEG: MediaFormat = { codec: 'pcmu', sampleRateHz: 8000, ptimeMs: 20 };
export const PCMA_LEG: MediaFormat = { codec: 'pcma', sampleRateHz: 8000, ptimeMs: 20 };
export const L16_LEG: MediaFormat = { codec: 'l16', sampleRateHz: 16000, ptimeMs: 20 };

export function callOn(leg: MediaFormat, metadata: string | null = null): BackendCall {
  return { callId: 'call-1', leg, from: '1001', to: '5000', variables: new Map(), metadata };
}

export const WELCOME: Said = { type: 'Welcome', request_id: 'fc553ec9-5874-49ca-a47c-b670d525a4b3' };
export const APPLIED: Said = { type: 'SettingsApplied' };
export const CALLER_STARTED: Said = { type: 'UserStartedSpeaking' };
export const DONE: Said = { type: 'AgentAudioDone' };
export const AGENT_STARTED: Said = {
  type: 'AgentStartedSpeaking',
  ...{ total_latency: 0.8, tts_latency: 0.3, ttt_latency: 0.5 },
};

export function text(role: 'user' | 'assistant', content: string): Said {
  return { type: 'ConversationText', role, content };
}

export function callRequest(id: string, name = 'look_up', client_side = true): Said {
  return { type: 'FunctionCallRequest', functions: [{ id, name, arguments: '{"day":"today"}', client_side }] };
}

/** A session that is set up. */
export interface Talk {
  readonly peer: DeepgramPeer;
  readonly sink: RecordingSink;
  readonly stream: DeepgramStream;
  readonly clock: ManualClock;
  readonly server: DeepgramScript;
  /** Closes both sides; nothing may be left. */
  end(): Promise<void>;
}

/** Sets a session up by the book. */
export async function converse(
  more: Partial<DeepgramConfig> = {},
  {
    leg = PCMU_LEG,
    metadata = null,
    ...before
  }: { leg?: MediaFormat; metadata?: string | null } & Pick<
    BackendCall,
    'history' | 'toolCalls' | 'correlationId'
  > = {},
): Promise<Talk> {
  let met: DeepgramPeer | null = null;
  const server = await listen({
    onPeer: (peer) => {
      met = peer;
      peer.say(WELCOME);
      void peer.until('Settings').then(() => peer.say(APPLIED));
    },
  });
  const clock = new ManualClock();
  const sink = new RecordingSink();
  const backend = new DeepgramBackend({ apiKey: SECRET, url: urlOf(server), ...more }, clock);
  const stream = await backend.open({ ...callOn(leg, metadata), ...before }, sink, new AbortController().signal);
  clock.advance(0);
  return {
    peer: met!,
    ...{ sink, stream, clock, server },
    async end() {
      await stream.close();
      await server.close();
      if (clock.pending !== 0) throw new Error(`${clock.pending} timers are left`);
    },
  };
}
