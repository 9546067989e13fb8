/**
 * Which phrase the caller is hearing, and how much of it. Backends speak faster than real time, so what has been received
 * says nothing: this counts bytes in at one end of the playout and bytes out at the other.
 */
import { LIMITS } from '../limits.ts';

/** The phrase that is being heard. */
export interface PlayedPosition {
  readonly itemId: string;
  /** How much of it has left for the caller, ms, never more than was received. */
  readonly playedMs: number;
}

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

  /** Everything that was received has been played. */
  get drained(): boolean {
    return this.#played >= this.#received;
  }

  /**
   * The phrase that is being heard, or the last one; null before the first. `heldBytes`: what left the playout but is known
   * to wait in the switch. Forgets the phrases before it.
   */
  position(heldBytes = 0): PlayedPosition | null {
    const heard = Math.max(0, this.#played - heldBytes);
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
