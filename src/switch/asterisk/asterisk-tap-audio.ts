/** The audio of a tap: a snoop for each sound that is heard, and one through which the agent speaks, while it speaks to anybody. */
import { TalkspurtError, asTalkspurtError } from '../../core/errors.ts';
import type { MediaTransport } from '../../transport/media-transport.ts';
import type { AttachRequest } from '../switch-adapter.ts';
import { hearApart } from '../tap-pair.ts';
import type { Whisper } from '../whisper.ts';
import type { AsteriskLegShared } from './asterisk-leg-parts.ts';
import { SnoopChannel } from './snoop-channel.ts';
import type { SnoopDirection } from './snoop-channel.ts';
import { SnoopMedia } from './snoop-media.ts';

/** What it is made of. */
export interface TapAudioParts extends AsteriskLegShared {
  readonly targetId: string;
  readonly mix: AttachRequest['mix'];
  /** The channel's format in Asterisk; empty: unknown. */
  readonly callFormat: string;
  readonly whisper: Whisper;
  /** A snoop of it has ended, and not by our doing. May be called more than once. */
  onEnded(reason: string): void;
}

const HEARD: Readonly<Record<AttachRequest['mix'], readonly SnoopDirection[]>> = {
  mono: ['in'],
  mixed: ['both'],
  stereo: ['in', 'out'],
};
/** What comes from the channel is heard by the other party, what goes to it by its own. */
const SPOKEN: Readonly<Record<Whisper, SnoopDirection>> = { none: 'none', caller: 'out', other: 'in', both: 'both' };

/** One tap's. Opened once, closed once; the transport is the caller's to close. */
export class TapAudio {
  readonly #parts: TapAudioParts;
  #ears: readonly SnoopChannel[] = [];
  #voice: SnoopChannel | null = null;
  #media: SnoopMedia | null = null;
  #whisper: Whisper;

  constructor(parts: TapAudioParts) {
    this.#parts = parts;
    this.#whisper = parts.whisper;
  }

  /** When it rejects nothing is left. @throws as `SnoopChannel.open` */
  async open(signal: AbortSignal): Promise<MediaTransport> {
    const ears = HEARD[this.#parts.mix].map((spy) => this.#snoop(spy, 'none'));
    const voice = this.#whisper === 'none' ? null : this.#snoop('none', SPOKEN[this.#whisper]);
    this.#ears = ears;
    this.#voice = voice;
    // Once one fails the others are not waited for.
    const failing = new AbortController();
    const stop = AbortSignal.any([signal, failing.signal]);
    const open = async (snoop: SnoopChannel): Promise<MediaTransport> => {
      try {
        return await snoop.open(stop);
      } catch (error) {
        failing.abort(error);
        throw error;
      }
    };
    try {
      const opening = this.#snoops().map(open);
      await Promise.allSettled(opening);
      const opened = await Promise.all(opening);
      signal.throwIfAborted();
      return this.#join(opened.slice(0, ears.length), opened[ears.length] ?? null);
    } catch (error) {
      await this.close();
      throw asTalkspurtError(stop.aborted ? stop.reason : error);
    }
  }

  /** The new voice is there before the old one goes; when it rejects, the old one stays. @throws as `SnoopChannel.open` */
  async setWhisper(whisper: Whisper, signal: AbortSignal): Promise<void> {
    if (whisper === this.#whisper || this.#media === null) return;
    const before = this.#voice;
    const snoop = whisper === 'none' ? null : this.#snoop('none', SPOKEN[whisper]);
    const spoken = (await snoop?.open(signal)) ?? null;
    this.#voice = snoop;
    this.#whisper = whisper;
    this.#media.speakThrough(spoken);
    await before?.close();
  }

  /** Whether Asterisk still has every snoop of it. @throws ERR_TALKSPURT_LINK_*, ERR_TALKSPURT_ARI_REFUSED */
  async isWhole(): Promise<boolean> {
    const there = await Promise.all(this.#snoops().map((snoop) => snoop.isThere()));
    return !there.includes(false);
  }

  /** Nothing of it stays in Asterisk. Never rejects: what stays is told by `onLeftover`. */
  async close(): Promise<void> {
    await Promise.all(this.#snoops().map((snoop) => snoop.close()));
  }

  /** The voice is the last one. */
  #snoops(): readonly SnoopChannel[] {
    return this.#voice === null ? this.#ears : [...this.#ears, this.#voice];
  }

  #snoop(spy: SnoopDirection, whisper: SnoopDirection): SnoopChannel {
    return new SnoopChannel({ ...this.#parts, spy, whisper });
  }

  /** One beginning for all that is heard; what is said goes through the voice. */
  #join([caller, other]: readonly MediaTransport[], voice: MediaTransport | null): MediaTransport {
    if (caller === undefined) throw new TalkspurtError('ERR_TALKSPURT_INTERNAL', 'a tap without audio');
    const media = new SnoopMedia(caller);
    this.#media = media;
    media.speakThrough(voice);
    return other === undefined ? media : hearApart(media, new SnoopMedia(other));
  }
}
