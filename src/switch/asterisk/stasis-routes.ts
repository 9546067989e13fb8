/** Who is told of an event: by the id of the channel or bridge that it is about. */
import type { AriEvent } from './ari-link.ts';
import { bridgeOf, subjectOf } from './stasis-channel.ts';

/** Handles events of one id. Must not throw. */
export type StasisHandler = (event: AriEvent) => void;

/** All ids that somebody of ours watches. */
export class StasisRoutes {
  readonly #handlers = new Map<string, StasisHandler>();

  /** Ids that are watched. */
  get size(): number {
    return this.#handlers.size;
  }

  /** Whether something of ours that lives has this id. */
  has(id: string): boolean {
    return this.#handlers.has(id);
  }

  /** From now on events of `id` go to `handler`, until the function that is returned is called. */
  watch(id: string, handler: StasisHandler): () => void {
    this.#handlers.set(id, handler);
    return () => {
      if (this.#handlers.get(id) === handler) this.#handlers.delete(id);
    };
  }

  /** Hands `event` on; a channel that enters or leaves a bridge is its bridge's news as well. */
  route(event: AriEvent): void {
    const subject = subjectOf(event);
    const bridge = bridgeOf(event);
    this.#handlers.get(subject)?.(event);
    if (bridge !== '' && bridge !== subject) this.#handlers.get(bridge)?.(event);
  }
}
