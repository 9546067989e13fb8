/** What a process has to bear, looked at once a second: the event loop's watchdog, and whether new calls are taken. */
import type { Clock, Timer } from './core/clock.ts';
import type { EventSink } from './core/events.ts';
import { LIMITS } from './limits.ts';
import type { HostLoadSnapshot } from './observe/health.ts';
import { LoopLag } from './observe/loop-lag.ts';
import { LoopStops } from './observe/loop-stops.ts';
import type { Resources } from './observe/resources.ts';
import { Admission } from './resilience/admission.ts';
import type { AdmissionPolicy, Load } from './resilience/admission.ts';

/** Lag of the event loop that is told of, ms; 0: it is not. */
export interface LoopLagLimits {
  readonly warnMs: number;
  readonly errorMs: number;
  /** Of one single stop, which is no habit, and which every caller has heard all the same. */
  readonly stopMs: number;
}

/** Ticks so far, and the calls whose audio storms. */
export interface CallLoad {
  readonly ticks: number;
  readonly lateTicks: number;
  readonly calls: number;
  readonly stormingCalls: number;
}

/** What is looked at. */
export interface GatewayLoadParts {
  readonly clock: Clock;
  readonly events: EventSink;
  readonly policy: AdmissionPolicy;
  readonly loopLag: LoopLagLimits;
  /** Bytes that the process takes of memory. */
  residentBytes(): number;
  /** Null: there are no calls yet to ask about. */
  calls(): CallLoad | null;
  rtpPorts(): Resources['rtpPorts'];
}

/** One process's. */
export class GatewayLoad {
  readonly lag: LoopLag;
  readonly #parts: GatewayLoadParts;
  readonly #admission: Admission;
  readonly #timer: Timer;
  /** Ticks at each of the last looks, oldest first. */
  readonly #ticks: { readonly ticks: number; readonly lateTicks: number }[] = [];
  #said: 'no' | 'warn' | 'error' = 'no';
  readonly #stops: LoopStops;

  constructor(parts: GatewayLoadParts) {
    const { clock, events, policy } = parts;
    this.#parts = parts;
    this.#stops = new LoopStops(parts);
    this.lag = new LoopLag(clock, (lagMs) => this.#stops.sampled(lagMs));
    this.#admission = new Admission({
      policy,
      clock,
      onChange: (reasons) =>
        events.emit({
          type: 'host.overload',
          refusing: reasons.length > 0,
          reasons: reasons.join(', '),
          atMs: clock.nowMs(),
        }),
    });
    this.#timer = clock.every(LIMITS.hostLookMs, () => this.#look());
  }

  get admission(): Pick<Admission, 'reasons' | 'refusal'> {
    return this.#admission;
  }

  snapshot(): HostLoadSnapshot {
    const { lag } = this;
    return { loopLagP99Ms: lag.p99Ms, loopLagWorstMs: lag.worstMs, refusing: this.#admission.reasons };
  }

  /** Twice is harmless. */
  close(): void {
    this.#timer.cancel();
    this.lag.close();
  }

  #look(): void {
    const loopLagMs = this.lag.p99Ms;
    this.#watchLoop(loopLagMs);
    this.#stops.look();
    this.#admission.look({ ...this.#callLoad(), loopLagMs, freePorts: this.#freePorts(), memoryMb: this.#memoryMb() });
  }

  /** Each level once; the lower one again only after it was well. */
  #watchLoop(valueMs: number): void {
    const { loopLag, events, clock } = this.#parts;
    const { warnMs, errorMs } = loopLag;
    const over = (limitMs: number): boolean => limitMs > 0 && valueMs > limitMs;
    const level = over(errorMs) ? 'error' : over(warnMs) ? 'warn' : 'no';
    const worse = level === 'error' ? this.#said !== 'error' : level === 'warn' && this.#said === 'no';
    this.#said = level === 'warn' && this.#said === 'error' ? 'error' : level;
    if (level === 'no' || !worse) return;
    const limitMs = level === 'error' ? errorMs : warnMs;
    events.emit({ type: 'host.watchdog', dog: 'loop-lag', severity: level, valueMs, limitMs, atMs: clock.nowMs() });
  }

  #callLoad(): Pick<Load, 'lateTicksPct' | 'crowdedPct'> {
    const now = this.#parts.calls();
    if (now === null) return { lateTicksPct: null, crowdedPct: null };
    this.#ticks.push({ ticks: now.ticks, lateTicks: now.lateTicks });
    if (this.#ticks.length > LIMITS.hostLooks + 1) this.#ticks.shift();
    const [first = now] = this.#ticks;
    const ticks = now.ticks - first.ticks;
    const lateTicksPct = ticks < LIMITS.hostLeastTicks ? null : ((now.lateTicks - first.lateTicks) * 100) / ticks;
    // One call alone says something of its own peer, not of the host.
    const crowdedPct = now.stormingCalls < 2 ? null : (now.stormingCalls * 100) / now.calls;
    return { lateTicksPct, crowdedPct };
  }

  #freePorts(): number | null {
    const pools = this.#parts.rtpPorts();
    return pools.length === 0 ? null : Math.max(...pools.map(({ free }) => free));
  }

  #memoryMb(): number {
    return this.#parts.residentBytes() / 1e6;
  }
}
