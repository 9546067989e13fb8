/**
 * Stops of the event loop, one by one: a second in which nothing runs is one late sample of two hundred, and no percentile knows of it,
 * but every call was silent for it. Told at once, and then once in {@link LIMITS.loopStopQuietMs} with how many there were meanwhile.
 */
import type { Clock } from '../core/clock.ts';
import type { EventSink } from '../core/events.ts';
import { LIMITS } from '../limits.ts';

/** Counts them from the samples of the loop's lag, and tells of them. */
export class LoopStops {
  readonly #clock: Clock;
  readonly #events: EventSink;
  readonly #limitMs: number;
  /** That were not told yet, and the longest of them, ms. */
  #stops = 0;
  #longestMs = 0;
  #quietUntilMs = Number.NEGATIVE_INFINITY;

  /** `loopLag.stopMs`: from where on a lag is a stop, ms; 0: never. */
  constructor(parts: { clock: Clock; events: EventSink; loopLag: { readonly stopMs: number } }) {
    this.#clock = parts.clock;
    this.#events = parts.events;
    this.#limitMs = parts.loopLag.stopMs;
  }

  /** A timer came that late. */
  sampled(lagMs: number): void {
    if (this.#limitMs === 0 || lagMs < this.#limitMs) return;
    this.#stops += 1;
    this.#longestMs = Math.max(this.#longestMs, lagMs);
  }

  /** Tells what is to be told: once a second or so. */
  look(): void {
    const nowMs = this.#clock.nowMs();
    if (this.#stops === 0 || nowMs < this.#quietUntilMs) return;
    const told = { valueMs: this.#longestMs, limitMs: this.#limitMs, stops: this.#stops };
    this.#stops = this.#longestMs = 0;
    this.#quietUntilMs = nowMs + LIMITS.loopStopQuietMs;
    this.#events.emit({ type: 'host.watchdog', dog: 'loop-stop', severity: 'warn', ...told, atMs: nowMs });
  }
}
