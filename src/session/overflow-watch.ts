/** Audio of the caller's that did not fit: into the jitter buffer, or into the backend's socket. Told at a bounded rate. */
import type { CallEvent } from '../core/events.ts';
import { frameBytes } from '../core/media.ts';
import { LIMITS } from '../limits.ts';
import type { CallMedia } from './call-media.ts';

/** One bounded place, and what was told of it. */
interface Place {
  readonly place: 'jitter' | 'backend';
  toldFrames: number;
  /** When it was told last. */
  toldMs: number;
}

/** Looks at one call's counters; each place is told once in LIMITS.overflowReportMs at the most. */
export class OverflowWatch {
  readonly #media: CallMedia;
  readonly #emit: (event: CallEvent) => void;
  readonly #jitter: Place = { place: 'jitter', toldFrames: 0, toldMs: Number.NEGATIVE_INFINITY };
  readonly #backend: Place = { place: 'backend', toldFrames: 0, toldMs: Number.NEGATIVE_INFINITY };
  /** The stream that the backend's count belongs to. */
  #stream: CallMedia['stream'] = null;

  constructor(media: CallMedia, emit: (event: CallEvent) => void) {
    this.#media = media;
    this.#emit = emit;
  }

  look(nowMs: number): void {
    const { jitter, leg, stream } = this.#media;
    this.#tell(this.#jitter, jitter.overflowFrames, frameBytes(leg), nowMs);
    if (stream === null) return;
    if (stream !== this.#stream) this.#backend.toldFrames = 0;
    this.#stream = stream;
    const bytes = frameBytes({ ...stream.inputFormat, ptimeMs: leg.ptimeMs });
    this.#tell(this.#backend, stream.droppedFrames, bytes, nowMs);
  }

  #tell(place: Place, frames: number, bytes: number, nowMs: number): void {
    if (frames <= place.toldFrames || nowMs - place.toldMs < LIMITS.overflowReportMs) return;
    this.#emit({ type: 'media.overflow', place: place.place, droppedBytes: (frames - place.toldFrames) * bytes });
    place.toldFrames = frames;
    place.toldMs = nowMs;
  }
}
