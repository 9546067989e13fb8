/** The backends and profiles of a configuration, made: at the start, and anew by `reload`. */
import type { Backend } from './backend/backend.ts';
import { openAiConfigWith } from './backend/openai-config.ts';
import type { OpenAiRealtimeConfig } from './backend/openai-config.ts';
import { OpenAiRealtimeBackend } from './backend/openai-realtime.ts';
import { StreamBackend } from './backend/stream-backend.ts';
import type { StreamEventListener } from './backend/stream-backend.ts';
import type { BackendConfig, Config } from './config.ts';
import type { Clock } from './core/clock.ts';
import { TalkspurtError } from './core/errors.ts';
import type { Gateway, GatewayProfile } from './gateway.ts';
import type { LogSink } from './observe/log-sink.ts';
import { RealtimeServer } from './simulator/realtime-server.ts';
import type { SpeechSynthesizer } from './simulator/speech.ts';

/** What backends are made with. */
export interface BackendMakers {
  readonly clock: Clock;
  readonly speech: SpeechSynthesizer;
  readonly closers: (() => Promise<void> | void)[];
  readonly given: Readonly<Record<string, Backend>>;
  readonly onStreamEvent: StreamEventListener;
  /** The server inside this process, once there is one. */
  embedded: RealtimeServer | null;
}

export interface Profiles {
  readonly backends: ReadonlyMap<string, Backend>;
  readonly profiles: ReadonlyMap<string, GatewayProfile>;
}

/** @throws ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_LISTEN */
export async function makeProfiles(config: Config, makers: BackendMakers): Promise<Profiles> {
  const made = new Map<string, GatewayProfile>();
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
  return { backends: new Map([...made].map(([name, { backend }]) => [name, backend])), profiles };
}

/** New profiles and backends; what else has changed waits for a restart. */
export async function reload(
  read: (() => Config) | undefined,
  gateway: Gateway,
  makers: BackendMakers,
  log: LogSink,
): Promise<string> {
  if (read === undefined) return '';
  const config = read();
  const { backends, profiles } = await makeProfiles(config, makers);
  gateway.replaceProfiles(profiles, backends);
  for (const warning of config.warnings) log.note('warn', 'configuration warning', { warning });
  return `${profiles.size} profiles, ${backends.size} backends; switches and servers need a restart`;
}

async function makeBackend(config: BackendConfig, makers: BackendMakers): Promise<GatewayProfile> {
  const { clock } = makers;
  if (config.kind === 'websocket') return { backend: new StreamBackend(config, clock, makers.onStreamEvent) };
  if (config.kind === 'openai') return openAiProfile(config, clock);
  makers.embedded ??= await embeddedServer(makers);
  const { name } = config;
  const baseUrl = makers.embedded.url;
  return openAiProfile({ name, model: 'embedded', apiKey: 'embedded', baseUrl, transcriptionModel: 'embedded' }, clock);
}

async function embeddedServer({ clock, speech, closers }: BackendMakers): Promise<RealtimeServer> {
  const server = new RealtimeServer({ clock, speech });
  await server.listen();
  closers.push(() => server.close());
  return server;
}

function openAiProfile(config: OpenAiRealtimeConfig, clock: Clock): GatewayProfile {
  return {
    backend: new OpenAiRealtimeBackend(config, clock),
    variant: (overrides) => new OpenAiRealtimeBackend(openAiConfigWith(config, overrides), clock),
  };
}
