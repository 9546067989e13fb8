/** The session object of the embedded backend: what a client may set, what it gets when it does not, what is refused. */
import type { AudioFormat } from '../core/media.ts';
import type { ServerVad } from './realtime-audio.ts';

/** Why an update is refused, as the service says it. */
export interface SettingsFault {
  readonly code: string;
  readonly message: string;
  readonly param: string;
}

type Json = Readonly<Record<string, unknown>>;

const SESSION_KEYS = new Set(
  'type model instructions output_modalities audio tools tool_choice parallel_tool_calls max_output_tokens reasoning truncation tracing prompt include id object expires_at'.split(
    ' ',
  ),
);
const FORMATS: Readonly<Record<string, AudioFormat>> = {
  'audio/pcm': { codec: 'l16', sampleRateHz: 24_000 },
  'audio/pcmu': { codec: 'pcmu', sampleRateHz: 8_000 },
  'audio/pcma': { codec: 'pcma', sampleRateHz: 8_000 },
};
const VOICES = ['alloy', 'ash', 'ballad', 'coral', 'echo', 'sage', 'shimmer', 'verse', 'marin', 'cedar'];

export class RealtimeSettings {
  readonly model: string;
  readonly id: string;
  #session: Json;
  /** Once audio has been spoken the voice stays. */
  voiceFixed = false;

  constructor(model: string, id: string, expiresAt: number) {
    this.model = model;
    this.id = id;
    this.#session = {
      type: 'realtime',
      object: 'realtime.session',
      id,
      model,
      expires_at: expiresAt,
      output_modalities: ['audio'],
      instructions: '',
      tools: [],
      tool_choice: 'auto',
      max_output_tokens: 'inf',
      audio: {
        input: {
          format: { type: 'audio/pcm', rate: 24_000 },
          transcription: null,
          noise_reduction: null,
          turn_detection: {
            type: 'server_vad',
            threshold: 0.5,
            prefix_padding_ms: 300,
            silence_duration_ms: 500,
            create_response: true,
            interrupt_response: true,
          },
        },
        output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'alloy', speed: 1 },
      },
    };
  }

  /** The whole object, as `session.created` and `session.updated` carry it. */
  get session(): Json {
    return this.#session;
  }

  get inputFormat(): AudioFormat {
    return formatAt(this.#session, 'input');
  }

  get outputFormat(): AudioFormat {
    return formatAt(this.#session, 'output');
  }

  get transcribes(): boolean {
    return isObject(at(this.#session, 'audio', 'input', 'transcription'));
  }

  /** Null: the client decides the turns. */
  get vad(): ServerVad | null {
    const detection = at(this.#session, 'audio', 'input', 'turn_detection');
    if (!isObject(detection)) return null;
    return {
      threshold: numberOr(detection['threshold'], 0.5),
      prefixPaddingMs: numberOr(detection['prefix_padding_ms'], 300),
      silenceDurationMs: numberOr(detection['silence_duration_ms'], 500),
    };
  }

  /** Whether the end of a turn starts an answer, and a beginning stops one. */
  get createsResponses(): boolean {
    return at(this.#session, 'audio', 'input', 'turn_detection', 'create_response') !== false;
  }

  get interruptsResponses(): boolean {
    return at(this.#session, 'audio', 'input', 'turn_detection', 'interrupt_response') !== false;
  }

  /** Merges an update in; returns why it is refused instead, leaving everything as it was. */
  update(change: unknown): SettingsFault | null {
    if (!isObject(change))
      return fault('missing_required_parameter', "Missing required parameter: 'session'.", 'session');
    for (const key of Object.keys(change)) {
      if (!SESSION_KEYS.has(key))
        return fault('unknown_parameter', `Unknown parameter: 'session.${key}'.`, `session.${key}`);
    }
    if (change['type'] === undefined)
      return fault('missing_required_parameter', "Missing required parameter: 'session.type'.", 'session.type');
    if (change['type'] !== 'realtime')
      return fault('invalid_value', "Invalid value: 'session.type' must be 'realtime'.", 'session.type');
    if (change['model'] !== undefined && change['model'] !== this.model) {
      return fault('invalid_value', 'The model of a session cannot be changed.', 'session.model');
    }
    const merged = merge(this.#session, change);
    const refused = checkAudio(merged) ?? this.#checkVoice(merged);
    if (refused === null) this.#session = merged;
    return refused;
  }

  #checkVoice(merged: Json): SettingsFault | null {
    const voice = at(merged, 'audio', 'output', 'voice');
    if (typeof voice === 'string' && !VOICES.includes(voice)) {
      return fault(
        'invalid_value',
        `Invalid value: '${voice}'. Supported values are: ${VOICES.join(', ')}.`,
        'session.audio.output.voice',
      );
    }
    if (!this.voiceFixed || voice === at(this.#session, 'audio', 'output', 'voice')) return null;
    return fault(
      'cannot_update_voice',
      "Cannot update a conversation's voice if assistant audio is present.",
      'session.audio.output.voice',
    );
  }
}

function checkAudio(session: Json): SettingsFault | null {
  for (const side of ['input', 'output'] as const) {
    const format = at(session, 'audio', side, 'format');
    const param = `session.audio.${side}.format`;
    if (!isObject(format) || typeof format['type'] !== 'string' || !(format['type'] in FORMATS)) {
      return fault(
        'invalid_value',
        `Invalid value: '${param}' must be one of ${Object.keys(FORMATS).join(', ')}.`,
        param,
      );
    }
    if (format['type'] === 'audio/pcm' && format['rate'] !== undefined && format['rate'] !== 24_000) {
      return fault('invalid_value', `Invalid value: '${param}.rate' must be 24000.`, `${param}.rate`);
    }
  }
  const detection = at(session, 'audio', 'input', 'turn_detection');
  if (!isObject(detection)) return null;
  const param = 'session.audio.input.turn_detection';
  if (detection['type'] !== 'server_vad' && detection['type'] !== 'semantic_vad') {
    return fault(
      'invalid_value',
      `Invalid value: '${param}.type' must be 'server_vad' or 'semantic_vad'.`,
      `${param}.type`,
    );
  }
  const threshold = detection['threshold'];
  if (threshold !== undefined && (typeof threshold !== 'number' || threshold < 0 || threshold > 1)) {
    return fault('invalid_value', `Invalid value: '${param}.threshold' must be between 0 and 1.`, `${param}.threshold`);
  }
  return null;
}

/** Objects are merged, a change of `type` replaces (a format, a detection), null and everything else takes the place. */
function merge(base: Json, change: Json): Json {
  const out: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    const old = base[key];
    const sameKind = isObject(old) && isObject(value) && (value['type'] === undefined || value['type'] === old['type']);
    out[key] = sameKind ? merge(old, value) : value;
  }
  return out;
}

function formatAt(session: Json, side: 'input' | 'output'): AudioFormat {
  const type = at(session, 'audio', side, 'format', 'type');
  return FORMATS[String(type)] ?? { codec: 'l16', sampleRateHz: 24_000 };
}

function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, key) => (isObject(inner) ? inner[key] : undefined), value);
}

function numberOr(value: unknown, fallback: number): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : fallback;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function fault(code: string, message: string, param: string): SettingsFault {
  return { code, message, param };
}
