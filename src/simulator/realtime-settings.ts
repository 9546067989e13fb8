/** The session object of the embedded backend: what a client has set, what it gets when it has not, what is refused. */
import type { RealtimeSessionCreateRequest } from 'openai/resources/realtime/realtime';
import type { AudioFormat } from '../core/media.ts';
import type { ServerVad } from './realtime-audio.ts';
import { RealtimeRefusal, refusalOf } from './realtime-refusal.ts';
import { ResponseCreateSchema, SessionUpdateSchema } from './realtime-schema.ts';
import type { ResponseCreate } from './realtime-schema.ts';

/** As `session.created` and `session.updated` carry it. */
export type SessionObject = RealtimeSessionCreateRequest & {
  readonly object: 'realtime.session';
  readonly id: string;
  readonly expires_at: number;
};

type Json = Readonly<Record<string, unknown>>;

const FORMATS = {
  'audio/pcm': { codec: 'l16', sampleRateHz: 24_000 },
  'audio/pcmu': { codec: 'pcmu', sampleRateHz: 8_000 },
  'audio/pcma': { codec: 'pcma', sampleRateHz: 8_000 },
} as const satisfies Readonly<Record<string, AudioFormat>>;

const SERVER_VAD = {
  type: 'server_vad',
  threshold: 0.5,
  prefix_padding_ms: 300,
  silence_duration_ms: 500,
  idle_timeout_ms: null,
  create_response: true,
  interrupt_response: true,
} as const;

const SEMANTIC_VAD = {
  type: 'semantic_vad',
  eagerness: 'auto',
  create_response: true,
  interrupt_response: true,
} as const;

/** The words are not looked at here, so eagerness is only how much silence ends a turn, ms. */
const EAGERNESS_MS = { low: 1200, medium: 700, auto: 700, high: 350 } as const;

/** One session's settings: whole at any time, changed only by updates that pass every check. */
export class RealtimeSettings {
  #session: SessionObject;
  /** Once audio has been spoken the voice stays. */
  voiceFixed = false;

  /** `expiresAt` in seconds of wall time. */
  constructor(model: string, id: string, expiresAt: number) {
    this.#session = {
      type: 'realtime',
      object: 'realtime.session',
      id,
      model,
      expires_at: expiresAt,
      output_modalities: ['audio'],
      instructions: 'You are the embedded agent: you say what your script says.',
      tools: [],
      tool_choice: 'auto',
      max_output_tokens: 'inf',
      truncation: 'auto',
      tracing: null,
      prompt: null,
      audio: {
        input: { format: { type: 'audio/pcm', rate: 24_000 }, turn_detection: SERVER_VAD },
        output: { format: { type: 'audio/pcm', rate: 24_000 }, voice: 'alloy', speed: 1 },
      },
    };
  }

  get session(): SessionObject {
    return this.#session;
  }

  get inputFormat(): AudioFormat {
    return formatOf(this.#session.audio?.input?.format);
  }

  get outputFormat(): AudioFormat {
    return formatOf(this.#session.audio?.output?.format);
  }

  /** Of speech, times the ordinary one. */
  get speed(): number {
    return this.#session.audio?.output?.speed ?? 1;
  }

  get saysText(): boolean {
    return this.#session.output_modalities?.[0] === 'text';
  }

  get transcribes(): boolean {
    return (this.#session.audio?.input?.transcription ?? null) !== null;
  }

  /** Null: the client decides the turns. */
  get vad(): ServerVad | null {
    const detection = this.#detection;
    if (detection === null) return null;
    if (detection.type === 'semantic_vad') {
      const silenceDurationMs = EAGERNESS_MS[detection.eagerness ?? 'auto'];
      return { threshold: 0.5, prefixPaddingMs: 300, silenceDurationMs };
    }
    return {
      threshold: detection.threshold ?? SERVER_VAD.threshold,
      prefixPaddingMs: detection.prefix_padding_ms ?? SERVER_VAD.prefix_padding_ms,
      silenceDurationMs: detection.silence_duration_ms ?? SERVER_VAD.silence_duration_ms,
    };
  }

  /** Silence after an answer that makes the agent speak again, ms; null: none. */
  get idleTimeoutMs(): number | null {
    const detection = this.#detection;
    return detection?.type === 'server_vad' ? (detection.idle_timeout_ms ?? null) : null;
  }

  /** Whether the end of a turn starts an answer, and a beginning stops one. */
  get createsResponses(): boolean {
    return this.#detection?.create_response ?? true;
  }

  get interruptsResponses(): boolean {
    return this.#detection?.interrupt_response ?? true;
  }

  /** Names of the functions that the client offers, by the session or by one response. */
  functions(response: ResponseCreate | null): ReadonlySet<string> {
    if ((response?.tool_choice ?? this.#session.tool_choice) === 'none') return new Set();
    const tools = response?.tools ?? this.#session.tools ?? [];
    return new Set(tools.flatMap((tool) => ('name' in tool && typeof tool.name === 'string' ? [tool.name] : [])));
  }

  /** Merges an update in. @throws RealtimeRefusal and leaves everything as it was */
  update(change: unknown): void {
    const checked = SessionUpdateSchema.safeParse(change, { reportInput: true });
    if (!checked.success) throw refusalOf(checked.error, 'session');
    const { model } = checked.data;
    if (model !== undefined && model !== this.#session.model) {
      throw new RealtimeRefusal('invalid_value', 'The model of a session cannot be changed.', 'session.model');
    }
    // The schema has just said that it is one; the SDK's type allows less than the service does (null for "off").
    const merged = merge(
      { ...this.#session },
      withDefaults(checked.data, this.#detection?.type),
    ) as unknown as SessionObject;
    const voice = JSON.stringify(merged.audio?.output?.voice);
    if (this.voiceFixed && voice !== JSON.stringify(this.#session.audio?.output?.voice)) {
      const message = "Cannot update a conversation's voice if assistant audio is present.";
      throw new RealtimeRefusal('cannot_update_voice', message, 'session.audio.output.voice');
    }
    this.#session = merged;
  }

  /** The wishes of a `response.create`, null when it has none. @throws RealtimeRefusal */
  responseOf(wishes: unknown): ResponseCreate | null {
    if (wishes === undefined || wishes === null) return null;
    const checked = ResponseCreateSchema.safeParse(wishes, { reportInput: true });
    if (!checked.success) throw refusalOf(checked.error, 'response');
    if (checked.data.conversation === 'none') {
      const message = 'The embedded backend has one conversation: out-of-band responses are not given.';
      throw new RealtimeRefusal('invalid_value', message, 'response.conversation');
    }
    return checked.data;
  }

  get #detection(): NonNullable<
    NonNullable<NonNullable<RealtimeSessionCreateRequest['audio']>['input']>['turn_detection']
  > | null {
    return this.#session.audio?.input?.turn_detection ?? null;
  }
}

/** The format that a session or a response names. */
export function formatOf(format: { readonly type?: keyof typeof FORMATS } | undefined): AudioFormat {
  return FORMATS[format?.type ?? 'audio/pcm'];
}

/** A detection of another type than `present` begins with the service's own values. */
function withDefaults(change: Json, present: string | undefined): Json {
  const audio = change['audio'];
  const input = isObject(audio) ? audio['input'] : undefined;
  const detection = isObject(input) ? input['turn_detection'] : undefined;
  if (!isObject(audio) || !isObject(input) || !isObject(detection) || detection['type'] === present) return change;
  const defaults = detection['type'] === 'server_vad' ? SERVER_VAD : SEMANTIC_VAD;
  return { ...change, audio: { ...audio, input: { ...input, turn_detection: { ...defaults, ...detection } } } };
}

/** Objects are merged, a change of `type` replaces (a format, a detection), null and everything else takes the place. */
function merge(base: Json, change: Json): Json {
  const out: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(change)) {
    if (value === undefined) continue;
    const old = base[key];
    const sameKind = isObject(old) && isObject(value) && (value['type'] === undefined || value['type'] === old['type']);
    out[key] = sameKind ? merge(old, value) : value;
  }
  return out;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
