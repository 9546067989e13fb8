/**
 * The configuration of `talkspurt serve`: a YAML file, with environment variables above it and secrets beside it, checked
 * as a whole before anything starts. docs/configuration.md has every key.
 */
import { readFileSync } from 'node:fs';
import { checkDeepgramAgent, deepgramSecrets, deepgramUrl } from '../backend/deepgram-config.ts';
import type { DeepgramConfig } from '../backend/deepgram-config.ts';
import { checkGeminiSetup, geminiSecrets, geminiUrl } from '../backend/gemini-config.ts';
import type { GeminiConfig } from '../backend/gemini-config.ts';
import type { OpenAiRealtimeConfig } from '../backend/openai-config.ts';
import type { StreamConfig } from '../backend/stream-config.ts';
import { streamSettings } from '../backend/stream-config.ts';
import { realtimeUrl } from '../backend/openai-config.ts';
import { asteriskWarnings } from './config-asterisk-checks.ts';
import { applyEnvironment, CONFIG_VARIABLE } from './config-environment.ts';
import type { Environment } from './config-environment.ts';
import type { ConfigIssue } from './config-issue.ts';
import { configError, schemaIssues } from './config-issue.ts';
import { referenceIssues } from './config-references.ts';
import { configSchema } from './config-schema.ts';
import { statusConfig, statusIssues } from './config-status.ts';
import type { StatusConfig } from './config-status.ts';
import type { ConfigDocument } from './config-schema.ts';
import { speechConfig, speechIssues, speechSecrets } from './config-speech-checks.ts';
import type { SpeechConfig } from './config-speech-checks.ts';
import { ConfigSecrets } from './config-secrets.ts';
import { parseConfigText } from './config-text.ts';
import type { ConfigText } from './config-text.ts';
import { CONFIG_JSON_SCHEMA, isRecord } from './schema-walk.ts';
import { asTalkspurtError, TalkspurtError } from '../core/errors.ts';
import type { SessionOptions } from '../session/session-options.ts';

type SwitchDocument<K> = Extract<ConfigDocument['switches'][number], { kind: K }>;

/** A FreeSWITCH to attach to. `password` is a secret. */
export type FreeswitchConfig = WithSecret<SwitchDocument<'freeswitch'>>;

/** An Asterisk to attach to. `password` and `media.websocket.password` are secrets. */
export type AsteriskConfig = Omit<WithSecret<SwitchDocument<'asterisk'>>, 'media'> & {
  readonly media: Omit<SwitchDocument<'asterisk'>['media'], 'websocket'> & {
    readonly websocket: WithSecret<SwitchDocument<'asterisk'>['media']['websocket']>;
  };
};

/** A switch to attach to. */
export type SwitchConfig = FreeswitchConfig | AsteriskConfig;

/** What a document says, with its password found. */
type WithSecret<T> = Omit<T, 'password' | 'passwordFile'> & { readonly password: string };

/** An operators' door. `password` is a secret. */
export type FrontDoorConfig = Omit<Exclude<ConfigDocument['frontDoor'], false>, 'password' | 'passwordFile'> & {
  readonly password: string;
};

/** Our SIP. `password` is a secret, empty where callers need none. */
export type SipConfig = Omit<Exclude<ConfigDocument['sip'], false>, 'password' | 'passwordFile'> & {
  readonly password: string;
};

/** Where modules of switches connect. `password` is a secret, empty where they need none. */
export type ModulesConfig = Omit<ConfigDocument['modules'], 'password' | 'passwordFile'> & {
  readonly password: string;
};

/** A backend, ready to be made. `apiKey` and the values of `extraHeaders` are secrets. */
export type BackendConfig =
  | ({ readonly kind: 'openai'; readonly speech?: SpeechConfig } & OpenAiRealtimeConfig)
  | ({ readonly kind: 'deepgram' } & DeepgramConfig)
  | ({ readonly kind: 'gemini' } & GeminiConfig)
  | ({ readonly kind: 'websocket' } & StreamConfig)
  | { readonly kind: 'embedded'; readonly name: string };

/** What a call is given when it starts under a profile's name. */
export interface ProfileConfig {
  /** Key of `Config.backends`. */
  readonly backend: string;
  /** The same, of those that take its place, in order. */
  readonly fallbacks: readonly string[];
  readonly options: SessionOptions;
}

/** A checked configuration. */
export interface Config {
  readonly log: ConfigDocument['log'];
  /** `false`: none. */
  readonly status: false | StatusConfig;
  /** `false`: closed. */
  readonly frontDoor: false | FrontDoorConfig;
  readonly switches: readonly SwitchConfig[];
  readonly backends: Readonly<Record<string, BackendConfig>>;
  readonly profiles: Readonly<Record<string, ProfileConfig>>;
  readonly sounds: ConfigDocument['sounds'];
  readonly recordings: ConfigDocument['recordings'];
  readonly records: ConfigDocument['records'];
  readonly targets: ConfigDocument['targets'];
  readonly outboundSocket: ConfigDocument['outboundSocket'];
  /** `false`: closed. */
  readonly sip: false | SipConfig;
  readonly modules: ModulesConfig;
  readonly drainSeconds: number;
  readonly leaveSeconds: number;
  readonly farewell: ConfigDocument['farewell'];
  readonly watchdogs: ConfigDocument['watchdogs'];
  readonly overload: ConfigDocument['overload'];
  readonly breakers: ConfigDocument['breakers'];
  readonly limits: ConfigDocument['limits'];
  /** What is allowed and still not good; for the log at start. */
  readonly warnings: readonly string[];
  /** What it was read from. */
  readonly source: string;
}

/** Where a configuration comes from. */
export interface ConfigSource {
  /** The file. Default: the variable TALKSPURT_CONFIG, then `talkspurt.yaml` in the working folder. */
  readonly path?: string | undefined;
  /** Usually `process.env`. */
  readonly env: Environment;
  /** The text itself, in place of the file's; `path` then only names it. */
  readonly text?: string | undefined;
}

const DEFAULT_FILE = 'talkspurt.yaml';

/**
 * Reads, completes and checks a configuration. One error names every fault with its line and column, or its variable.
 * @throws ERR_TALKSPURT_CONFIG_UNREADABLE, ERR_TALKSPURT_CONFIG_INVALID, ERR_TALKSPURT_SECRET_MISSING
 */
export function loadConfig(source: ConfigSource): Config {
  const { env } = source;
  const path = source.path ?? (env[CONFIG_VARIABLE] || DEFAULT_FILE);
  const text = parseConfigText(source.text ?? readConfigFile(path), path);
  const root = isRecord(text.value) ? text.value : {};
  const above = applyEnvironment(CONFIG_JSON_SCHEMA, root, env);
  const place = placer(path, text, above.applied);

  const document = isRecord(text.value) ? above.document : text.value;
  const parsed = configSchema.safeParse(document);
  const strangers = above.unknown.map(({ name, meant }): ConfigIssue => {
    return {
      path: [name],
      text: `is not a variable of this configuration${meant === null ? '' : `; did you mean ${meant}?`}`,
    };
  });
  if (!parsed.success) {
    throw configError([...schemaIssues(parsed.error, document), ...strangers], place);
  }
  const secrets = new ConfigSecrets(env, source.text === undefined || source.path !== undefined ? path : null);
  const config = complete(parsed.data, secrets, path);
  const issues = [
    ...strangers,
    ...referenceIssues(parsed.data),
    ...backendIssues(config),
    ...statusIssues(config.status),
    ...secrets.issues,
  ];
  if (issues.length > 0) throw configError(issues, place);
  return config;
}

/** Every secret in `config`, for those who must never show one. */
export function secretsOfConfig(config: Config): readonly string[] {
  const { status, frontDoor, sip, modules } = config;
  const tokens = status === false ? [] : [status.readToken, status.controlToken];
  const doors = [modules, ...(frontDoor === false ? [] : [frontDoor]), ...(sip === false ? [] : [sip])];
  const media = config.switches.flatMap((entry) => (entry.kind === 'asterisk' ? [entry.media.websocket] : []));
  const passwords = [...config.switches, ...media, ...doors].map((part) => part.password);
  const keys = Object.values(config.backends).flatMap((backend) => {
    if (backend.kind === 'embedded') return [];
    if (backend.kind === 'deepgram') return deepgramSecrets(backend);
    if (backend.kind === 'gemini') return geminiSecrets(backend);
    const headers = Object.values(backend.extraHeaders ?? {});
    return backend.kind === 'openai' ? [backend.apiKey, ...headers, ...speechSecrets(backend.speech)] : headers;
  });
  return [...tokens, ...passwords, ...keys].filter((secret) => secret !== '');
}

function readConfigFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new TalkspurtError(
      'ERR_TALKSPURT_CONFIG_UNREADABLE',
      `cannot read the configuration ${path} (${why}): give its path, or start from examples/talkspurt.yaml`,
      { cause: error, details: { path } },
    );
  }
}

/** Says where an issue stands: `file:line:column`, or the variable that the value came from. */
function placer(
  file: string,
  text: ConfigText,
  applied: readonly { name: string; path: readonly (string | number)[] }[],
): (issue: ConfigIssue) => string {
  const variables = new Map(applied.map((variable) => [variable.path.join('\0'), variable.name]));
  return ({ path, atKey }) => {
    if (path.length === 1 && String(path[0]).startsWith('TALKSPURT_')) return 'environment:';
    const variable = variables.get(path.join('\0'));
    return variable === undefined ? `${file}:${text.placeOf(path, atKey === true)}` : `variable ${variable}:`;
  };
}

function complete(document: ConfigDocument, secrets: ConfigSecrets, source: string): Config {
  const { status, frontDoor, sip, modules, switches, backends, profiles, ...rest } = document;
  return {
    ...rest,
    status: status === false ? false : statusConfig(status, secrets),
    frontDoor: frontDoor === false ? false : withPassword(frontDoor, ['frontDoor'], ['frontDoor'], secrets),
    sip: sip === false ? false : withLogin(sip, ['sip'], ['sip'], secrets),
    modules: withLogin(modules, ['modules'], ['modules'], secrets),
    switches: switches.map((entry, index) => switchConfig(entry, index, secrets)),
    backends: mapValues(backends, (entry, name) => backendConfig(entry, name, secrets)),
    profiles: mapValues(profiles, profileConfig),
    warnings: [...secrets.warnings, ...asteriskWarnings(document)],
    source,
  };
}

/** Without a backend it is refused later, with what else is wrong. */
function profileConfig({ backend, backends, ...options }: ConfigDocument['profiles'][string]): ProfileConfig {
  const [first = '', ...fallbacks] = backends ?? (backend === undefined ? [] : [backend]);
  return { backend: first, fallbacks, options };
}

function switchConfig(entry: ConfigDocument['switches'][number], index: number, secrets: ConfigSecrets): SwitchConfig {
  const [path, words] = [
    ['switches', index],
    ['switches', entry.name],
  ];
  if (entry.kind === 'freeswitch') return withPassword(entry, path, words, secrets);
  const { media } = entry;
  const inMedia = ['media', 'websocket'];
  const websocket = withLogin(media.websocket, [...path, ...inMedia], [...words, ...inMedia], secrets);
  return { ...withPassword(entry, path, words, secrets), media: { ...media, websocket } };
}

/** Whose password is wanted only where a user name is given. */
function withLogin<
  T extends { username?: string | undefined; password?: string | undefined; passwordFile?: string | undefined },
>(entry: T, path: readonly (string | number)[], words: readonly string[], secrets: ConfigSecrets): WithSecret<T> {
  const { password: plain, passwordFile: file, ...rest } = entry;
  const optional = rest.username === undefined;
  return { ...rest, password: secrets.read({ path, words, key: 'password', plain, file, optional }) };
}

function withPassword<T extends { password?: string | undefined; passwordFile?: string | undefined }>(
  entry: T,
  path: readonly (string | number)[],
  words: readonly string[],
  secrets: ConfigSecrets,
): WithSecret<T> {
  const { password: plain, passwordFile: file, ...rest } = entry;
  return { ...rest, password: secrets.read({ path, words, key: 'password', plain, file }) };
}

function backendConfig(entry: ConfigDocument['backends'][string], name: string, secrets: ConfigSecrets): BackendConfig {
  if (entry.kind === 'embedded') return { kind: 'embedded', name };
  if (entry.kind === 'websocket') return { ...entry, name };
  const { apiKey: plain, apiKeyFile: file, ...rest } = entry;
  const address = rest.kind === 'openai' ? rest.baseUrl : rest.url;
  const lastVariable = KEY_VARIABLES[rest.kind];
  const ownHeader = Object.keys(rest.extraHeaders ?? {}).some((header) => KEY_HEADERS.test(header));
  const apiKey = secrets.read({
    path: ['backends', name],
    words: ['backends', name],
    key: 'apiKey',
    plain,
    file,
    // Another server is not sent the key that is meant for the vendor.
    ...(address === undefined ? { lastVariable } : {}),
    optional: address !== undefined || ownHeader,
  });
  if (rest.kind !== 'openai') return { ...rest, name, apiKey };
  const { speech, ...openai } = rest;
  if (speech === undefined) return { ...openai, name, apiKey };
  return { ...openai, name, apiKey, writes: true, speech: speechConfig(speech, name, secrets) };
}

/** Where the key of a vendor's own server is looked for last. */
export const KEY_VARIABLES = {
  openai: 'OPENAI_API_KEY',
  deepgram: 'DEEPGRAM_API_KEY',
  gemini: 'GEMINI_API_KEY',
} as const;
/** Headers that a key may travel in instead. */
const KEY_HEADERS = /^(authorization|api-key|x-goog-api-key)$/i;

/** What the backends themselves refuse. */
function backendIssues(config: Config): ConfigIssue[] {
  return Object.entries(config.backends).flatMap(([name, backend]): ConfigIssue[] => {
    if (backend.kind === 'embedded') return [];
    const spoken = backend.kind === 'openai' && backend.speech ? speechIssues(backend.speech, name) : [];
    try {
      if (backend.kind === 'openai') realtimeUrl(backend);
      else if (backend.kind === 'websocket') streamSettings(backend);
      else if (backend.kind === 'gemini') {
        geminiUrl(backend);
        checkGeminiSetup(backend);
      } else {
        deepgramUrl(backend);
        checkDeepgramAgent(backend);
      }
      return spoken;
    } catch (error) {
      const { details, message } = asTalkspurtError(error);
      const { field } = details;
      const named = typeof field === 'string' ? field.replace(/\..*/s, '') : 'url';
      const key = backend.kind === 'openai' ? 'baseUrl' : named;
      return [...spoken, { path: ['backends', name, key], text: `is not usable: ${message}` }];
    }
  });
}

function mapValues<V, W>(record: Readonly<Record<string, V>>, make: (value: V, key: string) => W): Record<string, W> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, make(value, key)]));
}
