/** Something that is opened in time, or not at all: what comes too late is closed. */
import type { Clock } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';

/** What is opened, and for how long it is waited for. */
export interface OpenWithin<T> {
  readonly clock: Clock;
  readonly withinMs: number;
  /** Aborts when nobody wants it any more. */
  readonly signal: AbortSignal;
  /** Name of the backend, for messages. */
  readonly backend: string;
  /** Need not heed its signal. */
  open(signal: AbortSignal): Promise<T>;
  /** Closes what came too late. */
  discard(late: T): Promise<void>;
}

/** @throws ERR_TALKSPURT_BACKEND_TIMEOUT, the reason of `signal`, and what `open` rejects with; nothing is left open then */
export async function openWithin<T>(options: OpenWithin<T>): Promise<T> {
  const { clock, withinMs, signal, backend } = options;
  const stop = new AbortController();
  let late = false;
  // Who heeds no signal must not hold up what comes next.
  const given = new Promise<never>((_, reject) => {
    stop.signal.addEventListener('abort', () => reject(stop.signal.reason as Error), { once: true });
  });
  const onAbort = (): void => stop.abort(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  const deadline = clock.after(withinMs, () => stop.abort(tooLate(backend, withinMs)));
  const opening = options.open(stop.signal);
  try {
    return await Promise.race([opening, given]);
  } catch (error) {
    late = true;
    throw error;
  } finally {
    deadline.cancel();
    signal.removeEventListener('abort', onAbort);
    if (late) void Promise.allSettled([opening.then((opened) => options.discard(opened))]);
  }
}

function tooLate(backend: string, withinMs: number): TalkspurtError {
  const limitMs = Math.round(withinMs);
  return new TalkspurtError(
    'ERR_TALKSPURT_BACKEND_TIMEOUT',
    `backend '${backend}' did not open a stream within ${limitMs} ms`,
    { details: { limitMs } },
  );
}
