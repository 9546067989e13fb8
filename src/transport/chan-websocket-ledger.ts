/**
 * What Asterisk's chan_websocket has done with the frames that it was sent.
 *
 * How does it work? A mark goes behind every few frames, and comes back when Asterisk has taken all that was before it: when the
 *   last of those frames has been played. A flush drops what waits, the marks with it, so everything sent before counts as done
 *   with from then on. Now and then Asterisk is asked how many frames wait with it.
 * Not for: knowing better than to one mark. What is confirmed is behind the truth by at most {@link LIMITS.chanWebSocketMarkFrames}
 *   frames, one ptime and the way back, and never ahead of it.
 */
import { LIMITS } from '../limits.ts';

/** Ids of marks go round; a power of two. */
export const CHAN_WEBSOCKET_MARKS = 256;

const MASK = CHAN_WEBSOCKET_MARKS - 1;
/** Marks under way at most: half of the ids, so that an answer is never taken for one to come. */
const PENDING = CHAN_WEBSOCKET_MARKS / 2;
/** {@link ChanWebSocketLedger.sent}: no mark is due. */
export const NO_MARK = -1;

/** One connection's. Allocates nothing after it was made. */
export class ChanWebSocketLedger {
  /** Frames and the time of each mark under way, by its id. */
  readonly #frames = new Float64Array(CHAN_WEBSOCKET_MARKS);
  readonly #sentMs = new Float64Array(CHAN_WEBSOCKET_MARKS);
  #oldest = 0;
  #next = 0;
  #late = false;
  #sinceMark = 0;
  #sent = 0;
  #settled = 0;
  #flushed = 0;
  #lastQueued = 0;
  #surplus = 0;

  /** Frames that Asterisk was sent. */
  get sentFrames(): number {
    return this.#sent;
  }

  /** Frames that Asterisk is done with: played, or dropped by a flush. Null while it leaves marks unanswered. */
  get settledFrames(): number | null {
    return this.#late ? null : this.#settled;
  }

  /** Frames that no mark had confirmed when they were flushed: all but the last few of them were never heard. */
  get flushedFrames(): number {
    return this.#flushed;
  }

  /** Frames that may still wait, in Asterisk or on the way. 0 while that is not known. */
  get heldFrames(): number {
    return this.#late ? 0 : this.#sent - this.#settled;
  }

  /** Frames that are too many in Asterisk's queue: its clock and ours differ, or we made up for a stop. */
  get surplusFrames(): number {
    return this.#surplus;
  }

  /** One frame was sent. The id of the mark that is to follow it, or {@link NO_MARK}. */
  sent(nowMs: number): number {
    this.#sent += 1;
    this.#sinceMark += 1;
    if (this.#sinceMark < LIMITS.chanWebSocketMarkFrames) return NO_MARK;
    this.expire(nowMs);
    if (this.#next - this.#oldest >= PENDING) return NO_MARK;
    const id = this.#next & MASK;
    this.#frames[id] = this.#sent;
    this.#sentMs[id] = nowMs;
    this.#next += 1;
    this.#sinceMark = 0;
    return id;
  }

  /** Gives marks up when the oldest one is late. Whoever sends nothing because so much is held has to ask. */
  expire(nowMs: number): void {
    if (this.#next === this.#oldest) return;
    if (nowMs - this.#sentMs[this.#oldest & MASK]! > LIMITS.chanWebSocketMarkLateMs) this.#late = true;
  }

  /** The answer to a mark; one that is not under way says nothing. */
  marked(text: string): void {
    const id = Number(text);
    if (text === '' || !Number.isInteger(id) || id < 0 || id > MASK) return;
    const ahead = (id - this.#oldest) & MASK;
    if (ahead >= this.#next - this.#oldest) return;
    this.#settled = this.#frames[id]!;
    this.#oldest += ahead + 1;
    this.#late = false;
  }

  /** What Asterisk held when it was asked. Only what was there twice is more than the moment's. */
  queued(frames: number): void {
    const standing = Math.min(this.#lastQueued, frames);
    this.#lastQueued = frames;
    this.#surplus = standing >= LIMITS.chanWebSocketBacklogFrames ? standing - LIMITS.chanWebSocketKeptFrames : 0;
  }

  /** A frame was left out because of {@link surplusFrames}. */
  leftOut(): void {
    if (this.#surplus > 0) this.#surplus -= 1;
  }

  /** Asterisk was told to drop what it holds. */
  flush(): void {
    this.#flushed += this.#sent - this.#settled;
    this.#settled = this.#sent;
    this.#oldest = this.#next;
    this.#sinceMark = 0;
    this.#late = false;
    this.#lastQueued = 0;
    this.#surplus = 0;
  }
}
