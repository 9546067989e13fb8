/** Server messages of a Voice Agent as this host uses them: every field that is used is checked, for a peer may send anything. */
import { LIMITS } from '../limits.ts';
import { EventFields, MalformedField, isJson } from './event-fields.ts';
import type { Json } from './event-fields.ts';

/** A function of ours that the agent wants called. */
export interface DeepgramCall {
  readonly toolCallId: string;
  readonly name: string;
  readonly argumentsJson: string;
  /** To be given back as it is with the result, where the model behind it asks for one. */
  readonly thoughtSignature?: string;
}

/** A fault in Deepgram's words. */
export interface DeepgramFault {
  readonly code: string;
  readonly text: string;
}

/** One message, decoded. */
export type DeepgramEvent =
  | {
      readonly type:
        'SettingsApplied' | 'UserStartedSpeaking' | 'AgentThinking' | 'AgentStartedSpeaking' | 'AgentAudioDone';
    }
  | { readonly type: 'Welcome'; readonly requestId: string | undefined }
  | { readonly type: 'ConversationText'; readonly by: 'caller' | 'agent'; readonly text: string }
  | { readonly type: 'FunctionCallRequest'; readonly calls: readonly DeepgramCall[] }
  | { readonly type: 'FunctionCallCancelled'; readonly toolCallIds: readonly string[] }
  | { readonly type: 'InjectionRefused' | 'Warning' | 'Error'; readonly fault: DeepgramFault }
  /** Declared by the vendor, and nothing for a bridge to do. */
  | { readonly type: 'ignored' }
  /** Of a name that this version does not know. */
  | { readonly type: 'unknown' }
  | { readonly type: 'malformed'; readonly of: string; readonly field: string };

/** The fields that are read, as the vendor names them. */
interface WireMessage {
  readonly request_id: string;
  readonly role: string;
  readonly content: string;
  readonly code: string;
  readonly description: string;
  readonly message: string;
  readonly functions: readonly WireFunction[];
}

interface WireFunction {
  readonly id: string;
  readonly name: string;
  readonly arguments: string;
  readonly client_side: boolean;
  readonly thought_signature: string;
}

/** Decodes one text message. Never throws: what is not JSON, or not a message of the wire, is `malformed`. */
export function decodeDeepgramEvent(message: Buffer): DeepgramEvent {
  let json: unknown;
  try {
    json = JSON.parse(message.toString('utf8'));
  } catch {
    // The text is the peer's, and so is the parser's complaint, which quotes it: neither goes into an error.
    return { type: 'malformed', of: 'message', field: 'JSON' };
  }
  if (!isJson(json)) return { type: 'malformed', of: 'message', field: 'JSON object' };
  const type = json['type'];
  if (typeof type !== 'string') return { type: 'malformed', of: 'message', field: 'type' };
  const decode = DECODERS.get(type);
  if (decode === undefined) return { type: 'unknown' };
  try {
    return decode(json);
  } catch (error) {
    if (error instanceof MalformedField) return { type: 'malformed', of: type, field: error.field };
    throw error;
  }
}

const ignored = (): DeepgramEvent => ({ type: 'ignored' });

const DECODERS: ReadonlyMap<string, (json: Json) => DeepgramEvent> = new Map<string, (json: Json) => DeepgramEvent>([
  ['Welcome', (json) => ({ type: 'Welcome', requestId: fieldsOf(json).optionalText('request_id') })],
  ['SettingsApplied', () => ({ type: 'SettingsApplied' })],
  ['UserStartedSpeaking', () => ({ type: 'UserStartedSpeaking' })],
  ['AgentThinking', () => ({ type: 'AgentThinking' })],
  ['AgentStartedSpeaking', () => ({ type: 'AgentStartedSpeaking' })],
  ['AgentAudioDone', () => ({ type: 'AgentAudioDone' })],
  ['ConversationText', conversationText],
  ['FunctionCallRequest', functionCallRequest],
  ['FunctionCallCancelled', functionCallCancelled],
  ['InjectionRefused', injectionRefused],
  ['Warning', (json) => ({ type: 'Warning', fault: faultOf(json) })],
  ['Error', (json) => ({ type: 'Error', fault: faultOf(json) })],
  // What Deepgram did by itself, what we asked for, and what other messages say already.
  ['FunctionCallResponse', ignored],
  ['LatencyReport', ignored],
  ['History', ignored],
  ['PromptUpdated', ignored],
  ['SpeakUpdated', ignored],
  ['ThinkUpdated', ignored],
  ['ListenUpdated', ignored],
]);

function fieldsOf(json: Json): EventFields<WireMessage> {
  return new EventFields<WireMessage>(json);
}

function conversationText(json: Json): DeepgramEvent {
  const fields = fieldsOf(json);
  const role = fields.text('role');
  const text = fields.text('content');
  if (role === 'user') return { type: 'ConversationText', by: 'caller', text };
  return role === 'assistant' ? { type: 'ConversationText', by: 'agent', text } : { type: 'ignored' };
}

/** Those that Deepgram calls itself (an endpoint of the operator's) are none of ours. */
function functionCallRequest(json: Json): DeepgramEvent {
  const calls: DeepgramCall[] = [];
  for (const fields of fieldsOf(json).objects<WireFunction>('functions', LIMITS.backendToolCalls)) {
    if (fields.optionalFlag('client_side') === false) continue;
    const thoughtSignature = fields.optionalText('thought_signature');
    calls.push({
      toolCallId: fields.id('id'),
      name: fields.id('name'),
      argumentsJson: fields.optionalText('arguments') ?? '{}',
      ...(thoughtSignature !== undefined && { thoughtSignature }),
    });
  }
  return { type: 'FunctionCallRequest', calls };
}

function functionCallCancelled(json: Json): DeepgramEvent {
  const functions = fieldsOf(json).objects<WireFunction>('functions', LIMITS.backendToolCalls);
  return { type: 'FunctionCallCancelled', toolCallIds: functions.map((fields) => fields.id('id')) };
}

function injectionRefused(json: Json): DeepgramEvent {
  const text = fieldsOf(json).optionalText('message') ?? '';
  return { type: 'InjectionRefused', fault: { code: 'INJECTION_REFUSED', text } };
}

/** A fault without its words is a fault all the same. */
function faultOf(json: Json): DeepgramFault {
  const fields = fieldsOf(json);
  return { code: fields.optionalText('code') ?? 'UNKNOWN', text: fields.optionalText('description') ?? '' };
}
