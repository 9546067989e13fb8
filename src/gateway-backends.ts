/** The backends and profiles of a configuration, made: at the start, and anew by `reload` (`gateway-reload.ts`). */
import type { Backend } from './backend/backend.ts';
import { openAiConfigWith } from './backend/openai-config.ts';
import type { OpenAiRealtimeConfig } from './backend/openai-config.ts';
import { OpenAiRealtimeBackend } from './backend/openai-realtime.ts';
import { StreamBackend } from './backend/stream-backend.ts';
import type { StreamEventListener } from './backend/stream-backend.ts';
import type { BackendConfig, Config } from './config.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { GatewayBackend, GatewayProfile } from './gateway.ts';
import { RealtimeServer } from './simulator/realtime-server.ts';
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
  for (const [name, backend] of Object.entries(config.backends)) {
    const given = makers.given[name];
    made.set(name, given === undefined ? await makeBackend(backend, makers) : { backend: given });
  }
  const profiles = new Map<string, GatewayProfile>();
  for (const [name, profile] of Object.entries(config.profiles)) {
    const backend = made.get(profile.backend);
    if (backend === undefined)
      throw new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', `profiles.${name}.backend names no backend`);
    profiles.set(name, { ...backend, options: profile.options });
  }
  return { backends: made, profiles };
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

async function makeBackend(config: BackendConfig, makers: BackendMakers): Promise<GatewayBackend> {
  const { clock } = makers;
  if (config.kind === 'websocket') return { backend: new StreamBackend(config, clock, makers.onStreamEvent) };
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
