/**
 * Bytes of an Event Socket in, whole frames of bounded size out.
 *
 *     Content-Length: 542\n          header lines, `Name: value`
 *     Content-Type: text/event-json\n
 *     \n                             end of the header block
 *     {"Event-Name":…                exactly Content-Length bytes
 *
 * A frame that lies whole in one chunk is passed on where it lies; only what is split between chunks is copied, once.
 */
import { LIMITS } from '../../limits.ts';
import { malformed, parseFrameHead } from './esl-frame-head.ts';
import type { EslFrameHead } from './esl-frame-head.ts';

const NEWLINE = 0x0a;
const HEAD_END = Buffer.from('\n\n');
const FIRST_HEADER_BYTES = 1024;

/** One connection's parser. */
export class EslFrameParser {
  readonly #onFrame: (head: EslFrameHead, frame: Buffer, bodyAt: number) => void;
  /** A frame that is not whole yet: its header block, or, once that is known, all of it. */
  #partial = Buffer.alloc(0);
  #partialBytes = 0;
  #head: EslFrameHead | null = null;
  #headBytes = 0;

  /**
   * `onFrame` is given each frame whole, header block and body, and where in it the body begins. The bytes are its own to
   * keep; they may be part of the chunk that was pushed.
   */
  constructor(onFrame: (head: EslFrameHead, frame: Buffer, bodyAt: number) => void) {
    this.#onFrame = onFrame;
  }

  /** Takes the next bytes. @throws ERR_TALKSPURT_LINK_PROTOCOL: nothing more is to be pushed then */
  push(chunk: Buffer): void {
    let at = this.#partialBytes === 0 ? 0 : this.#resume(chunk);
    while (at < chunk.length) {
      const end = chunk.indexOf(HEAD_END, at);
      const headBytes = (end < 0 ? chunk.length : end + 2) - at;
      if (headBytes > LIMITS.eslHeaderBytes) throw tooLong();
      if (end < 0) {
        this.#keep(chunk, at, chunk.length);
        return;
      }
      const head = parseFrameHead(chunk.toString('utf8', at, end));
      const frameEnd = at + headBytes + head.bodyBytes;
      if (frameEnd > chunk.length) {
        this.#begin(head, headBytes);
        this.#keep(chunk, at, chunk.length);
        return;
      }
      this.#onFrame(head, chunk.subarray(at, frameEnd), headBytes);
      at = frameEnd;
    }
  }

  /** Goes on with the frame that the last chunk left unfinished; returns where in `chunk` the next one begins. */
  #resume(chunk: Buffer): number {
    let at = 0;
    if (this.#head === null) {
      at = this.#headEnd(chunk);
      if (this.#partialBytes + (at < 0 ? chunk.length : at) > LIMITS.eslHeaderBytes) throw tooLong();
      this.#keep(chunk, 0, at < 0 ? chunk.length : at);
      if (at < 0) return chunk.length;
      this.#begin(parseFrameHead(this.#partial.toString('utf8', 0, this.#partialBytes - 2)), this.#partialBytes);
    }
    const head = this.#head;
    if (head === null) return at;
    const missing = this.#headBytes + head.bodyBytes - this.#partialBytes;
    const end = Math.min(chunk.length, at + missing);
    this.#keep(chunk, at, end);
    if (end - at === missing) this.#complete(head);
    return end;
  }

  /** Where in `chunk` the body begins, or -1. The blank line may be split between what was kept and `chunk`. */
  #headEnd(chunk: Buffer): number {
    if (this.#partial[this.#partialBytes - 1] === NEWLINE && chunk[0] === NEWLINE) return 1;
    const at = chunk.indexOf(HEAD_END);
    return at < 0 ? -1 : at + 2;
  }

  /** The header block is known; so is how much room the frame needs. */
  #begin(head: EslFrameHead, headBytes: number): void {
    this.#head = head;
    this.#headBytes = headBytes;
    this.#reserve(headBytes + head.bodyBytes);
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    const wanted = this.#partialBytes + to - from;
    if (wanted > this.#partial.length) this.#reserve(Math.max(wanted, this.#partial.length * 2, FIRST_HEADER_BYTES));
    chunk.copy(this.#partial, this.#partialBytes, from, to);
    this.#partialBytes = wanted;
  }

  #reserve(bytes: number): void {
    const room = Buffer.allocUnsafeSlow(bytes);
    this.#partial.copy(room, 0, 0, this.#partialBytes);
    this.#partial = room;
  }

  /** The frame is given away: the next one that is split gets room of its own. */
  #complete(head: EslFrameHead): void {
    const frame = this.#partial.subarray(0, this.#partialBytes);
    const bodyAt = this.#headBytes;
    this.#partial = Buffer.alloc(0);
    this.#partialBytes = 0;
    this.#head = null;
    this.#onFrame(head, frame, bodyAt);
  }
}

function tooLong(): Error {
  return malformed(`a header block of more than ${LIMITS.eslHeaderBytes} bytes`);
}
