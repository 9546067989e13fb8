/** Media bugs on one simulated channel: who listens to it, told to the world as FreeSWITCH does. */
import type { ChannelAudio, ChannelTap } from './channel-audio.ts';
import type { ChannelSignals } from './channel-signals.ts';

/** What `uuid_buglist` says about a bug. */
export interface BugName {
  readonly function: string;
  readonly target: string;
}

/** Ends with the channel at the latest. */
export class ChannelBugs {
  readonly #audio: ChannelAudio;
  readonly #signals: ChannelSignals;
  readonly #bugs = new Map<ChannelTap, { readonly name: BugName; readonly stop: () => void }>();

  constructor(audio: ChannelAudio, signals: ChannelSignals) {
    this.#audio = audio;
    this.#signals = signals;
  }

  get names(): readonly BugName[] {
    return [...this.#bugs.values()].map(({ name }) => name);
  }

  /** Until the returned function is called, or the channel ends; either calls the tap's `onEnd`, once. */
  attach(tap: ChannelTap, name: BugName): () => void {
    const detach = this.#audio.tap(tap);
    const headers: [string, string][] = [
      ['Media-Bug-Function', name.function],
      ['Media-Bug-Target', name.target],
    ];
    const stop = (): void => {
      if (!this.#bugs.delete(tap)) return;
      detach();
      tap.onEnd?.();
      this.#signals.fire('MEDIA_BUG_STOP', headers);
    };
    this.#bugs.set(tap, { name, stop });
    this.#signals.fire('MEDIA_BUG_START', headers);
    return stop;
  }

  /** Takes off those of one function, or all. */
  end(function_?: string): void {
    for (const { name, stop } of [...this.#bugs.values()]) {
      if (function_ === undefined || name.function === function_) stop();
    }
  }
}
