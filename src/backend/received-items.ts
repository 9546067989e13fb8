/** How much audio of which phrase (item) a backend has sent: what a truncation is held against. */
import { LIMITS } from '../limits.ts';

/** One phrase of the agent, as far as it has arrived. */
export interface ReceivedItem {
  readonly itemId: string;
  readonly responseId: string;
  readonly contentIndex: number;
  /** Bytes of decoded audio. */
  bytes: number;
  /** Whether the backend has said that no more is coming. */
  done: boolean;
  /** Whether the backend was told already that it was not heard to its end. */
  truncated: boolean;
}

/** `conversation.item.truncate`, as far as this file knows of it. */
export interface Truncation {
  readonly itemId: string;
  readonly contentIndex: number;
  readonly audioEndMs: number;
}

/** In the order of arrival, which is the order in which they are heard. The oldest is forgotten at `LIMITS.ledgerItems`. */
export class ReceivedItems {
  readonly #bytesPerMs: number;
  readonly #items = new Map<string, ReceivedItem>();

  constructor(bytesPerMs: number) {
    this.#bytesPerMs = bytesPerMs;
  }

  /** Counts `bytes` of audio that arrived for an item. */
  add(responseId: string, itemId: string, contentIndex: number, bytes: number): void {
    const known = this.#items.get(itemId);
    if (known !== undefined) {
      known.bytes += bytes;
      return;
    }
    if (this.#items.size >= LIMITS.ledgerItems) {
      const [oldest] = this.#items.keys();
      if (oldest !== undefined) this.#items.delete(oldest);
    }
    this.#items.set(itemId, { itemId, responseId, contentIndex, bytes, done: false, truncated: false });
  }

  /** Marks an item as complete; false when it is not known or was complete already. */
  complete(itemId: string): boolean {
    const item = this.#items.get(itemId);
    if (item === undefined || item.done) return false;
    item.done = true;
    return true;
  }

  /** Marks every open item of a response as complete and returns their ids. */
  completeResponse(responseId: string): string[] {
    const open = [...this.#items.values()].filter((item) => item.responseId === responseId && !item.done);
    for (const item of open) item.done = true;
    return open.map((item) => item.itemId);
  }

  /**
   * What the backend must be told when the caller cut in after `playedMs` of `itemId`: that item ends there (no later
   * than what has arrived of it, which the API insists on), and what arrived after it was not heard at all. An item that
   * was heard to its end, or that the backend was told about before, is left alone.
   */
  truncate(itemId: string, playedMs: number): Truncation[] {
    const truncations: Truncation[] = [];
    let reached = false;
    for (const item of this.#items.values()) {
      const isHeard = item.itemId === itemId;
      if (isHeard) reached = true;
      if (!reached || item.truncated) continue;
      const receivedMs = Math.floor(item.bytes / this.#bytesPerMs);
      const audioEndMs = isHeard ? Math.min(Math.max(0, Math.floor(playedMs)), receivedMs) : 0;
      if (item.done && audioEndMs >= receivedMs) continue;
      item.truncated = true;
      truncations.push({ itemId: item.itemId, contentIndex: item.contentIndex, audioEndMs });
    }
    return truncations;
  }
}
