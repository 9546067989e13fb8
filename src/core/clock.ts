/**
 * Time and chance. The one file that may take either from the air: everything else is handed a {@link Clock}, so that
 * an hour of a hundred calls is a loop with a seed in a test.
 */
import { performance } from 'node:perf_hooks';

/** A pending call-back of a {@link Clock}; cancelling twice is harmless. */
export interface Timer {
  cancel(): void;
}

/** Time as the code sees it: monotonic milliseconds for durations, wall time for people. */
export interface Clock {
  /** Monotonic time in ms with a fraction; only differences mean anything. */
  nowMs(): number;
  /** Milliseconds since 1970-01-01 UTC; may jump. */
  wallTimeMs(): number;
  /** Runs `run` once, no earlier than `delayMs` from now. */
  after(delayMs: number, run: () => void): Timer;
  /** Runs `run` about every `periodMs`, re-armed by the platform: may drift; the media plane uses `MediaScheduler`. */
  every(periodMs: number, run: () => void): Timer;
  /** A number in [0, 1): jitter of back-off. Not for secrets. */
  random(): number;
}

/** The machine's own clock. */
export class SystemClock implements Clock {
  nowMs(): number {
    return performance.now();
  }

  wallTimeMs(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): Timer {
    const handle = setTimeout(run, Math.max(0, delayMs));
    return { cancel: () => clearTimeout(handle) };
  }

  every(periodMs: number, run: () => void): Timer {
    const handle = setInterval(run, Math.max(1, periodMs));
    return { cancel: () => clearInterval(handle) };
  }

  random(): number {
    return Math.random();
  }
}

/** Resolves after `delayMs` of `clock`'s time; rejects with the signal's reason when aborted first. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      timer.cancel();
      reject(signal?.reason as Error);
    };
    const timer = clock.after(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
