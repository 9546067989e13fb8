/** The backends and profiles of a configuration, made: at the start, and anew by `reload` (`gateway-reload.ts`). */
import { createHash } from 'node:crypto';
import type { Backend } from './backend/backend.ts';
import { DeepgramBackend } from './backend/deepgram-voice-agent.ts';
import { GeminiBackend } from './backend/gemini-live.ts';
import { openAiConfigWith } from './backend/openai-config.ts';
import type { OpenAiRealtimeConfig } from './backend/openai-config.ts';
import { OpenAiRealtimeBackend } from './backend/openai-realtime.ts';
import { StreamBackend } from './backend/stream-backend.ts';
import type { StreamEventListener } from './backend/stream-backend.ts';
import type { BackendConfig, Config } from './config.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { EventSink } from './core/events.ts';
import type { GatewayBackend, GatewayProfile } from './gateway.ts';
import { backendVoice } from './gateway-speech.ts';
import type { BackendVoice } from './gateway-speech.ts';
import { RealtimeServer } from './simulator/realtime-server.ts';
import type { BreakerBoard, BreakerKind, BreakerPolicies } from './resilience/breaker-board.ts';
import type { BreakerChange, BreakerPolicy } from './resilience/circuit-breaker.ts';
import { GuardedBackend } from './resilience/guarded-backend.ts';
import type { SpeechSynthesizer } from './simulator/speech.ts';

/** The server inside this process. */
export interface EmbeddedServer {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/** What backends are made with. */
export interface BackendMakers {
  readonly clock: Clock;
  readonly speech: SpeechSynthesizer;
  readonly closers: (() => Promise<void> | void)[];
  readonly given: Readonly<Record<string, Backend>>;
  readonly onStreamEvent: StreamEventListener;
  /** Circuit breakers of the process; they outlive a reload. */
  readonly breakers: BreakerBoard;
  readonly events: EventSink;
  onBreaker(change: BreakerChange): void;
  /** Whoever speaks for backends that write, by the backend's name. */
  voices: ReadonlyMap<string, BackendVoice>;
  /** The server inside this process, once there is one. */
  embedded: EmbeddedServer | null;
}

/** What a configuration makes. */
export interface Profiles {
  /** What `switch` chooses from. */
  readonly backends: ReadonlyMap<string, GatewayBackend>;
  readonly profiles: ReadonlyMap<string, GatewayProfile>;
}

/** @throws ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_LISTEN */
export async function makeProfiles(config: Config, makers: BackendMakers): Promise<Profiles> {
  const made = new Map<string, GatewayBackend>();
  const voices = new Map<string, BackendVoice>();
  for (const [name, backend] of Object.entries(config.backends)) {
    const given = makers.given[name];
    const unguarded = given === undefined ? await makeBackend(backend, makers) : { backend: given };
    const guardedOne = guarded(unguarded, credentialOf(backend), makers.breakers);
    const speech = backend.kind === 'openai' ? backend.speech : undefined;
    if (speech === undefined) made.set(name, guardedOne);
    else {
      const voice = backendVoice(name, speech, makers);
      voices.set(name, voice);
      made.set(name, spoken(guardedOne, voice));
    }
  }
  const profiles = new Map<string, GatewayProfile>();
  for (const [name, profile] of Object.entries(config.profiles)) {
    const [backend, ...fallbacks] = [profile.backend, ...profile.fallbacks].map((each) => made.get(each));
    if (backend === undefined || !fallbacks.every((each) => each !== undefined))
      throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `profiles.${name}.backend names no backend`);
    profiles.set(name, { ...backend, fallbacks, options: profile.options });
  }
  makers.voices = voices;
  return { backends: made, profiles };
}

/** The policies of the configuration in ms. */
export function breakerPolicies({ breakers }: Config): BreakerPolicies {
  const of = (policy: Config['breakers'][BreakerKind]): BreakerPolicy => ({
    failures: policy.failures,
    windowMs: policy.windowSeconds * 1000,
    coolDownMs: policy.coolDownSeconds * 1000,
    coolDownMaximumMs: policy.coolDownMaximumSeconds * 1000,
    probes: policy.probes,
    successes: policy.successes,
  });
  return { connection: of(breakers.connection), provider: of(breakers.provider) };
}

/** Ends the server inside this process, if there is one; the next backend that needs one makes another. */
export async function closeEmbedded(makers: BackendMakers): Promise<void> {
  const { embedded, closers } = makers;
  if (embedded === null) return;
  makers.embedded = null;
  const at = closers.indexOf(embedded.close);
  if (at !== -1) closers.splice(at, 1);
  await embedded.close();
}

/** The same behind its breakers, which one with a channel's own settings shares. */
function guarded(made: GatewayBackend, credential: string, board: BreakerBoard): GatewayBackend {
  const guard = (backend: Backend, ownSettings = false): Backend =>
    new GuardedBackend({ backend, board, credential, ownSettings });
  const variant = made.variant?.bind(made);
  return { backend: guard(made.backend), ...(variant && { variant: (overrides) => guard(variant(overrides), true) }) };
}

/** What it writes is spoken; a variant of it is by the same voice. */
function spoken(made: GatewayBackend, voice: BackendVoice): GatewayBackend {
  const variant = made.variant?.bind(made);
  return {
    backend: voice.spoken(made.backend),
    ...(variant && { variant: (overrides) => voice.spoken(variant(overrides)) }),
  };
}

/** Tells a place and key apart from others without showing either: a new key is a new start. */
function credentialOf(config: BackendConfig): string {
  const secret =
    config.kind === 'openai'
      ? `${config.baseUrl ?? ''} ${config.apiKey}`
      : config.kind === 'deepgram' || config.kind === 'gemini'
        ? `${config.url ?? ''} ${config.apiKey}`
        : JSON.stringify(config);
  return createHash('sha256').update(secret).digest('hex').slice(0, 8);
}

async function makeBackend(config: BackendConfig, makers: BackendMakers): Promise<GatewayBackend> {
  const { clock } = makers;
  if (config.kind === 'websocket') return { backend: new StreamBackend(config, clock, makers.onStreamEvent) };
  if (config.kind === 'deepgram') return { backend: new DeepgramBackend(config, clock) };
  if (config.kind === 'gemini') return { backend: new GeminiBackend(config, clock) };
  if (config.kind === 'openai') return openAiProfile(config, clock);
  makers.embedded ??= await embeddedServer(makers);
  const { name } = config;
  const baseUrl = makers.embedded.url;
  return openAiProfile({ name, model: 'embedded', apiKey: 'embedded', baseUrl, transcriptionModel: 'embedded' }, clock);
}

async function embeddedServer({ clock, speech, closers }: BackendMakers): Promise<EmbeddedServer> {
  const server = new RealtimeServer({ clock, speech });
  await server.listen();
  const close = async (): Promise<void> => await server.close();
  closers.push(close);
  return { url: server.url, close };
}

function openAiProfile(config: OpenAiRealtimeConfig, clock: Clock): GatewayBackend {
  return {
    backend: new OpenAiRealtimeBackend(config, clock),
    variant: (overrides) => new OpenAiRealtimeBackend(openAiConfigWith(config, overrides), clock),
  };
}
