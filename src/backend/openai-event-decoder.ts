/** From the bytes of a message to a {@link ServerEvent}: every field that is used is checked, for a peer may send anything. */
import type {
  ConversationItemInputAudioTranscriptionCompletedEvent,
  ConversationItemInputAudioTranscriptionDeltaEvent,
  ConversationItemInputAudioTranscriptionFailedEvent,
  RateLimitsUpdatedEvent,
  RealtimeConversationItemFunctionCall,
  RealtimeError,
  RealtimeErrorEvent,
  RealtimeResponse,
  RealtimeResponseUsage,
  RealtimeServerEvent,
  RealtimeSession,
  RealtimeSessionCreateRequest,
  ResponseAudioDeltaEvent,
  ResponseAudioDoneEvent,
  ResponseAudioTranscriptDeltaEvent,
  ResponseAudioTranscriptDoneEvent,
  ResponseCreatedEvent,
  ResponseDoneEvent,
  ResponseFunctionCallArgumentsDoneEvent,
  ResponseOutputItemAddedEvent,
  SessionCreatedEvent,
} from 'openai/resources/realtime/realtime';
import { EventFields, MalformedField, isJson } from './event-fields.ts';
import type { Json } from './event-fields.ts';
import type { ApiError, FunctionCall, ResponseStatus, ServerEvent } from './openai-event.ts';

type ServerEventType = RealtimeServerEvent['type'];

/** Decodes one message. Never throws: what is not JSON, or not an event, is `malformed`. */
export function decodeServerEvent(message: Buffer): ServerEvent {
  let json: unknown;
  try {
    json = JSON.parse(message.toString('utf8'));
  } catch {
    // The text is the peer's, and so is the parser's complaint, which quotes it: neither goes into an error.
    return { type: 'malformed', of: 'message', field: 'JSON' };
  }
  return decodeJson(json);
}

/** Decodes an event that is parsed already. */
export function decodeJson(json: unknown): ServerEvent {
  if (!isJson(json)) return { type: 'malformed', of: 'message', field: 'JSON object' };
  const named = json['type'];
  if (typeof named !== 'string') return { type: 'malformed', of: 'message', field: 'type' };
  const type = BETA_NAMES.get(named) ?? named;
  const decode = DECODERS.get(type);
  if (decode === undefined) return { type: 'unknown' };
  if (decode === null) return { type: 'ignored' };
  try {
    return decode(json);
  } catch (error) {
    if (error instanceof MalformedField) return { type: 'malformed', of: type, field: error.field };
    throw error;
  }
}

/** The names of the beta interface, which older and compatible servers still send. */
const BETA_NAMES: ReadonlyMap<string, ServerEventType> = new Map<string, ServerEventType>([
  ['response.audio.delta', 'response.output_audio.delta'],
  ['response.audio.done', 'response.output_audio.done'],
  ['response.audio_transcript.delta', 'response.output_audio_transcript.delta'],
  ['response.audio_transcript.done', 'response.output_audio_transcript.done'],
  ['response.text.delta', 'response.output_text.delta'],
  ['response.text.done', 'response.output_text.done'],
]);

/**
 * One entry for each event that the vendor declares, so that a new one does not compile until somebody has decided. Null:
 * nothing for a bridge to do, because the audio, the transcripts and the responses have events of their own.
 */
const DECLARED: Record<ServerEventType, ((json: Json) => ServerEvent) | null> = {
  'session.created': (json) => session('session.created', json),
  'session.updated': (json) => session('session.updated', json),
  error: (json) => ({ type: 'error', error: apiError(new EventFields<RealtimeErrorEvent>(json).object('error')) }),
  'input_audio_buffer.speech_started': () => ({ type: 'input_audio_buffer.speech_started' }),
  'input_audio_buffer.speech_stopped': () => ({ type: 'input_audio_buffer.speech_stopped' }),
  'input_audio_buffer.timeout_triggered': () => ({ type: 'input_audio_buffer.timeout_triggered' }),
  'conversation.item.input_audio_transcription.delta': callerTranscriptDelta,
  'conversation.item.input_audio_transcription.completed': callerTranscriptDone,
  'conversation.item.input_audio_transcription.failed': callerTranscriptFailed,
  'response.created': responseCreated,
  'response.done': responseDone,
  'response.output_item.added': (json) => outputItem('response.output_item.added', json),
  'response.output_item.done': (json) => outputItem('response.output_item.done', json),
  'response.output_audio.delta': audioDelta,
  'response.output_audio.done': audioDone,
  'response.output_audio_transcript.delta': (json) => agentDelta('response.output_audio_transcript.delta', json),
  'response.output_audio_transcript.done': agentTranscriptDone,
  'response.output_text.delta': (json) => agentDelta('response.output_text.delta', json),
  'response.output_text.done': agentTextDone,
  'response.function_call_arguments.done': argumentsDone,
  'rate_limits.updated': rateLimits,
  'conversation.created': null,
  'conversation.item.added': null,
  'conversation.item.created': null,
  'conversation.item.deleted': null,
  'conversation.item.done': null,
  'conversation.item.input_audio_transcription.segment': null,
  'conversation.item.retrieved': null,
  'conversation.item.truncated': null,
  'input_audio_buffer.cleared': null,
  'input_audio_buffer.committed': null,
  'input_audio_buffer.dtmf_event_received': null,
  'mcp_list_tools.completed': null,
  'mcp_list_tools.failed': null,
  'mcp_list_tools.in_progress': null,
  'output_audio_buffer.cleared': null,
  'output_audio_buffer.started': null,
  'output_audio_buffer.stopped': null,
  'response.content_part.added': null,
  'response.content_part.done': null,
  'response.function_call_arguments.delta': null,
  'response.mcp_call.completed': null,
  'response.mcp_call.failed': null,
  'response.mcp_call.in_progress': null,
  'response.mcp_call_arguments.delta': null,
  'response.mcp_call_arguments.done': null,
};

/** A map, and not the object: a name such as `constructor` is the peer's to send. */
const DECODERS: ReadonlyMap<string, ((json: Json) => ServerEvent) | null> = new Map(Object.entries(DECLARED));

function session(type: 'session.created' | 'session.updated', json: Json): ServerEvent {
  const fields = new EventFields<SessionCreatedEvent>(json).object<
    'session',
    RealtimeSessionCreateRequest & RealtimeSession
  >('session');
  const audio = fields.optionalObject<'audio', NonNullable<RealtimeSessionCreateRequest['audio']>>('audio');
  return {
    type,
    expiresAtS: fields.optionalCount('expires_at'),
    inputType: audio.optionalObject('input').optionalObject('format').optionalText('type'),
    outputType: audio.optionalObject('output').optionalObject('format').optionalText('type'),
  };
}

function apiError(fields: EventFields<RealtimeError>): ApiError {
  return {
    code: fields.optionalText('code'),
    type: fields.optionalText('type'),
    message: fields.optionalText('message'),
    param: fields.optionalText('param'),
    clientEventId: fields.optionalText('event_id'),
  };
}

function callerTranscriptDelta(json: Json): ServerEvent {
  const fields = new EventFields<ConversationItemInputAudioTranscriptionDeltaEvent>(json);
  const type = 'conversation.item.input_audio_transcription.delta';
  return { type, itemId: fields.id('item_id'), text: fields.optionalText('delta') ?? '' };
}

function callerTranscriptDone(json: Json): ServerEvent {
  const fields = new EventFields<ConversationItemInputAudioTranscriptionCompletedEvent>(json);
  const type = 'conversation.item.input_audio_transcription.completed';
  return { type, itemId: fields.id('item_id'), text: fields.text('transcript') };
}

function callerTranscriptFailed(json: Json): ServerEvent {
  const fields = new EventFields<ConversationItemInputAudioTranscriptionFailedEvent>(json);
  const error = fields.object<'error', RealtimeError>('error');
  return { type: 'conversation.item.input_audio_transcription.failed', error: apiError(error) };
}

function responseCreated(json: Json): ServerEvent {
  const response = new EventFields<ResponseCreatedEvent>(json).object('response');
  return { type: 'response.created', responseId: response.id('id') };
}

function responseDone(json: Json): ServerEvent {
  const response: EventFields<RealtimeResponse> = new EventFields<ResponseDoneEvent>(json).object('response');
  const status = response.text('status');
  if (!isFinalStatus(status)) throw new MalformedField('response.status');
  const details = response.optionalObject('status_details');
  const usage: EventFields<RealtimeResponseUsage> = response.optionalObject('usage');
  return {
    type: 'response.done',
    responseId: response.id('id'),
    status,
    reason: details.optionalText('reason'),
    error: status === 'failed' ? apiError(details.optionalObject<'error', RealtimeError>('error')) : null,
    inputTokens: usage.optionalCount('input_tokens') ?? 0,
    outputTokens: usage.optionalCount('output_tokens') ?? 0,
  };
}

function isFinalStatus(status: string): status is ResponseStatus {
  return status === 'completed' || status === 'cancelled' || status === 'failed' || status === 'incomplete';
}

function outputItem(type: 'response.output_item.added' | 'response.output_item.done', json: Json): ServerEvent {
  const fields = new EventFields<ResponseOutputItemAddedEvent>(json);
  const item = fields.object<'item', RealtimeConversationItemFunctionCall>('item');
  const isCall = item.optionalText('type') === ('function_call' satisfies RealtimeConversationItemFunctionCall['type']);
  return { type, responseId: fields.id('response_id'), functionCall: isCall ? functionCall(item, 'id') : null };
}

function argumentsDone(json: Json): ServerEvent {
  const fields = new EventFields<ResponseFunctionCallArgumentsDoneEvent>(json);
  fields.id('call_id');
  fields.text('arguments');
  const type = 'response.function_call_arguments.done';
  return { type, responseId: fields.id('response_id'), functionCall: functionCall(fields, 'item_id') };
}

/** Servers differ in which of these they send where: what is missing is asked for when the call is complete. */
function functionCall<Shape extends { call_id?: string; name: string; arguments: string }>(
  fields: EventFields<Shape>,
  idField: keyof Shape & string,
): FunctionCall {
  return {
    itemId: fields.optionalId(idField),
    toolCallId: fields.optionalId('call_id'),
    name: fields.optionalId('name'),
    argumentsJson: fields.optionalText('arguments'),
  };
}

function audioDelta(json: Json): ServerEvent {
  const fields = new EventFields<ResponseAudioDeltaEvent>(json);
  return {
    type: 'response.output_audio.delta',
    responseId: fields.id('response_id'),
    itemId: fields.id('item_id'),
    contentIndex: fields.optionalCount('content_index') ?? 0,
    delta: fields.text('delta'),
  };
}

function audioDone(json: Json): ServerEvent {
  const fields = new EventFields<ResponseAudioDoneEvent>(json);
  return { type: 'response.output_audio.done', responseId: fields.id('response_id'), itemId: fields.id('item_id') };
}

function agentDelta(
  type: 'response.output_audio_transcript.delta' | 'response.output_text.delta',
  json: Json,
): ServerEvent {
  const fields = new EventFields<ResponseAudioTranscriptDeltaEvent>(json);
  return {
    type,
    responseId: fields.id('response_id'),
    itemId: fields.optionalId('item_id'),
    text: fields.text('delta'),
  };
}

function agentTranscriptDone(json: Json): ServerEvent {
  const fields = new EventFields<ResponseAudioTranscriptDoneEvent>(json);
  return {
    type: 'response.output_audio_transcript.done',
    responseId: fields.id('response_id'),
    itemId: fields.optionalId('item_id'),
    text: fields.text('transcript'),
  };
}

function agentTextDone(json: Json): ServerEvent {
  const fields = new EventFields<Extract<RealtimeServerEvent, { type: 'response.output_text.done' }>>(json);
  return {
    type: 'response.output_text.done',
    responseId: fields.id('response_id'),
    itemId: fields.optionalId('item_id'),
    text: fields.text('text'),
  };
}

function rateLimits(json: Json): ServerEvent {
  const entries = new EventFields<RateLimitsUpdatedEvent>(json).objects<RateLimitsUpdatedEvent.RateLimit>(
    'rate_limits',
    8,
  );
  return {
    type: 'rate_limits.updated',
    limits: entries.map((entry) => ({
      name: entry.id('name'),
      limit: entry.optionalCount('limit'),
      remaining: entry.optionalCount('remaining'),
      resetSeconds: entry.optionalCount('reset_seconds'),
    })),
  };
}
