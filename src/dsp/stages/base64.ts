import { refusal, requireBytes } from '../option-checks.ts';
import type { StageCore } from './stage-core.ts';
import { roomFor } from './stage-core.ts';

/** Whole groups, so that only the last piece is padded. */
const PIECE_BYTES = 5760;
const PIECE_CHARACTERS = 7680;

/** Base64 (RFC 4648 §4) in SIMD, both ways: the audio in a backend's JSON messages. Keeps no state. */
export class Base64 {
  readonly #core: StageCore;
  readonly #ascii = new TextDecoder('latin1');
  readonly #utf8 = new TextEncoder();

  /** Use `DspStages.base64`. */
  constructor(core: StageCore) {
    this.#core = core;
  }

  /** Any number of bytes as text, padded. @throws ERR_TALKSPURT_DSP_OPTIONS, _TRAP, _CLOSED */
  encode(input: Uint8Array): string {
    requireBytes('input', input);
    return this.#core.run((core) => {
      let text = '';
      for (let at = 0; at < input.length; at += PIECE_BYTES) {
        const piece = input.subarray(at, at + PIECE_BYTES);
        this.#core.bytes(core.HEARD.value, piece.length).set(piece);
        const characters = core.encodeBase64(core.TEXT.value, core.HEARD.value, piece.length);
        text += this.#ascii.decode(this.#core.bytes(core.TEXT.value, characters));
      }
      return text;
    });
  }

  /**
   * The bytes of a text, padded or not: `output`'s beginning, or a new array. @throws ERR_TALKSPURT_DSP_OPTIONS for what is no base64,
   * _TRAP, _CLOSED
   */
  decode(input: string, output?: Uint8Array): Uint8Array {
    if (typeof input !== 'string') throw refusal('input', 'input: use a string');
    const room = roomFor(Math.ceil(input.length / 4) * 3, output, (length) => new Uint8Array(length));
    return this.#core.run((core) => {
      let made = 0;
      for (let at = 0; at < input.length; at += PIECE_CHARACTERS) {
        const piece = input.slice(at, at + PIECE_CHARACTERS);
        const { read, written } = this.#utf8.encodeInto(piece, this.#core.bytes(core.TEXT.value, piece.length));
        const bytes = core.decodeBase64(core.HEARD.value, core.TEXT.value, written);
        const last = at + piece.length === input.length;
        if (read !== written || written < piece.length || bytes < 0 || (!last && bytes < PIECE_BYTES)) {
          throw refusal('input', 'input: not base64 (RFC 4648, section 4)');
        }
        room.set(this.#core.bytes(core.HEARD.value, bytes), made);
        made += bytes;
      }
      return room.subarray(0, made);
    });
  }

  /** Does nothing: there is no state. Here so that all stages are alike. */
  reset(): void {
    this.#core.run(() => undefined);
  }

  /** Lets go of the instance; once is enough. */
  close(): void {
    this.#core.close();
  }
}
