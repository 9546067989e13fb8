/**
 * The watchdogs of one call. Each waits for one thing, barks once when that takes too long, and again only after it was well in
 * between. What it does then is a matter of configuration; what they have in common is the event that tells of it.
 */
import type { CallDog, CallEvent, DogAction } from '../core/events.ts';
import type { CallMedia } from './call-media.ts';
import type { TurnKeeper } from './turn-keeper.ts';
import type { WatchdogOptions } from './watch-options.ts';

/** Whether the stream in use is one that answers, and when it was last heard of or taken, ms of the clock. */
export interface EngineSigns {
  readonly answers: boolean;
  readonly activeMs: number;
}

/** What they look at, and who acts. */
export interface CallWatchdogParts {
  readonly options: WatchdogOptions;
  readonly media: Pick<CallMedia, 'playout' | 'announcement' | 'held'>;
  readonly turns: Pick<TurnKeeper, 'breakOff'> & { readonly answer: { readonly due: boolean } };
  /** Null while no stream is in use, or nothing is expected of it. */
  engine(): EngineSigns | null;
  /** For how long texts have waited of which our own voice says nothing, ms; 0: none does. */
  readonly speechWaitMs: () => number;
  emit(event: CallEvent): void;
  /** Does what the event says; `event` and `drop` are done when it is told. */
  act(dog: CallDog, action: 'reconnect' | 'announce' | 'end'): void;
}

/** One call's; looked after by its supervision. */
export class CallWatchdogs {
  readonly #parts: CallWatchdogParts;
  /** Those that have barked and were not well since. */
  readonly #barking = new Set<CallDog>();
  /** Since when an answer is due, ms; NaN: none is. */
  #dueMs = Number.NaN;
  /** How much later than it could have been the agent is heard, ms. */
  #playoutLateMs = 0;
  #lookedMs = Number.NaN;

  constructor(parts: CallWatchdogParts) {
    this.#parts = parts;
  }

  /** How much later than it could have been the agent is heard, ms. */
  get playoutLateMs(): number {
    return this.#playoutLateMs;
  }

  /** Once every supervision tick of a call that talks; `silentMs`: since the switch was last heard. */
  look(nowMs: number, silentMs: number): void {
    const { options, speechWaitMs } = this.#parts;
    // Of a call that one of them has ended the others have nothing to say.
    const over =
      this.#ends('capture', silentMs, options.capture) ||
      this.#ends('engine', this.#engineSilentMs(nowMs), options.engine) ||
      this.#ends('speech', speechWaitMs(), options.speech);
    if (!over) this.#lookAtPlayout(nowMs);
    this.#lookedMs = nowMs;
  }

  /** The call is over for `dog`; told once. */
  expired(dog: 'session' | 'stale', valueMs: number, limitMs: number): void {
    const action = dog === 'session' ? this.#parts.options.session.action : 'end';
    this.#watch(dog, valueMs, { limitMs, action });
  }

  #ends(dog: CallDog, valueMs: number, watched: { limitMs: number; action: DogAction }): boolean {
    return this.#watch(dog, valueMs, watched) && watched.action === 'end';
  }

  /** True: it barks, and did not before. */
  #watch(dog: CallDog, valueMs: number, { limitMs, action }: { limitMs: number; action: DogAction }): boolean {
    if (limitMs === 0 || valueMs <= limitMs) {
      if (this.#barking.size > 0) this.#barking.delete(dog);
      return false;
    }
    if (this.#barking.has(dog)) return false;
    this.#barking.add(dog);
    this.#parts.emit({ type: 'watchdog', dog, valueMs, limitMs, action });
    if (action !== 'event' && action !== 'drop') this.#parts.act(dog, action);
    return true;
  }

  /** For how long the backend has done nothing although it should answer. */
  #engineSilentMs(nowMs: number): number {
    const engine = this.#parts.engine();
    if (engine === null || !engine.answers || !this.#parts.turns.answer.due) {
      this.#dueMs = Number.NaN;
      return 0;
    }
    if (Number.isNaN(this.#dueMs)) this.#dueMs = nowMs;
    return nowMs - (engine.activeMs > this.#dueMs ? engine.activeMs : this.#dueMs);
  }

  /** What waits grows older while something else is heard in its place: a hold, a sound, a pause. */
  #lookAtPlayout(nowMs: number): void {
    const { media, turns, options } = this.#parts;
    const { limitMs, dropMs } = options.playout;
    const { playout } = media;
    if (!playout.busy) this.#playoutLateMs = 0;
    else if (media.held || media.announcement.busy || playout.paused) {
      this.#playoutLateMs += Number.isNaN(this.#lookedMs) ? 0 : nowMs - this.#lookedMs;
    }
    if (dropMs > 0 && this.#playoutLateMs > dropMs) {
      this.#barking.delete('playout');
      this.#watch('playout', this.#playoutLateMs, { limitMs: dropMs, action: 'drop' });
      turns.breakOff(nowMs);
      this.#playoutLateMs = 0;
      return;
    }
    this.#watch('playout', this.#playoutLateMs, { limitMs, action: 'event' });
  }
}
