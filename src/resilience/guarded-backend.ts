/**
 * A backend behind its circuit breakers: while one is open, opening a stream is refused at once with what is wrong and when it will be
 * tried again. What counts as a failure is what the peer did; what a caller or an operator did does not.
 */
import type { Backend, BackendCall, BackendSink, BackendStream } from '../backend/backend.ts';
import { TalkspurtError, asTalkspurtError, hasCode } from '../core/errors.ts';
import type { ErrorCode, ErrorDetails } from '../core/errors.ts';
import type { BreakerBoard, BreakerKind } from './breaker-board.ts';
import type { BreakerAttempt, BreakerFault, CircuitBreaker } from './circuit-breaker.ts';

/** What it is made with. */
export interface GuardedBackendOptions {
  readonly backend: Backend;
  readonly board: BreakerBoard;
  /** Tells the place and key apart that it is reached with, without saying either; empty: there is one. */
  readonly credential?: string;
  /** Its settings are one call's own: when they are refused, that says nothing of other calls. Default false. */
  readonly ownSettings?: boolean;
  /**
   * A command named its address: path, token and how its server likes to hang up are one call's own, too. Only that it cannot be
   * reached counts, and 429. Default false.
   */
  readonly ownAddress?: boolean;
}

/** Which breaker a failure belongs to; a code that is not here is nobody's fault but ours. */
const KIND_OF: Partial<Record<ErrorCode, BreakerKind>> = {
  ERR_TALKSPURT_BACKEND_TIMEOUT: 'connection',
  ERR_TALKSPURT_BACKEND_CLOSED: 'connection',
  ERR_TALKSPURT_BACKEND_PROTOCOL: 'connection',
  ERR_TALKSPURT_BACKEND_REFUSED: 'connection',
  ERR_TALKSPURT_BACKEND_AUTH: 'provider',
  ERR_TALKSPURT_BACKEND_DENIED: 'provider',
  ERR_TALKSPURT_BACKEND_API: 'provider',
};
/** What the API calls a key that has nothing left to spend. */
const NO_QUOTA: ReadonlySet<unknown> = new Set(['insufficient_quota', 'billing_hard_limit_reached']);
/** What Google says in place of HTTP 429, where there is no HTTP any more. */
const TOO_MUCH = 'RESOURCE_EXHAUSTED';
/** What a setting alone may be refused with: an unknown model, or one that the key may not use. */
const SETTING_CODES: ReadonlySet<ErrorCode> = new Set(['ERR_TALKSPURT_BACKEND_DENIED', 'ERR_TALKSPURT_BACKEND_API']);
/** Statuses by which a provider itself, not the way to it, refuses. */
const PROVIDER_STATUS: ReadonlySet<unknown> = new Set([401, 402, 403, 429]);

/** Opens streams of another backend while its breakers let it. */
export class GuardedBackend implements Backend {
  readonly name: string;
  readonly reconnectMax?: number;
  readonly #backend: Backend;
  readonly #connection: CircuitBreaker;
  readonly #provider: CircuitBreaker;
  readonly #ownSettings: boolean;
  readonly #ownAddress: boolean;

  constructor(options: GuardedBackendOptions) {
    const { backend, board, credential = '', ownSettings = false, ownAddress = false } = options;
    this.name = backend.name;
    if (backend.reconnectMax !== undefined) this.reconnectMax = backend.reconnectMax;
    this.#backend = backend;
    this.#ownSettings = ownSettings;
    this.#ownAddress = ownAddress;
    this.#connection = board.breaker(backend.name, credential, 'connection');
    this.#provider = board.breaker(backend.name, credential, 'provider');
  }

  refusal(underWay = false): TalkspurtError | null {
    if (!this.#provider.admits) return this.#closedDoor(this.#provider);
    if (underWay ? this.#connection.earlyInMs > 0 : !this.#connection.admits) {
      return this.#closedDoor(this.#connection, underWay);
    }
    return this.#backend.refusal?.(underWay) ?? null;
  }

  gaveUp(error: TalkspurtError): void {
    this.#count(error);
    this.#backend.gaveUp?.(error);
  }

  /** @throws ERR_TALKSPURT_BACKEND_BREAKER_OPEN, and as the backend's own */
  async open(call: BackendCall, sink: BackendSink, signal: AbortSignal): Promise<BackendStream> {
    const attempts = this.#admit(call.underWay === true);
    // Whoever hung up while it was dialled has shown nothing of it, even where a backend does not notice.
    const onAbort = (): void => {
      // Whoever waited for it in vain has.
      if (hasCode(signal.reason, 'ERR_TALKSPURT_BACKEND_TIMEOUT')) {
        attempts.get('connection')?.failed(faultOf(signal.reason));
      }
      for (const attempt of attempts.values()) attempt.abandoned();
    };
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      const stream = await this.#backend.open(call, this.#ownAddress ? sink : this.#watching(sink), signal);
      for (const attempt of attempts.values()) attempt.succeeded();
      return stream;
    } catch (error) {
      const failure = asTalkspurtError(error);
      const kind = kindOf(failure);
      for (const [each, attempt] of attempts) {
        if (each === kind && this.#counts(failure)) attempt.failed(faultOf(failure));
        // A peer that refuses a key has been reached.
        else if (each === 'connection' && kind === 'provider') attempt.succeeded();
        else attempt.abandoned();
      }
      throw error;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Whether another call would have failed in the same way. */
  #counts(error: TalkspurtError): boolean {
    const { code, details } = error;
    const { status } = details;
    if (this.#ownAddress) return status === 429 || kindOf(error) === 'connection';
    if (!this.#ownSettings || isOutOfQuota(details)) return true;
    if (status === 402 || status === 429) return true;
    return !SETTING_CODES.has(code) && status !== 403 && details['apiCode'] !== 'permission_denied';
  }

  /** Both, or neither. Who lost the way there may look for it early; what a provider has said stands. */
  #admit(underWay: boolean): Map<BreakerKind, BreakerAttempt> {
    const attempts = new Map<BreakerKind, BreakerAttempt>();
    for (const [kind, breaker] of [
      ['provider', this.#provider],
      ['connection', this.#connection],
    ] as const) {
      const attempt = breaker.admit(underWay && kind === 'connection');
      if (attempt === null) {
        for (const taken of attempts.values()) taken.abandoned();
        throw this.#closedDoor(breaker, underWay && kind === 'connection');
      }
      attempts.set(kind, attempt);
    }
    return attempts;
  }

  #closedDoor(breaker: CircuitBreaker, underWay = false): TalkspurtError {
    const { lastReason } = breaker;
    const retryInMs = underWay ? breaker.earlyInMs : breaker.retryInMs;
    const seconds = Math.max(1, Math.ceil(retryInMs / 1000));
    return new TalkspurtError(
      'ERR_TALKSPURT_BACKEND_BREAKER_OPEN',
      `backend '${this.name}' has failed too often (${lastReason}): it is tried again in ${seconds} s`,
      { details: { lastReason, retryInMs: Math.round(retryInMs) } },
    );
  }

  /** Of a stream that was open. */
  #count(error: TalkspurtError): void {
    const kind = kindOf(error);
    if (kind === undefined || !this.#counts(error)) return;
    (kind === 'connection' ? this.#connection : this.#provider).failed(faultOf(error));
  }

  /** Failures of a stream that was open count too; its end in good order does not. */
  #watching(sink: BackendSink): BackendSink {
    return {
      onAudio: (audio, itemId) => sink.onAudio(audio, itemId),
      onAudioDone: (itemId) => sink.onAudioDone(itemId),
      onResponseStarted: (responseId) => sink.onResponseStarted(responseId),
      onResponseDone: (responseId, status) => sink.onResponseDone(responseId, status),
      onSpeech: (edge) => sink.onSpeech(edge),
      onTranscript: (by, text, final, itemId) => sink.onTranscript(by, text, final, itemId),
      onToolCall: (toolCallId, name, argumentsJson) => sink.onToolCall(toolCallId, name, argumentsJson),
      onError: (error) => {
        // The stream goes on, with an agent that has nothing to say: the next one would be as mute.
        if (isOutOfQuota(error.details)) this.#count(error);
        sink.onError(error);
      },
      onClosed: (error) => {
        if (error !== null) this.#count(error);
        sink.onClosed(error);
      },
      // What a sink does not have must not be seen to be there.
      ...(sink.onPhraseSpoken && {
        onPhraseSpoken: (itemId: string, words?: string) => sink.onPhraseSpoken?.(itemId, words),
      }),
      ...(sink.onMessage && { onMessage: (text: string) => sink.onMessage?.(text) }),
      ...(sink.onFlush && { onFlush: () => sink.onFlush?.() }),
      ...(sink.onExpiring && { onExpiring: (inMs: number) => sink.onExpiring?.(inMs) }),
    };
  }
}

function kindOf({ code, details }: TalkspurtError): BreakerKind | undefined {
  if (PROVIDER_STATUS.has(details['status']) || isOutOfQuota(details)) return 'provider';
  if (details['apiCode'] === TOO_MUCH) return 'provider';
  return KIND_OF[code];
}

function isOutOfQuota(details: ErrorDetails): boolean {
  return NO_QUOTA.has(details['apiCode']) || NO_QUOTA.has(details['apiType']);
}

function faultOf({ code, details }: TalkspurtError): BreakerFault {
  const status = details['status'];
  const fatal = code === 'ERR_TALKSPURT_BACKEND_AUTH' || status === 402 || isOutOfQuota(details);
  const retryAfterMs = details['retryAfterMs'];
  return { fatal, reason: code, ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}) };
}
