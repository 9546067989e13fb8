/**
 * Seeks a backend for a call that has lost its own: the same one again, with growing and random pauses, and the next ones of the
 * list as soon as that is hopeless. It owns the attempts; the line owns what comes of them.
 *
 *   lost ──▶ pause ──▶ attempt ──▶ taken: the call goes on
 *             ▲           │
 *             └── failed ─┴──▶ attempts or time used up: given up
 *
 * Hopeless is a backend whose breaker is open, that has refused for good (a key, a setting), or, while there is another one, that
 * does not answer though it is there, or was sought for `failoverMs`.
 */
import type { Backend } from '../backend/backend.ts';
import { Backoff } from '../core/backoff.ts';
import type { Clock } from '../core/clock.ts';
import { delay } from '../core/clock.ts';
import { CLOSED_WITHOUT_CODE, PASSING_CLOSE_CODES } from '../core/close-codes.ts';
import { asTalkspurtError } from '../core/errors.ts';
import type { TalkspurtError } from '../core/errors.ts';
import type { CallEvent } from '../core/events.ts';
import type { DspLibrary } from '../dsp/library.ts';
import { LIMITS } from '../limits.ts';
import type { BackendLine } from './backend-line.ts';
import type { ReconnectOptions, SessionOptions } from './session-options.ts';
import type { SessionSounds } from './session-parts.ts';

/** What it is made with. */
export interface BackendRescueParts {
  readonly clock: Clock;
  readonly line: BackendLine;
  /** All that the call may have, in order; the one in use among them, or not. */
  readonly backends: readonly Backend[];
  readonly options: Pick<SessionOptions, 'reconnect'>;
  readonly sounds: SessionSounds | null;
  /** Aborts when the call is over. */
  readonly signal: AbortSignal;
  emit(event: CallEvent): void;
  /** Nothing came back; `attempts` were made in `gapMs`. */
  onGivenUp(error: TalkspurtError, attempts: number, gapMs: number): void;
}

/** One call's. One search at a time. */
export class BackendRescue {
  readonly #parts: BackendRescueParts;
  readonly #reconnect: ReconnectOptions;
  readonly #backoff: Backoff;
  #search: AbortController | null = null;
  /** Since when it has been in trouble, of which it has not recovered for long enough to forget it. */
  #troubleMs = Number.NaN;
  #takenMs = Number.NaN;
  #attempts = 0;
  #totalAttempts = 0;
  #failovers = 0;
  /** Backends that have refused for good. */
  readonly #refused = new Set<Backend>();
  readonly #tries = new Map<Backend, number>();

  constructor(parts: BackendRescueParts) {
    this.#parts = parts;
    this.#reconnect = parts.options.reconnect;
    this.#backoff = new Backoff({
      baseMs: LIMITS.reconnectBackoffBaseMs,
      capMs: LIMITS.reconnectBackoffCapMs,
      random: () => parts.clock.random(),
    });
  }

  /** Attempts since the call began. */
  get attempts(): number {
    return this.#totalAttempts;
  }

  /** Times that another backend took the place of one that was lost. */
  get failovers(): number {
    return this.#failovers;
  }

  /** Whether anything is to be tried for the stream in use, which has ended like that. */
  worthwhile(error: TalkspurtError): boolean {
    const nowMs = this.#parts.clock.nowMs();
    // Who took the call over and gave no answer has not proven more than that it opens.
    const stableMs =
      isUnanswered(error) && this.#parts.line.isMute ? LIMITS.reconnectUnansweredMs : LIMITS.reconnectStableMs;
    if (Number.isNaN(this.#troubleMs) || nowMs - this.#takenMs >= stableMs) this.#forget(nowMs);
    return this.#choose(this.#parts.line.backend, error, 0) !== null;
  }

  /** The stream in use was lost, and it is {@link worthwhile}. Nothing is thrown: what comes of it is told. */
  seek(error: TalkspurtError): void {
    const search = new AbortController();
    this.#search = search;
    void this.#run(error, AbortSignal.any([search.signal, this.#parts.signal]));
  }

  /** A stream is in use: nothing more is sought. */
  settle(): void {
    this.#search?.abort(new DOMException('a stream is in use', 'AbortError'));
    this.#search = null;
    this.#takenMs = this.#parts.clock.nowMs();
  }

  #forget(nowMs: number): void {
    this.#troubleMs = nowMs;
    this.#attempts = 0;
    this.#tries.clear();
    this.#refused.clear();
    this.#backoff.reset();
  }

  /** Never rejects. */
  async #run(error: TalkspurtError, signal: AbortSignal): Promise<void> {
    const { clock, line } = this.#parts;
    const sinceMs = clock.nowMs();
    const first = line.backend;
    let [fault, sought, soughtMs] = [error, first, sinceMs];
    for (;;) {
      const backend = this.#choose(sought, fault, clock.nowMs() - soughtMs);
      if (backend === null) {
        this.#parts.onGivenUp(fault, this.#attempts, clock.nowMs() - sinceMs);
        return;
      }
      const { pauseMs, withinMs } = this.#timesOf(backend, backend === sought, clock.nowMs() - soughtMs);
      if (backend !== sought) soughtMs = clock.nowMs();
      sought = backend;
      this.#count(backend);
      const [attempt, { code: reason }] = [this.#attempts, fault];
      this.#parts.emit({ type: 'backend.reconnecting', backend: backend.name, attempt, delayMs: pauseMs, reason });
      try {
        await delay(clock, pauseMs, signal);
        await this.#attempt(backend, first, withinMs, signal);
        if (backend !== first) this.#tellFailover(backend, first, 'succeeded', fault);
        return;
      } catch (failure) {
        if (signal.aborted) return;
        fault = asTalkspurtError(failure);
        if (!mayPass(fault)) this.#refused.add(backend);
        // It was not tried: its breaker lets one call through at a time.
        if (isShut(fault)) this.#tries.set(backend, (this.#tries.get(backend) ?? 1) - 1);
        if (backend !== first) this.#tellFailover(backend, first, 'failed', fault);
      }
    }
  }

  #count(backend: Backend): void {
    this.#attempts += 1;
    this.#totalAttempts += 1;
    this.#tries.set(backend, (this.#tries.get(backend) ?? 0) + 1);
  }

  async #attempt(backend: Backend, first: Backend, withinMs: number, signal: AbortSignal): Promise<void> {
    const { line, sounds } = this.#parts;
    const attempts = this.#attempts;
    // Before the stream is there: what it says must find it in use.
    const library = await libraryOf(sounds);
    signal.throwIfAborted();
    const opened = await line.dialWithin(backend, withinMs, signal, true);
    try {
      signal.throwIfAborted();
      const { gapMs, keptMs, droppedMs } = line.take(opened, library);
      const names = { backend: backend.name, previous: first.name };
      this.#parts.emit({ type: 'backend.reconnected', ...names, attempts, gapMs, keptMs, droppedMs });
    } catch (error) {
      await line.discard(opened);
      throw error;
    }
  }

  #tellFailover(
    backend: Backend,
    first: Backend,
    outcome: 'succeeded' | 'failed',
    { code: reason }: TalkspurtError,
  ): void {
    if (outcome === 'succeeded') this.#failovers += 1;
    const [to, previous] = [backend.name, first.name];
    this.#parts.emit({ type: 'backend.failover', backend: to, previous, stage: 'call', outcome, reason });
  }

  /** What is tried after `fault` of `current`, which has been sought for `soughtMs`. Null: nothing is worth it. */
  #choose(current: Backend, fault: TalkspurtError, soughtMs: number): Backend | null {
    const { attempts, failoverMs } = this.#reconnect;
    const leftMs = this.#leftMs();
    if (leftMs <= 0) return null;
    const others = this.#others(current);
    const waitMs = refusedForMs(current, others.length === 0);
    const usedUp = (this.#tries.get(current) ?? 0) >= (current.reconnectMax ?? attempts);
    const hopeless = usedUp || !mayPass(fault) || this.#refused.has(current) || waitMs >= leftMs;
    const longEnough = others.length > 0 && (waitMs > 0 || isUnanswered(fault) || soughtMs >= failoverMs);
    return hopeless || longEnough ? this.#after(current, others) : current;
  }

  #timesOf(backend: Backend, again: boolean, soughtMs: number): { pauseMs: number; withinMs: number } {
    const leftMs = this.#leftMs();
    const alone = this.#others(backend).length === 0;
    const patienceMs = alone ? leftMs : Math.min(leftMs, this.#reconnect.failoverMs - (again ? soughtMs : 0));
    const pauseMs = again ? Math.min(patienceMs, this.#pauseMs(refusedForMs(backend, alone))) : 0;
    return { pauseMs, withinMs: Math.min(LIMITS.reconnectAttemptMs, Math.max(MINIMUM_MS, patienceMs - pauseMs)) };
  }

  /** Calls that wait for one door do not come to it all at once, nor less often the longer they wait. */
  #pauseMs(shutMs: number): number {
    if (shutMs === 0) return this.#backoff.nextMs();
    return shutMs + this.#parts.clock.random() * LIMITS.reconnectBackoffBaseMs;
  }

  #leftMs(): number {
    return this.#reconnect.maximumMs - (this.#parts.clock.nowMs() - this.#troubleMs);
  }

  #others(current: Backend): Backend[] {
    return this.#parts.backends.filter((each) => each !== current && this.#usable(each));
  }

  /** The next in the order of the list, from its beginning after its end; those that were tried less go first. */
  #after(current: Backend, others: readonly Backend[]): Backend | null {
    const at = this.#parts.backends.indexOf(current);
    const inOrder = [...others.filter((each) => this.#parts.backends.indexOf(each) > at), ...others];
    const fewest = Math.min(...others.map((each) => this.#tries.get(each) ?? 0));
    return inOrder.find((each) => (this.#tries.get(each) ?? 0) === fewest) ?? null;
  }

  #usable(backend: Backend): boolean {
    if (this.#refused.has(backend) || refusedForMs(backend) > 0) return false;
    const tries = this.#tries.get(backend) ?? 0;
    // Each of the list is worth one attempt, whatever else is allowed.
    return tries < Math.max(1, backend.reconnectMax ?? this.#reconnect.attempts);
  }
}

/** Null: there is none; where two formats differ what waits is lost then. */
async function libraryOf(sounds: SessionSounds | null): Promise<DspLibrary | null> {
  const [outcome] = await Promise.allSettled([sounds?.dspLibrary()]);
  return outcome.status === 'fulfilled' ? (outcome.value ?? null) : null;
}

/** Least time that an attempt gets, ms. */
const MINIMUM_MS = 250;

/**
 * How long its breaker keeps it closed, ms; Infinity: it would be refused, and does not say for how long; 0: it would be tried.
 * `underWay`: for a call that has nobody else to go to.
 */
function refusedForMs(backend: Backend, underWay = false): number {
  const refusal = backend.refusal?.(underWay) ?? null;
  if (refusal === null) return 0;
  const retryInMs = refusal.details['retryInMs'];
  return typeof retryInMs === 'number' ? Math.max(1, retryInMs) : Number.POSITIVE_INFINITY;
}

function isShut({ code }: TalkspurtError): boolean {
  return code === 'ERR_TALKSPURT_BACKEND_BREAKER_OPEN';
}

/** It was there, and gave no answer: the caller has waited long enough to ask somebody else, where there is one. */
function isUnanswered({ details }: TalkspurtError): boolean {
  return details['unanswered'] === true;
}

/** Whether the same backend may do better the next time. */
function mayPass({ retryable, details }: TalkspurtError): boolean {
  const { closeCode } = details;
  if (typeof closeCode !== 'number') return retryable;
  return closeCode === CLOSED_WITHOUT_CODE || PASSING_CLOSE_CODES.includes(closeCode);
}
