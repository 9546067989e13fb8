/** Watches over a connection that may vanish without a word. */
import type { Clock, Timer } from '../../core/clock.ts';
import { LIMITS } from '../../limits.ts';

/** Pings every `LIMITS.ariPingMs`, and calls `dead` once nothing was heard for `LIMITS.ariSilentMs`. */
export class AriPulse {
  readonly #clock: Clock;
  readonly #ping: () => void;
  readonly #dead: () => void;
  #heardMs: number;
  #timer: Timer;

  constructor(clock: Clock, ping: () => void, dead: () => void) {
    this.#clock = clock;
    this.#ping = ping;
    this.#dead = dead;
    this.#heardMs = clock.nowMs();
    this.#timer = clock.after(LIMITS.ariPingMs, () => this.#beat());
  }

  /** Whatever comes is a sign of life. */
  heard(): void {
    this.#heardMs = this.#clock.nowMs();
  }

  stop(): void {
    this.#timer.cancel();
  }

  #beat(): void {
    const leftMs = this.#heardMs + LIMITS.ariSilentMs - this.#clock.nowMs();
    if (leftMs > 0) {
      this.#timer = this.#clock.after(Math.min(leftMs, LIMITS.ariPingMs), () => this.#beat());
      this.#ping();
      return;
    }
    // After a standstill of ours its answers lie in the socket, and are read before this runs.
    this.#timer = this.#clock.after(0, () => {
      if (this.#clock.nowMs() - this.#heardMs < LIMITS.ariSilentMs) this.#beat();
      else this.#dead();
    });
  }
}
