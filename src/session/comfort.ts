/** What the caller hears when a search for a backend takes long: a sound over and over, as long as the agent has nothing to say. */
import type { Clock, Timer } from '../core/clock.ts';
import { asTalkspurtError } from '../core/errors.ts';
import type { TalkspurtError } from '../core/errors.ts';
import { sameAudio } from '../core/media.ts';
import type { CallMedia } from './call-media.ts';
import { HoldSound } from './hold-sound.ts';
import type { ReconnectOptions } from './session-options.ts';
import type { SessionSounds } from './session-parts.ts';

/** What it is made with. */
export interface ComfortParts {
  readonly clock: Clock;
  readonly media: CallMedia;
  readonly options: Pick<ReconnectOptions, 'holdAfterMs' | 'holdSound'>;
  readonly sounds: SessionSounds | null;
  /** The sound cannot be had: there is silence instead. */
  onFault(error: TalkspurtError): void;
}

/** One call's. Each order twice is harmless. */
export class Comfort {
  readonly #parts: ComfortParts;
  #timer: Timer | null = null;
  /** Counts the searches: a sound that comes when its own is over is not wanted. */
  #era = 0;

  constructor(parts: ComfortParts) {
    this.#parts = parts;
  }

  /** A search has begun. */
  begin(): void {
    this.end();
    const { clock, options } = this.#parts;
    if (options.holdSound === 'none') return;
    const era = this.#era;
    this.#timer = clock.after(options.holdAfterMs, () => void this.#play(era));
  }

  /** It is over. */
  end(): void {
    this.#era += 1;
    this.#timer?.cancel();
    this.#timer = null;
    this.#parts.media.comfort = null;
  }

  async #play(era: number): Promise<void> {
    this.#timer = null;
    const { media, sounds, options } = this.#parts;
    const format = media.stream?.outputFormat ?? media.leg;
    try {
      const { holdSound } = options;
      const sound = await (holdSound === 'hold' ? sounds?.hold?.(format) : sounds?.sound(holdSound, format));
      if (sound === undefined || era !== this.#era) return;
      if (sameAudio(format, media.stream?.outputFormat ?? media.leg)) {
        media.comfort = new HoldSound(sound.audio, format, media.ptimeMs);
      }
    } catch (error) {
      if (era === this.#era) this.#parts.onFault(asTalkspurtError(error));
    }
  }
}
