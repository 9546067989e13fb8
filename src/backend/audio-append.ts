/**
 * `input_audio_buffer.append` as bytes, once per packet and without allocating: a template with the audio's base64
 * written into it.
 *
 *     offset 3                                             48                       48 + 4⌈n/3⌉
 *     ┌───────────────────────────────────────────────────┬────────────────────────┬────┐
 *     │ {"type":"input_audio_buffer.append","audio":"      │ base64 of the frame    │ "} │
 *     └───────────────────────────────────────────────────┴────────────────────────┴────┘
 *
 * The base64 begins on a 32-bit word, because it is written a word (four characters) at a time.
 */
import { base64Length, encodeBase64 } from './base64.ts';
import type { InputAudioBufferAppendEvent } from 'openai/resources/realtime/realtime';

const TYPE: InputAudioBufferAppendEvent['type'] = 'input_audio_buffer.append';
const AUDIO = 'audio' satisfies keyof InputAudioBufferAppendEvent;
const HEAD = `{"type":"${TYPE}","${AUDIO}":"`;
const TAIL = '"}';
const BODY_AT = Math.ceil(HEAD.length / 4) * 4;
const HEAD_AT = BODY_AT - HEAD.length;

/** The append message of one stream; see the top of the file. */
export class AudioAppendMessage {
  #bytes: Buffer;
  #words: Uint32Array;
  /** The frame length that `#message` was cut for: frames of a call are all alike. */
  #frameBytes = -1;
  #message: Buffer;

  /** Room for frames of `frameBytes`; a longer one makes it grow, once. */
  constructor(frameBytes: number) {
    this.#bytes = this.#message = Buffer.alloc(0);
    this.#words = new Uint32Array(0);
    this.#cut(frameBytes);
  }

  /** The message for `frame`. Owned by this object and overwritten by the next call. */
  build(frame: Uint8Array): Buffer {
    if (frame.length !== this.#frameBytes) this.#cut(frame.length);
    encodeBase64(frame, this.#words, BODY_AT / 4);
    return this.#message;
  }

  #cut(frameBytes: number): void {
    const bodyBytes = base64Length(frameBytes);
    const room = BODY_AT + bodyBytes + 4;
    if (this.#bytes.length < room) {
      const memory = new ArrayBuffer(room);
      this.#bytes = Buffer.from(memory);
      this.#words = new Uint32Array(memory);
      this.#bytes.write(HEAD, HEAD_AT, 'latin1');
    }
    this.#bytes.write(TAIL, BODY_AT + bodyBytes, 'latin1');
    this.#message = this.#bytes.subarray(HEAD_AT, BODY_AT + bodyBytes + TAIL.length);
    this.#frameBytes = frameBytes;
  }
}
