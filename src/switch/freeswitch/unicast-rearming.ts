/**
 * Unicast that comes back. What others do to a channel ends its unicast for good; once that is over, we park the channel
 * anew and open another one, with a permit of its own. Nobody is cut short for it: while a playback or a bridge runs, and
 * while the channel is out of its park, we wait.
 *
 *     armed ─disturbed→ waiting ─the park is quiet→ arming ─audio flows→ armed
 *                          │  ▲                       │
 *                          │  └────── failed ─────────┘
 *                          └─ given to somebody, or too late → over
 */
import type { Clock, Timer } from '../../core/clock.ts';
import { TalkspurtError, hasCode } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { ChannelActivity } from './channel-activity.ts';
import { RearmingTransport } from './rearming-transport.ts';
import type { UnicastGuard } from './unicast-guard.ts';

/** What it works with; all of it stays the leg's. */
export interface UnicastRearmingParts {
  readonly clock: Clock;
  readonly guard: UnicastGuard;
  readonly activity: ChannelActivity;
  /** Whether the channel is ours to park: the link is up, and nobody has sent the caller on through us. */
  readonly mayArm: () => boolean;
  /** Parks anew and opens; whatever it started has ended when it rejects. */
  readonly open: (signal: AbortSignal) => Promise<MediaTransport>;
  /** Has the activity follow what the switch says of the channel now. May reject while the link is down. */
  readonly sight: () => Promise<void>;
  /** The audio does not come back. Called once at most, and not after {@link UnicastRearming.stop}. */
  readonly onEnded: (reason: string) => void;
}

/** One call's unicast, from its first audio to its end. */
export class UnicastRearming {
  readonly transport: RearmingTransport;
  readonly #parts: UnicastRearmingParts;
  readonly #ending = new AbortController();
  #state: 'armed' | 'waiting' | 'arming' | 'over' = 'armed';
  #reason = '';
  #sinceMs = 0;
  #earliestMs = 0;
  #rearms = 0;
  #timer: Timer | null = null;
  #arming: Promise<void> = Promise.resolve();

  /** `first` has just been opened. */
  constructor(parts: UnicastRearmingParts, first: MediaTransport) {
    this.#parts = parts;
    this.transport = new RearmingTransport(first, parts.clock);
    // What happened in the very moment of its opening was nobody's to tell.
    if (parts.guard.state !== 'active') this.disturbed('the channel was used otherwise at once');
  }

  /** The switch has ended the unicast that was active. */
  disturbed(reason: string): void {
    if (this.#state !== 'armed') return;
    this.transport.disarm();
    this.#state = 'waiting';
    this.#reason = reason;
    this.#sinceMs = this.#parts.clock.nowMs();
    this.#earliestMs = this.#sinceMs;
    this.#look();
  }

  /** Something happened on the channel, and the activity has followed it. */
  changed(): void {
    if (this.#state === 'waiting') this.#look();
  }

  /** The link is back: audio that has stopped meanwhile was ended by something that we have not seen. */
  sighted(): void {
    this.changed();
    if (this.#state !== 'armed') return;
    this.#timer?.cancel();
    this.#later(LIMITS.rearmQuietMs, () => {
      if (this.#state !== 'armed' || this.transport.silentMs < LIMITS.rearmQuietMs) return;
      this.#parts.guard.disturbed();
      this.disturbed('its audio stopped while the link was down');
    });
  }

  /** Resolves when no attempt is under way. */
  async settled(): Promise<void> {
    await this.#arming;
  }

  /** Nothing is started any more, and what was is over. The path stays to be closed. */
  async stop(): Promise<void> {
    this.#state = 'over';
    this.#timer?.cancel();
    this.#timer = null;
    this.#ending.abort();
    await this.#arming;
  }

  /** Decides by what the channel is at. */
  #look(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const nowMs = this.#parts.clock.nowMs();
    const lastMs = this.#sinceMs + LIMITS.rearmMs;
    const { verdict } = this.#parts.activity;
    if (verdict === 'away' || nowMs >= lastMs || this.#rearms >= LIMITS.rearms) {
      this.#lost();
    } else if (verdict === 'idle') {
      // Every event comes by here: the park was quiet since the last one.
      this.#later(Math.max(LIMITS.rearmQuietMs, this.#earliestMs - nowMs), () => this.#arm());
    } else if (verdict === 'between') {
      this.#later(LIMITS.rearmAwayMs, () => void this.#ask());
    } else {
      this.#later(lastMs - nowMs, () => this.#lost());
    }
  }

  #later(delayMs: number, run: () => void): void {
    this.#timer = this.#parts.clock.after(delayMs, run);
  }

  #lost(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#state = 'over';
    this.#parts.onEnded(this.#reason);
  }

  /**
   * Nothing has become of it, by its events. A `uuid_park` of a channel that is parked by one ends that park and begins no
   * other, without a word: only a transfer wakes it, and ours cuts nobody short. Never rejects.
   */
  async #ask(): Promise<void> {
    this.#timer = null;
    try {
      await this.#parts.sight();
    } catch (error) {
      if (!(error instanceof TalkspurtError)) throw error;
      if (this.#state === 'waiting') this.#look();
      return;
    }
    // What happened meanwhile has been looked at.
    if (this.#state !== 'waiting' || this.#timer !== null) return;
    if (this.#parts.activity.verdict === 'between') this.#lost();
    else this.#look();
  }

  #arm(): void {
    this.#timer = null;
    if (!this.#parts.mayArm()) {
      this.#earliestMs = this.#parts.clock.nowMs() + LIMITS.rearmRetryMs;
      this.#look();
      return;
    }
    this.#state = 'arming';
    this.#rearms += 1;
    this.#arming = this.#tryToArm();
  }

  /** Never rejects. */
  async #tryToArm(): Promise<void> {
    let next: MediaTransport;
    try {
      next = await this.#parts.open(this.#ending.signal);
    } catch (error) {
      this.#failed(error);
      return;
    }
    if (this.#over) {
      await next.close();
      return;
    }
    if (!this.transport.rearm(next)) {
      this.#state = 'over';
      return;
    }
    this.#state = 'armed';
    if (this.#parts.guard.state !== 'active') this.disturbed('the channel was used otherwise at once');
  }

  /** Somebody was faster, or the link went: it is tried again, unless it can never be. */
  #failed(error: unknown): void {
    if (this.#over) return;
    if (hasCode(error, 'ERR_TALKSPURT_CALL_GONE')) {
      // Its end is told by the hang-up itself.
      this.#state = 'over';
    } else if (hasCode(error, 'ERR_TALKSPURT_MEDIA_FORMAT')) {
      this.#state = 'over';
      this.transport.lost(error);
    } else {
      this.#state = 'waiting';
      this.#earliestMs = this.#parts.clock.nowMs() + LIMITS.rearmRetryMs;
      this.#look();
    }
  }

  /** Asked after an await: the end may have come meanwhile. */
  get #over(): boolean {
    return this.#state === 'over';
  }
}
