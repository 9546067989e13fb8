/** Plays the signal into a media path, a frame each ptime, and keeps what comes back with its times. */
import type { Clock, Timer } from '../../../core/clock.ts';
import type { TalkspurtError } from '../../../core/errors.ts';
import type { MediaFormat } from '../../../core/media.ts';
import { silenceOf } from '../../../core/media.ts';
import { LIMITS } from '../../../limits.ts';
import type { MediaTransport } from '../../../transport/media-transport.ts';
import type { TestSignal } from './test-signal.ts';
import { framesOf } from './wire-audio.ts';

/** A frame that came. */
export interface HeardFrame {
  /** Modulo 65536. */
  readonly sequenceNumber: number;
  readonly atMs: number;
  readonly payload: Uint8Array;
}

/** What one end of a line heard. */
export interface Hearing {
  readonly format: MediaFormat;
  readonly frames: readonly HeardFrame[];
  /** When the first frame of the signal was sent. */
  readonly startedMs: number;
  /** Frames of the signal that were sent, and those that the socket did not take. */
  readonly sentFrames: number;
  readonly unsentFrames: number;
  /** Why the line broke off; null: it did not. */
  readonly lost: TalkspurtError | null;
}

/** How long the line is given to fall into step before the signal, and to bring the rest afterwards. */
const SETTLE_MS = 400;
const TAIL_MS = 1_200;
/** Keeps two ends that were both asked to wait for the other from doing so. */
const MOST_FRAMES_AT_ONCE = 5;

/** The transport is started here, and left open. @throws the reason of `signal` */
export async function runLine(
  transport: MediaTransport,
  signal: TestSignal,
  { clock, abort }: { clock: Clock; abort: AbortSignal },
): Promise<Hearing> {
  const { format } = transport;
  const frames: HeardFrame[] = [];
  let lost: TalkspurtError | null = null;
  transport.start({
    onFrame: (payload, sequenceNumber, _timestamp, nowMs) => {
      if (frames.length < LIMITS.doctorFrames) frames.push({ sequenceNumber, atMs: nowMs, payload: payload.slice() });
    },
    onLost: (error) => (lost = error),
  });
  const silence = silenceOf(format, format.ptimeMs);
  const settle = Array.from({ length: SETTLE_MS / format.ptimeMs + (transport.leadInFrames ?? 0) }, () => silence);
  const tail = Array.from({ length: Math.ceil(TAIL_MS / format.ptimeMs) }, () => silence);
  const played = framesOf(signal.samples, format);
  let startedMs = NaN;
  const before = transport.stats.unsentFrames;
  await pace([...settle, ...played, ...tail], format.ptimeMs, { clock, abort }, (frame, index, dueMs) => {
    if (index === settle.length) startedMs = dueMs;
    transport.send(frame, index === settle.length);
  });
  const unsentFrames = transport.stats.unsentFrames - before;
  return { format, frames, startedMs, sentFrames: played.length, unsentFrames, lost };
}

/** One frame each ptime by the clock, without drift; late ones follow at once. */
async function pace(
  frames: readonly Uint8Array[],
  ptimeMs: number,
  { clock, abort }: { clock: Clock; abort: AbortSignal },
  send: (frame: Uint8Array, index: number, dueMs: number) => void,
): Promise<void> {
  abort.throwIfAborted();
  const fromMs = clock.nowMs();
  await new Promise<void>((resolve, reject) => {
    let next = 0;
    let timer: Timer | null = null;
    const onAbort = (): void => {
      timer?.cancel();
      reject(abort.reason as Error);
    };
    const run = (): void => {
      const due = Math.floor((clock.nowMs() - fromMs) / ptimeMs) + 1;
      const until = Math.min(frames.length, due, next + MOST_FRAMES_AT_ONCE);
      for (; next < until; next += 1) send(frames[next]!, next, fromMs + next * ptimeMs);
      if (next < frames.length) {
        timer = clock.after(fromMs + next * ptimeMs - clock.nowMs(), run);
        return;
      }
      abort.removeEventListener('abort', onAbort);
      resolve();
    };
    abort.addEventListener('abort', onAbort, { once: true });
    run();
  });
}
