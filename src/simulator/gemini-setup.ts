/** The setup of one session of the embedded Gemini Live server: what a client has asked for, as far as a scripted agent can give it. */
import type { AudioFormat } from '../core/media.ts';
import { isSampleRateHz } from '../core/media.ts';
import { GeminiRefusal } from './gemini-refusal.ts';
import type { GeminiContextUpdate, GeminiSetupMessage, GeminiVersion } from './gemini-schema.ts';
import type { ServerVad } from './realtime-audio.ts';

/** What the agent speaks, whatever the caller does. */
export const GEMINI_OUTPUT: AudioFormat = { codec: 'l16', sampleRateHz: 24_000 };
/** What a caller speaks who does not say at what rate. */
export const GEMINI_INPUT: AudioFormat = { codec: 'l16', sampleRateHz: 16_000 };

const FUNCTION_NAME = /^[A-Za-z_][A-Za-z0-9_.:-]{0,63}$/;
/** Kept of the time before the caller was heard, for whoever has to understand him, ms. */
const KEPT_BEFORE_MS = 300;
const VAD = { onsetMs: 60, silenceDurationMs: 500 };
const THRESHOLD = { START_SENSITIVITY_HIGH: 0.4, START_SENSITIVITY_LOW: 0.7 } as const;
const SILENCE_MS = { END_SENSITIVITY_HIGH: 300, END_SENSITIVITY_LOW: 800 } as const;

const VOICES =
  'Achernar Achird Algenib Algieba Alnilam Aoede Autonoe Callirrhoe Charon Despina Enceladus Erinome Fenrir Gacrux Iapetus Kore Laomedeia Leda Orus Puck Pulcherrima Rasalgethi Sadachbia Sadaltager Schedar Sulafat Umbriel Vindemiatrix Zephyr Zubenelgenubi'.split(
    ' ',
  );

/** Checked once; but for instructions and functions it is fixed for as long as the connection lasts. */
export class GeminiSetup {
  readonly model: string;
  /** Null: the client says where speech begins and ends. */
  readonly vad: ServerVad | null;
  /** Whether a beginning of speech ends the answer at hand. */
  readonly interrupts: boolean;
  readonly transcribesInput: boolean;
  readonly transcribesOutput: boolean;
  /** The conversation to go on with. */
  readonly handle: string | null;
  readonly resumable: boolean;
  /** A conversation without compression has an end. */
  readonly compresses: boolean;
  /**
   * From 3 on, written turns are history and nothing else, words in a conversation are `realtimeInput.text`, and one message
   * may hold words and audio.
   */
  readonly generation: number;
  /** Whether written turns are history until one says that they are complete. */
  readonly historyFirst: boolean;
  /** What the model reads before anybody says anything. */
  readonly instructions: string;
  #functions: ReadonlySet<string>;

  /** @throws GeminiRefusal */
  constructor(setup: GeminiSetupMessage, version: GeminiVersion, knowsModel: (model: string) => boolean) {
    this.model = setup.model ?? '';
    if (!knowsModel(this.model)) throw GeminiRefusal.unknownModel(this.model, version);
    checkGeneration(setup, this.model);
    this.generation = Number(/gemini-(?:live-)?(\d+)/.exec(this.model)?.[1] ?? 2);
    const { automaticActivityDetection: detection, activityHandling } = setup.realtimeInputConfig ?? {};
    this.vad = vadOf(detection ?? {});
    this.interrupts = activityHandling !== 'NO_INTERRUPTION';
    this.transcribesInput = setup.inputAudioTranscription !== undefined;
    this.transcribesOutput = setup.outputAudioTranscription !== undefined;
    this.resumable = setup.sessionResumption !== undefined;
    this.handle = setup.sessionResumption?.handle ?? null;
    this.compresses = setup.contextWindowCompression !== undefined;
    this.historyFirst = setup.historyConfig?.initialHistoryInClientContent ?? false;
    this.#functions = functionsOf(setup, 'setup');
    this.instructions = instructionsOf(setup);
  }

  /** Names of the functions that the client runs. */
  get functions(): ReadonlySet<string> {
    return this.#functions;
  }

  /** Returns instructions that are to be read from now on. @throws GeminiRefusal */
  update(change: GeminiContextUpdate): string {
    if (change.tools !== undefined) this.#functions = functionsOf(change.tools, 'context_update.tools');
    return instructionsOf(change);
  }
}

/** The format that a MIME type names. @throws GeminiRefusal */
export function formatOfMimeType(mimeType: string | undefined): AudioFormat {
  const matched = /^audio\/pcm(?:\s*;\s*rate=(\d{1,6}))?$/i.exec(mimeType ?? '');
  if (matched === null) throw GeminiRefusal.invalid(`Unsupported audio format: ${(mimeType ?? '').slice(0, 40)}`);
  const rate = matched[1];
  const sampleRateHz = rate === undefined ? GEMINI_INPUT.sampleRateHz : Number(rate);
  if (isSampleRateHz(sampleRateHz)) return { codec: 'l16', sampleRateHz };
  throw GeminiRefusal.invalid(`Unsupported audio rate ${rate}: the embedded server hears 8, 16, 24 and 48 kHz.`);
}

function checkGeneration({ generationConfig }: GeminiSetupMessage, model: string): void {
  const modalities = generationConfig?.responseModalities ?? ['AUDIO'];
  if (modalities.length !== 1 || modalities[0] !== 'AUDIO') {
    const wanted = modalities.join(', ');
    const why = `The requested combination of response modalities (${wanted}) is not supported by the model.`;
    throw GeminiRefusal.invalid(`${why} ${model}`);
  }
  const voice = generationConfig?.speechConfig?.voiceConfig?.prebuiltVoiceConfig?.voiceName;
  if (voice !== undefined && !VOICES.some((name) => name.toLowerCase() === voice.toLowerCase())) {
    throw GeminiRefusal.invalid(`Requested voice api_name '${voice.slice(0, 40)}' is not available for model ${model}`);
  }
}

function vadOf(
  detection: NonNullable<NonNullable<GeminiSetupMessage['realtimeInputConfig']>['automaticActivityDetection']>,
): ServerVad | null {
  const { disabled, prefixPaddingMs, silenceDurationMs, startOfSpeechSensitivity, endOfSpeechSensitivity } = detection;
  if ((prefixPaddingMs ?? 0) < 0 || (silenceDurationMs ?? 0) < 0) throw GeminiRefusal.invalid();
  if (disabled === true) return null;
  const byWord = endOfSpeechSensitivity === undefined ? VAD.silenceDurationMs : SILENCE_MS[endOfSpeechSensitivity];
  return {
    threshold: startOfSpeechSensitivity === undefined ? 0.5 : THRESHOLD[startOfSpeechSensitivity],
    // What is called padding here is how long speech has to last until it counts.
    onsetMs: prefixPaddingMs ?? VAD.onsetMs,
    prefixPaddingMs: KEPT_BEFORE_MS,
    silenceDurationMs: silenceDurationMs ?? byWord,
  };
}

function instructionsOf({ systemInstruction }: Pick<GeminiSetupMessage, 'systemInstruction'>): string {
  return (systemInstruction?.parts ?? []).map((part) => part.text ?? '').join('\n');
}

function functionsOf({ tools = [] }: Pick<GeminiSetupMessage, 'tools'>, where: string): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [t, { functionDeclarations = [] }] of tools.entries()) {
    for (const [f, { name = '' }] of functionDeclarations.entries()) {
      const place = `${where}.tools[${t}].function_declarations[${f}].name`;
      if (!FUNCTION_NAME.test(name)) {
        throw GeminiRefusal.invalid(
          `${place}: Invalid function name. Must start with a letter or an underscore, at most 64.`,
        );
      }
      if (names.has(name)) throw GeminiRefusal.invalid(`${place}: Duplicate function declaration found: ${name}`);
      names.add(name);
    }
  }
  return names;
}
