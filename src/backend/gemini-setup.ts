/** What we ask a session of Gemini Live to be: the `setup` message, and what a conversation that goes on is told behind it. */
import type { BackendCall } from './backend.ts';
import { detectsTurns, geminiModel } from './gemini-config.ts';
import type { GeminiConfig, GeminiTool, GeminiTurnDetection } from './gemini-config.ts';
import type { GeminiSetup, GeminiTurn } from './gemini-message.ts';

/** What of a call is told to Gemini with the set-up. */
export interface GeminiOccasion {
  /** Of the start command; goes into the instructions. */
  readonly metadata?: string | null;
  /** Of the session that goes on here. */
  readonly handle?: string | undefined;
  /** Something that was said is told behind it: the server waits for that. */
  readonly tellsHistory?: boolean;
}

/** The whole of `setup`. */
export function geminiSetup(config: GeminiConfig, occasion: GeminiOccasion = {}): GeminiSetup {
  const { metadata, handle, tellsHistory = false } = occasion;
  const { instructions, tools = [], inputTranscription = true, outputTranscription = true } = config;
  const { generationConfig, tools: ownTools, ...rest } = config.setup ?? {};
  const told = [instructions, metadata]
    .filter((text) => text !== undefined && text !== null && text !== '')
    .join('\n\n');
  const allTools = [
    ...(tools.length > 0 ? [{ functionDeclarations: tools.map(declarationOf) }] : []),
    ...(Array.isArray(ownTools) ? (ownTools as unknown[]) : []),
  ];
  const compression = compressionOf(config.contextWindowCompression);
  const detection = detectionOf(config.turnDetection);
  return {
    ...rest,
    model: geminiModel(config),
    generationConfig: { ...(generationConfig as object | undefined), ...generationOf(config) },
    ...(told !== '' && { systemInstruction: { parts: [{ text: told }] } }),
    ...(allTools.length > 0 && { tools: allTools }),
    ...(detection !== null && { realtimeInputConfig: { automaticActivityDetection: detection } }),
    sessionResumption: handle === undefined ? {} : { handle },
    ...(compression !== null && { contextWindowCompression: compression }),
    ...(inputTranscription && { inputAudioTranscription: {} }),
    ...(outputTranscription && { outputAudioTranscription: {} }),
    ...(tellsHistory && { historyConfig: { initialHistoryInClientContent: true } }),
  };
}

/** What was said before, as the wire has it. */
export function geminiTurns(history: NonNullable<BackendCall['history']>): GeminiTurn[] {
  return history.map(({ by, text }) => ({ role: by === 'caller' ? 'user' : 'model', parts: [{ text }] }));
}

function generationOf(config: GeminiConfig): Readonly<Record<string, unknown>> {
  const { voice, language, temperature, maxOutputTokens, thinkingBudget } = config;
  const speech = {
    ...(voice !== undefined && { voiceConfig: { prebuiltVoiceConfig: { voiceName: voice } } }),
    ...(language !== undefined && { languageCode: language }),
  };
  return {
    responseModalities: ['AUDIO'],
    ...(Object.keys(speech).length > 0 && { speechConfig: speech }),
    ...(temperature !== undefined && { temperature }),
    ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    ...(thinkingBudget !== undefined && { thinkingConfig: { thinkingBudget } }),
  };
}

/** Null: as the server has it. */
function detectionOf(detection: GeminiTurnDetection | undefined): Readonly<Record<string, unknown>> | null {
  if (!detectsTurns({ turnDetection: detection })) return { disabled: true };
  if (detection?.type !== 'automatic') return null;
  const { startSensitivity, endSensitivity, prefixPaddingMs, silenceDurationMs } = detection;
  return {
    ...(startSensitivity !== undefined && {
      startOfSpeechSensitivity: `START_SENSITIVITY_${startSensitivity.toUpperCase()}`,
    }),
    ...(endSensitivity !== undefined && { endOfSpeechSensitivity: `END_SENSITIVITY_${endSensitivity.toUpperCase()}` }),
    ...(prefixPaddingMs !== undefined && { prefixPaddingMs }),
    ...(silenceDurationMs !== undefined && { silenceDurationMs }),
  };
}

/** Counts are 64 bits wide on the wire, and so are texts. */
function compressionOf(
  compression: GeminiConfig['contextWindowCompression'],
): NonNullable<GeminiSetup['contextWindowCompression']> | null {
  if (compression === false) return null;
  const { triggerTokens, targetTokens } = compression ?? {};
  return {
    ...(triggerTokens !== undefined && { triggerTokens: String(triggerTokens) }),
    slidingWindow: targetTokens === undefined ? {} : { targetTokens: String(targetTokens) },
  };
}

function declarationOf({ name, description, parameters }: GeminiTool): Readonly<Record<string, unknown>> {
  return {
    name,
    ...(description !== undefined && { description }),
    ...(parameters !== undefined && { parametersJsonSchema: parameters }),
  };
}
