/**
 * Places of calls that we dial. Whether there is room for a call is decided before its person's telephone rings, and the room is kept until
 * the call is here or will not be: somebody who answers is not hung up on because the host has become busy meanwhile.
 */
import type { Clock, Timer } from './core/clock.ts';
import { TalkspurtError, asTalkspurtError } from './core/errors.ts';
import { LIMITS } from './limits.ts';

interface Place {
  /** Null: the switch has not been asked yet. */
  channelId: string | null;
  /** From when on it waits for the call alone. */
  timer: Timer | null;
}

/** Those of one gateway; whoever reserves has looked whether there is room. */
export class DialledPlaces {
  readonly #clock: Clock;
  readonly #places = new Set<Place>();
  #ringing = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Places that are kept. */
  get size(): number {
    return this.#places.size;
  }

  /**
   * Keeps a place while `dial` runs, which tells the channel's id before it rings, resolves when it is answered and ends when its signal aborts; then for
   * {@link LIMITS.dialledPlaceMs} more, until {@link take}. A call that is not answered gives it back at once; where the link is lost it may be
   * answered all the same, and keeps it while it may ring, unless the switch was never asked.
   * @throws as `dial`
   */
  async dial(
    ringMs: number,
    dial: (onChannel: (channelId: string) => void, signal: AbortSignal) => Promise<string>,
  ): Promise<string> {
    const place: Place = { channelId: null, timer: null };
    const rungByMs = this.#clock.nowMs() + ringMs;
    this.#places.add(place);
    try {
      place.channelId = await dial((channelId) => (place.channelId = channelId), this.#ringing.signal);
      this.#keep(place, 0);
      return place.channelId;
    } catch (error) {
      const { code, details } = asTalkspurtError(error);
      const mayRing = code.startsWith('ERR_TALKSPURT_LINK_') && place.channelId !== null && details['sent'] !== false;
      if (mayRing) this.#keep(place, Math.max(0, rungByMs - this.#clock.nowMs()));
      else this.#places.delete(place);
      throw error;
    }
  }

  /** The call is here. True: a place was kept for it, and is the call's own from now on. */
  take(channelId: string): boolean {
    for (const place of this.#places) {
      if (place.channelId !== channelId) continue;
      place.timer?.cancel();
      return this.#places.delete(place);
    }
    return false;
  }

  /** Telephones that ring stop ringing: whoever answered would be hung up. Those who have answered keep their places. */
  hangUp(): void {
    this.#ringing.abort(
      new TalkspurtError('ERR_TALKSPURT_DRAINING', 'the gateway is stopping: nobody is called any more'),
    );
    this.#ringing = new AbortController();
  }

  /** Twice is harmless. */
  close(): void {
    for (const { timer } of this.#places) timer?.cancel();
    this.#places.clear();
  }

  #keep(place: Place, ringMs: number): void {
    // Taken before its dialling was over.
    if (!this.#places.has(place)) return;
    place.timer = this.#clock.after(ringMs + LIMITS.dialledPlaceMs, () => void this.#places.delete(place));
  }
}
