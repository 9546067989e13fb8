/** What we ask a Realtime session to be: the `session.update` that follows `session.created`. */
import type {
  RealtimeAudioFormats,
  RealtimeAudioInputTurnDetection,
  RealtimeFunctionTool,
  RealtimeSessionCreateRequest,
  RealtimeTracingConfig,
  SessionUpdateEvent,
} from 'openai/resources/realtime/realtime';
import type { AudioFormat } from '../core/media.ts';
import type { BackendCall } from './backend.ts';
import type { OpenAiRealtimeConfig, OpenAiTool, OpenAiTurnDetection } from './openai-config.ts';

/**
 * The audio that a leg's call has with OpenAI, both ways: G.711 as it is, so that nothing is transcoded, and 24 kHz
 * 16-bit PCM for everything else, which is the only PCM there is.
 */
export function streamFormat(leg: AudioFormat): AudioFormat {
  return leg.codec === 'l16' || leg.sampleRateHz !== 8000
    ? { codec: 'l16', sampleRateHz: 24000 }
    : { codec: leg.codec, sampleRateHz: 8000 };
}

/** The wire's name for `format`. */
export function wireFormat(format: AudioFormat): RealtimeAudioFormats {
  if (format.codec === 'pcmu') return { type: 'audio/pcmu' };
  if (format.codec === 'pcma') return { type: 'audio/pcma' };
  return { type: 'audio/pcm', rate: 24000 };
}

/** A session with its temperature, which only beta servers know. */
type SessionRequest = RealtimeSessionCreateRequest & { temperature?: number };

/** The whole `session.update`; a field that is not configured is left to the server. */
export function sessionUpdate(
  config: OpenAiRealtimeConfig,
  format: AudioFormat,
  eventId: string,
  call?: Pick<BackendCall, 'callId' | 'correlationId'>,
): SessionUpdateEvent & { session: SessionRequest } {
  const wire = wireFormat(format);
  const { noiseReduction, transcriptionModel, voice, speed, instructions, tools, maxOutputTokens, temperature } =
    config;
  const { writes = false } = config;
  return {
    type: 'session.update',
    event_id: eventId,
    session: {
      type: 'realtime',
      output_modalities: [writes ? 'text' : 'audio'],
      audio: {
        input: {
          format: wire,
          turn_detection: turnDetection(config.turnDetection ?? { type: 'server_vad' }),
          ...(noiseReduction !== undefined && { noise_reduction: { type: noiseReduction } }),
          ...(transcriptionModel !== undefined && { transcription: { model: transcriptionModel } }),
        },
        ...(!writes && {
          output: { format: wire, ...(voice !== undefined && { voice }), ...(speed !== undefined && { speed }) },
        }),
      },
      ...(instructions !== undefined && { instructions }),
      ...(tools !== undefined && tools.length > 0 && { tools: tools.map(functionTool), tool_choice: 'auto' as const }),
      ...(maxOutputTokens !== undefined && { max_output_tokens: maxOutputTokens }),
      ...(temperature !== undefined && { temperature }),
      ...(config.tracing === true && { tracing: tracing(call) }),
    },
  };
}

/** The trace is found by the names that our own log has for the call. */
function tracing(call: Pick<BackendCall, 'callId' | 'correlationId'> | undefined): RealtimeTracingConfig {
  if (call?.correlationId === undefined) return { workflow_name: 'talkspurt' };
  const { callId, correlationId } = call;
  return {
    workflow_name: 'talkspurt',
    group_id: correlationId,
    metadata: { session_uuid: callId, correlation_id: correlationId },
  };
}

/**
 * `interrupt_response` is off, because our endpointer decides barge-in: it hears the caller one network trip earlier and
 * knows what the agent sounds like on the line. `create_response` is on, because the server decides where a turn ends.
 */
function turnDetection(wanted: OpenAiTurnDetection): RealtimeAudioInputTurnDetection | null {
  if (wanted.type === 'none') return null;
  const ours = { create_response: true, interrupt_response: false };
  if (wanted.type === 'semantic_vad') {
    return { type: 'semantic_vad', ...ours, ...(wanted.eagerness !== undefined && { eagerness: wanted.eagerness }) };
  }
  const { threshold, prefixPaddingMs, silenceDurationMs, idleTimeoutMs } = wanted;
  return {
    type: 'server_vad',
    ...ours,
    ...(threshold !== undefined && { threshold }),
    ...(prefixPaddingMs !== undefined && { prefix_padding_ms: prefixPaddingMs }),
    ...(silenceDurationMs !== undefined && { silence_duration_ms: silenceDurationMs }),
    ...(idleTimeoutMs !== undefined && { idle_timeout_ms: idleTimeoutMs }),
  };
}

function functionTool(tool: OpenAiTool): RealtimeFunctionTool {
  return {
    type: 'function',
    name: tool.name,
    parameters: tool.parameters ?? { type: 'object', properties: {} },
    ...(tool.description !== undefined && { description: tool.description }),
  };
}
