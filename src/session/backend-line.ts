/** A call's line to its backend: opened once, and given to another backend while the call goes on. */
import type { Backend, BackendStream } from '../backend/backend.ts';
import type { Clock } from '../core/clock.ts';
import { TalkspurtError, asTalkspurtError } from '../core/errors.ts';
import type { CallEvent } from '../core/events.ts';
import type { DspLibrary } from '../dsp/library.ts';
import { BackendFeed } from './backend-feed.ts';
import type { CallControls } from './call-controls.ts';
import type { CallMedia } from './call-media.ts';
import { backendCallOf } from './session-parts.ts';
import type { SessionParts } from './session-parts.ts';
import type { TurnKeeper } from './turn-keeper.ts';

/** What a line is made of; it owns the stream that is open. */
export interface BackendLineParts {
  readonly session: SessionParts;
  readonly clock: Clock;
  readonly media: CallMedia;
  readonly turns: TurnKeeper;
  readonly controls: CallControls;
  /** Aborts when the call is over. */
  readonly signal: AbortSignal;
  /** Why the call is over, or null: it is not. Asked in the turn of the event loop in which the answer is acted on. */
  over(): TalkspurtError | null;
  emit(event: CallEvent): void;
  /** The stream that is in use has ended. */
  onClosed(error: TalkspurtError | null): void;
}

/** One call's stream to whichever backend answers. */
export class BackendLine {
  readonly #parts: BackendLineParts;
  #backend: Backend;
  #stream: BackendStream | null = null;
  #feed: BackendFeed | null = null;
  #changing = false;
  /** Of the backends before this one. */
  #overflowsBefore = 0;
  #droppedBefore = 0;

  constructor(parts: BackendLineParts) {
    this.#parts = parts;
    this.#backend = parts.session.backend;
  }

  get backendName(): string {
    return this.#backend.name;
  }

  /** The stream in use; null: it is being opened. */
  get stream(): BackendStream | null {
    return this.#stream;
  }

  /** Messages whose audio did not fit, of all backends of the call. */
  get overflows(): number {
    return this.#overflowsBefore + (this.#feed?.overflows ?? 0);
  }

  /** Caller frames that no backend took, of all backends of the call. */
  get droppedFrames(): number {
    return this.#droppedBefore + (this.#stream?.droppedFrames ?? 0);
  }

  /** Opens a stream of `backend` and puts it in the place of the one that was there. @throws as {@link Backend.open} */
  async open(backend: Backend): Promise<BackendStream> {
    const { session, clock, media, turns, controls, signal } = this.#parts;
    const dialledMs = clock.nowMs();
    const feed: BackendFeed = new BackendFeed({
      backend: backend.name,
      clock,
      scheduler: session.scheduler,
      controls,
      turns,
      emit: (event) => this.#parts.emit(event),
      onClosed: (error) => this.#parts.onClosed(error),
    });
    const stream = await backend.open(backendCallOf(session, media.leg), feed, signal).catch((error: unknown) => {
      const connectMs = clock.nowMs() - dialledMs;
      // Who hung up meanwhile says nothing of the backend.
      if (!signal.aborted) {
        this.#parts.emit({ type: 'backend.refused', backend: backend.name, error: asTalkspurtError(error), connectMs });
      }
      throw error;
    });
    const over = this.#parts.over();
    try {
      if (over !== null) throw over;
      media.connect(stream);
    } catch (error) {
      feed.deafen();
      await stream.close();
      throw error;
    }
    this.#overflowsBefore = this.overflows;
    this.#droppedBefore = this.droppedFrames;
    this.#stream = stream;
    this.#feed = feed;
    this.#backend = backend;
    this.#parts.emit({ type: 'backend.opened', backend: backend.name, connectMs: clock.nowMs() - dialledMs });
    return stream;
  }

  /**
   * From now on `backend` answers; a sound that plays goes on, by `library` where it needs another format. The stream in use
   * stays until the other one is there; when that cannot be opened, nothing has changed.
   * @throws ERR_TALKSPURT_ALREADY_RUNNING, and as {@link Backend.open}
   */
  async change(backend: Backend, library: DspLibrary | null): Promise<void> {
    if (this.#changing) {
      throw new TalkspurtError('ERR_TALKSPURT_ALREADY_RUNNING', 'the backend of this call is being changed already');
    }
    this.#changing = true;
    const { clock, media, turns, controls } = this.#parts;
    const [stream, feed, sounds, previous, sinceMs] = [
      this.#stream,
      this.#feed,
      media.announcement,
      this.backendName,
      clock.nowMs(),
    ];
    try {
      await this.open(backend);
    } finally {
      this.#changing = false;
    }
    feed?.deafen();
    if (stream !== null) controls.sounds.carryOn(sounds, stream.outputFormat, library);
    turns.onSwitched(clock.nowMs());
    this.#parts.emit({ type: 'backend.switched', backend: backend.name, previous, switchMs: clock.nowMs() - sinceMs });
    await stream?.close();
  }
}
