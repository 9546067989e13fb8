/**
 * Lets whole, well-formed Event Socket frames of bounded size through, and nothing else.
 *
 *     Content-Length: 542\n          header lines, `Name: value`
 *     Content-Type: text/event-json\n
 *     \n                             end of the header block
 *     {"Event-Name":…                exactly Content-Length bytes
 */
import { TalkspurtError } from '../../core/errors.ts';
import { LIMITS } from '../../limits.ts';

const NEWLINE = 0x0a;
const FIRST_HEADER_BYTES = 1024;

/** One connection's gate. */
export class EslFrameGate {
  readonly #onFrame: (frame: Buffer) => void;
  /** The header block so far, as long as it came in pieces. */
  #head = Buffer.alloc(0);
  #headBytes = 0;
  /** The frame so far once its header block is whole, and the bytes of its body that are still to come. */
  #pieces: Buffer[] = [];
  #missingBytes = 0;

  /** `onFrame` is given each frame whole, header block and body; it may keep the buffer. */
  constructor(onFrame: (frame: Buffer) => void) {
    this.#onFrame = onFrame;
  }

  /** Takes the next bytes; keeps `chunk`. @throws ERR_TALKSPURT_LINK_PROTOCOL: nothing more is to be pushed then */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) rest = this.#missingBytes > 0 ? this.#takeBody(rest) : this.#takeHead(rest);
  }

  #takeBody(bytes: Buffer): Buffer {
    const piece = bytes.subarray(0, this.#missingBytes);
    this.#pieces.push(piece);
    this.#missingBytes -= piece.length;
    if (this.#missingBytes === 0) this.#complete(Buffer.concat(this.#pieces));
    return bytes.subarray(piece.length);
  }

  #takeHead(bytes: Buffer): Buffer {
    const end = this.#headEnd(bytes);
    if (end < 0) {
      this.#keepHead(bytes);
      return bytes.subarray(bytes.length);
    }
    let head = bytes.subarray(0, end);
    if (this.#headBytes > 0) {
      this.#keepHead(head);
      head = Buffer.from(this.#head.subarray(0, this.#headBytes));
    }
    if (head.length > LIMITS.eslHeaderBytes) throw tooLong();
    this.#headBytes = 0;
    const bodyBytes = bodyLength(head);
    const rest = bytes.subarray(end);
    if (bodyBytes === 0) this.#complete(head);
    else {
      this.#pieces = [head];
      this.#missingBytes = bodyBytes;
    }
    return rest;
  }

  /** Where in `bytes` the body begins, or -1. The blank line may be split between what was kept and `bytes`. */
  #headEnd(bytes: Buffer): number {
    if (this.#headBytes > 0 && this.#head[this.#headBytes - 1] === NEWLINE && bytes[0] === NEWLINE) return 1;
    const at = bytes.indexOf('\n\n');
    return at < 0 ? -1 : at + 2;
  }

  #keepHead(bytes: Buffer): void {
    const wanted = this.#headBytes + bytes.length;
    if (wanted > LIMITS.eslHeaderBytes) throw tooLong();
    if (wanted > this.#head.length) {
      const grown = Buffer.alloc(Math.max(wanted, this.#head.length * 2, FIRST_HEADER_BYTES));
      this.#head.copy(grown, 0, 0, this.#headBytes);
      this.#head = grown;
    }
    bytes.copy(this.#head, this.#headBytes);
    this.#headBytes = wanted;
  }

  #complete(frame: Buffer): void {
    this.#pieces = [];
    this.#onFrame(frame);
  }
}

const HEADER_LINE = /^([!-9;-~]+): /;
const DIGITS = /^\d{1,9}$/;

/** The length of the body that `head` announces. A header that two readers could read differently is malformed. */
function bodyLength(head: Buffer): number {
  let length: number | null = null;
  let typed = false;
  for (const line of head.toString('utf8', 0, head.length - 2).split('\n')) {
    const name = HEADER_LINE.exec(line)?.[1];
    if (name === undefined) throw malformed('a header line without a name');
    const lower = name.toLowerCase();
    if (lower === 'content-type') typed = true;
    if (lower !== 'content-length') continue;
    const digits = line.slice(name.length + 2);
    if (length !== null || name !== 'Content-Length' || !DIGITS.test(digits)) throw malformed('a bad Content-Length');
    length = Number(digits);
  }
  if (!typed) throw malformed('no Content-Type');
  if (length !== null && length > LIMITS.eslBodyBytes) {
    throw malformed(`a body of more than ${LIMITS.eslBodyBytes} bytes`);
  }
  return length ?? 0;
}

function tooLong(): TalkspurtError {
  return malformed(`a header block of more than ${LIMITS.eslHeaderBytes} bytes`);
}

/** What the peer sent stays out of the message: it may hold anything. */
function malformed(what: string): TalkspurtError {
  return new TalkspurtError('ERR_TALKSPURT_LINK_PROTOCOL', `the switch sent ${what}: is this an Event Socket port?`);
}
