/** The circuit breakers of one process, shared by all its calls: one for each thing that can fail by itself. */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import { CircuitBreaker } from './circuit-breaker.ts';
import type { BreakerChange, BreakerPolicy, BreakerState } from './circuit-breaker.ts';

/** What can fail by itself: reaching a peer, and what it then says of key, quota and model. */
export type BreakerKind = 'connection' | 'provider';

/** How each kind behaves. */
export type BreakerPolicies = Readonly<Record<BreakerKind, BreakerPolicy>>;

const COOL_DOWN_MAXIMUM_MS = 600_000;

/** The defaults. */
export const DEFAULT_BREAKER_POLICIES: BreakerPolicies = {
  connection: {
    failures: 5,
    windowMs: 60_000,
    coolDownMs: 30_000,
    coolDownMaximumMs: COOL_DOWN_MAXIMUM_MS,
    probes: 3,
    successes: 2,
  },
  provider: {
    failures: 5,
    windowMs: 60_000,
    coolDownMs: 60_000,
    coolDownMaximumMs: COOL_DOWN_MAXIMUM_MS,
    probes: 3,
    successes: 2,
  },
};

/** One breaker, as health shows it. */
export interface BreakerView {
  readonly name: string;
  readonly state: BreakerState;
  readonly retryInMs: number;
  readonly lastReason: string;
}

/** What a board is made with. */
export interface BreakerBoardOptions {
  readonly clock: Clock;
  readonly policies?: BreakerPolicies;
  readonly onChange?: (change: BreakerChange) => void;
}

/** All of them, by name. */
export class BreakerBoard {
  readonly #options: BreakerBoardOptions;
  readonly #breakers = new Map<string, CircuitBreaker>();

  constructor(options: BreakerBoardOptions) {
    this.#options = options;
  }

  /**
   * That of a backend, the place and key that it is reached with, and a kind of failure; made at its first use. Two backends of
   * one place and key share it. The board is bounded: the oldest goes, closed ones first.
   */
  breaker(backend: string, credential: string, kind: BreakerKind): CircuitBreaker {
    const name = [backend, credential, kind].filter((part) => part !== '').join(':');
    const known = this.#breakers.get(name);
    if (known !== undefined) return known;
    if (this.#breakers.size >= LIMITS.breakers) this.#forgetOne();
    const { clock, policies = DEFAULT_BREAKER_POLICIES, onChange } = this.#options;
    const breaker = new CircuitBreaker({
      name,
      clock,
      policy: policies[kind],
      ...(onChange === undefined ? {} : { onChange }),
    });
    this.#breakers.set(name, breaker);
    return breaker;
  }

  /** All of them, in the order in which they were made. */
  view(): readonly BreakerView[] {
    return [...this.#breakers.values()].map(({ name, state, retryInMs, lastReason }) => ({
      name,
      state,
      retryInMs,
      lastReason,
    }));
  }

  #forgetOne(): void {
    const names = [...this.#breakers.keys()];
    const name = names.find((each) => this.#breakers.get(each)?.state === 'closed') ?? names[0];
    if (name !== undefined) this.#breakers.delete(name);
  }
}
