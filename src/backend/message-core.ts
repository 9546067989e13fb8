/**
 * One instance of the core for the text of all backends' messages: base64 in SIMD, three times as fast as tables, and read twice as
 * fast as by the platform. All streams
 * share it, because nothing stays in it from one message to the next.
 *
 *   TEXT                        TEXT_BODY
 *     ┌────────────────────────┬─────────────────────┬──────┐
 *     │                   head │ base64 of the frame │ tail │   written whole for each message
 *     └────────────────────────┴─────────────────────┴──────┘
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { asTalkspurtError } from '../core/errors.ts';
import type { CoreExports } from '../dsp/dsp-module.ts';

/** The base64 half of a message, in memory of its own. */
export class MessageCore {
  /** The whole text; the base64 of a frame begins at `bodyAt`. */
  readonly text: Buffer;
  readonly bodyAt: number;
  /** The longest frame. */
  readonly maximumBytes: number;
  /** The longest base64 that is read. */
  readonly maximumCharacters: number;
  readonly #core: CoreExports;
  readonly #frame: Uint8Array;
  /** The beginning of `#frame` that was read last: deltas of a call are mostly alike. */
  #read: Uint8Array;
  readonly #frameAt: number;
  readonly #writeAt: number;
  /** What stands before `bodyAt` now. */
  #head: Uint8Array | null = null;

  /** Takes over an instance that nothing else uses. */
  constructor(core: CoreExports) {
    this.#core = core;
    this.#frameAt = core.HEARD.value;
    this.maximumBytes = core.FRAME_BYTES_MAX.value;
    this.#frame = new Uint8Array(core.memory.buffer, this.#frameAt, this.maximumBytes);
    this.#read = this.#frame;
    this.bodyAt = core.TEXT_BODY.value;
    this.maximumCharacters = core.TEXT_CHARACTERS_MAX.value;
    this.#writeAt = core.TEXT.value + this.bodyAt;
    this.text = Buffer.from(core.memory.buffer, core.TEXT.value, this.bodyAt + core.TEXT_CHARACTERS_MAX.value + 16);
  }

  /** `head` stands before `bodyAt`: at once where it was there already. Hot path. */
  keepHead(head: Uint8Array): void {
    if (head === this.#head) return;
    this.text.set(head, this.bodyAt - head.length);
    this.#head = head;
  }

  /** Writes `frame` (at most `maximumBytes`) as base64 behind `bodyAt`. */
  encode(frame: Uint8Array): void {
    this.#frame.set(frame);
    this.#core.encodeBase64(this.#writeAt, this.#frameAt, frame.length);
  }

  /**
   * Reads the base64 `text[from … to)`, at most `maximumCharacters`, into `target` at `at`, where there is room for it; returns
   * the bytes written, or -1 where it is not base64 in the alphabet of RFC 4648 §4, and nothing is written then.
   */
  decode(text: Buffer, from: number, to: number, target: Uint8Array, at: number): number {
    text.copy(this.text, this.bodyAt, from, to);
    const bytes = this.#core.decodeBase64(this.#frameAt, this.#writeAt, to - from);
    if (bytes < 0) return -1;
    if (this.#read.length !== bytes) this.#read = this.#frame.subarray(0, bytes);
    target.set(this.#read, at);
    return bytes;
  }
}

let shared: MessageCore | null = null;

/**
 * The one of this process. The first time a file is read and compiled (some ms): have it made at boot.
 * @throws ERR_TALKSPURT_INTERNAL when the package's binary is missing or damaged.
 */
export function messageCore(): MessageCore {
  shared ??= load();
  return shared;
}

function load(): MessageCore {
  try {
    const bytes = readFileSync(fileURLToPath(import.meta.resolve('#talkspurt.wasm')));
    return new MessageCore(new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as CoreExports);
  } catch (error) {
    throw asTalkspurtError(error, 'ERR_TALKSPURT_INTERNAL');
  }
}
