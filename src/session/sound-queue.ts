/**
 * Sounds that are played over the agent. They wait in the announcement, in the backend's format; when another backend takes
 * over in another format, what waits is converted to it slice by slice, and what is played meanwhile goes behind it.
 */
import type { Clock, Timer } from '../core/clock.ts';
import { TalkspurtError } from '../core/errors.ts';
import type { AudioFormat } from '../core/media.ts';
import { bytesPerMs, bytesPerSample, sameAudio } from '../core/media.ts';
import type { DspLibrary } from '../dsp/library.ts';
import { LIMITS } from '../limits.ts';
import { SLICE_SAMPLES, convertSlice } from '../dsp/sound-slices.ts';
import type { OurPcmSource } from '../dsp/sound-slices.ts';
import type { CallMedia } from './call-media.ts';
import type { Playout } from './playout.ts';

/** What waits to be converted, from sample `at` on. */
interface Waiting {
  readonly source: OurPcmSource;
  at: number;
}

/** One call's sounds. */
export class SoundQueue {
  readonly #media: CallMedia;
  readonly #clock: Clock;
  #waiting: Waiting[] = [];
  #library: DspLibrary | null = null;
  #timer: Timer | null = null;

  constructor(media: CallMedia, clock: Clock) {
    this.#media = media;
    this.#clock = clock;
  }

  /** What {@link play} takes. */
  get format(): AudioFormat {
    return this.#media.stream?.outputFormat ?? this.#media.leg;
  }

  /** What waits to be heard, ms. */
  get waitingMs(): number {
    return this.#waiting.reduce(
      (sum, { source, at }) => sum + ((source.length - at) * 1000) / source.sampleRateHz,
      this.#media.announcement.waitingMs,
    );
  }

  /** Behind what waits. @throws ERR_TALKSPURT_SOUND when that is more than fits, or `format` is no longer the one */
  play(audio: Uint8Array, format: AudioFormat): void {
    if (!sameAudio(format, this.format)) {
      throw new TalkspurtError('ERR_TALKSPURT_SOUND', 'the backend was changed meanwhile: play the sound again');
    }
    if (audio.length / bytesPerMs(format) > LIMITS.soundMs - this.waitingMs) {
      const message = `sounds of more than ${LIMITS.soundMs / 1000} s would wait: break first, or play a shorter one`;
      throw new TalkspurtError('ERR_TALKSPURT_SOUND', message);
    }
    if (this.#waiting.length > 0 && this.#library !== null) {
      const read = (from: number, to: number): Uint8Array => audio.subarray(from, to);
      this.#waiting.push({ source: decoded(read, audio.length, format, this.#library), at: 0 });
      return;
    }
    const { announcement } = this.#media;
    announcement.push(audio);
    announcement.complete();
  }

  /**
   * Another backend has taken over: `before` is the announcement until then, in `format`. What waited goes on to be heard.
   * To be called before the next tick. Without a `library` a sound in another format is lost.
   */
  carryOn(before: Playout, format: AudioFormat, library: DspLibrary | null): void {
    if (before === this.#media.announcement) return;
    this.#library = library;
    if (library === null) {
      this.clear();
      return;
    }
    const read = (from: number, to: number): Uint8Array => before.read(from, to);
    if (before.waitingBytes > 0) {
      this.#waiting.unshift({ source: decoded(read, before.waitingBytes, format, library), at: 0 });
    }
    this.#timer?.cancel();
    this.#convert();
  }

  /** Drops what waits. */
  clear(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#waiting = [];
    this.#media.announcement.clear();
  }

  /** One slice; the next one when the event loop has turned. */
  #convert(): void {
    this.#timer = null;
    const [first] = this.#waiting;
    if (first === undefined || this.#library === null) return;
    const { announcement } = this.#media;
    announcement.push(convertSlice(first.source, first.at, this.format, this.#library));
    first.at += SLICE_SAMPLES;
    if (first.at >= first.source.length) this.#waiting.shift();
    if (this.#waiting.length === 0) announcement.complete();
    else this.#timer = this.#clock.after(0, () => this.#convert());
  }
}

/** `bytes` of audio in `format`, as samples. */
function decoded(
  read: (from: number, to: number) => Uint8Array,
  bytes: number,
  { codec, sampleRateHz }: AudioFormat,
  library: DspLibrary,
): OurPcmSource {
  const each = bytesPerSample(codec);
  return {
    sampleRateHz,
    length: Math.floor(bytes / each),
    read: (from, to) => {
      const audio = read(from * each, to * each);
      if (codec === 'pcmu') return library.decodeUlaw(audio);
      if (codec === 'pcma') return library.decodeAlaw(audio);
      return new Int16Array(audio.slice().buffer);
    },
  };
}
