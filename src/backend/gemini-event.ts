/**
 * Server messages of Gemini Live as this host uses them: every field that is used is checked, for a peer may send anything. One
 * message may say several things at once; none has a name.
 *
 * Audio is by far the most of it. Its base64 is cut out of the bytes before the rest is parsed, and read where it stands; where a
 * message is not what that expects it is parsed whole, which is slower and never wrong.
 */
import { LIMITS } from '../limits.ts';
import { EventFields, MalformedField, isJson } from './event-fields.ts';
import type { Json } from './event-fields.ts';

/** A function of ours that the model wants called. */
export interface GeminiCall {
  /** Absent: the call has none, and neither may its result. */
  readonly id: string | undefined;
  readonly name: string;
  readonly argumentsJson: string;
}

/** Audio of the model's, as base64 in `text[from … to)`. */
export interface GeminiAudio {
  readonly mimeType: string;
  readonly text: Buffer;
  readonly from: number;
  readonly to: number;
}

/** An addition to what somebody has said. */
export interface GeminiTranscription {
  readonly text: string;
  readonly finished: boolean;
}

/** `serverContent`. */
export interface GeminiContent {
  readonly audio: readonly GeminiAudio[];
  readonly input: GeminiTranscription | null;
  readonly output: GeminiTranscription | null;
  readonly interrupted: boolean;
  readonly generationComplete: boolean;
  readonly turnComplete: boolean;
  /** Why a turn is over that did not end as it should; undefined: it did. */
  readonly fault: string | undefined;
  readonly waitingForInput: boolean;
}

/** One message, decoded. */
export interface GeminiEvent {
  readonly type: 'event';
  readonly setupComplete: boolean;
  readonly content: GeminiContent | null;
  readonly calls: readonly GeminiCall[];
  readonly cancelledCalls: readonly string[];
  readonly usage: { readonly inputTokens: number; readonly outputTokens: number } | null;
  /** For how long the connection is still there, ms; null: nothing was said of that. */
  readonly goAwayMs: number | null;
  /** The handle by which the session can go on elsewhere; empty: not now. Null: nothing was said of that. */
  readonly handle: string | null;
  readonly speech: 'started' | 'stopped' | null;
  /** It has nothing that this version knows. */
  readonly unknown: boolean;
}

/** What a message is decoded to. */
export type GeminiDecoded = GeminiEvent | { readonly type: 'malformed'; readonly of: string; readonly field: string };

/** Fields that are read, as the vendor names them. */
interface WireMessage {
  readonly serverContent: WireContent;
  readonly toolCall: { readonly functionCalls: readonly WireCall[] };
  readonly toolCallCancellation: { readonly ids: readonly string[] };
  readonly usageMetadata: { readonly promptTokenCount: number; readonly responseTokenCount: number };
  readonly goAway: { readonly timeLeft: string };
  readonly sessionResumptionUpdate: { readonly newHandle: string; readonly resumable: boolean };
  readonly voiceActivity: { readonly voiceActivityType: string };
}

interface WireContent {
  readonly modelTurn: { readonly parts: readonly WirePart[] };
  readonly inputTranscription: WireTranscription;
  readonly outputTranscription: WireTranscription;
  readonly interrupted: boolean;
  readonly generationComplete: boolean;
  readonly turnComplete: boolean;
  readonly turnCompleteReason: string;
  readonly waitingForInput: boolean;
}

interface WirePart {
  readonly inlineData: { readonly mimeType: string; readonly data: string };
}

interface WireTranscription {
  readonly text: string;
  readonly finished: boolean;
}

interface WireCall {
  readonly id: string;
  readonly name: string;
}

/** Decodes one message, text or binary. Never throws: what is not JSON, or not a message of the wire, is `malformed`. */
export function decodeGeminiEvent(message: Buffer): GeminiDecoded {
  const cut = cutAudio(message);
  const json = cut?.json ?? parsed(message);
  if (json === undefined) return { type: 'malformed', of: 'message', field: 'JSON' };
  if (!isJson(json)) return { type: 'malformed', of: 'message', field: 'JSON object' };
  try {
    return eventOf(json, cut);
  } catch (error) {
    if (error instanceof MalformedField) return { type: 'malformed', of: nameOf(json), field: error.field };
    throw error;
  }
}

/** Parts of one message that are looked at. */
const MOST_PARTS = 64;
/** Longest handle that is kept. */
const HANDLE_CHARACTERS = 8_192;
/** What a message may say. */
const KNOWN = [
  ...(['setupComplete', 'serverContent', 'toolCall', 'toolCallCancellation', 'usageMetadata', 'goAway'] as const),
  ...(['sessionResumptionUpdate', 'voiceActivity', 'voiceActivityDetectionSignal'] as const),
];

function nameOf(json: Json): string {
  return KNOWN.find((name) => Object.hasOwn(json, name)) ?? 'message';
}

function eventOf(json: Json, cut: AudioCut | null): GeminiEvent {
  const fields = new EventFields<WireMessage>(json);
  const usage = isJson(json['usageMetadata']) ? fields.object('usageMetadata') : null;
  return {
    type: 'event',
    setupComplete: isJson(json['setupComplete']),
    content: Object.hasOwn(json, 'serverContent') ? contentOf(fields.object('serverContent'), cut) : null,
    calls: Object.hasOwn(json, 'toolCall') ? callsOf(json['toolCall']) : [],
    cancelledCalls: idsOf(json['toolCallCancellation']),
    usage: usage && {
      inputTokens: usage.optionalCount('promptTokenCount') ?? 0,
      outputTokens: usage.optionalCount('responseTokenCount') ?? 0,
    },
    goAwayMs: Object.hasOwn(json, 'goAway')
      ? durationMs(fields.optionalObject('goAway').optionalText('timeLeft'))
      : null,
    handle: Object.hasOwn(json, 'sessionResumptionUpdate') ? handleOf(fields.object('sessionResumptionUpdate')) : null,
    speech: SPEECH.get(fields.optionalObject('voiceActivity').optionalText('voiceActivityType') ?? '') ?? null,
    unknown: KNOWN.every((name) => !Object.hasOwn(json, name)),
  };
}

const SPEECH: ReadonlyMap<string, 'started' | 'stopped'> = new Map([
  ['ACTIVITY_START', 'started'],
  ['ACTIVITY_END', 'stopped'],
]);

function contentOf(fields: EventFields<WireContent>, cut: AudioCut | null): GeminiContent {
  const parts = fields.optionalObject('modelTurn');
  const reason = fields.optionalText('turnCompleteReason');
  return {
    audio: parts.has('parts') ? audioOf(parts.objects<WirePart>('parts', MOST_PARTS), cut) : [],
    input: transcriptionOf(fields, 'inputTranscription'),
    output: transcriptionOf(fields, 'outputTranscription'),
    interrupted: fields.optionalFlag('interrupted') === true,
    generationComplete: fields.optionalFlag('generationComplete') === true,
    turnComplete: fields.optionalFlag('turnComplete') === true,
    fault: reason === undefined || GOOD_ENDS.has(reason) ? undefined : reason,
    waitingForInput: fields.optionalFlag('waitingForInput') === true,
  };
}

/** Reasons of a turn's end that are none to worry about. */
const GOOD_ENDS: ReadonlySet<string> = new Set(['TURN_COMPLETE_REASON_UNSPECIFIED', 'NEED_MORE_INPUT']);

function transcriptionOf(
  fields: EventFields<WireContent>,
  name: 'inputTranscription' | 'outputTranscription',
): GeminiTranscription | null {
  if (!fields.has(name)) return null;
  const transcription = fields.object(name);
  return {
    text: transcription.optionalText('text') ?? '',
    finished: transcription.optionalFlag('finished') === true,
  };
}

/** Texts, thoughts and pictures are nothing that a caller could hear. */
function audioOf(parts: readonly EventFields<WirePart>[], cut: AudioCut | null): GeminiAudio[] {
  return parts.flatMap((part) => {
    if (!part.has('inlineData')) return [];
    const inline = part.object('inlineData');
    const mimeType = inline.text('mimeType');
    if (!/^audio\//i.test(mimeType)) return [];
    const data = inline.text('data');
    if (cut !== null && data === '') return [{ mimeType, text: cut.text, from: cut.from, to: cut.to }];
    const text = Buffer.from(data, 'utf8');
    return [{ mimeType, text, from: 0, to: text.length }];
  });
}

function callsOf(toolCall: unknown): GeminiCall[] {
  if (!isJson(toolCall)) throw new MalformedField('toolCall');
  const calls = new EventFields<WireMessage['toolCall']>(toolCall, 'toolCall.');
  const parts = Array.isArray(toolCall['functionCalls']) ? (toolCall['functionCalls'] as unknown[]) : [];
  return calls.objects<WireCall>('functionCalls', LIMITS.backendToolCalls).map((call, index) => {
    const given = parts[index];
    const args = isJson(given) ? given['args'] : undefined;
    if (args !== undefined && args !== null && !isJson(args))
      throw new MalformedField(`toolCall.functionCalls[${index}].args`);
    const argumentsJson = stringified(args ?? {});
    if (argumentsJson === undefined) throw new MalformedField(`toolCall.functionCalls[${index}].args`);
    return { id: call.optionalId('id'), name: call.id('name'), argumentsJson };
  });
}

function idsOf(cancellation: unknown): string[] {
  if (!isJson(cancellation)) return [];
  const { ids } = cancellation;
  return Array.isArray(ids) ? ids.slice(0, LIMITS.backendToolCalls).filter((id) => typeof id === 'string') : [];
}

/** No connection lasts longer; a timer that is set to more than 24 days rings at once. */
const LONGEST_MS = 86_400_000;

/** A duration of protobuf's JSON (`"9.5s"`), ms; 0 for what is none: then there is no time to lose. */
function durationMs(text: string | undefined): number {
  const seconds = /^(\d{1,9}(?:\.\d{1,9})?)s$/.exec(text ?? '')?.[1];
  return seconds === undefined ? 0 : Math.min(LONGEST_MS, Math.round(Number(seconds) * 1000));
}

function handleOf(fields: EventFields<WireMessage['sessionResumptionUpdate']>): string {
  const handle = fields.optionalFlag('resumable') === true ? (fields.optionalText('newHandle') ?? '') : '';
  if (handle.length > HANDLE_CHARACTERS) throw new MalformedField('sessionResumptionUpdate.newHandle');
  return handle;
}

interface AudioCut {
  readonly json: Json;
  readonly text: Buffer;
  readonly from: number;
  readonly to: number;
}

/** Shorter audio is not worth the cut, bytes. */
const WORTH = 128;
const DATA = Buffer.from('"data"');
const [QUOTE, COLON, BACKSLASH] = [0x22, 0x3a, 0x5c];

/**
 * The message without the text of its first `data`, and where that text stands; null where it is not surely the audio of
 * `modelTurn`: a message that says anything but content, an escape in it, another `data` that is empty.
 */
function cutAudio(message: Buffer): AudioCut | null {
  const key = message.indexOf(DATA);
  if (key <= 0 || message[key - 1] === BACKSLASH) return null;
  const colon = afterBlanks(message, key + DATA.length);
  if (message[colon] !== COLON) return null;
  const quote = afterBlanks(message, colon + 1);
  if (message[quote] !== QUOTE) return null;
  const from = quote + 1;
  const to = message.indexOf(QUOTE, from);
  if (to - from < WORTH || message.subarray(from, to).includes(BACKSLASH)) return null;
  const json = parsed(Buffer.concat([message.subarray(0, from), message.subarray(to)]));
  if (!isJson(json) || !Object.keys(json).every((name) => name === 'serverContent' || name === 'usageMetadata'))
    return null;
  return emptyAudio(json) === 1 ? { json, text: message, from, to } : null;
}

/** How many parts have `inlineData` with an empty `data`. */
function emptyAudio({ serverContent }: Json): number {
  const turn = isJson(serverContent) ? serverContent['modelTurn'] : undefined;
  const parts = isJson(turn) ? turn['parts'] : undefined;
  if (!Array.isArray(parts)) return 0;
  return (parts as unknown[]).filter((part) => {
    const inline = isJson(part) ? part['inlineData'] : undefined;
    return isJson(inline) && inline['data'] === '';
  }).length;
}

/** The index of the first byte from `at` on that is no white space. */
function afterBlanks(message: Buffer, at: number): number {
  let next = at;
  while (message[next] === 0x20 || message[next] === 0x0a || message[next] === 0x0d || message[next] === 0x09)
    next += 1;
  return next;
}

/** Undefined: it is nested too deep to be written. */
function stringified(value: Json): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    // Whoever reads such a text has no bound for its depth; whoever writes one has.
    return undefined;
  }
}

/** Undefined: it is no JSON. */
function parsed(message: Buffer): unknown {
  try {
    return JSON.parse(message.toString('utf8'));
  } catch {
    // The text is the peer's, and so is the parser's complaint, which quotes it: neither goes into an error.
    return undefined;
  }
}
