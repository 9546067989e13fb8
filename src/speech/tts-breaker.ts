/**
 * Which engine speaks: the first one, after failures in a row the fallback, after more of them nobody until a cool-down is over.
 *
 *   first ── 3 failures, or one that is fatal ──▶ fallback ── 5 failures of both in a row ──▶ off
 *     ▲                                             │                                        │
 *     └──────────── a probe that succeeds, after the cool-down, one at a time ◀──────────────┘
 *
 * Failures of the first one alone never are the end, however many calls have them at once: the fallback is asked before.
 * Shared by the calls of a process, with the clock's time and no timer.
 */
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../limits.ts';
import type { BreakerView } from '../resilience/breaker-board.ts';
import type { BreakerChange, BreakerState } from '../resilience/circuit-breaker.ts';

/** Which of the engines; `off`: none. */
export type TtsRank = 'first' | 'fallback';

/** How a try failed. */
export interface TtsFault {
  /** The next try of this engine would end the same way. */
  readonly fatal: boolean;
  readonly retryAfterMs?: number | undefined;
  /** An error code. */
  readonly reason: string;
}

/** One try; the first of its outcomes counts. */
export interface TtsAttempt {
  readonly rank: TtsRank;
  succeeded(): void;
  failed(fault: TtsFault): void;
  /** It came to nothing for a reason of our own: a caller who cut in. */
  abandoned(): void;
}

/** What it is made with. */
export interface TtsBreakerOptions {
  /** In health and events: `NAME:speech` is open when nobody speaks, `NAME:speech:first` when the first engine rests. */
  readonly name: string;
  readonly clock: Clock;
  readonly hasFallback: boolean;
  readonly onChange?: ((change: BreakerChange) => void) | undefined;
}

interface Rest {
  state: BreakerState;
  untilMs: number;
  probing: boolean;
}

/** One backend's; see the top of the file. */
export class TtsBreaker {
  readonly #options: TtsBreakerOptions;
  /** The first engine's. Without a fallback it is never in use. */
  readonly #first: Rest = { state: 'closed', untilMs: 0, probing: false };
  readonly #all: Rest = { state: 'closed', untilMs: 0, probing: false };
  #firstFailures = 0;
  #failures = 0;
  #lastReason = '';

  constructor(options: TtsBreakerOptions) {
    this.#options = options;
  }

  /** Nobody speaks, and it is not time to try. */
  get off(): boolean {
    return this.#rests(this.#all);
  }

  /** Nobody speaks, and somebody is trying whether that is still so. */
  get probing(): boolean {
    return this.#all.state !== 'closed' && this.#all.probing;
  }

  /** Whose the next try will be; null: nobody's. */
  get next(): TtsRank | null {
    if (this.#rests(this.#all)) return null;
    return this.#options.hasFallback && this.#rests(this.#first) ? 'fallback' : 'first';
  }

  /** How it stands: one entry, or two where there is a fallback. */
  view(): readonly BreakerView[] {
    const { name, hasFallback } = this.#options;
    const of = (suffix: string, rest: Rest): BreakerView => ({
      name: name + suffix,
      state: rest.state === 'open' && this.#inMs(rest) === 0 ? 'half-open' : rest.state,
      retryInMs: this.#inMs(rest),
      lastReason: this.#lastReason,
    });
    return [of(':speech', this.#all), ...(hasFallback ? [of(':speech:first', this.#first)] : [])];
  }

  /**
   * Lets a try through, and says whose; null: TTS is off. Whoever gets one reports how it ended. `hurried`: not the first one's, if
   * there is another.
   */
  admit(hurried = false): TtsAttempt | null {
    const { next } = this;
    if (next === null) return null;
    const { hasFallback } = this.#options;
    const rank: TtsRank = hurried && hasFallback ? 'fallback' : next;
    const probes = [this.#all, ...(hasFallback && rank === 'first' ? [this.#first] : [])].filter(
      ({ state }) => state !== 'closed',
    );
    for (const rest of probes) this.#probe(rest);
    let over = false;
    const end = (settle: () => void): void => {
      if (over) return;
      over = true;
      for (const rest of probes) rest.probing = false;
      settle();
    };
    return {
      rank,
      succeeded: () => end(() => this.#succeed(rank)),
      failed: (fault) => end(() => this.#fail(rank, fault)),
      abandoned: () => end(() => undefined),
    };
  }

  #succeed(rank: TtsRank): void {
    this.#failures = 0;
    this.#become(this.#all, ':speech', 'closed');
    if (rank !== 'first') return;
    this.#firstFailures = 0;
    this.#become(this.#first, ':speech:first', 'closed');
  }

  #fail(rank: TtsRank, { fatal, retryAfterMs = 0, reason }: TtsFault): void {
    const { hasFallback } = this.#options;
    this.#lastReason = reason;
    const last = rank === 'fallback' || !hasFallback;
    // However many of the first one's were under way at once: the other one has not been asked yet.
    if (last || this.#failures < LIMITS.ttsFallbackFailures) this.#failures += 1;
    if (!last) {
      this.#firstFailures += 1;
      const enough = this.#firstFailures >= LIMITS.ttsFallbackFailures || this.#first.state !== 'closed';
      if (fatal || enough) this.#open(this.#first, ':speech:first', Math.max(LIMITS.ttsCoolDownMs, retryAfterMs));
      // One that only asks for a moment gets that moment.
      else if (retryAfterMs > 0) this.#open(this.#first, ':speech:first', retryAfterMs);
      // A probe that fails here is the other one's to make.
      return;
    }
    // Nobody is left to be asked where the only engine will not speak, or the last one while the first one rests.
    const hopeless = fatal && (!hasFallback || this.#first.state !== 'closed');
    const off = this.#failures >= LIMITS.ttsOffFailures || this.#all.state !== 'closed';
    if (hopeless || off) {
      this.#open(this.#all, ':speech', Math.max(LIMITS.ttsCoolDownMs, hasFallback ? 0 : retryAfterMs));
    }
  }

  #rests(rest: Rest): boolean {
    return rest.state !== 'closed' && (rest.probing || this.#inMs(rest) > 0);
  }

  #inMs(rest: Rest): number {
    return rest.state === 'open' ? Math.max(0, rest.untilMs - this.#options.clock.nowMs()) : 0;
  }

  #probe(rest: Rest): void {
    rest.probing = true;
    this.#become(rest, rest === this.#all ? ':speech' : ':speech:first', 'half-open');
  }

  #open(rest: Rest, suffix: string, forMs: number): void {
    rest.untilMs = this.#options.clock.nowMs() + Math.min(LIMITS.ttsRestMs, forMs);
    this.#become(rest, suffix, 'open');
  }

  #become(rest: Rest, suffix: string, state: BreakerState): void {
    const previous = rest.state;
    if (previous === state) return;
    rest.state = state;
    const { name, onChange } = this.#options;
    onChange?.({ name: name + suffix, state, previous, reason: this.#lastReason });
  }
}
