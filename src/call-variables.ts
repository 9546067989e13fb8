/**
 * What a channel's variables say of its call: a table of every variable with its bounds, and the settings that follow.
 * docs/channel-variables.md is made from the table. A value out of bounds is taken for the default, and said so once.
 */
import type { SampleRateHz } from './core/media.ts';
import type { SessionOptions } from './session/session-options.ts';

/** What a backend profile is given differently for one call. */
export interface BackendOverrides {
  model?: string;
  vadThreshold?: number;
  vadPrefixPaddingMs?: number;
  vadSilenceDurationMs?: number;
  temperature?: number;
  maxResponseTokens?: number;
}

/** What a stream to a WebSocket is given differently for one call. */
export interface StreamOverrides {
  sampleRateHz?: SampleRateHz;
  stereo?: boolean;
  frameMs?: number;
  heartBeatMs?: number;
  maxAudioBase64?: number;
  reconnectMax?: number;
  suppressLog?: boolean;
  /** Secret values. */
  extraHeaders?: Readonly<Record<string, string>>;
  tlsCaFile?: string;
  tlsKeyFile?: string;
  tlsCertFile?: string;
  tlsVerifyHost?: boolean;
}

/** Everything the variables of one channel say. */
export interface CallVariables {
  readonly session: Partial<{ -readonly [K in keyof SessionOptions]: SessionOptions[K] }>;
  readonly backend: BackendOverrides;
  readonly stream: StreamOverrides;
  /** One for each value that was out of bounds. */
  readonly clamped: readonly ClampedVariable[];
}

/** A value that was not taken. `value` is cut to 64 characters. */
export interface ClampedVariable {
  readonly variable: string;
  readonly value: string;
  readonly result: string;
}

type Settings = Omit<CallVariables, 'clamped'>;

interface Bounds {
  readonly meaning: string;
  /** What it falls back to, as it would be written. */
  readonly fallback: string;
}

/** One variable. */
export type VariableRule = Bounds &
  (
    | {
        readonly kind: 'integer' | 'number';
        readonly minimum: number;
        readonly maximum: number;
        /** Only these, or only multiples of this. */
        readonly only?: readonly number[];
        readonly step?: number;
        apply(settings: Settings, value: number): void;
      }
    | { readonly kind: 'boolean'; apply(settings: Settings, value: boolean): void }
    | {
        readonly kind: 'text';
        readonly pattern: RegExp;
        /** The value is never shown. */
        readonly secret?: boolean;
        /** False: not taken. */
        apply(settings: Settings, value: string): boolean | void;
      }
  );

const integer = (
  meaning: string,
  fallback: number,
  minimum: number,
  maximum: number,
  apply: (settings: Settings, value: number) => void,
  more: { only?: readonly number[]; step?: number } = {},
): VariableRule => ({ kind: 'integer', meaning, fallback: String(fallback), minimum, maximum, apply, ...more });

const decimal = (
  meaning: string,
  fallback: number,
  minimum: number,
  maximum: number,
  apply: (settings: Settings, value: number) => void,
): VariableRule => ({ kind: 'number', meaning, fallback: String(fallback), minimum, maximum, apply });

const flag = (
  meaning: string,
  fallback: boolean,
  apply: (settings: Settings, value: boolean) => void,
): VariableRule => ({ kind: 'boolean', meaning, fallback: String(fallback), apply });

const file = (meaning: string, apply: (settings: Settings, value: string) => void): VariableRule => ({
  kind: 'text',
  meaning,
  fallback: '',
  pattern: /^[^\p{Cc}]{1,4096}$/u,
  apply,
});

/** Every variable that is read, by name, in the order of the documentation. */
export const CALL_VARIABLES: Readonly<Record<string, VariableRule>> = {
  AUDIO_STREAM_SAMPLING: integer(
    'Rate towards a WebSocket, Hz, where the command names none',
    8000,
    8000,
    48_000,
    ({ stream }, value) => (stream.sampleRateHz = value as SampleRateHz),
    { only: [8000, 16_000, 24_000, 48_000] },
  ),
  AUDIO_STREAM_CHANNELS: integer(
    'Channels towards a WebSocket where the command names no mix: 2 is stereo',
    1,
    1,
    2,
    ({ stream }, value) => (stream.stereo = value === 2),
  ),
  AUDIO_STREAM_RTP_PACKETS: integer(
    'Packets of 20 ms in a message to a WebSocket',
    1,
    1,
    50,
    ({ stream }, value) => (stream.frameMs = value * 20),
  ),
  AUDIO_STREAM_FRAME_MS: integer(
    'Audio in a message to a WebSocket, ms; goes before the packets',
    20,
    20,
    1000,
    ({ stream }, value) => (stream.frameMs = value),
    { step: 20 },
  ),
  AUDIO_STREAM_INJECT_BUFFER_MS: integer(
    'Agent audio that may wait to be heard, ms',
    5000,
    100,
    30_000,
    ({ session }, value) => (session.playoutMaximumMs = value),
  ),
  AUDIO_STREAM_INJECT_MIN_BUFFER_MS: integer(
    'Agent audio that gathers before it is heard, ms',
    40,
    0,
    5000,
    ({ session }, value) => (session.prebufferMs = value),
  ),
  AUDIO_STREAM_INJECT_LOG_EVERY_MS: integer(
    'Time between two reports that the agent ran dry, ms',
    100,
    100,
    60_000,
    ({ session }, value) => (session.underrunReportMs = value),
  ),
  AUDIO_STREAM_MAX_AUDIO_BASE64_LEN: integer(
    'Longest base64 audio in a message of a WebSocket, characters',
    10_000_000,
    1000,
    10_000_000,
    ({ stream }, value) => (stream.maxAudioBase64 = value),
  ),
  AUDIO_STREAM_RECONNECT_MAX: integer(
    'Attempts to come back to a WebSocket that was lost; 0: none',
    0,
    0,
    100,
    ({ stream }, value) => (stream.reconnectMax = value),
  ),
  AUDIO_STREAM_AI_OPENAI_MODEL: {
    kind: 'text',
    meaning: 'Model',
    fallback: '',
    pattern: /^[A-Za-z0-9][A-Za-z0-9._:/-]{0,127}$/,
    apply: ({ backend }, value) => void (backend.model = value),
  },
  AUDIO_STREAM_AI_VAD_THRESHOLD: decimal(
    "How sure the backend's turn detection must be that it hears speech",
    0.5,
    0,
    1,
    ({ backend }, value) => (backend.vadThreshold = value),
  ),
  AUDIO_STREAM_AI_VAD_PREFIX_PADDING_MS: integer(
    'Audio before the start of speech that belongs to it, ms',
    300,
    0,
    5000,
    ({ backend }, value) => (backend.vadPrefixPaddingMs = value),
  ),
  AUDIO_STREAM_AI_VAD_SILENCE_DURATION_MS: integer(
    'Silence that ends a turn, ms',
    500,
    50,
    10_000,
    ({ backend }, value) => (backend.vadSilenceDurationMs = value),
  ),
  AUDIO_STREAM_AI_TEMPERATURE: decimal(
    'For compatible servers; OpenAI itself refuses it',
    0.8,
    0,
    2,
    ({ backend }, value) => (backend.temperature = value),
  ),
  AUDIO_STREAM_AI_MAX_RESPONSE_TOKENS: integer(
    'Longest answer, tokens; OpenAI takes 4,096 at the most',
    4096,
    1,
    16_384,
    ({ backend }, value) => (backend.maxResponseTokens = value),
  ),
  AUDIO_STREAM_AI_ENABLE_BARGE_IN: flag('Whether the caller may cut in', true, ({ session }, value) => {
    session.bargeIn = value;
  }),
  AUDIO_STREAM_AI_DSP_ENABLED: flag(
    "Whether the agent's voice goes through the compressor and the low-pass",
    false,
    ({ session }, value) => (session.shaping = value),
  ),
  AUDIO_STREAM_AI_COMPRESSOR_THRESHOLD_DB: decimal(
    'Level above which the compressor works, dBov',
    -18,
    -60,
    0,
    ({ session }, value) => (session.compressorThresholdDb = value),
  ),
  AUDIO_STREAM_AI_COMPRESSOR_MAKEUP_DB: decimal(
    'Gain behind the compressor, dB',
    3,
    0,
    24,
    ({ session }, value) => (session.compressorMakeupDb = value),
  ),
  AUDIO_STREAM_AI_LPF_CUTOFF_HZ: integer(
    'Cut-off of the low-pass, Hz',
    3400,
    100,
    20_000,
    ({ session }, value) => (session.lowPassHz = value),
  ),
  AUDIO_STREAM_AI_ENABLE_TTS_CACHE: flag(
    'Whether what `say` has our own voice speak is kept for the next time',
    false,
    ({ session }, value) => (session.speechCache = value),
  ),
  STREAM_BUFFER_SIZE: integer(
    'Audio in a message to a WebSocket, ms',
    20,
    20,
    1000,
    ({ stream }, value) => (stream.frameMs = value),
    { step: 20 },
  ),
  STREAM_HEART_BEAT: integer('Time between two pings, s', 30, 1, 3600, ({ stream }, value) => {
    stream.heartBeatMs = value * 1000;
  }),
  STREAM_SUPPRESS_LOG: flag(
    'Whether messages of a WebSocket are left out of the events',
    false,
    ({ stream }, value) => {
      stream.suppressLog = value;
    },
  ),
  STREAM_MESSAGE_DEFLATE: flag(
    'Read and without effect: as with the module, nothing is compressed',
    false,
    () => undefined,
  ),
  STREAM_EXTRA_HEADERS: {
    kind: 'text',
    meaning: 'Headers for the WebSocket, a JSON object; treated as secrets',
    fallback: '',
    pattern: /^\{/,
    secret: true,
    apply: ({ stream }, value) => {
      const headers = headersOf(value);
      if (headers === null) return false;
      stream.extraHeaders = headers;
      return true;
    },
  },
  STREAM_TLS_CA_FILE: {
    kind: 'text',
    meaning: 'Certificates to trust; `SYSTEM` the usual ones, `NONE` any',
    fallback: 'SYSTEM',
    pattern: /^[^\p{Cc}]{1,4096}$/u,
    apply: ({ stream }, value) => void (stream.tlsCaFile = value),
  },
  STREAM_TLS_KEY_FILE: file('Key of our own certificate', ({ stream }, value) => (stream.tlsKeyFile = value)),
  STREAM_TLS_CERT_FILE: file('Our own certificate', ({ stream }, value) => (stream.tlsCertFile = value)),
  STREAM_TLS_DISABLE_HOSTNAME_VALIDATION: flag(
    "Whether the name in the server's certificate may be another",
    false,
    ({ stream }, value) => (stream.tlsVerifyHost = !value),
  ),
};

const SHOWN_CHARACTERS = 64;
const HEADERS = 32;
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}$/;
const HEADER_VALUE = /^[\x20-\x7e\xa0-\xff]{0,8192}$/;

/** Reads what is set. Never throws. */
export function readCallVariables(variables: ReadonlyMap<string, string>): CallVariables {
  const settings: Settings = { session: {}, backend: {}, stream: {} };
  const clamped: ClampedVariable[] = [];
  for (const [variable, rule] of Object.entries(CALL_VARIABLES)) {
    const given = variables.get(variable)?.trim();
    if (given === undefined || given === '') continue;
    if (take(rule, given, settings)) continue;
    const secret = rule.kind === 'text' && rule.secret === true;
    const value = secret ? '[secret]' : printable(given);
    clamped.push({ variable, value, result: rule.fallback === '' ? 'not set' : rule.fallback });
    if (rule.fallback !== '') take(rule, rule.fallback, settings);
  }
  return { ...settings, clamped };
}

/** Whether the value was taken. */
function take(rule: VariableRule, text: string, settings: Settings): boolean {
  if (rule.kind === 'text') return rule.pattern.test(text) && rule.apply(settings, text) !== false;
  if (rule.kind === 'boolean') {
    const value = booleanOf(text);
    if (value !== null) rule.apply(settings, value);
    return value !== null;
  }
  const value = /^[-+]?\d{1,9}(\.\d{1,9})?$/.test(text) ? Number(text) : Number.NaN;
  const { minimum, maximum, only, step = 0 } = rule;
  const whole = rule.kind === 'number' || Number.isInteger(value);
  if (!(value >= minimum && value <= maximum) || !whole) return false;
  if (only?.includes(value) === false || (step > 0 && value % step !== 0)) return false;
  rule.apply(settings, value);
  return true;
}

/** As FreeSWITCH reads truth, and its opposite. */
function booleanOf(text: string): boolean | null {
  if (/^(true|yes|on|enabled?|active|allow|t|1)$/i.test(text)) return true;
  return /^(false|no|off|disabled?|inactive|f|0)$/i.test(text) ? false : null;
}

function printable(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, ' ').slice(0, SHOWN_CHARACTERS);
}

function headersOf(text: string): Readonly<Record<string, string>> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const entries = Object.entries(value);
  const sound = entries.every(
    ([name, each]) => HEADER_NAME.test(name) && typeof each === 'string' && HEADER_VALUE.test(each),
  );
  return sound && entries.length <= HEADERS ? (Object.fromEntries(entries) as Record<string, string>) : null;
}
