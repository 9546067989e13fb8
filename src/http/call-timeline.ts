/** What happened in each call so far, for whoever looks at it later. Holds nothing personal; forgotten when the call ends. */
import type { Clock } from '../core/clock.ts';
import type { EventSink, TalkspurtEvent } from '../core/events.ts';
import { LIMITS } from '../limits.ts';
import { eventJson } from './event-json.ts';
import type { EventJson } from './event-json.ts';

/** The moments of every call that is up; of each the latest ones. */
export class CallTimelines implements EventSink {
  readonly #clock: Clock;
  readonly #calls = new Map<string, EventJson[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls of which something is kept. */
  get size(): number {
    return this.#calls.size;
  }

  /** Oldest first. */
  of(callId: string): readonly EventJson[] {
    return this.#calls.get(callId) ?? [];
  }

  emit(event: TalkspurtEvent): void {
    if (event.callId === undefined) return;
    if (event.type === 'call.ended') {
      this.#calls.delete(event.callId);
      return;
    }
    const moments = this.#calls.get(event.callId) ?? this.#begin(event.callId);
    if (moments.length >= LIMITS.httpTimelineMoments) moments.shift();
    moments.push(eventJson(event, this.#clock, false));
  }

  /** The oldest call makes room: one that never ends must not keep others out. */
  #begin(callId: string): EventJson[] {
    const oldest = this.#calls.keys().next();
    if (this.#calls.size >= LIMITS.callRecords && oldest.done !== true) this.#calls.delete(oldest.value);
    const moments: EventJson[] = [];
    this.#calls.set(callId, moments);
    return moments;
  }
}
