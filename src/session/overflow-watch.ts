/**
 * Audio that did not fit: into the jitter buffer, into the backend's socket, into the playout. A little is told at a bounded rate. A
 * storm of it means that whatever waits there only grows stale: it is dropped, and the freshest goes on. One that does not pass is
 * told with its cause.
 */
import type { CallEvent, OverflowCause, OverflowPlace } from '../core/events.ts';
import { frameBytes } from '../core/media.ts';
import type { AudioFormat } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { CallMedia } from './call-media.ts';
import { OverflowRate } from './overflow-rate.ts';
import type { TurnKeeper } from './turn-keeper.ts';

/** Who is looked at, and told. */
export interface OverflowWatchParts {
  readonly media: CallMedia;
  readonly turns: Pick<TurnKeeper, 'breakOff'>;
  /** Period of the looks, ms. */
  readonly lookMs: number;
  /** How late the process's event loop is, ms. Absent: nobody knows. */
  readonly hostLagMs?: () => number;
  emit(event: CallEvent): void;
}

/** Lag of the event loop from which it is the likeliest cause of everything else, ms. */
const HOST_LAG_MS = 100;
/** Arrivals against the ptime from which the switch sends in bursts. */
const BURST_RATE = 1.1;

/** One bounded place, and what was told of it. */
class Place {
  readonly place: OverflowPlace;
  readonly rate: OverflowRate;
  toldCount = 0;
  /** When it was told last. */
  toldMs = Number.NEGATIVE_INFINITY;
  /** Since when more overflows than may; NaN: not so many. */
  stormMs = Number.NaN;
  /** When its backlog was dropped last. */
  droppedMs = Number.NEGATIVE_INFINITY;
  causeTold = false;

  constructor(place: OverflowPlace, lookMs: number) {
    this.place = place;
    this.rate = new OverflowRate(LIMITS.overflowRateLooks, lookMs);
  }
}

/** Looks at one call's counters; each place is told once in LIMITS.overflowReportMs at the most. */
export class OverflowWatch {
  readonly #parts: OverflowWatchParts;
  readonly #jitter: Place;
  readonly #playout: Place;
  readonly #arrivals: OverflowRate;
  #backend: Place;
  /** The stream that the backend's count belongs to. */
  #stream: CallMedia['stream'] = null;

  constructor(parts: OverflowWatchParts) {
    const { lookMs } = parts;
    this.#parts = parts;
    this.#jitter = new Place('jitter', lookMs);
    this.#playout = new Place('playout', lookMs);
    this.#backend = new Place('backend', lookMs);
    this.#arrivals = new OverflowRate(LIMITS.overflowRateLooks, lookMs);
  }

  /** Whether any place overflows so much that what waits there is dropped. */
  get storming(): boolean {
    return [this.#jitter, this.#playout, this.#backend].some(({ stormMs }) => !Number.isNaN(stormMs));
  }

  look(nowMs: number): void {
    const { jitter, leg, stream, playout } = this.#parts.media;
    const arrivals = this.#arrivals.look(jitter.receivedFrames);
    this.#tell(this.#jitter, jitter.overflowFrames, leg, nowMs);
    this.#weather(this.#jitter, jitter.overflowFrames, arrivals, nowMs);
    this.#tell(this.#playout, playout.overflowBytes, null, nowMs);
    this.#weather(this.#playout, playout.overflows, arrivals, nowMs);
    if (stream === null) return;
    if (stream !== this.#stream) this.#backend = new Place('backend', this.#parts.lookMs);
    this.#stream = stream;
    const { droppedFrames } = stream;
    this.#tell(this.#backend, droppedFrames, stream.inputFormat, nowMs);
    this.#weather(this.#backend, droppedFrames, arrivals, nowMs);
  }

  /** `count` frames of the call's ptime in `format` have overflowed so far; null: so many bytes. */
  #tell(place: Place, count: number, format: AudioFormat | null, nowMs: number): void {
    // Another stream has taken the place of the one that was counted: it begins anew.
    if (count < place.toldCount) place.toldCount = 0;
    if (count <= place.toldCount || nowMs - place.toldMs < LIMITS.overflowReportMs) return;
    const bytes = format === null ? 1 : frameBytes({ ...format, ptimeMs: this.#parts.media.leg.ptimeMs });
    const droppedBytes = (count - place.toldCount) * bytes;
    this.#parts.emit({ type: 'media.overflow', place: place.place, droppedBytes });
    place.toldCount = count;
    place.toldMs = nowMs;
  }

  /** Drops what waits while it storms, and tells when that begins, and what it is when it lasts. */
  #weather(place: Place, count: number, arrivals: number, nowMs: number): void {
    const perSecond = place.rate.look(count);
    if (perSecond <= LIMITS.overflowsPerSecond) {
      place.stormMs = Number.NaN;
      place.causeTold = false;
      return;
    }
    const begins = Number.isNaN(place.stormMs);
    if (begins) place.stormMs = nowMs;
    const lastedMs = nowMs - place.stormMs;
    const lasts = lastedMs >= LIMITS.overflowPersistsMs && !place.causeTold;
    const due = begins || lasts || nowMs - place.droppedMs >= LIMITS.overflowReportMs;
    const droppedMs = due ? this.#drop(place.place, nowMs) : 0;
    if (due) place.droppedMs = nowMs;
    if (!begins && !lasts) return;
    if (lasts) place.causeTold = true;
    const cause = lasts ? { cause: this.#causeOf(place.place, arrivals) } : {};
    this.#parts.emit({ type: 'media.overflow-storm', place: place.place, perSecond, droppedMs, lastedMs, ...cause });
  }

  /** What waits there, oldest first, is given up. Returns how much that was, ms. */
  #drop(place: OverflowPlace, nowMs: number): number {
    const { media, turns } = this.#parts;
    if (place === 'jitter') {
      const keep = Math.max(LIMITS.jitterStartFrames, Math.ceil(media.jitter.targetMs / media.ptimeMs));
      return media.jitter.keepNewest(keep) * media.ptimeMs;
    }
    if (place === 'backend') return media.stream?.letDrain?.() ?? 0;
    const { waitingMs } = media.playout;
    turns.breakOff(nowMs);
    return waitingMs;
  }

  #causeOf(place: OverflowPlace, arrivals: number): OverflowCause {
    const { media, hostLagMs } = this.#parts;
    if ((hostLagMs?.() ?? 0) > HOST_LAG_MS) return 'host-overloaded';
    if (place === 'playout') {
      const { held, announcement, playout } = media;
      return held || announcement.busy || playout.paused ? 'agent-waits' : 'agent-too-fast';
    }
    if (place === 'backend') return 'backend-slow-reader';
    return arrivals > (BURST_RATE * 1000) / media.ptimeMs ? 'switch-burst' : 'host-overloaded';
  }
}
