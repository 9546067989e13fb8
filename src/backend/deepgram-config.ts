/** What a Deepgram Voice Agent backend is configured by, checked before anything is dialled. */
import { TalkspurtError } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { backendUrl } from './backend-url.ts';
import type { MessageMs } from './frame-batch.ts';
import type { BackendHints } from './upgrade-refusal.ts';

/** A function that the agent may call; one without an endpoint is ours: the session surfaces the call as an event. */
export interface DeepgramTool {
  readonly name: string;
  readonly description?: string | undefined;
  /** JSON Schema of the arguments. */
  readonly parameters?: Readonly<Record<string, unknown>> | undefined;
  /** Hold the call until Deepgram is sure that the caller has finished: for what cannot be undone. Default false. */
  readonly deferUntilEndOfTurn?: boolean | undefined;
}

/** One configured backend; a plain object, whatever it was read from. */
export interface DeepgramConfig {
  /** For health, metrics and logs. Default `deepgram`. */
  readonly name?: string | undefined;
  /** Resolved from the environment or a file elsewhere; empty for a server that asks for none. */
  readonly apiKey: string;
  /** The whole address. `wss://agent.deepgram.com/v1/agent/converse` unless given; http and https mean ws and wss. */
  readonly url?: string | undefined;
  /** Lets `ws://` leave this machine: the key and the speech travel readable then. Default false. */
  readonly allowPlaintext?: boolean | undefined;
  /** Model that hears the caller, such as `nova-3` or `flux-general-en`. Default: Deepgram's. */
  readonly listenModel?: string | undefined;
  /** Model that thinks, of OpenAI's and run by Deepgram. Default `gpt-4o-mini`. Others: `agent.think`. */
  readonly model?: string | undefined;
  /** Model that speaks, of Deepgram's, such as `aura-2-thalia-en`. Default: Deepgram's. Others: `agent.speak`. */
  readonly voice?: string | undefined;
  /** What the agent is and does. */
  readonly prompt?: string | undefined;
  /** Spoken word for word as soon as the session is up. */
  readonly greeting?: string | undefined;
  readonly tools?: readonly DeepgramTool[] | undefined;
  /**
   * `agent` of the Settings message as it is, for all that has no field here; or the id of an agent that is configured at
   * Deepgram, and then none of the fields above. Headers and credentials in it are treated as secrets.
   */
  readonly agent?: string | Readonly<Record<string, unknown>> | undefined;
  /** Deepgram may not learn from the calls. Default false. */
  readonly mipOptOut?: boolean | undefined;
  /** Words that Deepgram files the session under. */
  readonly tags?: readonly string[] | undefined;
  /** Caller audio in one message: by what is heard, or always so much, ms (20 … 100). Default `adaptive`. */
  readonly messageMs?: MessageMs | undefined;
  /** From dialling to a session that may talk. Default `LIMITS.backendOpenMs`. */
  readonly openTimeoutMs?: number | undefined;
  /** Without any sign of an answer that is due. Default `LIMITS.backendResponseMs`. */
  readonly responseTimeoutMs?: number | undefined;
  /** Without a message or a pong while it answers or should; three times that otherwise. Default `LIMITS.backendDeafMs`. */
  readonly silentTimeoutMs?: number | undefined;
  /** Sent with the upgrade. Their values are treated as secrets. */
  readonly extraHeaders?: Readonly<Record<string, string>> | undefined;
}

/** Where to look when it cannot be had. */
export const DEEPGRAM_HINTS: BackendHints = {
  address: 'url',
  dialled: 'url, apiKey and extraHeaders',
  access: 'the API key and what it may use',
  asked: 'url and extraHeaders',
};

const DEFAULT_URL = 'wss://agent.deepgram.com/v1/agent/converse';

/**
 * The address of the Voice Agent.
 * @throws ERR_TALKSPURT_CONFIG_INVALID
 */
export function deepgramUrl(config: DeepgramConfig): URL {
  const { url = DEFAULT_URL, allowPlaintext = false } = config;
  return backendUrl({ backend: deepgramName(config), url, example: DEFAULT_URL, allowPlaintext });
}

/** What can be wrong with the agent itself. @throws ERR_TALKSPURT_CONFIG_INVALID */
export function checkDeepgramAgent(config: DeepgramConfig): void {
  const { agent } = config;
  const name = deepgramName(config);
  const own = OWN_FIELDS.filter(({ field }) => config[field] !== undefined);
  if (typeof agent === 'string' && agent === '') throw invalid('agent', `agent of backend '${name}' is empty`);
  if (typeof agent === 'string' && own[0] !== undefined) {
    throw invalid(
      'agent',
      `backend '${name}' names an agent that is configured at Deepgram: ${own[0].field} has to be set there`,
    );
  }
  if (typeof agent === 'object') {
    const twice = own.find(({ part }) => agent[part] !== undefined && part !== 'think');
    if (twice !== undefined) {
      throw invalid('agent', `backend '${name}' has both ${twice.field} and agent.${twice.part}: keep one`);
    }
    checkThink(agent['think'], config, name);
  }
  const bytes = Buffer.byteLength(JSON.stringify({ ...config, apiKey: '', extraHeaders: {} }));
  if (bytes > LIMITS.deepgramSettingsBytes) {
    throw invalid('agent', `backend '${name}' is described in ${bytes} bytes: at most ${LIMITS.deepgramSettingsBytes}`);
  }
}

/** Headers of the upgrade. @throws ERR_TALKSPURT_SECRET_MISSING where Deepgram itself would be called without a key */
export function deepgramHeaders(config: DeepgramConfig): Record<string, string> {
  const headers: Record<string, string> = { ...config.extraHeaders };
  if (config.apiKey !== '') headers['Authorization'] = `Token ${config.apiKey}`;
  else if (config.url === undefined && !Object.keys(headers).some((name) => /^authorization$/i.test(name))) {
    throw new TalkspurtError(
      'ERR_TALKSPURT_SECRET_MISSING',
      `backend '${deepgramName(config)}' has no API key: set DEEPGRAM_API_KEY, or DEEPGRAM_API_KEY_FILE to a file that holds it`,
    );
  }
  return headers;
}

/** Every text of the configuration that must not be seen again. */
export function deepgramSecrets(config: DeepgramConfig): readonly string[] {
  const inAgent: string[] = [];
  if (typeof config.agent === 'object') collectSecrets(config.agent, false, inAgent, 0);
  return [config.apiKey, ...Object.values(config.extraHeaders ?? {}), ...inAgent].filter((secret) => secret !== '');
}

/** The name that messages, metrics and logs know it by. */
export function deepgramName(config: DeepgramConfig): string {
  return config.name ?? 'deepgram';
}

/** Fields of ours, and the part of Deepgram's `agent` that each becomes. */
const OWN_FIELDS = [
  { field: 'listenModel', part: 'listen' },
  { field: 'voice', part: 'speak' },
  { field: 'greeting', part: 'greeting' },
  { field: 'model', part: 'think' },
  { field: 'prompt', part: 'think' },
  { field: 'tools', part: 'think' },
] as const satisfies readonly { field: keyof DeepgramConfig; part: string }[];

/** The prompt and the functions join a `think` of the operator's own, unless it has them already. */
function checkThink(think: unknown, config: DeepgramConfig, name: string): void {
  if (think === undefined) return;
  const providers = Array.isArray(think) ? think : [think];
  if (providers.length === 0 || providers.some((each) => typeof each !== 'object' || each === null)) {
    throw invalid('agent', `agent.think of backend '${name}' is neither an object nor a list of objects`);
  }
  if (config.model !== undefined) throw invalid('agent', `backend '${name}' has both model and agent.think: keep one`);
  const has = (key: string): boolean => (providers as object[]).some((each) => Object.hasOwn(each, key));
  if (config.prompt !== undefined && has('prompt')) {
    throw invalid('agent', `backend '${name}' has both prompt and agent.think.prompt: keep one`);
  }
  if (config.tools !== undefined && has('functions')) {
    throw invalid('agent', `backend '${name}' has both tools and agent.think.functions: keep one`);
  }
}

/** Deepest that the operator's agent is looked through. */
const DEPTH = 16;

/** Texts under `headers`, `credentials` and keys that are called after secrets, wherever they stand. */
function collectSecrets(value: unknown, secret: boolean, found: string[], depth: number): void {
  if (depth > DEPTH) return;
  if (typeof value === 'string') {
    if (secret) found.push(value);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      collectSecrets(each, secret || SECRET_KEY.test(key), found, depth + 1);
    }
  }
}

const SECRET_KEY = /^(headers|credentials|(.*[_-])?(api[_-]?key|token|secret|password|access_key.*))$/i;

function invalid(field: 'agent', message: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_CONFIG_INVALID', message, { details: { field } });
}
