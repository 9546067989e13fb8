/** Events on their way to one switch: bounded in number, in rate and in what is unconfirmed. Drops and counts, never waits. */
import type { Clock, Timer } from '../../core/clock.ts';
import { LIMITS } from '../../limits.ts';
import type { EslLink } from './esl-link.ts';

/** One CUSTOM event. */
export interface OutgoingEvent {
  readonly subclass: string;
  readonly headers: Readonly<Record<string, string>>;
  /** May be personal. */
  readonly body: string;
  /** Comes again by itself: it is the first to be dropped. */
  readonly periodic: boolean;
}

/** What became of events. */
export interface SwitchEventStats {
  readonly sent: number;
  /** The link was down or slow, or the event too long. */
  readonly dropped: number;
  readonly waiting: number;
}

const RATE_WINDOW_MS = 1_000;

/** Sends events in order, a few at a time, so that commands of the same link get through between them. */
export class SwitchEventQueue {
  readonly #link: Pick<EslLink, 'up' | 'sendEvent'>;
  readonly #clock: Clock;
  readonly #waiting: OutgoingEvent[] = [];
  #inFlight = 0;
  #sent = 0;
  #dropped = 0;
  #windowEndsMs = 0;
  #inWindow = 0;
  #timer: Timer | null = null;
  #closed = false;

  constructor(link: Pick<EslLink, 'up' | 'sendEvent'>, clock: Clock) {
    this.#link = link;
    this.#clock = clock;
  }

  get stats(): SwitchEventStats {
    return { sent: this.#sent, dropped: this.#dropped, waiting: this.#waiting.length };
  }

  /** Takes an event or drops it; never throws, never blocks. */
  offer(event: OutgoingEvent): void {
    const room = event.periodic ? LIMITS.switchEventQueue / 2 : LIMITS.switchEventQueue;
    const tooLong = Buffer.byteLength(event.body) > LIMITS.eslEventBodyBytes;
    // What a link that is down would be told when it is up again is no news then.
    if (this.#closed || !this.#link.up || tooLong || this.#waiting.length >= room) {
      this.#dropped += 1;
      return;
    }
    this.#waiting.push(event);
    this.#pump();
  }

  /** Drops what waits. Twice is harmless. */
  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#timer = null;
    this.#dropped += this.#waiting.splice(0).length;
  }

  #pump(): void {
    while (this.#inFlight < LIMITS.switchEventsInFlight && this.#timer === null) {
      const event = this.#waiting[0];
      if (event === undefined || !this.#mayNow()) return;
      this.#waiting.shift();
      this.#inFlight += 1;
      void this.#send(event);
    }
  }

  /** Whether one more may be sent in this second; if not, goes on with the next. */
  #mayNow(): boolean {
    const nowMs = this.#clock.nowMs();
    if (nowMs >= this.#windowEndsMs) {
      this.#windowEndsMs = nowMs + RATE_WINDOW_MS;
      this.#inWindow = 0;
    }
    if (this.#inWindow < LIMITS.switchEventsPerSecond) {
      this.#inWindow += 1;
      return true;
    }
    this.#timer = this.#clock.after(this.#windowEndsMs - nowMs, () => {
      this.#timer = null;
      this.#pump();
    });
    return false;
  }

  /** Never rejects. */
  async #send(event: OutgoingEvent): Promise<void> {
    try {
      await this.#link.sendEvent(event.subclass, event.headers, event.body);
      this.#sent += 1;
    } catch {
      // The link says itself that it is down; what was lost is counted.
      this.#dropped += 1;
    }
    this.#inFlight -= 1;
    this.#pump();
  }
}
