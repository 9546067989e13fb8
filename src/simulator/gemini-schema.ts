/**
 * What clients of the embedded Gemini Live server may send: the messages of `BidiGenerateContent` as the Gemini API (not Vertex AI)
 * takes them. A test holds the names against the vendor's own declarations, which also have fields of Vertex AI's:
 * `transparent`, `safetySettings`, `labels` and `explicitVadSignal` are refused here as they are there.
 */
import { checkFields, enumOf, message } from './gemini-field-check.ts';
import type { Checked, FieldType, MessageType } from './gemini-field-check.ts';
import { GeminiRefusal } from './gemini-refusal.ts';

const text = { repeated: 'string' } as const;
const none = message({});
const Blob = message({ data: 'bytes', mimeType: 'string' });

const Part = {
  ...message({
    ...{ text: 'string', thought: 'bool', thoughtSignature: 'bytes', inlineData: Blob, partMetadata: 'struct' },
    fileData: message({ mimeType: 'string', fileUri: 'string' }),
    functionCall: message({ id: 'string', name: 'string', args: 'struct' }),
    functionResponse: message({ id: 'string', name: 'string', response: 'struct' }),
    ...{ executableCode: 'struct', codeExecutionResult: 'struct', videoMetadata: 'struct', mediaResolution: 'struct' },
  }),
  oneof: {
    name: 'data',
    fields: [
      ...['text', 'inlineData', 'fileData', 'functionCall', 'functionResponse', 'executableCode'],
      'codeExecutionResult',
    ],
  },
};
const Content = message({ parts: { repeated: Part }, role: 'string' });

const itself = { lazy: (): FieldType => Schema };
const Schema: MessageType = message({
  type: enumOf('Type', 'STRING', 'NUMBER', 'INTEGER', 'BOOLEAN', 'ARRAY', 'OBJECT', 'NULL'),
  ...{ format: 'string', title: 'string', description: 'string', nullable: 'bool', pattern: 'string', enum: text },
  ...{ maxItems: 'int64', minItems: 'int64', minProperties: 'int64', maxProperties: 'int64' },
  ...{ minLength: 'int64', maxLength: 'int64', minimum: 'float', maximum: 'float', example: 'any', default: 'any' },
  ...{ required: text, propertyOrdering: text, properties: { map: itself }, items: itself },
  anyOf: { repeated: itself },
});

const FunctionDeclaration = message({
  ...{ name: 'string', description: 'string', parameters: itself, parametersJsonSchema: 'any' },
  ...{ response: itself, responseJsonSchema: 'any' },
  behavior: enumOf('FunctionDeclaration.Behavior', 'BLOCKING', 'NON_BLOCKING'),
});
const Tool = message({
  functionDeclarations: { repeated: FunctionDeclaration },
  ...{ googleSearch: 'struct', googleSearchRetrieval: 'struct', codeExecution: 'struct', urlContext: 'struct' },
  ...{ computerUse: 'struct', fileSearch: 'struct', googleMaps: 'struct', mcpServers: { repeated: 'struct' } },
});

const Voice = message({ prebuiltVoiceConfig: message({ voiceName: 'string' }) });
const generation = message({
  responseModalities: { repeated: enumOf('GenerationConfig.Modality', 'TEXT', 'IMAGE', 'AUDIO', 'VIDEO') },
  speechConfig: message({ voiceConfig: Voice, languageCode: 'string', multiSpeakerVoiceConfig: 'struct' }),
  ...{ candidateCount: 'int32', maxOutputTokens: 'int32', temperature: 'float', topP: 'float', topK: 'int32' },
  ...{ presencePenalty: 'float', frequencyPenalty: 'float', seed: 'int32', stopSequences: text },
  mediaResolution: enumOf(
    'GenerationConfig.MediaResolution',
    'MEDIA_RESOLUTION_LOW',
    'MEDIA_RESOLUTION_MEDIUM',
    'MEDIA_RESOLUTION_HIGH',
  ),
  thinkingConfig: message({
    ...{ includeThoughts: 'bool', thinkingBudget: 'int32' },
    thinkingLevel: enumOf('ThinkingConfig.ThinkingLevel', 'MINIMAL', 'LOW', 'MEDIUM', 'HIGH'),
  }),
  translationConfig: 'struct',
}).fields;

const ActivityDetection = message({
  ...{ disabled: 'bool', prefixPaddingMs: 'int32', silenceDurationMs: 'int32' },
  startOfSpeechSensitivity: enumOf('StartSensitivity', 'START_SENSITIVITY_HIGH', 'START_SENSITIVITY_LOW'),
  endOfSpeechSensitivity: enumOf('EndSensitivity', 'END_SENSITIVITY_HIGH', 'END_SENSITIVITY_LOW'),
});
const Transcription = message({
  ...{ languageCodes: text, languageAuto: 'struct', languageHints: 'struct', adaptationPhrases: text },
  ...{ customVocabulary: text, wordTimestamp: 'bool', diarization: 'bool' },
  mode: enumOf('AudioTranscriptionConfig.Mode', 'VERBATIM', 'SMART'),
});

const setup = message({
  ...{ model: 'string', systemInstruction: Content, tools: { repeated: Tool } },
  realtimeInputConfig: message({
    automaticActivityDetection: ActivityDetection,
    activityHandling: enumOf('ActivityHandling', 'START_OF_ACTIVITY_INTERRUPTS', 'NO_INTERRUPTION'),
    turnCoverage: enumOf(
      'TurnCoverage',
      'TURN_INCLUDES_ONLY_ACTIVITY',
      'TURN_INCLUDES_ALL_INPUT',
      'TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO',
    ),
  }),
  sessionResumption: message({ handle: 'string' }),
  contextWindowCompression: message({
    triggerTokens: 'int64',
    slidingWindow: message({ targetTokens: 'int64' }),
  }),
  ...{ inputAudioTranscription: Transcription, outputAudioTranscription: Transcription },
  historyConfig: message({ initialHistoryInClientContent: 'bool' }),
}).fields;

/** The first message, and what only `v1alpha` takes of it. */
const SETUP_BETA = message({ ...setup, generationConfig: message(generation) });
const SETUP_ALPHA = message({
  ...setup,
  generationConfig: message({ ...generation, enableAffectiveDialog: 'bool' }),
  proactivity: message({ proactiveAudio: 'bool' }),
});

const rest = message({
  contextUpdate: message({ systemInstruction: Content, tools: message({ tools: { repeated: Tool } }) }),
  clientContent: message({ turns: { repeated: Content }, turnComplete: 'bool' }),
  realtimeInput: message({
    ...{ mediaChunks: { repeated: Blob }, audio: Blob, video: Blob, text: 'string', audioStreamEnd: 'bool' },
    ...{ activityStart: none, activityEnd: none },
  }),
  toolResponse: message({
    functionResponses: {
      repeated: message({
        ...{ id: 'string', name: 'string', response: 'struct', willContinue: 'bool', parts: { repeated: 'struct' } },
        scheduling: enumOf('FunctionResponse.Scheduling', 'SILENT', 'WHEN_IDLE', 'INTERRUPT'),
      }),
    },
  }),
}).fields;

const ONE = {
  name: 'message_type',
  fields: ['setup', 'clientContent', 'realtimeInput', 'toolResponse', 'contextUpdate'],
};

/** Every message of a client, by the version of the interface that its address names. */
export const CLIENT_MESSAGE = {
  v1beta: { ...message({ setup: SETUP_BETA, ...rest }), oneof: ONE },
  v1alpha: { ...message({ setup: SETUP_ALPHA, ...rest }), oneof: ONE },
};

/** A version of the interface. */
export type GeminiVersion = keyof typeof CLIENT_MESSAGE;
/** A message of a client. */
export type GeminiClientMessage = Checked<(typeof CLIENT_MESSAGE)['v1alpha']>;
/** The one that comes first. */
export type GeminiSetupMessage = NonNullable<GeminiClientMessage['setup']>;
/** Sound, pictures, words and edges of speech as they happen. */
export type GeminiRealtimeInput = NonNullable<GeminiClientMessage['realtimeInput']>;
/** Turns of the conversation, written. */
export type GeminiClientContent = NonNullable<GeminiClientMessage['clientContent']>;
/** Other instructions and functions in the middle of a session. */
export type GeminiContextUpdate = NonNullable<GeminiClientMessage['contextUpdate']>;
/** What functions have given back. */
export type GeminiToolResponse = NonNullable<GeminiClientMessage['toolResponse']>;

/** The message in `json`. @throws GeminiRefusal */
export function readClientMessage(json: string, version: GeminiVersion): GeminiClientMessage {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw GeminiRefusal.invalid(`Invalid JSON payload received. Unexpected token. ${json.slice(0, 40)}`);
  }
  return checkFields(CLIENT_MESSAGE[version], value);
}
