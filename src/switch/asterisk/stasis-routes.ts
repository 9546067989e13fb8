/** Who is told of an event: by the id of the channel or bridge that it is about. */
import type { AriEvent } from './ari-link.ts';
import { bridgeOf, subjectOf } from './stasis-channel.ts';
import type { OwnKind, StasisIds } from './stasis-ids.ts';

/** Handles events of one id. Must not throw. */
export type StasisHandler = (event: AriEvent) => void;

/** Channels and bridges that are watched, by what they are for: callers, media, snoops, parties of a transfer. */
export interface AsteriskThings {
  readonly calls: number;
  readonly media: number;
  readonly snoops: number;
  readonly parties: number;
  readonly bridges: number;
}

const THING_OF: Readonly<Record<OwnKind, keyof AsteriskThings>> = {
  call: 'calls',
  media: 'media',
  snoop: 'snoops',
  party: 'parties',
  half: 'parties',
  bridge: 'bridges',
  joined: 'bridges',
};

/** All ids that somebody of ours watches. */
export class StasisRoutes {
  readonly #handlers = new Map<string, StasisHandler>();

  /** Ids that are watched. */
  get size(): number {
    return this.#handlers.size;
  }

  /** How many there are. What bears no id of ours is a caller. */
  things(ids: StasisIds): AsteriskThings {
    const things = { calls: 0, media: 0, snoops: 0, parties: 0, bridges: 0 };
    for (const id of this.#handlers.keys()) things[THING_OF[ids.kindOf(id) ?? 'call']] += 1;
    return things;
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
