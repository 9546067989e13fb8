/**
 * Whether a process can bear one more call, judged by what it measures of itself. Calls that are up go before calls that are not: new
 * ones are turned away before audio suffers. What turns them away has a bound that it has to exceed, and a lower one that it has to
 * stay under for a while until they are taken again: a process at its limit does not open and close its door all the time.
 */
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { OverloadReason } from '../core/events.ts';

/** From where on new calls are turned away; 0: never for that. */
export interface AdmissionPolicy {
  /** Media ticks that are late, of all in the last ten seconds, %. */
  readonly lateTicksPct: number;
  /** 99th percentile of the event loop's lag over ten seconds, ms. */
  readonly loopLagMs: number;
  /** Calls whose audio overflows so much that it is dropped, of all, %. */
  readonly crowdedPct: number;
  /** Pairs of RTP ports that are free, in the pool that has most, or fewer. */
  readonly freePorts: number;
  /** Resident memory, MB. */
  readonly memoryMb: number;
  /** How long all has to be well, ms, until calls are taken again. */
  readonly calmMs: number;
}

/** What no configuration says otherwise. */
export const DEFAULT_ADMISSION: AdmissionPolicy = {
  lateTicksPct: 20,
  loopLagMs: 1_000,
  crowdedPct: 25,
  freePorts: 0,
  memoryMb: 0,
  calmMs: 10_000,
};

/** What is measured; null: nothing can be said of it. */
export interface Load {
  readonly lateTicksPct: number | null;
  readonly loopLagMs: number | null;
  readonly crowdedPct: number | null;
  readonly freePorts: number | null;
  readonly memoryMb: number | null;
}

/** What it has to come down to, of its bound. */
const CALM_SHARE = 0.7;
/** …and of memory, of which a process seldom gives much back. */
const CALM_SHARE_OF_MEMORY = 0.9;
/** Pairs of ports above the bound that are enough again. */
const CALM_PORTS = 2;

interface Gauge {
  readonly reason: OverloadReason;
  readonly tooMuch: (load: Load, policy: AdmissionPolicy) => boolean;
  readonly calm: (load: Load, policy: AdmissionPolicy) => boolean;
}

const GAUGES: readonly Gauge[] = [
  rising('late-ticks', 'lateTicksPct'),
  rising('loop-lag', 'loopLagMs'),
  rising('queues', 'crowdedPct'),
  {
    reason: 'ports',
    tooMuch: ({ freePorts }, policy) => policy.freePorts > 0 && freePorts !== null && freePorts <= policy.freePorts,
    calm: ({ freePorts }, policy) => freePorts === null || freePorts >= policy.freePorts + CALM_PORTS,
  },
  rising('memory', 'memoryMb', CALM_SHARE_OF_MEMORY),
];

function rising(reason: OverloadReason, key: Exclude<keyof Load, 'freePorts'>, share = CALM_SHARE): Gauge {
  return {
    reason,
    tooMuch: (load, policy) => policy[key] > 0 && (load[key] ?? 0) > policy[key],
    calm: (load, policy) => (load[key] ?? 0) <= policy[key] * share,
  };
}

/** The door of one process. */
export class Admission {
  readonly #policy: AdmissionPolicy;
  readonly #clock: Clock;
  readonly #onChange: (reasons: readonly OverloadReason[]) => void;
  /** Reasons that stand, and since when each is calm; NaN: it is not. */
  readonly #standing = new Map<OverloadReason, number>();

  /** `onChange` is told whenever the reasons are others than before. */
  constructor(options: {
    readonly policy: AdmissionPolicy;
    readonly clock: Clock;
    onChange?(reasons: readonly OverloadReason[]): void;
  }) {
    this.#policy = options.policy;
    this.#clock = options.clock;
    this.#onChange = (reasons) => options.onChange?.(reasons);
  }

  /** Why new calls are turned away; none: they are taken. */
  get reasons(): readonly OverloadReason[] {
    return [...this.#standing.keys()];
  }

  /** What a new call is refused with; null: it is taken. */
  refusal(): TalkspurtError | null {
    const [reason] = this.reasons;
    if (reason === undefined) return null;
    const message = `no new call is taken while the host is overloaded (${this.reasons.join(', ')}): try later, or elsewhere`;
    return new TalkspurtError('ERR_TALKSPURT_OVERLOADED', message, { details: { reason } });
  }

  /** Once a second or so. */
  look(load: Load): void {
    const nowMs = this.#clock.nowMs();
    const before = this.reasons.join();
    for (const { reason, tooMuch, calm } of GAUGES) {
      const calmSinceMs = this.#standing.get(reason);
      if (tooMuch(load, this.#policy)) this.#standing.set(reason, Number.NaN);
      else if (calmSinceMs !== undefined) this.#settle(reason, calm(load, this.#policy), calmSinceMs, nowMs);
    }
    if (this.reasons.join() !== before) this.#onChange(this.reasons);
  }

  #settle(reason: OverloadReason, calm: boolean, calmSinceMs: number, nowMs: number): void {
    if (!calm) this.#standing.set(reason, Number.NaN);
    else if (Number.isNaN(calmSinceMs)) this.#standing.set(reason, nowMs);
    else if (nowMs - calmSinceMs >= this.#policy.calmMs) this.#standing.delete(reason);
  }
}
