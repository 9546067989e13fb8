/** Base64 audio from a backend as whole samples, in a place that is used again and again. */
import type { AudioFormat } from '../core/media.ts';
import { bytesPerSample } from '../core/media.ts';
import { decodeBase64, decodedLength } from './base64.ts';
import { messageCore } from './message-core.ts';

/** A longer delta than this is decoded into memory of its own, so that one giant does not stay with the call. */
const KEPT_BYTES = 256 * 1024;

/** The audio of one stream; see the top of the file. */
export class AgentAudio {
  readonly #core = messageCore();
  readonly #sampleBytes: 1 | 2;
  #bytes: Buffer = Buffer.alloc(8 * 1024);
  #view: Buffer = this.#bytes;
  /** The first half of a sample whose second half is still to come, -1 where there is none. */
  #half = -1;
  #itemId = '';

  /** @throws ERR_TALKSPURT_INTERNAL when the package's binary is missing. */
  constructor(format: AudioFormat) {
    this.#sampleBytes = bytesPerSample(format.codec);
  }

  /**
   * The audio in the base64 text `text[from … to)`, or null when it is no base64. Whole samples only: half a sample at
   * the end waits for the next text of the same item. Borrowed until the next call.
   */
  decode(itemId: string, text: Buffer, from: number, to: number): Buffer | null {
    if (itemId !== this.#itemId) {
      this.#itemId = itemId;
      this.#half = -1;
    }
    const carried = this.#half < 0 ? 0 : 1;
    const needed = decodedLength(text, from, to);
    if (needed < 0) return null;
    const place = this.#room(needed + carried);
    if (carried === 1) place[0] = this.#half;
    if (!this.#read(text, from, to, place, carried)) return null;
    const bytes = needed + carried;
    const whole = bytes - (bytes % this.#sampleBytes);
    this.#half = whole === bytes ? -1 : place[whole]!;
    if (place !== this.#bytes) return place.subarray(0, whole);
    // Deltas of a call are mostly alike: the same view serves.
    if (this.#view.length !== whole || this.#view.buffer !== place.buffer) this.#view = place.subarray(0, whole);
    return this.#view;
  }

  /** Long texts, and alphabets that only the platform knows, are for its decoder. */
  #read(text: Buffer, from: number, to: number, place: Buffer, at: number): boolean {
    if (to - from <= this.#core.maximumCharacters && this.#core.decode(text, from, to, place, at) >= 0) return true;
    return decodeBase64(text, from, to, place, at) >= 0;
  }

  #room(bytes: number): Buffer {
    if (bytes <= this.#bytes.length) return this.#bytes;
    // An ArrayBuffer of its own: 16-bit views need an even offset, which a slice of a shared pool may not have.
    const grown = Buffer.from(new ArrayBuffer(2 ** Math.ceil(Math.log2(bytes))));
    if (bytes <= KEPT_BYTES) this.#bytes = grown;
    return grown;
  }
}
