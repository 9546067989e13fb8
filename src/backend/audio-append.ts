/**
 * The message that carries the caller's audio, once per packet and without allocating: a template with the audio's base64
 * written into it. Here as OpenAI has it; another dialect gives its own {@link AppendWire}.
 *
 *     offset 3                                             48                       48 + 4⌈n/3⌉
 *     ┌───────────────────────────────────────────────────┬────────────────────────┬────┐
 *     │ {"type":"input_audio_buffer.append","audio":"      │ base64 of the frame    │ "} │
 *     └───────────────────────────────────────────────────┴────────────────────────┴────┘
 *
 * The template lies in the memory of the {@link MessageCore}, which all streams share: the head stays as long as messages are of
 * one dialect, the rest is written for each. A frame that is too long for it is written by tables into memory of its own.
 */
import { base64Length, encodeBase64 } from './base64.ts';
import { messageCore } from './message-core.ts';
import type { InputAudioBufferAppendEvent } from 'openai/resources/realtime/realtime';

/** What stands before and behind the base64; the head is at most as long as the room for it (`MessageCore.bodyAt`). */
export interface AppendWire {
  readonly head: Buffer;
  readonly tail: Buffer;
}

const TYPE: InputAudioBufferAppendEvent['type'] = 'input_audio_buffer.append';
const AUDIO = 'audio' satisfies keyof InputAudioBufferAppendEvent;
const OPENAI_WIRE: AppendWire = {
  head: Buffer.from(`{"type":"${TYPE}","${AUDIO}":"`, 'latin1'),
  tail: Buffer.from('"}', 'latin1'),
};

/** The append message of one stream; see the top of the file. */
export class AudioAppendMessage {
  readonly #core = messageCore();
  readonly #wire: AppendWire;
  /** The longest frame that there is room for, with its tail. */
  readonly #maximumBytes: number;
  /** The frame length that `#message` was cut for: frames of a call are all alike. */
  #frameBytes = -1;
  #bodyBytes = 0;
  #message: Buffer = OPENAI_WIRE.head;

  /** For frames of `frameBytes` mostly. @throws ERR_TALKSPURT_INTERNAL when the package's binary is missing. */
  constructor(frameBytes: number, wire: AppendWire = OPENAI_WIRE) {
    const { text, bodyAt, maximumBytes } = this.#core;
    this.#wire = wire;
    this.#maximumBytes = Math.min(maximumBytes, Math.floor((text.length - bodyAt - wire.tail.length) / 4) * 3);
    this.#cut(frameBytes);
  }

  /** The message for `frame`. Not the caller's: the next call, of any stream, writes over it. */
  build(frame: Uint8Array): Buffer {
    const core = this.#core;
    if (frame.length > this.#maximumBytes) return longMessage(frame, this.#wire);
    if (frame.length !== this.#frameBytes) this.#cut(frame.length);
    const { head, tail } = this.#wire;
    core.keepHead(head);
    core.encode(frame);
    const { text } = core;
    const tailAt = core.bodyAt + this.#bodyBytes;
    for (let n = 0; n < tail.length; n += 1) text[tailAt + n] = tail[n]!;
    return this.#message;
  }

  #cut(frameBytes: number): void {
    const { text, bodyAt } = this.#core;
    const { head, tail } = this.#wire;
    this.#bodyBytes = base64Length(Math.min(frameBytes, this.#maximumBytes));
    this.#message = text.subarray(bodyAt - head.length, bodyAt + this.#bodyBytes + tail.length);
    this.#frameBytes = frameBytes;
  }
}

function longMessage(frame: Uint8Array, { head, tail }: AppendWire): Buffer {
  const bodyAt = Math.ceil(head.length / 4) * 4;
  const tailAt = bodyAt + base64Length(frame.length);
  const memory = new ArrayBuffer(tailAt + tail.length);
  const bytes = Buffer.from(memory);
  bytes.set(head, bodyAt - head.length);
  encodeBase64(frame, new Uint32Array(memory, 0, tailAt / 4), bodyAt / 4);
  bytes.set(tail, tailAt);
  return bytes.subarray(bodyAt - head.length, tailAt + tail.length);
}
