/** Does this key reach this model? Asked of the REST interface, through the official SDK, before any caller waits for it. */
import type { OpenAI as OpenAiClient } from 'openai';
import type { Model } from 'openai/resources/models';
import type { Clock } from '../core/clock.ts';
import { SystemClock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { ErrorCode, ErrorDetails } from '../core/errors.ts';
import { LIMITS } from '../limits.ts';
import { OPENAI_HINTS, backendName, requestHeaders, restUrl, secretsOf } from './openai-config.ts';
import type { OpenAiRealtimeConfig } from './openai-config.ts';
import { peerText } from './peer-text.ts';
import { refusalByStatus } from './upgrade-refusal.ts';

/** A model that answered. */
export interface OpenAiProbe {
  readonly model: string;
  readonly ownedBy: string;
  /** The whole request, in ms. */
  readonly latencyMs: number;
}

/** How to ask. */
export interface ProbeOptions {
  /** Default `LIMITS.backendProbeMs`. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default: the machine's own. */
  readonly clock?: Clock | undefined;
}

/**
 * Asks for `config.model` with `config.apiKey`, once and without a retry. The SDK is loaded here and nowhere else: it costs
 * about 190 ms and 20 MB, which a serving process need not pay.
 * @throws ERR_TALKSPURT_BACKEND_AUTH | _DENIED | _REFUSED | _TIMEOUT | _API, ERR_TALKSPURT_SECRET_MISSING,
 * ERR_TALKSPURT_CONFIG_INVALID, or the reason of `signal`
 */
export async function probeOpenAi(config: OpenAiRealtimeConfig, options: ProbeOptions = {}): Promise<OpenAiProbe> {
  const { signal, clock = new SystemClock(), timeoutMs = LIMITS.backendProbeMs } = options;
  const url = restUrl(config);
  // The key is checked before the SDK is loaded, and goes in through `apiKey` only.
  const { Authorization: _, ...headers } = requestHeaders(config);
  const sdk = await import('openai');
  const client: OpenAiClient = new sdk.OpenAI({
    apiKey: config.apiKey === '' ? 'none' : config.apiKey,
    // What the environment says of these would not reach the realtime socket either.
    organization: null,
    project: null,
    baseURL: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    defaultQuery: Object.fromEntries(url.searchParams),
    defaultHeaders: headers,
    maxRetries: 0,
    timeout: timeoutMs,
    logLevel: 'off',
  });
  const startedAtMs = clock.nowMs();
  try {
    // Declared a Model; really whatever the server made of it.
    const model = (await client.models.retrieve(
      config.model,
      signal === undefined ? {} : { signal },
    )) as Partial<Model> | null;
    if (typeof model?.id !== 'string') throw new TypeError('not a model');
    return { model: model.id, ownedBy: model.owned_by ?? '', latencyMs: clock.nowMs() - startedAtMs };
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw probeError(sdk, config, error, timeoutMs);
  }
}

function probeError(
  sdk: typeof import('openai'),
  config: OpenAiRealtimeConfig,
  error: unknown,
  limitMs: number,
): TalkspurtError {
  const where = `backend '${backendName(config)}' at ${restUrl(config).host}`;
  if (error instanceof sdk.APIConnectionTimeoutError) {
    return failure('ERR_TALKSPURT_BACKEND_TIMEOUT', `${where} did not answer within ${limitMs} ms`, { limitMs });
  }
  if (error instanceof sdk.APIConnectionError) {
    const errno = errnoOf(error);
    return failure(
      'ERR_TALKSPURT_BACKEND_REFUSED',
      `${where} cannot be reached (${errno}): check baseUrl and the network`,
      { errno },
    );
  }
  if (error instanceof sdk.APIError && typeof error.status === 'number') {
    const secrets = secretsOf(config);
    return refusalByStatus(backendName(config), error.status, OPENAI_HINTS, {
      apiCode: peerText(error.code, secrets),
      apiType: peerText(error.type, secrets),
      peerMessage: peerText(error.message, secrets),
    });
  }
  return failure('ERR_TALKSPURT_BACKEND_API', `${where} answered with something that is no model: check baseUrl`, {});
}

/** The system's name for what went wrong, which the SDK and `fetch` wrap more than once. */
function errnoOf(error: unknown): string {
  let cause: unknown = error;
  for (let depth = 0; depth < 4 && cause instanceof Error; depth += 1) {
    const { code } = cause as NodeJS.ErrnoException;
    if (typeof code === 'string') return code;
    cause = cause.cause;
  }
  return 'no connection';
}

function failure(code: ErrorCode, message: string, details: ErrorDetails): TalkspurtError {
  return new TalkspurtError(code, message, { details });
}
