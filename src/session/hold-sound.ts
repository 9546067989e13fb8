/** What a caller on hold hears: a sound that begins again at its end, one frame a tick. */
import type { AudioFormat } from '../core/media.ts';
import { bytesPerMs } from '../core/media.ts';

/** One call's. `pop` never allocates. */
export class HoldSound {
  readonly format: AudioFormat;
  readonly #audio: Uint8Array;
  readonly #frame: Uint8Array;
  #at = 0;

  /** `audio` is in `format`, and borrowed for as long as this is used; shorter than a frame it says nothing. */
  constructor(audio: Uint8Array, format: AudioFormat, ptimeMs: number) {
    this.format = format;
    this.#frame = new Uint8Array(bytesPerMs(format) * ptimeMs);
    // Whole samples: what is cut in the middle of one would be noise from the second round on.
    this.#audio = audio.subarray(0, audio.length - (audio.length % bytesPerMs(format)));
  }

  /** The next frame, borrowed until the next `pop`; null: silence. Hot path. */
  pop(): Uint8Array | null {
    const audio = this.#audio;
    if (audio.length === 0) return null;
    const frame = this.#frame;
    let at = this.#at;
    for (let i = 0; i < frame.length; i++) {
      frame[i] = audio[at] ?? 0;
      at = at + 1 === audio.length ? 0 : at + 1;
    }
    this.#at = at;
    return frame;
  }
}
