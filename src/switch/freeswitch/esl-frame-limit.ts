/**
 * Watches an Event Socket stream for frames that are too large to be kept: it follows headers and bodies by their lengths
 * alone and holds a few bytes at most.
 */
import { LIMITS } from '../../limits.ts';

/** The longest `Content-Length` line that is looked at. */
const LINE_BYTES = 64;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/** One connection's watch. */
export class EslFrameLimit {
  #headerBytes = 0;
  #bodyBytes = 0;
  #contentLength = 0;
  #line = '';
  #lineBytes = 0;

  /** Takes bytes in as they came. Returns what is wrong with them, or null. */
  accept(chunk: Uint8Array): string | null {
    for (let at = 0; at < chunk.length;) {
      if (this.#bodyBytes > 0) {
        const taken = Math.min(this.#bodyBytes, chunk.length - at);
        this.#bodyBytes -= taken;
        at += taken;
        continue;
      }
      this.#headerBytes += 1;
      if (this.#headerBytes > LIMITS.eslHeaderBytes) return `headers of over ${LIMITS.eslHeaderBytes} bytes`;
      const byte = chunk[at++] ?? 0;
      if (byte === LINE_FEED) {
        const fault = this.#endLine();
        if (fault !== null) return fault;
      } else if (byte !== CARRIAGE_RETURN) {
        this.#lineBytes += 1;
        if (this.#lineBytes <= LINE_BYTES) this.#line += String.fromCharCode(byte);
      }
    }
    return null;
  }

  #endLine(): string | null {
    const isBlank = this.#lineBytes === 0;
    const length = /^content-length: *(\d+)$/i.exec(this.#line)?.[1];
    this.#line = '';
    this.#lineBytes = 0;
    if (length !== undefined) this.#contentLength = Number(length);
    if (!isBlank) return null;
    this.#bodyBytes = this.#contentLength;
    this.#contentLength = 0;
    this.#headerBytes = 0;
    return this.#bodyBytes > LIMITS.eslBodyBytes ? `a body of over ${LIMITS.eslBodyBytes} bytes` : null;
  }
}
