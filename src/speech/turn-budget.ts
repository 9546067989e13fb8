/** Work of many calls in small pieces: what one turn of the event loop may take for it, so that every call has its ticks meanwhile. */
import type { Clock, Timer } from '../core/clock.ts';
import { asTalkspurtError } from '../core/errors.ts';

interface Piece {
  readonly run: () => void;
}

/** Shared by those whose work it bounds. Holds what waits, at most one piece of each. */
export class TurnBudget {
  readonly #clock: Clock;
  readonly #turnMs: number;
  /** Somebody waits in silence for these… */
  readonly #urgent: Piece[] = [];
  /** …and for these nobody does yet. */
  readonly #others: Piece[] = [];
  #usedMs = 0;
  #nextTurn: Timer | null = null;

  /** No piece begins in a turn that has taken `turnMs` for others: a turn is held up for that and one piece at most. */
  constructor(clock: Clock, turnMs: number) {
    this.#clock = clock;
    this.#turnMs = turnMs;
  }

  /** Pieces that wait for a turn. */
  get waiting(): number {
    return this.#urgent.length + this.#others.length;
  }

  /**
   * Runs `piece`, now or in a later turn, the urgent ones first; resolves to what it gives.
   * @throws what it throws, or the signal's reason: it does not run after that
   */
  run<T>(piece: () => T, { urgent, signal }: { urgent: boolean; signal: AbortSignal }): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const queue = urgent ? this.#urgent : this.#others;
      const waiting: Piece = {
        run: () => {
          signal.removeEventListener('abort', onAbort);
          try {
            resolve(piece());
          } catch (error) {
            reject(error instanceof Error ? error : asTalkspurtError(error));
          }
        },
      };
      const onAbort = (): void => {
        queue.splice(queue.indexOf(waiting), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      queue.push(waiting);
      this.#work();
    });
  }

  #work(): void {
    while (this.#usedMs < this.#turnMs) {
      const piece = this.#urgent.shift() ?? this.#others.shift();
      if (piece === undefined) break;
      const sinceMs = this.#clock.nowMs();
      piece.run();
      this.#usedMs += this.#clock.nowMs() - sinceMs;
    }
    // Armed behind the work, or it would be due already, and the loop would not look at anything else before it.
    if (this.#usedMs === 0 || this.#nextTurn !== null) return;
    this.#nextTurn = this.#clock.after(0, () => this.#turn());
  }

  #turn(): void {
    this.#nextTurn = null;
    this.#usedMs = 0;
    this.#work();
  }
}
