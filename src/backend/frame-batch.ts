/**
 * How much of the caller's audio goes into one message: a frame while somebody may be speaking, several once nobody has been
 * heard for long. A message costs what a system call costs, whatever is in it; silence is in no hurry.
 *
 *   speech        │ 20 │ 20 │ 20 │          one frame, one message, in the tick of the frame
 *   silence       │ 100            │ 100            │
 *   speech again  │ 60       │ 20 │ 20 │     what was held goes with the first frame that may be speech
 *
 * Who measures time in the audio that comes, as a backend's own detector does, hears the same audio in the same order; it hears
 * the end of a silence late, by less than one message. So a silence counts as long only once it has ended every turn.
 */
import { LIMITS } from '../limits.ts';

/** Audio in one message: by what is heard, or always so much, ms (20 … 100). */
export type MessageMs = 'adaptive' | number;

/** Between the caller's last sound as we hear it and as a server does, ms: whoever reckons a `quietMs` adds it. */
export const HEARING_SLACK_MS = 700;

/** What a batch is made of. */
export interface FrameBatchOptions {
  readonly messageMs: MessageMs;
  /** Of what is sent. */
  readonly bytesPerMs: number;
  /** Silence from which frames may wait, ms; at least `LIMITS.backendQuietMs` counts. */
  readonly quietMs: number;
  /** Sends what is given, borrowed, as one message; false: it was dropped. */
  readonly send: (audio: Uint8Array) => boolean;
}

/** The frames of one stream on their way into messages. Allocates nothing while frames are of one length. */
export class FrameBatch {
  readonly #send: (audio: Uint8Array) => boolean;
  /** Frames wait from so much silence on; 0: always, as far as they fit. */
  readonly #quietMs: number;
  readonly #held: Uint8Array;
  #heldBytes = 0;
  #heldFrames = 0;
  #droppedFrames = 0;
  /** Views of `#held` by how many bytes they show, made when they are first needed. */
  readonly #views = new Map<number, Uint8Array>();

  constructor({ messageMs, bytesPerMs, quietMs, send }: FrameBatchOptions) {
    const adaptive = messageMs === 'adaptive';
    this.#send = send;
    this.#quietMs = adaptive ? Math.max(LIMITS.backendQuietMs, quietMs) : 0;
    this.#held = new Uint8Array(bytesPerMs * (adaptive ? LIMITS.backendMessageMs : messageMs));
  }

  /** Frames that were in dropped messages. */
  get droppedFrames(): number {
    return this.#droppedFrames;
  }

  /**
   * Takes a frame (borrowed) before which nobody was heard for `silentMs`; 0: somebody may be speaking. False when a message
   * could not be sent. Hot path.
   */
  push(frame: Uint8Array, silentMs: number): boolean {
    const { length } = frame;
    const room = this.#held.length;
    const waits = silentMs >= this.#quietMs;
    let sent = true;
    if (this.#heldBytes + length > room) sent = this.flush();
    // Alone in its message: as it is.
    if (this.#heldBytes === 0 && (!waits || 2 * length > room)) return this.#sendNow(frame, 1) && sent;
    this.#held.set(frame, this.#heldBytes);
    this.#heldBytes += length;
    this.#heldFrames += 1;
    // Not one more of its kind would fit.
    if (!waits || this.#heldBytes + length > room) return this.flush() && sent;
    return sent;
  }

  /** Sends what is held: something follows that must not overtake it. False when that was dropped. */
  flush(): boolean {
    const bytes = this.#heldBytes;
    const frames = this.#heldFrames;
    this.#heldBytes = 0;
    this.#heldFrames = 0;
    return frames === 0 || this.#sendNow(this.#view(bytes), frames);
  }

  #sendNow(audio: Uint8Array, frames: number): boolean {
    if (this.#send(audio)) return true;
    this.#droppedFrames += frames;
    return false;
  }

  #view(bytes: number): Uint8Array {
    let view = this.#views.get(bytes);
    if (view === undefined) {
      view = this.#held.subarray(0, bytes);
      // Frames of a call are all alike: more lengths than these come from nowhere.
      if (this.#views.size < LIMITS.backendMessageMs / SHORTEST_FRAME_MS) this.#views.set(bytes, view);
    }
    return view;
  }
}

/** Of any leg, ms. */
const SHORTEST_FRAME_MS = 10;
