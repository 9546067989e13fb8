/** What we ask a Voice Agent to be: the `Settings` message that follows `Welcome`. */
import type { AudioFormat } from '../core/media.ts';
import type { BackendCall } from './backend.ts';
import type { DeepgramConfig, DeepgramTool } from './deepgram-config.ts';
import { HEARING_SLACK_MS } from './frame-batch.ts';

/** Audio both ways, as Deepgram names it. */
export interface DeepgramAudio {
  readonly encoding: 'mulaw' | 'alaw' | 'linear16';
  readonly sample_rate: number;
}

/** The `Settings` message; `agent` is Deepgram's own object, most of it the operator's words. */
export interface DeepgramSettings {
  readonly type: 'Settings';
  readonly tags?: string[];
  readonly flags: { readonly history: false };
  readonly mip_opt_out?: boolean;
  readonly audio: {
    readonly input: DeepgramAudio;
    readonly output: DeepgramAudio & { readonly container: 'none' };
  };
  readonly agent: string | Readonly<Record<string, unknown>>;
}

/** Aura's and Flux's own rate: nothing above it is in the voice, and no recogniser listens above it. */
const HIGHEST_RATE_HZ = 24_000;
const DEFAULT_THINK_MODEL = 'gpt-4o-mini';

/**
 * The audio that a leg's call has with Deepgram, both ways: G.711 as it is, so that nothing is transcoded, and otherwise
 * 16-bit PCM of the leg's own rate, up to 24 kHz.
 */
export function deepgramFormat(leg: AudioFormat): AudioFormat {
  if (leg.codec !== 'l16' && leg.sampleRateHz === 8000) return { codec: leg.codec, sampleRateHz: 8000 };
  return { codec: 'l16', sampleRateHz: leg.sampleRateHz > HIGHEST_RATE_HZ ? HIGHEST_RATE_HZ : leg.sampleRateHz };
}

/** `agent` in a conversation that began elsewhere: its own context goes first. */
function goingOn(
  agent: Readonly<Record<string, unknown>>,
  history: NonNullable<BackendCall['history']>,
): Readonly<Record<string, unknown>> {
  if (history.length === 0) return agent;
  const { greeting: _said, context, ...rest } = agent;
  const own = isObject(context) ? context : {};
  const messages = Array.isArray(own['messages']) ? (own['messages'] as unknown[]) : [];
  const said = history.map(({ by, text }) => ({
    type: 'History',
    role: by === 'caller' ? 'user' : 'assistant',
    content: text,
  }));
  return { ...rest, context: { ...own, messages: [...messages, ...said] } };
}

/** Deepgram's name for `format`. */
export function deepgramAudio(format: AudioFormat): DeepgramAudio {
  return { encoding: ENCODINGS[format.codec], sample_rate: format.sampleRateHz };
}

const ENCODINGS = { pcmu: 'mulaw', pcma: 'alaw', l16: 'linear16' } as const;

/** What of a call is told to Deepgram with the settings. */
export type DeepgramCall = Pick<BackendCall, 'metadata' | 'history' | 'correlationId'>;

/**
 * The whole message. Of the call, `metadata` goes into the prompt; behind a `history` the agent does not greet again; the correlation
 * id is one tag more, by which Deepgram's usage finds the session.
 */
export function deepgramSettings(
  config: DeepgramConfig,
  format: AudioFormat,
  { metadata = null, history = [], correlationId }: DeepgramCall = {},
): DeepgramSettings {
  const audio = deepgramAudio(format);
  const { mipOptOut } = config;
  const tags = [...(config.tags ?? []), ...(correlationId === undefined ? [] : [correlationId])];
  return {
    type: 'Settings',
    ...(tags.length > 0 && { tags }),
    // What was said comes as ConversationText; History would say all of it twice.
    flags: { history: false },
    ...(mipOptOut !== undefined && { mip_opt_out: mipOptOut }),
    audio: { input: audio, output: { ...audio, container: 'none' } },
    agent: typeof config.agent === 'string' ? config.agent : goingOn(agentOf(config, metadata), history),
  };
}

/** Whether the agent's ears can be told to take a turn as finished (`ForceEndTurn`): Flux can. */
export function endsTurnsOnOrder({ agent, listenModel }: DeepgramConfig): boolean {
  if (listenModel !== undefined) return isFlux(listenModel);
  return listenProvider(agent)['version'] === 'v2';
}

/** Silence after which Flux ends every turn unless it is told otherwise, and the longest that it may be told, ms. */
const TURN_TIMEOUT_MS = 5_000;
const LONGEST_TURN_TIMEOUT_MS = 60_000;

/**
 * Silence after which Deepgram waits for the end of no turn any more, ms, by Flux's `eot_timeout_ms`; of a listener that has none it
 * is not said, and taken to be no longer than Flux's own. What an agent that is configured there waits, nobody here knows.
 */
export function deepgramQuietMs({ agent }: Pick<DeepgramConfig, 'agent'>): number {
  if (typeof agent === 'string') return LONGEST_TURN_TIMEOUT_MS + HEARING_SLACK_MS;
  const timeoutMs = listenProvider(agent)['eot_timeout_ms'];
  return (typeof timeoutMs === 'number' ? timeoutMs : TURN_TIMEOUT_MS) + HEARING_SLACK_MS;
}

/** `listen.provider` of the operator's own agent; empty where there is none. */
function listenProvider(agent: DeepgramConfig['agent']): Readonly<Record<string, unknown>> {
  const listen = typeof agent === 'object' ? agent['listen'] : undefined;
  const provider = isObject(listen) ? listen['provider'] : undefined;
  return isObject(provider) ? provider : {};
}

/** One agent of the configuration's own words; a part that it does not name is left to Deepgram. */
function agentOf(config: DeepgramConfig, metadata: string | null): Readonly<Record<string, unknown>> {
  const { listenModel, voice, greeting } = config;
  return {
    ...(typeof config.agent === 'object' ? config.agent : {}),
    ...(listenModel !== undefined && { listen: { provider: deepgramProvider(listenModel) } }),
    ...(voice !== undefined && { speak: { provider: deepgramProvider(voice) } }),
    ...(greeting !== undefined && greeting !== '' && { greeting }),
    think: thinkOf(config, metadata),
  };
}

/** Models of the second generation are told apart by their version, which has to be said. */
function deepgramProvider(model: string): Readonly<Record<string, string>> {
  return { type: 'deepgram', version: isFlux(model) ? 'v2' : 'v1', model };
}

function isFlux(model: string): boolean {
  return model.startsWith('flux-');
}

/** Every provider of the list, the first and those behind it, gets the same prompt and the same functions. */
function thinkOf(config: DeepgramConfig, metadata: string | null): unknown {
  const { agent, model, prompt, tools } = config;
  const own = typeof agent === 'object' ? agent['think'] : undefined;
  const base = own ?? { provider: { type: 'open_ai', model: model ?? DEFAULT_THINK_MODEL } };
  const complete = (think: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> => {
    const stated = typeof think['prompt'] === 'string' ? think['prompt'] : prompt;
    const whole = [stated, metadata].filter((text) => text !== undefined && text !== null && text !== '').join('\n\n');
    return {
      ...think,
      ...(tools !== undefined && tools.length > 0 && { functions: tools.map(functionOf) }),
      ...(whole !== '' && { prompt: whole }),
    };
  };
  if (Array.isArray(base)) return (base as Readonly<Record<string, unknown>>[]).map(complete);
  return complete(base as Readonly<Record<string, unknown>>);
}

function functionOf(tool: DeepgramTool): Readonly<Record<string, unknown>> {
  const { name, description, parameters, deferUntilEndOfTurn } = tool;
  return {
    name,
    ...(description !== undefined && { description }),
    parameters: parameters ?? { type: 'object', properties: {} },
    ...(deferUntilEndOfTurn !== undefined && { defer_until_eot: deferUntilEndOfTurn }),
  };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
