/**
 * Which phrase the caller is hearing, and how much of it. Backends speak faster than real time, so what has been received
 * says nothing: this counts bytes in at one end of the playout and bytes out at the other. Where the switch tells how many
 * frames it has played, the count as it was at that frame is what was heard: silence that went after it does not matter.
 */
import { LIMITS } from '../limits.ts';

/** The phrase that is being heard. */
export interface PlayedPosition {
  readonly itemId: string;
  /** How much of it has left for the caller, ms, never more than was received. */
  readonly playedMs: number;
}

/** Frames of the past whose count is remembered: a power of two; 10 s of 20 ms. */
const FRAMES = 512;

interface Item {
  id: string;
  /** Positions in the stream of all bytes that ever entered the playout. */
  fromByte: number;
  toByte: number;
  done: boolean;
  /** Among the heard ones already. */
  told: boolean;
}

/** One call's account of phrases received and heard. */
export class PlayedLedger {
  readonly #bytesPerMs: number;
  /** Oldest first. */
  #items: Item[] = [];
  /** Phrases that were heard to their end and have not been asked for. */
  readonly #heard: PlayedPosition[] = [];
  #received = 0;
  #played = 0;
  /** Bytes that had left the playout when a frame was sent, by its number. */
  readonly #atFrame = new Float64Array(FRAMES);
  #sentFrames = 0;
  /** The first frame that was sent since this was made, or since numbers were left out; 0: none yet. */
  #firstFrame = 0;

  constructor(bytesPerMs: number) {
    this.#bytesPerMs = bytesPerMs;
  }

  /** `bytes` of the phrase entered the playout. */
  received(itemId: string, bytes: number): void {
    const last = this.#items.at(-1);
    if (last !== undefined && last.id === itemId && !last.done) {
      last.toByte += bytes;
    } else {
      this.#items.push({
        id: itemId,
        fromByte: this.#received,
        toByte: this.#received + bytes,
        done: false,
        told: false,
      });
      if (this.#items.length > LIMITS.ledgerItems) this.#items.shift();
    }
    this.#received += bytes;
  }

  /** No more audio comes for this phrase. */
  done(itemId: string): void {
    const item = this.#items.findLast((candidate) => candidate.id === itemId);
    if (item !== undefined) item.done = true;
  }

  /** `bytes` left the playout for the caller. Hot path. */
  played(bytes: number): void {
    this.#played += bytes;
  }

  /** The frame of that number, counted from 1, went to the switch with what has left the playout so far. Hot path. */
  sent(frame: number): void {
    if (frame - this.#sentFrames > 1 || this.#firstFrame === 0) this.#firstFrame = frame;
    this.#sentFrames = frame;
    this.#atFrame[frame & (FRAMES - 1)] = this.#played;
  }

  /** Everything that was received has been played. */
  get drained(): boolean {
    return this.#played >= this.#received;
  }

  /**
   * The phrase that is being heard, or the last one; null before the first. `playedFrames`: how many of the frames that were
   * sent the switch has played, null where it does not say. Forgets the phrases before it.
   */
  position(playedFrames: number | null = null): PlayedPosition | null {
    const heard = playedFrames === null ? this.#played : this.#heardAt(playedFrames);
    let first = this.#items[0];
    while (this.#items.length > 1 && first !== undefined && first.toByte <= heard) {
      const second = this.#items[1];
      // Nothing of the next one has been heard yet: the last phrase heard is still this one.
      if (second !== undefined && second.fromByte >= heard) break;
      this.#tell(first);
      this.#items.shift();
      first = this.#items[0];
    }
    if (first === undefined) return null;
    const bytes = Math.max(0, Math.min(heard, first.toByte) - first.fromByte);
    return { itemId: first.id, playedMs: Math.floor(bytes / this.#bytesPerMs) };
  }

  /** What had left when that frame was sent; of one that is forgotten, what the oldest remembered one says. */
  #heardAt(playedFrames: number): number {
    if (playedFrames >= this.#sentFrames) return this.#played;
    if (playedFrames < this.#firstFrame) return 0;
    const frame = Math.max(playedFrames, this.#sentFrames - FRAMES + 1);
    return this.#atFrame[frame & (FRAMES - 1)] ?? 0;
  }

  /** Phrases that were heard to their end since this was last asked; the oldest are forgotten. */
  takeHeard(): PlayedPosition[] {
    for (const item of this.#items) if (item.done && item.toByte <= this.#played) this.#tell(item);
    return this.#heard.splice(0);
  }

  #tell(item: Item): void {
    if (item.told) return;
    item.told = true;
    this.#heard.push({ itemId: item.id, playedMs: Math.floor((item.toByte - item.fromByte) / this.#bytesPerMs) });
    if (this.#heard.length > LIMITS.ledgerItems) this.#heard.shift();
  }

  /** Whether the last phrase that came is still coming. */
  get midPhrase(): boolean {
    return this.#items.at(-1)?.done === false;
  }

  /** The same account in another format, in which `waitingBytes` of what came have not been played. */
  rescaled(bytesPerMs: number, waitingBytes: number): PlayedLedger {
    const after = new PlayedLedger(bytesPerMs);
    const scale = bytesPerMs / this.#bytesPerMs;
    after.#played = this.#played * scale;
    after.#received = after.#played + waitingBytes;
    for (const item of this.#items) {
      const [fromByte, toByte] = [item.fromByte * scale, Math.min(after.#received, item.toByte * scale)];
      after.#items.push({ ...item, fromByte: Math.min(fromByte, toByte), toByte });
    }
    const last = after.#items.at(-1);
    if (last !== undefined && waitingBytes > 0) last.toByte = after.#received;
    after.#heard.push(...this.#heard);
    for (let frame = 0; frame < FRAMES; frame += 1) after.#atFrame[frame] = (this.#atFrame[frame] ?? 0) * scale;
    after.#sentFrames = this.#sentFrames;
    after.#firstFrame = this.#firstFrame;
    return after;
  }

  /** Ids of phrases of which something has not been heard. */
  unheard(): string[] {
    return this.#items.filter((item) => item.toByte > this.#played || !item.done).map((item) => item.id);
  }

  /** The playout was cleared: what was not played never will be. */
  clear(): void {
    this.#items = [];
    this.#received = this.#played;
  }
}
