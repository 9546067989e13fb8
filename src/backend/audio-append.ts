/**
 * `input_audio_buffer.append` as bytes, once per packet and without allocating: a template with the audio's base64
 * written into it.
 *
 *     offset 3                                             48                       48 + 4⌈n/3⌉
 *     ┌───────────────────────────────────────────────────┬────────────────────────┬────┐
 *     │ {"type":"input_audio_buffer.append","audio":"      │ base64 of the frame    │ "} │
 *     └───────────────────────────────────────────────────┴────────────────────────┴────┘
 *
 * The template lies in the memory of the {@link MessageCore}, which all streams share: only the head stays, the rest is
 * written for each message. A frame that is too long for it is written by tables into memory of its own.
 */
import { base64Length, encodeBase64 } from './base64.ts';
import { messageCore } from './message-core.ts';
import type { InputAudioBufferAppendEvent } from 'openai/resources/realtime/realtime';

const TYPE: InputAudioBufferAppendEvent['type'] = 'input_audio_buffer.append';
const AUDIO = 'audio' satisfies keyof InputAudioBufferAppendEvent;
const HEAD = Buffer.from(`{"type":"${TYPE}","${AUDIO}":"`, 'latin1');
const [QUOTE, BRACE] = [0x22, 0x7d];

/** The append message of one stream; see the top of the file. */
export class AudioAppendMessage {
  readonly #core = messageCore();
  readonly #headAt: number;
  /** The frame length that `#message` was cut for: frames of a call are all alike. */
  #frameBytes = -1;
  #bodyBytes = 0;
  #message: Buffer = HEAD;

  /** For frames of `frameBytes` mostly. @throws ERR_TALKSPURT_INTERNAL when the package's binary is missing. */
  constructor(frameBytes: number) {
    this.#headAt = this.#core.bodyAt - HEAD.length;
    this.#cut(frameBytes);
  }

  /** The message for `frame`. Not the caller's: the next call, of any stream, writes over it. */
  build(frame: Uint8Array): Buffer {
    const core = this.#core;
    if (frame.length > core.maximumBytes) return longMessage(frame);
    if (frame.length !== this.#frameBytes) this.#cut(frame.length);
    const { text, bodyAt } = core;
    core.encode(frame);
    const tailAt = bodyAt + this.#bodyBytes;
    text[tailAt] = QUOTE;
    text[tailAt + 1] = BRACE;
    return this.#message;
  }

  #cut(frameBytes: number): void {
    this.#bodyBytes = base64Length(Math.min(frameBytes, this.#core.maximumBytes));
    this.#core.text.set(HEAD, this.#headAt);
    this.#message = this.#core.text.subarray(this.#headAt, this.#core.bodyAt + this.#bodyBytes + 2);
    this.#frameBytes = frameBytes;
  }
}

function longMessage(frame: Uint8Array): Buffer {
  const bodyAt = Math.ceil(HEAD.length / 4) * 4;
  const tailAt = bodyAt + base64Length(frame.length);
  const memory = new ArrayBuffer(tailAt + 4);
  const bytes = Buffer.from(memory);
  bytes.set(HEAD, bodyAt - HEAD.length);
  encodeBase64(frame, new Uint32Array(memory), bodyAt / 4);
  bytes[tailAt] = QUOTE;
  bytes[tailAt + 1] = BRACE;
  return bytes.subarray(bodyAt - HEAD.length, tailAt + 2);
}
