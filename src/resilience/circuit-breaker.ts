/**
 * A circuit breaker: after enough failures nothing more is tried for a while, so that a peer in trouble is left alone and callers
 * are told at once. Its time is the clock's; it sets no timer, and looks at the time when it is asked.
 *
 *   closed ── `failures` within `windowMs`, or one that is fatal ──▶ open ── cool-down ──▶ half-open
 *     ▲                                                               ▲                        │
 *     └────────────────────── `successes` of its probes ──────────────┼────────────────────────┤
 *                                                                     └──── one failure ───────┘
 */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';

/** When it opens, and what closes it again. */
export interface BreakerPolicy {
  /** Failures within `windowMs` that open it. */
  readonly failures: number;
  readonly windowMs: number;
  /** For how long nothing is tried, ms; a peer that names a longer time is heeded, up to `coolDownMaximumMs`. */
  readonly coolDownMs: number;
  readonly coolDownMaximumMs: number;
  /** Tries at a time while it is half-open. */
  readonly probes: number;
  /** Successes that close it then. */
  readonly successes: number;
}

/** Whether tries are let through: all, none, a few. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** What went wrong. */
export interface BreakerFault {
  /** The next try would end the same way (a wrong key, no quota): it opens at once. */
  readonly fatal: boolean;
  /** What the peer asked for (`Retry-After`), ms: it opens at once, for that long, or for the cool-down if enough has failed. */
  readonly retryAfterMs?: number;
  /** A short word for people and metrics: an error code. */
  readonly reason: string;
}

/** A try that was let through. The first of its outcomes counts, the others do nothing. */
export interface BreakerAttempt {
  succeeded(): void;
  failed(fault: BreakerFault): void;
  /** It came to nothing for a reason of our own: a caller who hung up meanwhile. */
  abandoned(): void;
}

/** A change of state; `reason` is that of the last failure. */
export interface BreakerChange {
  readonly name: string;
  readonly state: BreakerState;
  readonly previous: BreakerState;
  readonly reason: string;
}

/** What it is made with. */
export interface BreakerOptions {
  readonly name: string;
  readonly clock: Clock;
  readonly policy: BreakerPolicy;
  readonly onChange?: (change: BreakerChange) => void;
}

/** One peer's. */
export class CircuitBreaker {
  readonly name: string;
  readonly #clock: Clock;
  readonly #policy: BreakerPolicy;
  readonly #onChange: ((change: BreakerChange) => void) | undefined;
  #state: BreakerState = 'closed';
  /** When the latest failures were, oldest first; at most as many as open it. */
  #failuresMs: number[] = [];
  #openUntilMs = 0;
  #probing = 0;
  /** When a try may be let through although it is open. */
  #earlyFromMs = 0;
  #successes = 0;
  #lastReason = '';
  /** Which opening or closing an attempt belongs to: one that comes home late says nothing of the present state. */
  #era = 0;

  constructor({ name, clock, policy, onChange }: BreakerOptions) {
    this.name = name;
    this.#clock = clock;
    this.#policy = policy;
    this.#onChange = onChange;
  }

  /** As it is now: an open one whose cool-down is over counts as half-open. */
  get state(): BreakerState {
    return this.#state === 'open' && this.retryInMs === 0 ? 'half-open' : this.#state;
  }

  /** How long until something may be tried, ms; 0: now. */
  get retryInMs(): number {
    return this.#state === 'open' ? Math.max(0, this.#openUntilMs - this.#clock.nowMs()) : 0;
  }

  /** How long until a call that has lost its stream may try, ms; 0: now. Such tries do not wait for the cool-down: one at a time. */
  get earlyInMs(): number {
    if (this.admits) return 0;
    const quietMs = this.#earlyFromMs - this.#clock.nowMs();
    return this.#probing > 0 ? Math.max(LIMITS.breakerEarlyMs, quietMs) : Math.max(0, quietMs);
  }

  /** Why it opened, in the word of its last failure; empty: nothing has failed yet. */
  get lastReason(): string {
    return this.#lastReason;
  }

  /** Whether {@link admit} would let a try through. */
  get admits(): boolean {
    return this.state === 'closed' || (this.state === 'half-open' && this.#probing < this.#policy.probes);
  }

  /**
   * Lets a try through, or does not: null. Whoever gets one reports how it ended. `underWay`: a call that has lost its stream and
   * would end for want of another; its failure does not keep an open one open for longer.
   */
  admit(underWay = false): BreakerAttempt | null {
    const early = !this.admits;
    if (early && (!underWay || this.earlyInMs > 0)) return null;
    if (early) this.#earlyFromMs = this.#clock.nowMs() + LIMITS.breakerEarlyMs;
    else if (this.#state === 'open') this.#become('half-open');
    const probe = this.#state !== 'closed';
    if (probe) this.#probing += 1;
    const era = this.#era;
    let over = false;
    const end = (settle: () => void) => (): void => {
      if (over) return;
      over = true;
      if (probe && era === this.#era) this.#probing -= 1;
      settle();
    };
    return {
      succeeded: end(() => {
        if (era !== this.#era) return;
        if (this.#state === 'open') this.#become('half-open');
        this.#succeed();
      }),
      failed: (fault) => end(() => this.#fail(fault, era))(),
      abandoned: end(() => undefined),
    };
  }

  /** Something failed that was not a try of its own: a conversation that was under way. */
  failed(fault: BreakerFault): void {
    this.#fail(fault, this.#era);
  }

  #succeed(): void {
    if (this.#state !== 'half-open') return;
    this.#successes += 1;
    if (this.#successes >= this.#policy.successes) this.#become('closed');
  }

  #fail({ fatal, retryAfterMs = 0, reason }: BreakerFault, era: number): void {
    // Tries that began before it opened, and end after: they are the failures it has opened for.
    if (this.#state === 'open' || era !== this.#era) return;
    const nowMs = this.#clock.nowMs();
    const { failures, windowMs } = this.#policy;
    this.#lastReason = reason;
    this.#failuresMs = [...this.#failuresMs.filter((ms) => nowMs - ms < windowMs), nowMs].slice(-failures);
    const enough = fatal || this.#failuresMs.length >= failures || this.#state === 'half-open';
    // A peer that only asks for a moment gets that moment: a limit of a second must not refuse calls for a minute.
    if (enough) this.#open(Math.max(this.#policy.coolDownMs, retryAfterMs));
    else if (retryAfterMs > 0) this.#open(retryAfterMs);
  }

  #open(forMs: number): void {
    this.#openUntilMs = this.#clock.nowMs() + Math.min(this.#policy.coolDownMaximumMs, forMs);
    this.#become('open');
  }

  #become(state: BreakerState): void {
    const previous = this.#state;
    this.#state = state;
    this.#era += 1;
    this.#failuresMs = [];
    this.#probing = 0;
    this.#successes = 0;
    this.#onChange?.({ name: this.name, state, previous, reason: this.#lastReason });
  }
}
