/** Items that a backend wrote, by response: what is to be put right when not all of it was heard. */
import { LIMITS } from '../limits.ts';

/** How the conversation is put right: `after` stays where it is, `forget` goes, `heard` takes its place. */
export interface WrittenCorrection {
  /** The item that the new one goes behind. */
  readonly after: string;
  readonly forget: readonly string[];
  /** Empty: nothing takes its place. */
  readonly heard: string;
}

interface Written {
  readonly itemIds: string[];
  over: boolean;
  heard: string | null;
}

/** Of one conversation; the oldest response is forgotten. */
export class WrittenItems {
  readonly #responses = new Map<string, Written>();

  /** Text of an item came. */
  add(responseId: string, itemId: string | undefined): void {
    const written = this.#of(responseId);
    if (itemId !== undefined && !written.itemIds.includes(itemId)) written.itemIds.push(itemId);
  }

  /** The response is over: what is to be put right now, if anything. */
  done(responseId: string): WrittenCorrection | null {
    const written = this.#responses.get(responseId);
    if (written === undefined) return null;
    written.over = true;
    return this.#correction(responseId, written);
  }

  /** Nothing of it was heard, unless more is known. */
  unheard(responseId: string): void {
    const written = this.#responses.get(responseId);
    if (written !== undefined) written.heard ??= '';
  }

  /** Only `heard` of it was heard: what is to be put right now; null: nothing, or not before it is over. */
  heard(responseId: string, heard: string): WrittenCorrection | null {
    const written = this.#responses.get(responseId);
    if (written === undefined) return null;
    written.heard = heard;
    return this.#correction(responseId, written);
  }

  #correction(responseId: string, { itemIds, over, heard }: Written): WrittenCorrection | null {
    const after = itemIds.at(-1);
    if (!over || heard === null) return null;
    this.#responses.delete(responseId);
    return after === undefined ? null : { after, forget: itemIds, heard };
  }

  #of(responseId: string): Written {
    const known = this.#responses.get(responseId);
    if (known !== undefined) return known;
    const written: Written = { itemIds: [], over: false, heard: null };
    this.#responses.set(responseId, written);
    for (const oldest of this.#responses.keys()) {
      if (this.#responses.size <= LIMITS.ttsAnswers) break;
      this.#responses.delete(oldest);
    }
    return written;
  }
}
