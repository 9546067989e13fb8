/** Cuts a stream of bytes into SIP messages by Content-Length (RFC 3261 section 18.3). Bounded. */
import { LIMITS } from '../limits.ts';
import { SipHeaders } from './sip-message.ts';
import { contentLength, endOfBlankLines, endOfHeaders } from './sip-parser.ts';

/** What a stream turns out to hold. */
export interface SipStreamSink {
  /** One whole message; valid until the call returns. */
  onFrame(bytes: Buffer): void;
  /** CRLF CRLF between messages: a ping that wants one CRLF back (RFC 5626 section 4.4.1). */
  onPing(): void;
  /** The stream cannot be cut any further: `head` is the header section in question, for the sake of an answer. */
  onBroken(status: number, head: Buffer): void;
}

/** One direction of one connection. */
export class SipStreamFraming {
  readonly #sink: SipStreamSink;
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Bytes that a whole message needs; 0 as long as the header section has no end. */
  #wanted = 0;
  /** LFs between messages since the last message or ping. */
  #blankLines = 0;
  #broken = false;

  constructor(sink: SipStreamSink) {
    this.#sink = sink;
  }

  /** Whether a message has begun and is not complete. */
  get partial(): boolean {
    return this.#bytes > 0;
  }

  /** Takes the next bytes, cut anywhere. */
  push(chunk: Buffer): void {
    if (this.#broken) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    // Not joined for each small piece of a message whose length is known.
    if (this.#bytes < this.#wanted) return;
    let rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    for (let next = this.#take(rest); next !== null; next = this.#take(rest)) rest = next;
    // A copy: what was read lives in a buffer that may be large.
    this.#chunks = rest.length === 0 || this.#broken ? [] : [Buffer.from(rest)];
    this.#bytes = this.#broken ? 0 : rest.length;
  }

  /** Takes one message or blank line off the front; null when there is none. */
  #take(bytes: Buffer): Buffer | null {
    if (this.#broken || bytes.length === 0) return null;
    const start = endOfBlankLines(bytes, 0);
    if (start > 0) {
      this.#onBlank(bytes.subarray(0, start));
      return bytes.subarray(start);
    }
    const end = endOfHeaders(bytes, 0);
    if (end < 0) {
      if (bytes.length > LIMITS.sipMessageBytes) this.#break(413, bytes.subarray(0, 0));
      return null;
    }
    const length = bodyLength(bytes.subarray(0, end));
    if (length < 0) {
      this.#break(400, bytes.subarray(0, end));
      return null;
    }
    if (end + length > LIMITS.sipMessageBytes) {
      this.#break(413, bytes.subarray(0, end));
      return null;
    }
    this.#wanted = end + length;
    if (bytes.length < this.#wanted) return null;
    const frame = bytes.subarray(0, this.#wanted);
    this.#wanted = 0;
    this.#blankLines = 0;
    this.#sink.onFrame(frame);
    return bytes.subarray(frame.length);
  }

  #onBlank(blank: Buffer): void {
    for (const byte of blank) {
      if (byte !== 10) continue;
      this.#blankLines += 1;
      if (this.#blankLines === 2) {
        this.#blankLines = 0;
        this.#sink.onPing();
      }
    }
  }

  #break(status: number, head: Buffer): void {
    this.#broken = true;
    this.#sink.onBroken(status, head);
  }
}

/** The Content-Length of a header section, 0 without one, -1 for a bad one. */
function bodyLength(head: Buffer): number {
  const headers = new SipHeaders();
  const text = head.toString('latin1').replaceAll(/\r?\n[ \t]+/g, ' ');
  for (const match of text.matchAll(/^(content-length|l)[ \t]*:(.*)$/gim)) headers.append(match[1]!, match[2]!.trim());
  const length = contentLength(headers);
  if (length === 'bad') return -1;
  return length === 'none' ? 0 : length;
}
